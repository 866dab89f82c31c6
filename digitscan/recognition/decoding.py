"""Hypotheses and their probabilities to a field's value, with the confidence that it is right.

What the lattice's other values weigh is what the field's confidence lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from digitscan.forms import Check, FormField
from digitscan.recognition.lattice import BLANK, LABELS, Mark, Probabilities, readings
from digitscan.records import OTHER, Box, DigitReading, FieldReading
from digitscan.vision.segmentation import Segmentation

LEAST_EVIDENCE = 0.4  # of a field's printed rules: below it, it may be read at the wrong place


def read_field(
    field: FormField,
    segmentation: Segmentation,
    probabilities: Probabilities,
    cells: tuple[Box, ...],
    evidence: float = 1.0,
) -> FieldReading:
    """Value, confidence, status and reason of one field.

    probabilities: (hypotheses, classes), in the order of `segmentation.hypotheses`. cells: crop px.
    evidence: share of the field's printed rules that were found.
    The boxes of the reading's digits are in crop px.
    """
    found = readings(segmentation, probabilities, cells, field.digits)
    best = found[0]
    digits = _digits(best.marks, segmentation, probabilities, cells)
    raw = "".join(d.digit for d in digits)
    reading = FieldReading(field.name, best.value, raw, best.probability, "accepted", "", digits)
    if evidence < LEAST_EVIDENCE:
        reading = _in_review(reading, "printed box not found")
    return _judged(field, reading)


def apply_checks(readings: Sequence[FieldReading], checks: Sequence[Check]) -> tuple[FieldReading, ...]:
    """The readings, those sent to review whose check does not hold; a check turns none to accepted."""
    by_name: dict[str, FieldReading] = {r.field: r for r in readings}
    for check in checks:
        if not _holds(check, by_name):
            for name in dict.fromkeys(name for name, _ in check.terms):
                by_name[name] = _in_review(by_name[name], f"check: {check.rule}")
    return tuple(by_name[r.field] for r in readings)


def _holds(check: Check, readings: Mapping[str, FieldReading]) -> bool:
    values = [readings[name].value for name, _ in check.terms]
    if not any(values):
        return True
    total = check.constant + sum(int(v or 0) * c for v, (_, c) in zip(values, check.terms, strict=True))
    return {"==": total == 0, "<=": total <= 0, ">=": total >= 0}[check.operator]


def _judged(field: FormField, reading: FieldReading) -> FieldReading:
    """The reading, sent to review for every rule of its field that it breaks."""
    for fault in _faults(field, reading):
        reading = _in_review(reading, fault)
    return reading


def _faults(field: FormField, reading: FieldReading) -> Iterator[str]:
    value, raw = reading.value, reading.raw
    if "?" in raw:
        yield "unreadable"
    if re.search(r"\d[_X]+\d", raw):
        yield "blank between digits"
    if "X" in raw and field.crossed == "review":
        yield "crossed out"
    if value:
        yield from _broken_rules(field, value)
    elif field.required:
        yield "rule: required"
    doubted = any(
        d.confidence < field.accept_digit_confidence[int(d.digit)]
        for d in reading.digits
        if d.digit.isdigit()
    )
    if reading.confidence < field.accept_confidence or doubted:
        yield "low confidence"


def _broken_rules(field: FormField, value: str) -> Iterator[str]:
    fewest, most = field.digits
    if not field.cells and not fewest <= len(value) <= most:
        yield f"rule: {fewest} to {most} digits"
    if field.minimum is not None and int(value) < field.minimum:
        yield f"rule: minimum {field.minimum}"
    if field.maximum is not None and int(value) > field.maximum:
        yield f"rule: maximum {field.maximum}"
    if field.values is not None and value not in field.values:
        yield "rule: not a listed value"
    if field.pattern is not None and not re.fullmatch(field.pattern, value):
        yield f"rule: pattern {field.pattern}"


def _in_review(reading: FieldReading, why: str) -> FieldReading:
    reason = f"{reading.reason}; {why}" if reading.reason else why
    return replace(reading, status="review", reason=reason)


def _digits(
    marks: tuple[Mark, ...], segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
) -> tuple[DigitReading, ...]:
    digits = []
    for position, mark in enumerate(marks, 1):
        if mark.hypothesis is None:
            x, y, w, h = (round(v) for v in cells[position - 1])
            digits.append(DigitReading(position, "_", BLANK, "", 0.0, (x, y, w, h)))
            continue
        row = probabilities[mark.hypothesis]
        own = OTHER if mark.label == "?" else LABELS.index(mark.label)
        second = next(int(i) for i in np.argsort(-row) if int(i) != own)
        box = segmentation.hypotheses[mark.hypothesis].box
        digits.append(
            DigitReading(position, mark.label, float(row[own]), LABELS[second], float(row[second]), box)
        )
    return tuple(digits)
