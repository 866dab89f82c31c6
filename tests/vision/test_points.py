"""Points and dashes between digits are seen; what belongs to a digit, to a rule or to a caption is none."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.records import Box, Ink
from digitscan.vision.pieces import contours
from digitscan.vision.points import divider_mark, point_size

HEIGHT, REACH = 48, 8
FIELD = Box(20, 20, 96, 72)
CELLS = (Box(20, 20, 48, 72), Box(68, 20, 48, 72))
FIRST, SECOND = 26, 78
"""Columns of the two digits, 30 px wide."""
TOP, BOTTOM = 32, 80
"""Rows of both."""


def two_digits(*marks: tuple[int, int, int, int]) -> Ink:
    """Two rings with strokes of 5 px, and marks: x, y, width, height."""
    ink = np.zeros((112, 136), np.bool_)
    for x in (FIRST, SECOND):
        ink[TOP:BOTTOM, x : x + 30] = True
        ink[TOP + 5 : BOTTOM - 5, x + 5 : x + 25] = False
    for x, y, width, height in marks:
        ink[y : y + height, x : x + width] = True
    return ink


def size(ink: Ink, boxes: tuple[Box, ...] = CELLS, rules: Ink | None = None) -> float:
    rules = np.zeros_like(ink) if rules is None else rules
    return point_size(contours(ink & ~rules), boxes, HEIGHT, REACH, ink | rules)


@pytest.mark.parametrize("boxes", [CELLS, (FIELD,)])
@pytest.mark.parametrize("mark", [(64, 70, 9, 9), (60, 54, 14, 6), (57, 34, 5, 8)])
def test_a_point_a_dash_or_a_tick_between_two_digits_is_seen(
    boxes: tuple[Box, ...], mark: tuple[int, int, int, int]
) -> None:
    assert size(two_digits(mark), boxes) == max(mark[2:])


@pytest.mark.parametrize(
    "mark",
    [
        (61, 89, 14, 4), (67, 40, 3, 14), (36, 23, 14, 8), (110, 70, 8, 8), (60, 36, 15, 7), (62, 10, 9, 8),
        (60, 45, 2, 12), (61, 60, 3, 5),
    ],
    ids=["level rule", "upright rule", "over a digit", "behind", "flag of a 5", "over them", "hair", "dirt"],
)  # fmt: skip
def test_what_is_no_mark_between_digits_is_not_seen(mark: tuple[int, int, int, int]) -> None:
    assert size(two_digits(mark)) == 0


@pytest.mark.parametrize(("top", "seen"), [(74, True), (60, False)])
def test_at_the_foot_of_digits_a_small_point_is_one(top: int, *, seen: bool) -> None:
    small = two_digits((62, top + 1, 5, 1), (63, top, 3, 3))
    assert (size(small, (FIELD,)) > 0) is seen


def test_a_comma_over_the_rule_below_is_as_thick_as_its_own_ink() -> None:
    comma = two_digits(*((66 - i, 76 + i, 5, 1) for i in range(13)))
    rules = np.zeros_like(comma)
    rules[86:88, 20:116] = True
    assert point_size(contours(comma), (FIELD,), HEIGHT, REACH, comma | rules) == 17


def test_a_caption_over_a_mark_does_not_hide_it() -> None:
    assert size(two_digits((64, 70, 9, 9), (50, 4, 30, 12))) == 9


PEN = 8
"""Of what is written on dividers, px."""


def on_divider(mark: tuple[int, int, int, int], *, rule: int = 2, digits: Ink | None = None) -> float:
    """What is told of a mark on the rule between two cells, `rule` px wide, that it was taken for."""
    ink, rules = two_digits() if digits is None else digits, np.zeros((112, 136), np.bool_)
    rules[20:92, 68 - rule // 2 : 68 - rule // 2 + rule] = True
    x, y, width, height = mark
    rules[y : y + height, x : x + width] = True
    return divider_mark(contours(ink), CELLS, HEIGHT, 8.0, PEN, ink | rules)


def test_a_point_on_the_rule_between_two_cells_is_seen() -> None:
    assert on_divider((64, 70, 8, 8)) == 8
    assert on_divider((66, 66, 7, 14)) == 14


@pytest.mark.parametrize(
    "mark",
    [(67, 60, 4, 3), (66, 70, 4, 8), (66, 40, 6, 40), (64, 88, 8, 8)],
    ids=["dirt", "hardly thicker", "along the rule", "at the corner"],
)
def test_what_else_makes_a_divider_thicker_is_no_point(mark: tuple[int, int, int, int]) -> None:
    assert on_divider(mark) == 0


def test_a_stroke_that_ends_at_a_divider_is_no_point() -> None:
    assert on_divider((64, 50, 7, 8), digits=two_digits((56, 50, 8, 8))) == 0


def test_a_stroke_that_runs_on_along_a_divider_is_no_point() -> None:
    assert on_divider((64, 50, 7, 16), digits=two_digits((56, 50, 8, 8))) == 0
    assert on_divider((64, 62, 7, 8), digits=two_digits((56, 50, 8, 8))) == 8


def test_a_rule_as_thick_as_the_pen_shows_no_points() -> None:
    assert on_divider((64, 70, 8, 8), rule=8) == 0


@pytest.mark.parametrize("left", [64, 67, 70])
def test_a_point_that_a_printed_rule_runs_through_is_seen(left: int) -> None:
    ink, rules = two_digits((64, 68, 9, 9)), np.zeros((112, 136), np.bool_)
    rules[20:92, left : left + 3] = True
    assert size(ink, rules=rules) == 9


@pytest.mark.parametrize(
    ("gap", "side", "seen"), [(6, 8, True), (3, 8, True), (1, 8, False), (6, 2, False), (6, 20, False)]
)
def test_a_dot_under_a_stroke_is_seen_and_a_part_that_broke_off_is_none(
    gap: int, side: int, *, seen: bool
) -> None:
    ink = two_digits((FIRST + 10, BOTTOM - 10 + gap, side, side))
    ink[BOTTOM - 10 :, SECOND:] = False
    ink[BOTTOM - 10 :, FIRST : FIRST + 30] = False
    ink[BOTTOM - 10 + gap : BOTTOM - 10 + gap + side, FIRST + 10 : FIRST + 10 + side] = True
    assert (size(ink) > 0) is seen


def test_the_halves_of_a_1_that_broke_are_no_points() -> None:
    assert size(two_digits((66, 34, 5, 18), (63, 54, 5, 11)), (FIELD,)) == 0


@pytest.mark.parametrize(
    "marks", [[(64, 45, 8, 8), (62, 65, 8, 8)], [(64, 45, 8, 8), (62, 59, 6, 16)]], ids=["colon", "semicolon"]
)
def test_marks_above_each_other_that_make_no_1_are_seen(marks: list[tuple[int, int, int, int]]) -> None:
    assert size(two_digits(*marks), (FIELD,)) == max(h for *_, h in marks)


def test_a_field_without_digits_has_no_points() -> None:
    assert size(np.zeros((112, 136), np.bool_)) == 0
