"""Digits beside their field are seen, print beside a whole column is none."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.records import Box, Image
from digitscan.vision.fields import FieldCrop, cut_fields
from digitscan.vision.overflow import overflow as looked_around
from digitscan.vision.registration import RegisteredPage
from tests.drawn_pages import DPI, as_page, blank, household

Ink = NDArray[np.bool_]
AGES = [f"person[{row}].age" for row in range(1, 13)]


@cache
def registered() -> RegisteredPage:
    form, lies = household(), np.diag([DPI / 25.4, DPI / 25.4, 1.0])
    count = len(form.fields)
    return RegisteredPage(as_page(blank(form)), form, lies, (lies,) * count, (1.0,) * count, 1.0, 0)


@cache
def crops() -> list[FieldCrop]:
    return cut_fields(registered())


def overflow(crops: list[FieldCrop], inks: list[Ink], page: Image | None = None) -> list[bool]:
    return looked_around(crops, inks, registered().page.image if page is None else page, 0.5)


def beside_on_page(marks: dict[str, tuple[float, float, float, float]]) -> list[str]:
    """The same of marks on the page: x, y from the upper right corner of a field, width and height, mm."""
    page, scale = registered().page.image.copy(), DPI / 25.4
    for field in registered().form.fields:
        if field.name in marks:
            x, y, wide, tall = marks[field.name]
            left, top = field.box.x + field.box.width + x, field.box.y + y
            page[round(top * scale) : round((top + tall) * scale)][
                :, round(left * scale) : round((left + wide) * scale)
            ] = 0
    of_page = cut_fields(replace(registered(), page=as_page(page)))
    inks = [crop.dark > 127 for crop in of_page]
    for crop, ink in zip(of_page, inks, strict=True):  # as if its rules were taken out
        ink[:, : round(crop.box.x + crop.box.width + 3)] = False
    found = overflow(of_page, inks, page)
    return [crop.field.name for crop, marked in zip(of_page, found, strict=True) if marked]


def seen(
    names: list[str],
    gap: float,
    tall: float,
    wide: float,
    *,
    above: bool = False,
    right: bool = False,
    aside: float = 0.0,
) -> list[str]:
    """The fields beside which a mark is seen, where one stands at such a distance (mm) of the named ones.

    aside: mm that the mark of each stands farther right than that of the one before.
    """
    inks: list[Ink] = []
    for crop in crops():
        ink = np.zeros(crop.dark.shape, np.bool_)
        if crop.field.name in names:
            box, scale = crop.box, crop.scale
            w, h = round(wide * scale), round(tall * scale)
            x = box.x + box.width + gap * scale if right else box.x - gap * scale - w
            y = box.y + (box.height - h) / 2
            if above:
                x = box.x + (box.width - w) / 2 + aside * scale * names.index(crop.field.name)
                y = box.y - gap * scale - h
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


@pytest.mark.parametrize(
    ("x", "wide", "tall", "marked"),
    [(1.5, 4, 5, True), (2.8, 4, 5, True), (3.3, 4, 5, False), (2.5, 0.5, 0.5, False)],
)
def test_a_digit_beyond_the_crop_is_seen_where_it_is_near(
    x: float, wide: float, tall: float, *, marked: bool
) -> None:
    assert beside_on_page({AGES[3]: (x, 2, wide, tall)}) == AGES[3:4] * marked


@pytest.mark.parametrize(("apart", "pen"), [(0.0, False), (0.8, True)])
def test_what_stands_as_high_in_several_rows_is_print(apart: float, *, pen: bool) -> None:
    rows = AGES[8:11]
    assert beside_on_page({name: (2, 2 + i * apart, 3, 4) for i, name in enumerate(rows)}) == rows * pen


@pytest.mark.parametrize(("top", "pen"), [(2.0, False), (2.8, True)])
def test_the_first_row_number_of_two_digits_is_print_as_those_of_one_are(top: float, *, pen: bool) -> None:
    numbers = dict.fromkeys(AGES[:9], (3.5, 2.0, 1.5, 3.0))
    assert beside_on_page(numbers | {AGES[9]: (2.5, top, 2.5, 3.0)}) == AGES[9:10] * pen


def test_an_upright_rule_of_a_table_is_no_digit() -> None:
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    for crop, ink in zip(crops(), inks, strict=True):
        if crop.field.name == AGES[4]:
            ink[:, :5] = True
            ink[round(crop.box.y + 10) : round(crop.box.y + 40), round(crop.box.x + 8)] = True
    assert not any(overflow(crops(), inks))


def test_a_small_digit_over_the_cells_is_seen() -> None:
    assert seen(AGES[5:6], -0.5, 3, 2, above=True) == AGES[5:6]


@pytest.mark.parametrize(("aside", "pen"), [(0.0, False), (1.0, True)])
def test_what_stands_as_high_over_two_rows_is_print_if_it_stands_as_far_right(
    aside: float, *, pen: bool
) -> None:
    assert seen(AGES[4:6], -0.5, 3, 2, above=True, aside=aside) == (AGES[4:6] if pen else [])


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
    fields = [*ages, *(after(crop) for crop in ages)]
    page, scale = registered().page.image.copy(), DPI / 25.4
    x, y, width, _ = ages[4].field.box
    left, top = round((x + width + 2.6) * scale), round((y + 2) * scale)
    page[top : top + 50, left : left + 40] = 0
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in fields]
    assert overflow(fields, inks, page)[:12] == [own and i == 4 for i in range(12)]


@pytest.mark.parametrize(("top", "own"), [(3.4, True), (5.0, False), (8.0, False)])
def test_a_digit_over_the_cells_that_the_crop_cuts_may_come_from_the_row_above(
    top: float, *, own: bool
) -> None:
    """Rows 4 mm apart; top: of a stroke, mm over its field."""
    page, scale = registered().page.image.copy(), DPI / 25.4
    x, y, width, _ = next(f.box for f in registered().form.fields if f.name == AGES[4])
    left = round((x + width / 3) * scale)
    page[round((y - top) * scale) : round((y - 0.6) * scale), left : left + 12] = 0
    of_page = [
        crop for crop in cut_fields(replace(registered(), page=as_page(page))) if crop.field.name in AGES
    ]
    high = [replace(c, field=replace(c.field, box=c.field.box._replace(height=11.0))) for c in of_page]
    found = overflow(high, [crop.dark > 127 for crop in high], page)
    assert found == [own and crop.field.name == AGES[4] for crop in high]


def test_what_stands_over_the_first_of_a_column_is_its_caption() -> None:
    assert seen(AGES[:1], -0.5, 3, 2, above=True) == []


def numbers_with_marks(gaps: dict[int, float], *, apart: float = 0.5) -> list[int]:
    """The rows beside whose field a mark is seen, in a column of numbers that end at its right edge.

    gaps: of each row with a mark, mm from its number's end. apart: mm that a mark stands lower than the row
    before has it.
    """
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    for crop, ink in zip(crops(), inks, strict=True):
        if crop.field.name in AGES:
            row, scale = AGES.index(crop.field.name), crop.scale
            end, top = round(crop.box.x + crop.box.width) - 2, round(crop.box.y + 0.5 * scale)
            ink[top : top + round(7 * scale), end - 20 : end] = True
            if row in gaps:
                x, y = end + round(gaps[row] * scale), top + round(apart * (row % 5) * scale)
                ink[y : y + round(5 * scale), x : x + round(1.2 * scale)] = True
    found = zip(crops(), overflow(crops(), inks), strict=True)
    return [AGES.index(crop.field.name) for crop, marked in found if marked]


def test_numbers_that_go_on_beside_half_a_column_are_seen() -> None:
    assert numbers_with_marks(dict.fromkeys(range(0, 12, 2), 0.6)) == [*range(0, 12, 2)]


def test_units_printed_close_beside_every_number_are_print() -> None:
    assert numbers_with_marks(dict.fromkeys(range(12), 0.6), apart=0.0) == []


def test_a_column_of_another_s_writing_of_which_little_comes_close_is_none_of_the_field_s() -> None:
    assert numbers_with_marks(dict.fromkeys(range(10), 2.1) | {3: 0.6, 8: 0.6}) == []


def test_what_stands_beside_a_whole_column_is_print() -> None:
    assert seen(AGES, 0.4, 6, 4) == []


@pytest.mark.parametrize(("right", "minus"), [(False, True), (True, False)])
def test_a_dash_before_the_cells_is_a_minus_one_behind_them_none(*, right: bool, minus: bool) -> None:
    assert (seen(AGES[2:3], 0.2, 0.6, 1.6, right=right) == AGES[2:3]) is minus


def test_the_bar_of_a_printed_7_that_broke_is_no_minus() -> None:
    inks = [np.zeros(crop.dark.shape, np.bool_) for crop in crops()]
    seven = next(ink for crop, ink in zip(crops(), inks, strict=True) if crop.field.name == AGES[4])
    middle = len(seven) // 2
    seven[middle : middle + 4, 2:14] = True
    assert any(overflow(crops(), inks))
    seven[middle + 6 : middle + 12, 6:9] = True
    assert not any(overflow(crops(), inks))


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
