"""Probabilities to values: what is read, how sure it is, and why somebody must look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.forms import FormField
from digitscan.recognition.decoding import read_field
from digitscan.recognition.evidence import settle
from digitscan.recognition.lattice import Probabilities
from digitscan.recognition.opinions import DOUBT
from digitscan.records import CLASSES, Box, FieldInk, FieldReading
from digitscan.vision.pieces import Piece
from digitscan.vision.segmentation import Hypothesis, Segmentation

CELL = 40
HEIGHT = 40
Said = Mapping[str, float]


def cells_of(count: int) -> tuple[Box, ...]:
    return tuple(Box(10.0 + i * CELL, 10.0, CELL, 60.0) for i in range(count))


def a_field(cells: int = 0, **rules: Any) -> FormField:
    """A field in crop px; `cells` 0 for an open box."""
    plain = FormField(
        name="count",
        box=Box(10.0, 10.0, max(cells, 4) * CELL, 60.0),
        cells=cells_of(cells),
        digits=(0, cells or 4),
        required=False,
        minimum=None,
        maximum=None,
        values=None,
        pattern=None,
        crossed="blank",
        accept_confidence=0.9,
    )
    return replace(plain, **rules)


def a_piece(place: float, size: int = HEIGHT) -> Piece:
    """A piece `size` px high whose middle is `place` cells from the left."""
    width = max(1, size // 2)
    left = round(10 + place * CELL - width / 2)
    return Piece(np.ones((size, width), bool), (left, 20, width, size), size * width)


def row(said: Said) -> list[float]:
    """One glyph's probabilities: those said, the rest shared out among the others."""
    rest = (1 - sum(said.values())) / (len(CLASSES) - len(said))
    return [said.get(name, rest) for name in CLASSES]


def glyphs(*places: float, size: int = HEIGHT) -> Segmentation:
    """Pieces that stand for themselves alone, in the middle of cells 0, 1, ... or elsewhere."""
    pieces = tuple(a_piece(place + 0.5, size) for place in places)
    hypotheses = tuple(Hypothesis(i, i + 1, p.ink, p.box, p.centre) for i, p in enumerate(pieces))
    return Segmentation(pieces, hypotheses, pieces, float(HEIGHT))


def ink_of(field: FormField, segmentation: Segmentation, *said: Said) -> FieldInk:
    probabilities = np.array([row(s) for s in said], np.float32).reshape(len(said), len(CLASSES))
    return read_field(field, segmentation, probabilities, field.cells)


def read(field: FormField, segmentation: Segmentation, *said: Said) -> FieldReading:
    """The field read by itself."""
    return settle([field], [ink_of(field, segmentation, *said)], [])[0]


# Cells


def test_a_digit_in_each_cell_is_read() -> None:
    reading = read(a_field(3), glyphs(0, 1, 2), {"0": 0.999}, {"4": 0.998, "9": 0.001}, {"7": 0.999})
    assert (reading.field, reading.value, reading.raw) == ("count", "047", "047")
    assert (reading.status, reading.reason) == ("accepted", "")
    assert reading.confidence == pytest.approx(0.999 * 0.998 * 0.999, abs=0.005)
    second = reading.digits[1]
    assert (second.position, second.digit, second.alternative) == (2, "4", "9")
    assert (second.confidence, second.alternative_confidence) == pytest.approx((0.998, 0.001))
    assert second.box == (60, 20, 20, 40)


def test_cells_without_ink_are_blank_and_known_as_blank() -> None:
    reading = read(a_field(3), glyphs(2), {"5": 0.999})
    assert (reading.value, reading.raw, reading.status) == ("5", "__5", "accepted")
    assert [(d.position, d.digit) for d in reading.digits] == [(1, "_"), (2, "_"), (3, "5")]
    assert reading.digits[0].box == (10, 10, 40, 60)


