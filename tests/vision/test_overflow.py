"""Digits beside their field are seen, print beside a whole column is none."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.records import Box
from digitscan.vision.fields import FieldCrop, cut_fields
from digitscan.vision.overflow import overflow
from digitscan.vision.registration import RegisteredPage
from tests.drawn_pages import DPI, as_page, blank, household

Ink = NDArray[np.bool_]
AGES = [f"person[{row}].age" for row in range(1, 13)]


@cache
def crops() -> list[FieldCrop]:
    form, lies = household(), np.diag([DPI / 25.4, DPI / 25.4, 1.0])
    count = len(form.fields)
    return cut_fields(
        RegisteredPage(as_page(blank(form)), form, lies, (lies,) * count, (1.0,) * count, 1.0, 0)
    )


def seen(
    names: list[str], gap: float, tall: float, wide: float, *, above: bool = False, right: bool = False
) -> list[str]:
    """The fields beside which a mark is seen, where one stands at such a distance (mm) of the named ones."""
    inks: list[Ink] = []
    for crop in crops():
        ink = np.zeros(crop.dark.shape, np.bool_)
        if crop.field.name in names:
            box, scale = crop.box, crop.scale
            w, h = round(wide * scale), round(tall * scale)
            x = box.x + box.width + gap * scale if right else box.x - gap * scale - w
            y = box.y + (box.height - h) / 2
            if above:
                x, y = box.x + (box.width - w) / 2, box.y - gap * scale - h
            left, top = round(x), round(y)
            ink[max(top, 0) : top + h, max(left, 0) : left + w] = True
            # what is written in the cells
            ink[round(box.y + 10) : round(box.y + box.height - 10), round(box.x + 8) : round(box.x + 150)] = (
                True
            )
        inks.append(ink)
    found = zip(crops(), overflow(crops(), inks), strict=True)
    return [crop.field.name for crop, marked in found if marked]


@pytest.mark.parametrize("right", [False, True])
def test_a_digit_beside_the_cells_is_seen(*, right: bool) -> None:
    assert seen(AGES[2:3], 0.4, 6, 4, right=right) == AGES[2:3]


def test_open_boxes_are_looked_around_too() -> None:
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    for crop, ink in zip(crops(), inks, strict=True):
        if crop.field.name == AGES[4]:
            ink[round(crop.box.y + 8) : round(crop.box.y + 48), :12] = True
    marked = overflow([replace(crop, cells=()) for crop in crops()], inks)
    assert [crop.field.name for crop, here in zip(crops(), marked, strict=True) if here] == AGES[4:5]


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(("wide", "tall", "marked"), [(2.0, 1.1, True), (0.9, 0.9, True), (0.6, 0.6, False)])
def test_what_the_crop_shows_the_beginning_of_is_seen(
    wide: float, tall: float, *, right: bool, marked: bool
) -> None:
    crop = next(crop for crop in crops() if crop.field.name == AGES[3])
    margin = crop.box.x / crop.scale
    assert seen(AGES[3:4], margin - min(wide, 0.8), tall, wide, right=right) == AGES[3:4] * marked


def test_an_upright_rule_of_a_table_is_no_digit() -> None:
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    for crop, ink in zip(crops(), inks, strict=True):
        if crop.field.name == AGES[4]:
            ink[:, :5] = True
            ink[round(crop.box.y + 10) : round(crop.box.y + 40), round(crop.box.x + 8)] = True
    assert not any(overflow(crops(), inks))


def test_a_small_digit_over_the_cells_is_seen() -> None:
    assert seen(AGES[5:6], -0.5, 3, 2, above=True) == AGES[5:6]


def test_beside_a_low_box_a_digit_may_be_higher_than_that() -> None:
    low = [replace(c, box=Box(c.box.x, c.box.y + 20, c.box.width, 30.0), cells=()) for c in crops()]
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in low]
    for crop, ink in zip(low, inks, strict=True):
        if crop.field.name == AGES[4]:
            ink[round(crop.box.y - 8) : round(crop.box.y + 42), :12] = True
    assert sum(overflow(low, inks)) == 1


@pytest.mark.parametrize(("away", "own"), [(3.0, False), (12.0, True)])
def test_a_digit_that_the_crop_cuts_may_be_the_next_field_s(away: float, *, own: bool) -> None:
    def after(crop: FieldCrop) -> FieldCrop:
        x, y, width, height = crop.field.box
        return replace(crop, field=replace(crop.field, box=Box(x + width + away, y, width, height)), cells=())

    ages = [crop for crop in crops() if crop.field.name in AGES]
    page = [*ages, *(after(crop) for crop in ages)]
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in page]
    inks[4][30:70, -12:] = True
    assert overflow(page, inks) == [own and i == 4 for i in range(len(page))]


def test_what_stands_over_the_first_of_a_column_is_its_caption() -> None:
    assert seen(AGES[:1], -0.5, 3, 2, above=True) == []


def test_what_stands_beside_a_whole_column_is_print() -> None:
    assert seen(AGES, 0.4, 6, 4) == []


@pytest.mark.parametrize(("right", "minus"), [(False, True), (True, False)])
def test_a_dash_before_the_cells_is_a_minus_one_behind_them_none(*, right: bool, minus: bool) -> None:
    assert (seen(AGES[2:3], 0.2, 0.6, 1.6, right=right) == AGES[2:3]) is minus


@pytest.mark.parametrize(("tall", "wide"), [(1.5, 1.2), (11, 1), (0.5, 0.8)])
def test_dirt_rules_and_lines_are_no_digits(tall: float, wide: float) -> None:
    assert seen(AGES[2:3], 0.3, tall, wide) == []


def test_a_rule_in_pieces_is_no_digit() -> None:
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    rule = next(ink for crop, ink in zip(crops(), inks, strict=True) if crop.field.name == AGES[4])
    rule[:, 2:4] = True
    rule[[len(rule) // 4, len(rule) // 4 * 3]] = False
    assert not any(overflow(crops(), inks))


def test_where_nothing_tells_print_from_pen_nothing_is_said() -> None:
    assert seen(["district"], 0.4, 6, 4) == []
