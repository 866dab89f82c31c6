"""Pictures made smaller by whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.vision.reduction import reduced


@pytest.mark.parametrize(("most", "whole"), [(0.4, 1), (1.9, 1), (2.0, 2), (3.99, 3)])
def test_each_pixel_is_the_mean_of_whole_ones(most: float, whole: int) -> None:
    image = np.arange(36 * 24, dtype=np.uint8).reshape(36, 24)
    smaller, scale = reduced(image, most)
    assert scale == 1 / whole
    blocks = image.reshape(36 // whole, whole, 24 // whole, whole).mean(axis=(1, 3))
    assert np.abs(smaller - blocks).max() <= 0.5
