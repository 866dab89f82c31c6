"""What lies over a part of a field is seen by the rules that are gone there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digitscan.records import Box, Image
from digitscan.vision.covers import covered
from digitscan.vision.fields import FieldCrop, field_inks, page_ink_level
from tests.drawn_pages import DPI, blank, filled
from tests.vision.test_fields import crops_of, form


@pytest.mark.parametrize(
    ("x", "y", "wide", "tall", "seen"),
    [
        (7, -3, 3, 15, True),  # down the page, over a cell
        (-3, 3, 30, 2, True),  # across it
        (7, -3, 3, 7, True),  # over the upper rule alone
        (7.5, -3, 0.4, 15, False),  # a hair
        (-3, -3, 30, 15, False),  # all is gone: that is told otherwise
    ],
)
def test_something_white_across_a_field_is_seen(
    x: float, y: float, wide: float, tall: float, *, seen: bool
) -> None:
    image, scale, (left, top, _, _) = blank(form()).copy(), DPI / 25.4, form().fields[0].box
    rows = slice(round((top + y) * scale), round((top + y + tall) * scale))
    image[rows, round((left + x) * scale) : round((left + x + wide) * scale)] = 250
    assert covering(crops_of(image)) == [seen, *[False] * (len(form().fields) - 1)]


def test_between_cells_that_stand_apart_nothing_is_missing() -> None:
    image, scale, (left, top, wide, tall) = blank(form()).copy(), DPI / 25.4, form().fields[0].box
    middle = slice(round((left + wide / 3 + 0.6) * scale), round((left + 2 * wide / 3 - 0.6) * scale))
    image[round((top - 2) * scale) : round((top + tall + 2) * scale), middle] = 250
    (crop, *_) = crops_of(image)
    assert covering([crop]) == [True]
    assert covering([replace(crop, cells=crop.cells[::2])]) == [False]
    assert covering([replace(crop, cells=(Box(30, 30, 4, 4),))]) == [False]


def covering(crops: list[FieldCrop]) -> list[bool]:
    settings = form().cleaning
    return covered(crops, field_inks(crops, page_ink_level(crops, settings), settings))


def holed(at_mm: tuple[float, float]) -> Image:
    """The blank form with a white hole of 3 mm, its middle so far from the first field's corner."""
    image, scale, (left, top, _, _) = blank(form()).copy(), DPI / 25.4, form().fields[0].box
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    away = np.hypot(columns - (left + at_mm[0]) * scale, rows - (top + at_mm[1]) * scale)
    image[away < 1.5 * scale] = 250
    return image


@pytest.mark.parametrize(
    ("at_mm", "seen"),
    [
        ((3.5, 0.3), True),
        ((10.5, 9.2), True),
        ((0.2, 5.0), True),
        ((7.0, 4.5), True),  # on the rule between two cells
        ((3.5, 4.5), False),
    ],
)
def test_a_hole_over_a_single_rule_is_seen(at_mm: tuple[float, float], *, seen: bool) -> None:
    assert covering(crops_of(holed(at_mm))) == [seen, *[False] * (len(form().fields) - 1)]


def test_where_print_is_broken_a_single_rule_tells_nothing() -> None:
    image, scale = holed((3.5, 0.3)), DPI / 25.4
    for field in form().fields[1:]:
        x, y, _, _ = field.box
        image[
            round((y - 1) * scale) : round((y + 1) * scale), round((x + 2) * scale) : round((x + 5) * scale)
        ] = 250
    crops = crops_of(image)
    assert not any(covering(crops))
    # fields around which nothing is printed do not tell how whole the print is
    bare = [replace(crop, field=replace(crop.field, printed="nothing")) for crop in crops_of(blank(form()))]
    assert not any(covering([*crops, *bare * 5]))


@pytest.mark.parametrize(("tone", "seen"), [(130, True), (160, True), (225, False)])
def test_a_grey_disc_in_a_cell_is_seen(tone: int, *, seen: bool) -> None:
    image, scale, (left, top, _, _) = (
        filled(form(), 3, raws={"code": "_7_"})[0],
        DPI / 25.4,
        form().fields[0].box,
    )
    assert not any(covering(crops_of(image)))
    cv2.circle(image, (round((left + 3.5) * scale), round((top + 4.5) * scale)), round(2.8 * scale), tone, -1)
    assert covering(crops_of(image)) == [seen, *[False] * (len(form().fields) - 1)]
