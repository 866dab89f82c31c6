"""Seams go where little ink is, follow the writing's slant, and never cross one another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.vision.seams import Seams, not_crossing, slant


def bars(lean: float = 0.0, height: int = 60, apart: int = 30) -> np.ndarray:
    """Two bars 6 px wide that a thin stroke joins at half height; they lean to the right by `lean`."""
    ink = np.zeros((height, apart + 6 + 2 * height), bool)
    for row in range(height):
        start = round(height / 2 + lean * (height / 2 - row))
        for left in (start, start + apart):
            ink[row, left : left + 6] = True
        if abs(row - height // 2) <= 1:
            ink[row, start : start + apart] = True
    columns = np.flatnonzero(ink.any(axis=0))
    return ink[:, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("lean", [-0.3, 0.0, 0.3, 0.6])
def test_the_slant_is_that_of_the_strokes(lean: float) -> None:
    assert slant(bars(lean)) == pytest.approx(lean, abs=0.06)


def test_a_round_shape_has_no_slant() -> None:
    y, x = np.mgrid[:48, :32]
    away = ((x - 15.5) / 16) ** 2 + ((y - 23.5) / 24) ** 2
    assert abs(slant((away <= 1) & (away > 0.5))) < 0.02


@pytest.mark.parametrize("lean", [-0.3, 0.0, 0.3])
def test_the_cheapest_seams_cut_the_joint_and_no_bar(lean: float) -> None:
    ink = bars(lean)
    seams = Seams(ink)
    found = seams.cheap(apart=6, limit=6)
    assert found
    for column in found:
        path = seams.through(column)
        right = np.arange(ink.shape[1]) >= path[:, None]
        if (ink & right).any() and (ink & ~right).any():
            assert seams.crossed(column) <= 5  # 3 px of ink, and side steps
            shares = [(ink & side).sum() / ink.sum() for side in (right, ~right)]
            assert min(shares) > 0.35  # one bar on each side


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_kept_seams_never_cross(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ink = rng.random((30, 80)) < 0.4
    seams = Seams(ink)
    kept = not_crossing([(c, seams.through(c)) for c in seams.cheap(apart=3, limit=40)])
    assert len(kept) > 1
    for (_, left), (_, right) in pairwise(kept):
        assert (left <= right).all()
        assert (left < right).any()
