"""What transforms do to points, and how a page lies under them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitscan.vision.transforms import apply, plausible, px_per_mm, rotation_of, scales, spread
from tests.vision.marks import SIZE, similarity


@pytest.mark.parametrize(
    ("degrees", "rotation"), [(0, 0), (40, 0), (-90, 90), (-130, 90), (180, 180), (90, 270), (44.9, 0)]
)
def test_rotation_is_the_nearest_quarter_turn_that_sets_the_page_upright(
    degrees: float, rotation: int
) -> None:
    assert rotation_of(similarity(degrees, 3, (0, 0)), SIZE) == rotation


@given(
    points=st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=1, max_size=5),
    degrees=st.floats(0, 360),
    scale=st.floats(0.1, 20),
)
def test_apply_undoes_its_inverse(points: list[tuple[float, float]], degrees: float, scale: float) -> None:
    there = similarity(degrees, scale, (10.0, -70.0))
    there[2, 0] = 1e-4
    before = np.array(points, np.float64)
    back = np.asarray(np.linalg.inv(there), np.float64)
    assert np.allclose(apply(back, apply(there, before)), before, atol=1e-5)


@given(degrees=st.floats(0, 360), scale=st.floats(0.1, 20))
def test_a_similarity_has_its_scale(degrees: float, scale: float) -> None:
    one = similarity(degrees, scale, (5.0, 7.0))
    assert px_per_mm(one) == pytest.approx(scale)
    assert scales(np.stack([one, 2 * one])) == pytest.approx([scale, 2 * scale])


@given(count=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_points_from_all_over_lie_far_apart(count: int, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 100, (30, 2))
    chosen = spread(points, count)
    assert len(set(chosen.tolist())) == len(chosen) == min(count, 30)
    if 1 < len(chosen) < 30:
        apart = np.hypot(*(points[chosen][:, None] - points[chosen]).transpose(2, 0, 1))
        to_others = np.hypot(*(points[:, None] - points[chosen]).transpose(2, 0, 1)).min(axis=1)
        assert to_others.max() <= apart[apart > 0].min() + 1e-9


def test_no_page_is_a_mirror_image_or_much_narrower_at_one_end() -> None:
    upright = similarity(30, 8, (0.0, 0.0))
    mirrored = upright @ np.diag([-1.0, 1.0, 1.0])
    tilted = upright.copy()
    tilted[2, 1] = 1 / 200  # the lower side not half as long as the upper one
    assert plausible(upright, SIZE)
    assert not plausible(mirrored, SIZE)
    assert not plausible(tilted, SIZE)
