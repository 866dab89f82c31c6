"""Hypotheses and their probabilities to the values that a field's ink may be, each with its probability."""

from __future__ import annotations

from digitscan.forms import FormField
from digitscan.recognition import doubts
from digitscan.recognition.beams import Mark
from digitscan.recognition.lattice import BLANK, LABELS, Probabilities
from digitscan.recognition.opinions import readings
from digitscan.recognition.strings import Columns
from digitscan.records import OTHER, Alternative, Box, DigitReading, FieldInk
from digitscan.vision.segmentation import Segmentation

LEAST_EVIDENCE = 0.4  # of a field's printed rules: below it, it may be read at the wrong place
NEGLIGIBLE = 1e-4  # an alternative less probable is left out


def read_field(
    field: FormField,
    segmentation: Segmentation,
    probabilities: Probabilities,
    cells: tuple[Box, ...],
    evidence: float = 1.0,
    columns: Columns | None = None,
) -> FieldInk:
    """The values that one field's ink may be, with their probabilities.

    probabilities: (hypotheses, classes), in the order of `segmentation.hypotheses`. cells: crop px.
    evidence: share of the field's printed rules that were found. columns: what the network of whole numbers
    says of an open box.
    The boxes of the digits are in crop px.
    """
    alternatives: list[Alternative] = []
    found = readings(segmentation, probabilities, cells, field.digits, columns)
    for reading in found:
        # what is unreadable is no value: nobody can choose it instead
        rival = reading.probability >= NEGLIGIBLE and all(mark.label != "?" for mark in reading.marks)
        # blank is no other value than unreadable
        if not alternatives or (rival and reading.value != alternatives[0].value):
            digits = _digits(reading.marks, segmentation, probabilities, cells)
            raw = "".join(digit.digit for digit in digits)
            alternatives.append(Alternative(reading.value, raw, reading.probability, digits))
    lost = doubts.told(segmentation, found[0].marks, cells)
    return FieldInk(tuple(alternatives), evidence >= LEAST_EVIDENCE, segmentation.beside, lost)


def _digits(
    marks: tuple[Mark, ...], segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
) -> tuple[DigitReading, ...]:
    digits = []
    for position, mark in enumerate(marks, 1):
        if mark.hypothesis is None:
            x, y, w, h = (round(v) for v in cells[position - 1])
            digits.append(DigitReading(position, "_", BLANK, "", 0.0, (x, y, w, h)))
            continue
        row = probabilities[mark.hypothesis].tolist()
        own = OTHER if mark.label == "?" else LABELS.index(mark.label)
        second = max((i for i in range(len(row)) if i != own), key=row.__getitem__)
        box = segmentation.hypotheses[mark.hypothesis].box
        digits.append(DigitReading(position, mark.label, row[own], LABELS[second], row[second], box))
    return tuple(digits)
