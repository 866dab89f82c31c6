"""Points too small to be ink are seen on a clean page, and dirt is none."""

from __future__ import annotations

import cv2
import pytest

from digitscan.records import Image
from digitscan.vision.fields import field_inks, page_ink_level
from digitscan.vision.segmentation import segment
from digitscan.vision.specks import speck_points
from tests.drawn_pages import DPI, blank
from tests.vision.test_fields import crops_of, drawn_on, form

OPEN = form().fields[1].box
MIDDLE = OPEN.x + 7.5, OPEN.y + OPEN.height / 2
"""Between the two digits, mm; these are 4 mm high if not said otherwise, and a pen of 0.6 mm wrote them."""


def two_digits(*specks: tuple[float, float], tone: int = 40, side: int = 4, radius: float = 2.0) -> Image:
    """Two digits in an open box, and specks: x, y from the middle between them, mm, and px wide."""
    page = drawn_on(blank(form()), (MIDDLE[0] - 3.5, MIDDLE[1]), radius)
    page = drawn_on(page, (MIDDLE[0] + 3.5, MIDDLE[1]), radius)
    for x, y in specks:
        left, top = round((MIDDLE[0] + x) * DPI / 25.4), round((MIDDLE[1] + y) * DPI / 25.4)
        cv2.rectangle(page, (left, top), (left + side - 1, top + side - 1), tone, -1)
    return page


def told(page: Image) -> list[float]:
    crops, settings = crops_of(page), form().cleaning
    level = page_ink_level(crops, settings)
    inks = field_inks(crops, level, settings)
    found = [
        segment(ink, c.box, c.cells, c.scale, rules, level.stroke)
        for (ink, rules), c in zip(inks, crops, strict=True)
    ]
    assert not any(segmentation.point for segmentation in found)
    return speck_points(found, crops, inks, level)


@pytest.mark.parametrize("radius", [2.0, 2.8])
def test_a_small_point_at_the_foot_of_two_digits_is_seen(radius: float) -> None:
    seen = told(two_digits((0, 0.9 * radius), radius=radius))
    assert [size > 0 for size in seen] == [i == 1 for i in range(len(form().fields))]


@pytest.mark.parametrize(
    ("at", "tone", "side"),
    [((0, 0), 40, 4), ((0, -1.7), 40, 4), ((6.3, 1.8), 40, 4), ((0, 1.8), 110, 4), ((0, 1.8), 40, 2)],
    ids=["half as high", "above", "behind", "pale", "tiny"],
)
def test_other_specks_are_no_points(at: tuple[float, float], tone: int, side: int) -> None:
    assert not any(told(two_digits(at, tone=tone, side=side)))


def test_on_a_page_with_specks_elsewhere_one_at_the_foot_is_dirt_too() -> None:
    assert not any(told(two_digits((0, 1.8), (0, -1.7), (6.5, 0.0))))


def test_nothing_written_has_no_points() -> None:
    assert not any(told(blank(form())))
