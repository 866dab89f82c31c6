"""Printed rules go, and what is written across, along and against them stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.records import Box
from digitscan.vision.rules import remove_rules

Ink = NDArray[np.bool_]

SCALE = 8.0
STROKE = 6.0
CELLS = (Box(20, 18, 56, 72), Box(76, 18, 56, 72))
RIGHT = 132


def ruled() -> Ink:
    """Two cells with rules 3 px wide."""
    page = np.zeros((108, 152), np.uint8)
    for x, y, width, height in CELLS:
        cv2.rectangle(page, (int(x), int(y)), (int(x + width), int(y + height)), 1, 3)
    return page > 0


def written(*strokes: Ink) -> Ink:
    """What is left of the strokes, and of rules, where both are on the page."""
    (left,) = remove_rules([np.logical_or.reduce([ruled(), *strokes])], [CELLS], SCALE, STROKE)
    return left


def ring(middle: tuple[int, int], axes: tuple[int, int]) -> Ink:
    page = np.zeros(ruled().shape, np.uint8)
    cv2.ellipse(page, middle, axes, 0, 0, 360, 1, round(STROKE))
    return page > 0


def line(start: tuple[int, int], end: tuple[int, int]) -> Ink:
    page = np.zeros(ruled().shape, np.uint8)
    cv2.line(page, start, end, 1, round(STROKE))
    return page > 0


def test_rules_alone_leave_nothing() -> None:
    assert not written().any()


@pytest.mark.parametrize("edge", [76, RIGHT])
def test_no_rule_hangs_on_a_ring_that_touches_it(edge: int) -> None:
    # the rule from there down to the corner would make a 9 of a 0
    zero = ring((edge - 20, 54), (17, 24))
    left = written(zero)
    assert not left[~zero.any(axis=1)].any()
    assert (left & zero).sum() > 0.9 * zero.sum()
    assert (left & ~zero).sum() < 0.15 * zero.sum()


def test_a_stroke_along_a_rule_stays() -> None:
    one = line((RIGHT - 5, 34), (RIGHT - 4, 70))
    assert (written(one) & one).sum() > 0.7 * one.sum()


def test_a_stroke_to_both_sides_of_most_of_a_rule_stays() -> None:
    one = line((75, 24), (75, 78)) | line((79, 24), (79, 78))
    left = written(one)
    assert (left & one).sum() > 0.9 * one.sum()


def test_a_stroke_through_a_rule_stays() -> None:
    bar = line((50, 50), (100, 60))
    assert (written(bar) & bar).sum() > 0.95 * bar.sum()


def test_a_ragged_rule_is_no_stroke() -> None:
    blots = np.zeros(ruled().shape, bool)
    for y in (40, 56):  # where ink ran
        blots[y : y + 2, RIGHT - 6 : RIGHT] = True
    assert written(blots).sum() < STROKE * STROKE


def test_where_rules_are_too_pale_for_ink_a_stroke_along_one_is_none() -> None:
    zero, one = ring((RIGHT - 17, 54), (17, 24)), line((76, 30), (76, 78))
    for left, stroke in zip(remove_rules([zero, one], [CELLS] * 2, SCALE, STROKE), (zero, one), strict=True):
        assert (left == stroke).all()
    # where other fields show that rules are ink, it may be what is left of one
    *_, left = remove_rules([ruled(), ruled(), one], [CELLS] * 3, SCALE, STROKE)
    assert left.sum() < 0.5 * one.sum()


def test_double_rules_are_taken_out() -> None:
    double = ruled()
    for x, y, width, height in CELLS:
        inner = np.zeros(double.shape, np.uint8)
        cv2.rectangle(inner, (int(x) + 8, int(y) + 8), (int(x + width) - 8, int(y + height) - 8), 1, 2)
        double |= inner > 0
    four = line((90, 36), (118, 70))
    for left in remove_rules([double] * 3 + [double | four], [CELLS] * 4, SCALE, STROKE):
        assert left.sum() < 1.1 * four.sum()
    assert (left & four).sum() > 0.95 * four.sum()


def test_a_1_along_one_rule_makes_it_no_double_one() -> None:
    one = line((RIGHT - 9, 22), (RIGHT - 9, 86))
    *_, left = remove_rules([ruled(), ruled() | one], [CELLS] * 2, SCALE, STROKE)
    assert (left & one).sum() > 0.95 * one.sum()


def test_strokes_along_one_side_of_most_fields_make_no_double_rules() -> None:
    strokes = line((32, 24), (32, 84)), line((24, 30), (72, 30)), line((24, 76), (72, 76))
    for stroke in strokes:
        for left in remove_rules([ruled() | stroke] * 8, [CELLS] * 8, SCALE, STROKE):
            assert (left & stroke).sum() > 0.9 * stroke.sum()


def test_a_stroke_as_far_within_as_double_rules_are_without_stays() -> None:
    double = ruled()
    cv2.rectangle(outer := np.zeros(double.shape, np.uint8), (12, 10), (RIGHT + 8, 98), 1, 2)
    double |= outer > 0
    one = line((30, 24), (30, 84))
    for left in remove_rules([double] * 2 + [double | one] * 2, [CELLS] * 4, SCALE, STROKE)[2:]:
        assert (left & one).sum() > 0.9 * one.sum()
        assert not (left & outer.astype(bool))[18:90].any()


def test_of_a_frame_the_dividers_of_which_are_too_pale_for_ink_nothing_is_left() -> None:
    cells = [Box(20 + 16 * i, 18, 16, 72) for i in range(7)]
    frame = np.zeros(ruled().shape, np.uint8)
    cv2.rectangle(frame, (20, 18), (RIGHT, 90), 1, 3)
    for left in remove_rules([frame > 0] * 4, [cells] * 4, SCALE, STROKE):
        assert not left.any()


def test_edges_that_hardly_stand_apart_have_one_rule() -> None:
    cells = CELLS[0]._replace(width=54), CELLS[1]
    beside = np.roll(ruled(), 4, axis=1)
    for left in remove_rules([ruled()] * 3 + [beside] * 2, [cells] * 5, SCALE, STROKE):
        assert left.sum() < 10


def test_where_most_rules_melt_into_bars_the_others_go_too() -> None:
    cells = CELLS[0], CELLS[1]._replace(x=CELLS[1].x + 5)
    grid = np.hstack([ruled()[:, :76], np.repeat(ruled()[:, 76:77], 5, axis=1), ruled()[:, 76:]])
    melted = grid.copy()
    melted[:, 74:83] = grid[:, 73:74] | grid[:, 76:77]
    grid[:, 77:80] = ruled()[:, 73:74]  # two rules and white between them
    for left in remove_rules([melted] * 3 + [grid], [cells] * 4, SCALE, STROKE):
        assert not left.any()


@pytest.mark.parametrize("apart", [3, 5])
def test_rules_of_cells_that_melt_into_one_bar_go(apart: int) -> None:
    cells = CELLS[0], CELLS[1]._replace(x=CELLS[1].x + apart)
    grid = ruled()
    grid = np.hstack([grid[:, :76], np.repeat(grid[:, 76:77], apart, axis=1), grid[:, 76:]])
    grid[:, 74 : 78 + apart] = grid[:, 73:74] | grid[:, 76:77]
    zero, across = ring((50, 54), (17, 24)), line((60, 50), (100, 58))
    zero, across = (np.pad(stroke, ((0, 0), (0, apart))) for stroke in (zero, across))
    nothing, left, crossing = remove_rules([grid, grid | zero, grid | across], [cells] * 3, SCALE, STROKE)
    assert not nothing.any()
    assert (left & zero).sum() > 0.95 * zero.sum()
    assert (left & ~zero).sum() < 0.05 * zero.sum()
    assert (crossing & across).sum() > 0.8 * across.sum()