def test_an_empty_field_is_surely_empty() -> None:
    for field in (a_field(3), a_field()):
        reading = read(field, Segmentation((), (), (), 0.0))
        assert (reading.value, reading.status) == ("", "accepted")
        assert reading.raw == "_" * len(field.cells)
        assert reading.confidence > 0.99


def test_a_struck_out_cell_means_nothing_there() -> None:
    reading = read(a_field(3), glyphs(0, 1, 2), *[{"crossed": 0.999}] * 2, {"8": 0.999})
    assert (reading.value, reading.raw, reading.status) == ("8", "XX8", "accepted")
    all_struck = read(a_field(2), glyphs(0, 1), *[{"crossed": 0.999}] * 2)
    assert (all_struck.value, all_struck.raw, all_struck.status) == ("", "XX", "accepted")


def test_a_digit_that_leans_out_of_its_cell_is_that_cell_s() -> None:
    reading = read(a_field(3), glyphs(0.3, 2), {"3": 0.999}, {"5": 0.999})
    assert reading.raw == "3_5"


def test_specks_are_dirt_and_digits_are_not() -> None:
    pieces = (a_piece(0.5), a_piece(1.5, 5))
    hypotheses = tuple(Hypothesis(i, i + 1, p.ink, p.box, p.centre) for i, p in enumerate(pieces))
    reading = read(a_field(2), Segmentation(pieces, hypotheses, pieces, 40.0), {"3": 0.999}, {"1": 0.6})
    assert (reading.raw, reading.value) == ("3_", "3")
    as_large = read(a_field(2), glyphs(0, 1), {"3": 0.999}, {"1": 0.6})
    assert as_large.raw == "31"


def test_one_doubtful_digit_makes_the_field_doubtful() -> None:
    reading = read(a_field(3), glyphs(0, 1, 2), {"1": 0.999}, {"4": 0.55, "9": 0.44}, {"7": 0.999})
    assert reading.value == "147"
    assert reading.confidence < 0.7
    assert (reading.status, reading.reason) == ("review", "low confidence")


def test_what_is_no_digit_is_unreadable_never_guessed() -> None:
    reading = read(a_field(2), glyphs(0, 1), {"4": 0.999}, {"other": 0.99})
    assert (reading.value, reading.raw, reading.status) == ("", "4?", "review")
    assert reading.reason.startswith("unreadable")
    assert reading.confidence < 0.5


@pytest.mark.parametrize("certainty", [0.5, 0.7, 0.9, 0.98])
def test_the_confidence_is_at_most_that_of_the_worst_digit(certainty: float) -> None:
    reading = read(a_field(2), glyphs(0, 1), {"1": 0.999}, {"4": certainty, "9": 0.99 - certainty})
    assert reading.confidence <= 1 - (1 - certainty) ** DOUBT + 1e-6


def test_the_other_values_that_the_ink_may_be_come_along_with_their_digits() -> None:
    ink = ink_of(a_field(2), glyphs(0, 1), {"1": 0.999}, {"4": 0.6, "9": 0.3, "7": 0.09})
    assert [a.value for a in ink.alternatives[:3]] == ["14", "19", "17"]
    sure, *others = (a.probability for a in ink.alternatives[:3])
    assert sure == pytest.approx(1 - 0.4**DOUBT, abs=0.01)
    assert others == pytest.approx([0.75 * (1 - sure), 0.225 * (1 - sure)], abs=0.01)
    for alternative in ink.alternatives:
        assert "".join(d.digit for d in alternative.digits) == alternative.raw
    second = ink.alternatives[1].digits[1]
    assert (second.digit, second.alternative, second.box) == ("9", "4", (60, 20, 20, 40))


def test_a_field_whose_printed_box_is_missing_goes_to_review() -> None:
    field, said = a_field(1), np.array([row({"3": 0.999})], np.float32)
    ink = read_field(field, glyphs(0), said, field.cells, evidence=0.1)
    (reading,) = settle([field], [ink], [])
    assert (reading.value, reading.status, reading.reason) == ("3", "review", "printed box not found")


