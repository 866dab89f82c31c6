"""Slashes that strike out cells are told from the 1s of a page that has few numbers that begin with them."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.vision.pieces import Piece
from digitscan.vision.segmentation import Segmentation
from digitscan.vision.slashes import lean, slashed
from tests.vision.strokes import stroke


def field(*degrees: float, then: bool = False) -> Segmentation:
    """Strokes that lean so, one a cell, and a round digit behind them."""
    inks = [stroke(turn) for turn in degrees] + [np.ones((60, 60), np.bool_)] * then
    pieces = tuple(
        Piece(ink, (100 * i, 0, ink.shape[1], ink.shape[0]), int(ink.sum())) for i, ink in enumerate(inks)
    )
    return Segmentation(pieces, (), pieces, 60.0)


@pytest.mark.parametrize("degrees", [-80, -40, -10, 0, 30, 70, 90])
def test_how_far_a_stroke_leans(degrees: int) -> None:
    found = lean(stroke(degrees))
    assert found.is_stroke
    assert abs(found.degrees) == pytest.approx(abs(degrees), abs=1.5)
    assert degrees in (0, 90) or found.degrees * degrees > 0


def test_a_blot_is_no_stroke() -> None:
    assert not lean(np.ones((40, 36), np.bool_)).is_stroke


@pytest.mark.parametrize(("fields", "strikes"), [(2, False), (3, True)])
def test_who_strikes_out_with_slashes_does_so_more_than_once(fields: int, *, strikes: bool) -> None:
    page = [field(25, 25)] * fields + [field(20, then=True), field(then=True), field()]
    assert slashed(page) == [strikes] * fields + [strikes, False, False]


@pytest.mark.parametrize("page", [[field(3, 3)] * 6, [field(85, 85)] * 6, [field(25, 25, then=True)] * 6])
def test_upright_strokes_dashes_and_numbers_that_begin_with_11_are_no_slashes(
    page: list[Segmentation],
) -> None:
    assert not any(slashed(page))


@pytest.mark.parametrize("leans", [15, 35])
def test_a_stroke_that_leans_more_than_the_1s_in_other_numbers_may_strike_out_a_cell(leans: int) -> None:
    numbers = [field(2, then=True), field(8, then=True), field(12, then=True), field(0, 5)]
    assert slashed([*numbers, field(leans)]) == [False] * 4 + [leans == 35]


@pytest.mark.parametrize("leans", [15, 35])
def test_a_number_may_begin_with_a_slash_that_leans_more_than_the_1s_behind_others(leans: int) -> None:
    numbers = [field(14, 2, then=True), field(14, 8, then=True), field(14, 12, then=True)]
    assert slashed([*numbers, field(leans, then=True)]) == [False] * 3 + [leans == 35]


def test_slashes_among_other_digits_do_not_hide_one_that_stands_alone() -> None:
    numbers = [field(2, then=True)] * 6 + [field(35, then=True)]
    assert slashed([*numbers, field(35)])[-1]


def test_a_few_numbers_do_not_tell_how_a_hand_leans() -> None:
    assert not any(slashed([field(2, then=True), field(12, then=True), field(35)]))
