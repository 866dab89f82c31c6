"""Pictures side by side on one sheet."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitscan.vision.sheets import Sheet

SHAPES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 2000)), max_size=12)


@given(shapes=SHAPES, apart=st.integers(0, 30))
def test_every_picture_is_found_again_where_it_was_laid(shapes: list[tuple[int, int]], apart: int) -> None:
    sheet = Sheet(shapes, apart)
    pictures = [np.full(shape, i + 1, np.uint8) for i, shape in enumerate(shapes)]
    laid = sheet.filled(pictures)
    for picture, part in zip(pictures, sheet.parts(laid), strict=True):
        assert np.array_equal(picture, part)
    assert np.count_nonzero(laid) == sum(picture.size for picture in pictures)


@given(shapes=SHAPES, apart=st.integers(1, 12))
def test_a_filter_mixes_no_pictures(shapes: list[tuple[int, int]], apart: int) -> None:
    sheet = Sheet(shapes, apart)
    side = 2 * apart + 1
    for i, shape in enumerate(shapes):
        alone = sheet.filled([np.full(s, 255 * (k == i), np.uint8) for k, s in enumerate(shapes)])
        grown = cv2.dilate(alone, np.ones((side, side), np.uint8))
        assert all(part.any() == (k == i) for k, part in enumerate(sheet.parts(grown))), shape
