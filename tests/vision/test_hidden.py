"""Pale marks, and what was taken for print though it may be none, are told of."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digitscan.deck.handwriting import draw_digit, make_hand
from digitscan.records import Box, Image
from digitscan.vision.cleaning import InkLevel
from digitscan.vision.fields import field_inks, page_ink_level
from digitscan.vision.hidden import hidden_marks, pale_marks
from tests.drawn_pages import DPI, blank
from tests.vision.test_fields import crops_of, drawn_on, form, inks_of, inside


def told(image: Image) -> list[float]:
    """What is told of marks that were taken for print."""
    crops = crops_of(image)
    level = page_ink_level(crops, form().cleaning)
    return hidden_marks(crops, field_inks(crops, level, form().cleaning), level)


@pytest.mark.parametrize("size", [(5.0, 7.0), (6.0, 8.0), (7.5, 9.5)])
def test_a_blot_over_a_cell_is_ink_or_told_of(size: tuple[float, float]) -> None:
    image = drawn_on(blank(form()), (46.5, 22.5), 1.8)
    usual = inside(inks_of(image))[0]
    first, last = (
        [
            round((middle + side / 2 * sign) * DPI / 25.4)
            for middle, side in zip((33.5, 22.5), size, strict=True)
        ]
        for sign in (-1, 1)
    )
    cv2.rectangle(image, first, last, 35, -1)
    code, *others = told(image)
    black = inside(inks_of(image))[0] - usual
    assert code > 0.8 * size[1] * DPI / 25.4 or black > 0.9 * size[0] * size[1] * (DPI / 25.4) ** 2
    assert others == [0.0] * len(others)


def test_a_stroke_along_a_streak_is_told_of() -> None:
    image = drawn_on(blank(form()), (46.5, 22.5), 1.8)
    at = round(33.0 * DPI / 25.4)
    image[:, at : at + 2] = 60
    assert told(image) == [0.0] * len(form().fields)
    top, bottom = round(20 * DPI / 25.4), round(25.5 * DPI / 25.4)
    cv2.line(image, (at + 1, top), (at + 1, bottom), 40, 5)
    code, *others = told(image)
    assert code > 0.5 * (bottom - top)
    assert others == [0.0] * len(others)


def test_a_digit_on_a_streak_too_pale_to_be_ink_is_not_hidden() -> None:
    image = drawn_on(blank(form()), (33.5, 22.5), 1.8)
    at = round(33.0 * DPI / 25.4)
    image[:, at : at + 2] = np.minimum(image[:, at : at + 2], 215)
    assert crops_of(image)[0].streak_boxes
    assert told(image) == [0.0] * len(form().fields)


def marks_of(page: Image) -> list[float]:
    crops, settings = crops_of(page), form().cleaning
    level = page_ink_level(crops, settings)
    return pale_marks(crops, field_inks(crops, level, settings), level)


def written_in(page: Image, box: Box, cell: int, tone: int) -> Image:
    width = 5.0  # mm
    return drawn_on(page, (box.x + (cell + 0.5) * width, box.y + 4.5), 2.0, tone=tone)


@pytest.mark.parametrize(("tone", "seen"), [(200, True), (235, False)])
def test_what_another_pen_wrote_palely_is_seen(tone: int, *, seen: bool) -> None:
    first, second = (f.box for f in form().fields[:2])
    page = written_in(written_in(blank(form()), first, 0, 40), second, 0, tone)
    marks = marks_of(page)
    assert (marks[1] > 3 * DPI / 25.4) == seen
    assert not any(marks[2:])


def test_a_pale_digit_beside_a_dark_one_is_seen() -> None:
    box = form().fields[0].box
    page = written_in(written_in(blank(form()), box, 0, 40), box, 1, 200)
    assert marks_of(page)[0] > 3 * DPI / 25.4


def pale_one(*parts: tuple[float, float], dot: float = 0.0, tone: int = 195) -> Image:
    """A dark digit, and in the cell beside it a pale upright stroke of these parts; mm under its top.

    dot: mm under the top, of a spot in it as dark as ink.
    """
    box, scale = form().fields[0].box, DPI / 25.4
    page = written_in(blank(form()), box, 0, 40)
    x = round((box.x + 1.5 * 7) * scale)
    for top, bottom in parts:
        rows = slice(round((box.y + top) * scale), round((box.y + bottom) * scale))
        page[rows, x - 2 : x + 3] = tone
    if dot:
        y = round((box.y + dot) * scale)
        page[y : y + 2, x - 1 : x + 1] = 40
    return page


def test_a_pale_stroke_that_is_dark_at_a_spot_is_seen() -> None:
    assert marks_of(pale_one((2.5, 6.0)))[0] > 3 * DPI / 25.4
    assert marks_of(pale_one((2.5, 6.0), dot=4.2))[0] > 3 * DPI / 25.4


def test_a_pale_stroke_in_pieces_is_seen() -> None:
    pieces = [(2.0 + i * 1.0, 2.6 + i * 1.0) for i in range(4)]
    assert marks_of(pale_one(*pieces))[0] > 3 * DPI / 25.4


def test_a_pale_speck_in_a_blank_cell_is_no_mark() -> None:
    assert not any(marks_of(pale_one((4.0, 4.8))))


@pytest.mark.parametrize(("tone", "seen"), [(200, True), (235, False)])
def test_a_pale_digit_beside_dark_ones_in_an_open_box_is_seen(tone: int, *, seen: bool) -> None:
    box = form().fields[1].box
    assert not form().fields[1].cells
    page = written_in(written_in(blank(form()), box, 0, 40), box, 2, 40)
    assert not any(marks_of(page))
    pale = written_in(page, box, 1, tone)
    assert (marks_of(pale)[1] > 3 * DPI / 25.4) is seen


def test_print_that_many_fields_show_is_no_pen() -> None:
    page = written_in(blank(form()), form().fields[0].box, 0, 40)
    for field in form().fields[1:]:
        page = written_in(page, field.box, 0, 200)
    assert not any(marks_of(page))


def test_what_many_fields_show_is_pen_where_it_differs() -> None:
    page, rng, scale = (
        written_in(blank(form()), form().fields[0].box, 0, 40),
        np.random.default_rng(1),
        DPI / 25.4,
    )
    hand = make_hand(rng)
    for digit, field in enumerate(form().fields[1:]):
        ink = draw_digit(hand, digit, round(6 * scale), rng) / 255
        x, y = round((field.box.x + 1) * scale), round((field.box.y + 1.5) * scale)
        part = page[y : y + ink.shape[0], x : x + ink.shape[1]]
        part[:] = np.minimum(part, 255 - 55 * ink)
    assert all(height > 3 * scale for height in marks_of(page)[1:])


def test_on_a_page_without_ink_a_paler_mark_may_be_pen() -> None:
    box = form().fields[1].box
    assert not any(marks_of(blank(form())))
    assert marks_of(written_in(blank(form()), box, 0, 235))[1] > 3 * DPI / 25.4


def test_a_cell_too_small_to_write_in_has_no_pale_mark() -> None:
    crop = replace(crops_of(blank(form()))[0], cells=(Box(30, 30, 4, 40), Box(40, 30, 40, 3)))
    nothing = np.zeros(crop.dark.shape, bool)
    assert pale_marks([crop], [(nothing, nothing)], InkLevel(0.3, 4.0)) == [0]
