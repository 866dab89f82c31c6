"""What training shows as no digit: every maker gives ink, and none a bare bar where only a hook is meant."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitscan.recognition import nondigits
from digitscan.recognition.nondigits import DRAWN, FROM_GLYPHS, other
from tests.recognition.drawn import drawn_digits


@pytest.mark.parametrize("make", FROM_GLYPHS)
def test_made_of_glyphs(make: nondigits.FromGlyphs) -> None:
    glyphs, labels = drawn_digits(200, 1)
    for seed in range(20):
        ink = make(glyphs, labels, np.random.default_rng(seed))
        assert ink.dtype == np.uint8
        assert (ink > 100).any()


@pytest.mark.parametrize("make", DRAWN)
def test_drawn(make: nondigits.Drawn) -> None:
    for seed in range(20):
        ink = make(np.random.default_rng(seed))
        assert ink.dtype == np.uint8
        assert (ink > 100).any()


def test_a_corner_of_a_digit_is_bent() -> None:
    glyphs, labels = drawn_digits(300, 1)
    for seed in range(60):
        ink = nondigits._fragment(glyphs, labels, np.random.default_rng(seed))
        height, width = ink.shape
        _, (across, along), _ = cv2.minAreaRect(np.argwhere(ink > 100).astype(np.float32))
        assert min(across, along) > 0.25 * max(across, along), (seed, height, width)


def test_the_seed_decides() -> None:
    glyphs, labels = drawn_digits(200, 1)
    first, again = (other(glyphs, labels, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, again)