def test_a_field_with_something_beside_it_goes_to_review_whatever_is_enough_for_it() -> None:
    field, said = a_field(1, accept_confidence=0.0), np.array([row({"3": 0.999})], np.float32)
    ink = read_field(field, replace(glyphs(0), beside=True), said, field.cells)
    (reading,) = settle([field], [ink], [])
    assert (reading.value, reading.status, reading.reason) == ("3", "review", "ink beside the field")


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [
        ({"point": 8.0}, "low confidence: mark between digits"),
        ({"left_out": 70.0}, "low confidence: ink left unread"),
        ({"slashed": True}, "low confidence: 1s like slashes"),
        ({"tallness": 0.5}, "low confidence: 1s like ditto marks"),
        ({"tallness": 0.8}, ""),
        ({"repeated": (Box(19, 19, 21, 40),)}, "low confidence: the same in many fields"),
        ({"pale": (Box(19, 19, 21, 40),)}, "low confidence: paler than the page's ink"),
        ({"repeated": (Box(70, 19, 21, 40),)}, ""),
        ({}, ""),
    ],
)
def test_what_is_in_doubt_is_told(doubt: dict[str, Any], reason: str) -> None:
    field, said = a_field(1), np.array([row({"1": 0.9999})], np.float32)
    (reading,) = settle([field], [read_field(field, replace(glyphs(0), **doubt), said, field.cells)], [])
    assert (reading.value, reading.reason) == ("1", reason)


def test_other_digits_may_be_low() -> None:
    field, said = a_field(1), np.array([row({"0": 0.9999})], np.float32)
    ink = read_field(field, replace(glyphs(0), tallness=0.5), said, field.cells)
    (reading,) = settle([field], [ink], [])
    assert (reading.value, reading.reason) == ("0", "")


# Open boxes


def test_an_open_box_is_read_from_left_to_right() -> None:
    reading = read(a_field(digits=(2, 4)), glyphs(0, 0.7, 1.9), {"0": 0.999}, {"4": 0.999}, {"7": 0.999})
    assert (reading.value, reading.raw, reading.status) == ("047", "047", "accepted")


def touching() -> Segmentation:
    """Two pieces that may be two digits or one."""
    left, right = a_piece(0.5), a_piece(1.0)
    x, y, _, h = left.box
    whole = np.ones((h, right.box[0] + right.box[2] - x), bool)
    return Segmentation(
        (left, right),
        (
            Hypothesis(0, 1, left.ink, left.box, left.centre),
            Hypothesis(0, 2, whole, (x, y, whole.shape[1], h), 40.0),
            Hypothesis(1, 2, right.ink, right.box, right.centre),
        ),
        (left, right),
        float(HEIGHT),
    )


def test_the_segmentation_that_reads_best_is_chosen() -> None:
    two = read(a_field(), touching(), {"1": 0.99}, {"other": 0.98}, {"7": 0.99})
    one = read(a_field(), touching(), {"other": 0.9, "1": 0.05}, {"4": 0.99}, {"other": 0.9, "1": 0.05})
    assert (two.value, one.value) == ("17", "4")
    assert two.status == one.status == "accepted"


def test_a_rival_segmentation_that_reads_well_takes_confidence() -> None:
    alone = read(a_field(), touching(), {"1": 0.99}, {"other": 0.98}, {"7": 0.99})
    rivalled = read(a_field(), touching(), {"1": 0.99}, {"4": 0.95}, {"7": 0.99})
    assert rivalled.value == "17"
    assert rivalled.confidence < 0.75 * alone.confidence
    assert (rivalled.status, rivalled.reason) == ("review", "low confidence")


def test_the_number_of_digits_decides_between_segmentations() -> None:
    said = {"1": 0.9}, {"4": 0.99}, {"7": 0.9}
    assert read(a_field(digits=(1, 1)), touching(), *said).value == "4"
    assert read(a_field(digits=(2, 2)), touching(), *said).value == "17"


