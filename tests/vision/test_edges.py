"""Where rules run along the edges of boxes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.vision.edges import TICK, longest, split_bars, ticks

Ink = NDArray[np.bool_]

SCALE = 8.0
TOP, BOTTOM = 20, 84
COLUMNS = [20, 76, 132, 188]


def comb(inner: float, outer: float) -> Ink:
    """Three cells over a base line, ticks of such parts of their height between and around them."""
    page = np.zeros((104, 208), np.bool_)
    page[BOTTOM - 1 : BOTTOM + 2, COLUMNS[0] : COLUMNS[-1] + 1] = True
    for column in COLUMNS:
        height = outer if column in (COLUMNS[0], COLUMNS[-1]) else inner
        page[BOTTOM - round(height * (BOTTOM - TOP)) : BOTTOM, column - 1 : column + 2] = True
    return page


def heights(pages: list[Ink]) -> list[list[float]]:
    """Of the ticks found, as parts of the cells' height."""
    found = ticks(pages, [(COLUMNS, TOP, BOTTOM)] * len(pages), SCALE)
    assert all([place for place, _, _ in own] == COLUMNS for own in found)
    assert all(end == BOTTOM for own in found for _, _, end in own)
    return [[(BOTTOM - start) / (BOTTOM - TOP) for _, start, _ in own] for own in found]


@pytest.mark.parametrize(("inner", "outer"), [(0.4, 0.4), (0.5, 1.0), (1.0, 1.0), (1.0, 0.4)])
def test_ticks_are_followed_to_their_height(inner: float, outer: float) -> None:
    (own,) = heights([comb(inner, outer)])
    assert own == pytest.approx([outer, inner, inner, outer], abs=0.04)


def test_a_stroke_above_a_tick_makes_the_others_no_higher() -> None:
    struck = comb(0.4, 0.4)
    struck[TOP - 10 : BOTTOM, COLUMNS[1] - 3 : COLUMNS[1] + 3] = True
    for own in heights([struck, comb(0.4, 0.4), comb(0.4, 0.4)]):
        assert own == pytest.approx([0.4] * 4, abs=0.04)


def test_a_tick_that_leans_or_is_broken_is_followed() -> None:
    page = comb(0.4, 0.4)
    for column in COLUMNS[1:-1]:
        page[TOP : BOTTOM - 26, column : column + 3] = True
        page[50:52, column - 3 : column + 4] = False
    (own,) = heights([page])
    assert own[1:-1] == pytest.approx([1.0, 1.0], abs=0.04)


def test_ticks_that_are_not_seen_are_a_third_high() -> None:
    (own,) = heights([np.zeros((104, 208), np.bool_)])
    assert own == pytest.approx([TICK] * 4, abs=0.02)


def test_a_stroke_between_cells_that_stand_apart_is_no_bar() -> None:
    edges = [[(40, 20, 84), (46, 20, 84)]] * 4
    rules = np.zeros((104, 80), np.bool_)
    rules[20:84, [39, 40, 46, 47]] = True
    melted = rules.copy()
    melted[20:84, 39:48] = True
    assert split_bars([rules] * 3 + [melted], edges, 9.0) == ([[]] * 4, edges)
    bars, left = split_bars([melted] * 3 + [rules], edges, 9.0)
    assert [len(own) for own in bars] == [1, 1, 1, 0]
    assert left == [[], [], [], edges[0]]


def test_the_longest_run_is_measured() -> None:
    assert longest(np.array([], bool)) == longest(np.zeros(5, bool)) == 0
    assert longest(np.array([1, 1, 0, 1, 1, 1], bool)) == 3
