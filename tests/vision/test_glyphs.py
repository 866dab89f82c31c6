"""The MNIST fit, and finding the ink on a single picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitscan.records import Image
from digitscan.vision.glyphs import fit, fit_many, fit_string, is_fitted, leaning, light_on_dark, squeeze


def blob(seed: int, height: int, width: int) -> NDArray[np.bool_]:
    """Random smooth ink that touches all four sides of its box."""
    rng = np.random.default_rng(seed)
    noise = cv2.resize(rng.random((5, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.asarray(noise > 0.5, np.bool_)
    mask[0, width // 2] = mask[-1, width // 2] = mask[height // 2, 0] = mask[height // 2, -1] = True
    return mask


sizes = st.integers(20, 90)


def test_a_square_fills_twenty_by_twenty() -> None:
    picture = fit(np.ones((40, 40), np.bool_))
    ys, xs = np.nonzero(picture)
    assert np.ptp(ys) + 1 == np.ptp(xs) + 1 == 20
    assert set(np.unique(picture).tolist()) == {0, 255}


def test_pixels_hold_the_inked_part_of_their_area() -> None:
    mask = np.zeros((80, 80), np.bool_)
    mask[:, :38] = mask[0] = True  # 38 / 4 = 9.5 columns of the 20, and a row of a quarter
    picture = fit(mask)
    top, left = (int(axis.min()) for axis in np.nonzero(picture))
    assert picture[top + 10, left : left + 11].tolist() == [255] * 9 + [128, 0]
    assert picture[top, left + 15] == 64


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), sizes, sizes)
def test_the_centre_of_mass_is_at_the_centre(seed: int, height: int, width: int) -> None:
    picture = fit(blob(seed, height, width)).astype(np.float64)
    rows, columns = np.nonzero(picture.any(axis=1))[0], np.nonzero(picture.any(axis=0))[0]
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis, span in ((1, rows), (0, columns)):
        centre = (picture.sum(axis=axis) * np.arange(28)).sum() / picture.sum()
        # Half a pixel of rounding, unless the body would leave the picture: of its shorter side, the margin.
        margin = (20 - np.ptp(span)) / 2 + 1
        assert abs(centre - 14) <= 0.51 or span[0] <= margin or span[-1] >= 27 - margin


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), sizes, sizes, st.integers(0, 30), st.integers(0, 30))
def test_paper_around_the_ink_changes_nothing(
    seed: int, height: int, width: int, above: int, left: int
) -> None:
    mask = blob(seed, height, width)
    assert np.array_equal(fit(mask), fit(np.pad(mask, ((above, 7), (left, 3)))))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(10, 45), st.integers(10, 45), st.integers(2, 4))
def test_resolution_hardly_matters(seed: int, height: int, width: int, times: int) -> None:
    mask = blob(seed, 2 * height, 2 * width)  # even sides: padding to a square is by whole pixels
    larger = np.repeat(np.repeat(mask, times, axis=0), times, axis=1)
    # Only the half grey level is rounded otherwise, and may move the centre of mass over a half pixel.
    difference = np.abs(fit(mask).astype(int) - fit(larger)).max()
    assert difference <= 1 or abs(_distance_from_half(mask)) < 0.02


def _distance_from_half(mask: NDArray[np.bool_]) -> float:
    body = fit(mask).astype(np.float64)
    centres = [(body.sum(axis=axis) * np.arange(28)).sum() / body.sum() for axis in (0, 1)]
    return min(float(abs(abs(centre - 14) - 0.5)) for centre in centres)


def test_small_ink_is_enlarged() -> None:
    picture = fit(np.ones((9, 3), np.uint8))
    assert np.ptp(np.nonzero(picture)[0]) + 1 == 20
    assert 5 <= np.ptp(np.nonzero(picture)[1]) + 1 <= 9


@pytest.mark.parametrize("kind", [np.bool_, np.uint8])
def test_no_ink_no_picture(kind: type) -> None:
    assert not fit(np.zeros((30, 20), kind)).any()
    assert not fit(np.zeros((0, 0), kind)).any()


def test_many() -> None:
    assert fit_many([]).shape == (0, 28, 28)
    masks = [blob(seed, 40, 30) for seed in range(3)]
    assert np.array_equal(fit_many(masks), np.stack([fit(mask) for mask in masks]))


def test_a_number_is_stretched_unless_it_is_too_wide() -> None:
    mask = np.zeros((80, 200), bool)
    mask[10:50, 20:120] = True
    made = fit_string(mask)
    assert made.shape == (24, 128)
    assert np.array_equal(np.flatnonzero(made.any(axis=1))[[0, -1]], [1, 22])
    assert np.array_equal(np.flatnonzero(made.any(axis=0))[[0, -1]], [1, 74])
    wide = np.ones((10, 900), bool)
    assert np.flatnonzero(fit_string(wide).any(axis=0))[-1] == 126
    assert not fit_string(np.zeros((0, 0), bool)).any()


@pytest.mark.parametrize("by", [0.15, -0.15, 0.0])
def test_a_bar_leans_by_a_part_of_its_height(by: float) -> None:
    bar = np.zeros((61, 9), bool)
    bar[:, 3:6] = True
    moved = leaning(bar, by)
    middles = [float(np.flatnonzero(row).mean()) for row in moved]
    assert middles[0] - middles[-1] == pytest.approx(60 * by, abs=1)
    assert middles[30] - (moved.shape[1] - 9) / 2 == pytest.approx(4, abs=0.5)
    assert moved.sum() == pytest.approx(bar.sum(), rel=0.05)


def five(ink: int, paper: int) -> Image:
    """A 5 whose flag is loose, with a speck and a rest of a neighbour, on slightly noisy paper."""
    rng = np.random.default_rng(3)
    canvas = np.full((90, 70), paper, np.uint8)
    cv2.putText(canvas, "5", (12, 76), cv2.FONT_HERSHEY_SIMPLEX, 2.2, ink, 5)
    canvas[8:13, 30:56] = ink
    canvas[80:82, 5:7] = ink
    canvas[20:60, 66:70] = ink
    return np.clip(canvas + rng.normal(0, 4, canvas.shape), 0, 255).astype(np.uint8)


def test_polarity_is_decided_from_the_picture() -> None:
    assert light_on_dark(five(230, 40))
    assert not light_on_dark(five(40, 230))


def test_squeeze_keeps_no_aspect() -> None:
    picture = np.zeros((56, 112), np.uint8)
    picture[:, :56] = 200
    assert np.array_equal(squeeze(picture), np.repeat([[200] * 14 + [0] * 14], 28, axis=0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(20, 80), st.integers(20, 80))
def test_what_is_fitted_is_known_as_such(seed: int, height: int, width: int) -> None:
    picture = fit(blob(seed, height, width))
    # ink so lopsided that it would leave the picture is not moved all the way
    assume(not (picture[[0, -1]].any() or picture[:, [0, -1]].any()))
    assert is_fitted(picture)
    assert not is_fitted(np.roll(picture, 3, axis=0))
    assert not is_fitted(np.pad(picture, 2))
    assert not is_fitted(np.zeros((28, 28), np.uint8))
