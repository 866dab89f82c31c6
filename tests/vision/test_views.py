"""A field's view shows the field where its frame says, upright, whichever way up the scan lay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitscan.records import Corners, Image
from digitscan.vision.views import FIELD_HEIGHT, FIELD_WIDTH, frame, on_view, view_field, view_page

FIELD: Corners = ((100, 50), (260, 50), (260, 90), (100, 90))


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def page() -> Image:
    """White, the field grey, with a black left quarter."""
    image = np.full((300, 400), 255, np.uint8)
    image[50:90, 100:260] = 128
    image[50:90, 100:140] = 0
    return image


def turned(rotation: int) -> tuple[Image, Corners]:
    """The page as it lay on the glass if it must be turned by `rotation` clockwise to stand upright."""
    image, corners = page(), FIELD
    for _ in range(rotation // 90):
        width = image.shape[1]
        image, corners = np.rot90(image), tuple((y, width - x) for x, y in corners)
    return np.ascontiguousarray(image), corners


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_views_are_upright(rotation: int) -> None:
    image, corners = turned(rotation)
    view = decoded(view_field(image, corners))
    seen = frame(corners)
    assert view.shape == (seen.height, seen.width)
    x, y, width, height = (round(v) for v in seen.field)
    assert view[y + 3 : y + height - 3, x + 3 : x + width // 4 - 3].max() < 20
    assert abs(float(view[y + 3 : y + height - 3, x + width // 2 : x + width - 3].mean()) - 128) < 4
    assert view[: y - 3].min() > 235
    whole = decoded(view_page(image, rotation))
    assert whole.shape == (300, 400)
    left, top, across, down = on_view(corners, rotation, (image.shape[1], image.shape[0]))
    assert (round(left * 400), round(top * 300)) == (100, 50)
    assert (round(across * 400), round(down * 300)) == (160, 40)
    assert whole[55:85, 105:135].max() < 30


def test_large_fields_are_made_smaller() -> None:
    seen = frame(((0, 0), (4000, 0), (4000, 100), (0, 100)))
    assert seen.field.width == pytest.approx(FIELD_WIDTH)
    assert frame(((0, 0), (400, 0), (400, 200), (0, 200))).field.height == pytest.approx(FIELD_HEIGHT)


def test_a_field_beyond_the_edge_has_a_view() -> None:
    view = view_field(page(), ((-50, -20), (40, -20), (40, 20), (-50, 20)))
    assert decoded(view).shape[0] > 0


def test_corners_that_coincide_have_a_view() -> None:
    assert view_field(page(), ((5, 5),) * 4)
