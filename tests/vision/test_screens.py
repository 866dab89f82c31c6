"""Fields on a grey ground, or white ones in it, are read as on plain paper."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.deck.drawing import draw_form, on_paper, write_page
from digitscan.deck.filling import Habits, fill_page
from digitscan.records import Image
from digitscan.vision.fields import cut_fields, field_inks, page_ink_level
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.screens import levelled
from tests.drawn_pages import DPI, SMALL_FORM, as_page, filled, household, tidy_writer, write_form

SCALE = DPI / 25.4
LIES = np.diag([SCALE, SCALE, 1.0])


@cache
def written() -> Image:
    return filled(household(), 5)[0]


@cache
def written_palely() -> Image:
    """Tall digits in pencil, that come near the rules above and below."""
    rng = np.random.default_rng(3)
    writer = replace(tidy_writer(rng), size=0.95)
    ink = write_page(household(), fill_page(household(), Habits(wrong_sums=0), rng), writer, DPI, rng)
    return on_paper(draw_form(household(), DPI), ink, 0.4, rng)


def registered(image: Image) -> RegisteredPage:
    count = len(household().fields)
    return RegisteredPage(as_page(image), household(), LIES, (LIES,) * count, (1.0,) * count, 1.0, 0)


def of_fields(grow_mm: float) -> NDArray[np.bool_]:
    """Where on the page fields are, grown by as much to all sides."""
    mask = np.zeros(written().shape, np.uint8)
    for field in household().fields:
        x, y, width, height = field.box
        corners = (x - grow_mm, y - grow_mm), (x + width + grow_mm, y + height + grow_mm)
        first, last = ((round(a * SCALE), round(b * SCALE)) for a, b in corners)
        cv2.rectangle(mask, first, last, 1, -1)
    return mask > 0


def inks(page: RegisteredPage) -> list[NDArray[np.bool_]]:
    settings = household().cleaning
    crops = cut_fields(page)
    return [ink for ink, _ in field_inks(crops, page_ink_level(crops, settings), settings)]


def likeness(one: RegisteredPage, other: RegisteredPage) -> float:
    """The share of the ink of either page's fields that both have."""
    pairs = list(zip(inks(one), inks(other), strict=True))
    return float(sum((a & b).sum() for a, b in pairs) / sum((a | b).sum() for a, b in pairs))


def test_a_page_without_grounds_is_left_as_it_is() -> None:
    page = registered(written())
    assert levelled(page) is page


@pytest.mark.parametrize("ground", [0.5, 0.65, 0.8])
@pytest.mark.parametrize("off_mm", [-0.4, 0.0, 0.4])
def test_shaded_fields_are_read_as_plain_ones(ground: float, off_mm: float) -> None:
    for page, least in ((written(), 0.995), (written_palely(), 0.93)):
        shaded = np.where(of_fields(off_mm), page * ground, page).astype(np.uint8)
        assert likeness(levelled(registered(shaded)), registered(page)) > least


@pytest.mark.parametrize("ground", [0.5, 0.65, 0.8])
def test_white_fields_in_a_ground_are_read_as_plain_ones(ground: float) -> None:
    for page, least in ((written(), 0.997), (written_palely(), 0.93)):
        framed = np.where(of_fields(0.0), page, page * ground).astype(np.uint8)
        assert likeness(levelled(registered(framed)), registered(page)) > least


def test_what_darkens_a_part_of_the_cells_is_no_ground() -> None:
    dark = written().astype(np.float32)
    for field in household().fields:
        x, y, width, height = (round(v * SCALE) for v in field.box)
        dark[y : y + height, x : x + width * 3 // 4] *= 0.6 if len(field.cells) > 1 else 1.0
    page = registered(dark.astype(np.uint8))
    assert levelled(page) is page


def test_a_shadow_beside_a_column_of_fields_is_no_reason_to_lose_ink() -> None:
    dark = written().copy()
    dark[:, dark.shape[1] // 2 :] = dark[:, dark.shape[1] // 2 :] * 0.6
    assert likeness(levelled(registered(dark)), registered(written())) > 0.9


def test_the_ground_between_cells_that_stand_apart_is_no_1(tmp_path: Path) -> None:
    cells = "[[30, 18, 6, 9], [37, 18, 6, 9], [44, 18, 6, 9]]"
    apart = write_form(
        tmp_path, SMALL_FORM.replace("box = [30, 18, 21, 9]\ncells = 3", f"cell_boxes = {cells}")
    )
    image = np.full((round(120 * SCALE), round(90 * SCALE)), 120, np.uint8)
    for x in (30, 37, 44):
        first, last = (round(x * SCALE), round(18 * SCALE)), (round((x + 6) * SCALE), round(27 * SCALE))
        cv2.rectangle(image, first, last, 235, -1)
    count = len(apart.fields)
    page = RegisteredPage(as_page(image), apart, LIES, (LIES,) * count, (1.0,) * count, 1.0, 0)
    assert (cut_fields(page)[0].dark > 100).any()
    assert not (cut_fields(levelled(page))[0].dark > 40).any()