def test_too_few_or_too_many_digits_go_to_review() -> None:
    few = read(a_field(digits=(3, 4)), glyphs(0, 1), {"1": 0.999}, {"2": 0.999})
    assert (few.value, few.status, few.reason) == ("12", "review", "rule: 3 to 4 digits")
    # whole digits beyond the most that may stand there cannot pass for dirt
    many = read(a_field(digits=(1, 2)), glyphs(0, 1, 2), *[{"3": 0.999}] * 3)
    assert many.status == "review"


# Whatever comes


@st.composite
def fields_and_answers(draw: st.DrawFn) -> tuple[FormField, Segmentation, Probabilities]:
    count = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places = np.sort(rng.uniform(-0.2, count + 0.2, draw(st.integers(0, 6))))
    pieces = tuple(a_piece(float(place), int(rng.choice([4, 12, 30, 40]))) for place in places)
    hypotheses = tuple(
        Hypothesis(i, j, pieces[i].ink, pieces[i].box, float(np.mean([p.centre for p in pieces[i:j]])))
        for i in range(len(pieces))
        for j in range(i + 1, min(len(pieces), i + 3) + 1)
        if j == i + 1 or rng.random() < 0.7
    )
    sharpness = draw(st.sampled_from([0.02, 0.1, 1.0]))
    probabilities = rng.dirichlet(np.full(len(CLASSES), sharpness), len(hypotheses)).astype(np.float32)
    open_box = draw(st.booleans())
    field = a_field(0, digits=(draw(st.integers(0, 2)), count + 1)) if open_box else a_field(count)
    return field, Segmentation(pieces, hypotheses, pieces, float(HEIGHT)), probabilities


def test_where_the_likeliest_is_unreadable_blank_is_no_rival() -> None:
    ink = np.ones((40, 20), np.bool_)
    pieces = (Piece(ink, (46, 20, 20, 40), ink.size),)
    found = Segmentation(pieces, (Hypothesis(0, 1, ink, (46, 20, 20, 40), 56.0),), pieces, 40.0)
    answer = np.zeros((1, len(CLASSES)), np.float32)
    answer[0, [CLASSES.index("other"), 2]] = 0.996, 0.004
    field = a_field(1)
    values = [a.value for a in read_field(field, found, answer, field.cells).alternatives]
    assert values[0] == ""
    assert values.count("") == 1


@settings(deadline=None, max_examples=150)
@given(fields_and_answers())
def test_any_reading_keeps_the_contract(given_: tuple[FormField, Segmentation, Probabilities]) -> None:
    field, segmentation, probabilities = given_
    ink = read_field(field, segmentation, probabilities, field.cells)
    values = [a.value for a in ink.alternatives]
    assert len(set(values)) == len(values)
    assert all("?" not in a.raw for a in ink.alternatives[1:])
    assert sum(a.probability for a in ink.alternatives) <= 1 + 1e-9
    likeliest = ink.alternatives[0]
    assert "?" in likeliest.raw or all(a.probability <= likeliest.probability for a in ink.alternatives)
    (reading,) = settle([field], [ink], [])
    assert 0 <= reading.confidence <= 1
    assert re.fullmatch(r"[0-9]*", reading.value)
    assert re.fullmatch(r"[0-9X_?]*", reading.raw)
    if field.cells:
        assert len(reading.raw) == len(field.cells)
    else:
        assert "_" not in reading.raw
    assert reading.value == ("" if "?" in reading.raw else "".join(re.findall(r"[0-9]", reading.raw)))
    assert (reading.status == "accepted") is (reading.reason == "")
    assert reading.status == "review" or reading.confidence >= field.accept_confidence
    assert [d.position for d in reading.digits] == list(range(1, len(reading.raw) + 1))
    assert "".join(d.digit for d in reading.digits) == reading.raw
    assert all(0 <= d.alternative_confidence <= 1 and 0 <= d.confidence <= 1 for d in reading.digits)
