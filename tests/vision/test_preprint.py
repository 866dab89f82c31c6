"""What the blank form shows in its fields is taken out of what pages show there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitscan.deck.drawing import draw_form, on_paper, write_page
from digitscan.deck.filling import Habits, fill_page
from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.pipeline import read_fields
from digitscan.recognition.classifier import load
from digitscan.records import Image
from digitscan.vision.fields import FieldCrop, cut_fields, field_inks, page_ink_level
from digitscan.vision.hidden import hidden_marks
from digitscan.vision.preprint import prints, without_print
from digitscan.vision.registration import register
from tests.drawn_pages import DPI, SMALL_FORM, as_page, tidy_writer, write_form

SCALE = DPI / 25.4
PICTURE = SMALL_FORM.replace('method = "marks"', 'method = "marks"\nimage = "blank.png"')


def lettered(form: Form, dark: float) -> Image:
    """Print coverage of the form with a letter in each cell and open box."""
    page, letters = draw_form(form, DPI), np.zeros_like(draw_form(form, DPI))
    for box in (box for field in form.fields for box in (field.cells or (field.box,))):
        at = round((box.x + box.width / 2 - 1.5) * SCALE), round((box.y + box.height / 2 + 2) * SCALE)
        cv2.putText(letters, "M", at, cv2.FONT_HERSHEY_SIMPLEX, 1.0, round(255 * dark), 1)
    return np.maximum(page, letters)


def with_picture(folder: Path, dark: float) -> Form:
    """A form with a letter in each cell, and its picture."""
    print_ = lettered(write_form(folder, SMALL_FORM), dark)
    assert cv2.imwrite(str(folder / "blank.png"), 255 - print_)
    return write_form(folder, PICTURE)


def bars(form: Form, dark: float) -> Image:
    """An upright bar in each cell and open box, as high as a digit."""
    page = np.zeros_like(draw_form(form, DPI))
    for box in (box for field in form.fields for box in (field.cells or (field.box,))):
        x = round((box.x + box.width / 2) * SCALE)
        page[round((box.y + 2) * SCALE) : round((box.y + 7) * SCALE), x - 2 : x + 2] = round(255 * dark)
    return page


def barred(folder: Path, dark: float) -> Form:
    """A form with a bar in each cell, and its picture."""
    form = write_form(folder, SMALL_FORM)
    print_ = np.maximum(draw_form(form, DPI), bars(form, dark))
    assert cv2.imwrite(str(folder / "blank.png"), 255 - print_)
    return write_form(folder, PICTURE)


def cuts(form: Form, print_: Image, ink: Image | None = None) -> list[FieldCrop]:
    """The fields of a page as they are, not yet without the form's print."""
    page = on_paper(print_, np.zeros_like(print_) if ink is None else ink, 0.9, np.random.default_rng(2))
    return cut_fields(register(as_page(page), (form,)))


def darkest(crop: FieldCrop) -> int:
    """Within the cells of a field, and away from their rules."""
    inset = SCALE
    return max(
        int(crop.dark[round(y + inset) : round(y + h - inset), round(x + inset) : round(x + w - inset)].max())
        for x, y, w, h in crop.cells or (crop.box,)
    )


@pytest.mark.parametrize("dark", [0.3, 0.6, 0.95])
def test_blank_fields_are_blank_without_print(tmp_path: Path, dark: float) -> None:
    form = with_picture(tmp_path, dark)
    crops = cuts(form, lettered(form, dark))
    assert min(darkest(crop) for crop in crops) > 0.2 * 255
    assert max(darkest(crop) for crop in without_print(crops, form)) < 0.1 * 255


def test_rules_stay_where_they_are(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    for crop, cleared in zip(
        crops := cuts(form, lettered(form, 0.6)), without_print(crops, form), strict=True
    ):
        edge = slice(round(crop.box.y), round(crop.box.y + crop.box.height)), round(crop.box.x)
        assert (crop.dark[edge] == cleared.dark[edge]).all()


def test_print_is_followed_to_where_it_lies(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    moved = np.roll(lettered(form, 0.6) - draw_form(form, DPI), (2, -2), axis=(0, 1))
    cleared = without_print(cuts(form, np.maximum(draw_form(form, DPI), moved)), form)
    # the captions over the others did not move
    assert max(darkest(crop) for crop in cleared if crop.field.name.startswith("item[3]")) < 0.1 * 255


def test_print_that_is_paler_or_gone_on_the_page_takes_no_ink(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    box = form.fields[0].cells[0]
    ink = np.zeros_like(lettered(form, 0.6))
    x = round((box.x + box.width / 2) * SCALE)
    ink[round((box.y + 2) * SCALE) : round((box.y + 7) * SCALE), x : x + 4] = 255
    for print_ in (draw_form(form, DPI), lettered(form, 0.4)):
        written = cuts(form, print_, ink)
        (first, *_) = without_print(written, form)
        assert darkest(first) > 0.8 * darkest(written[0])


@pytest.mark.parametrize("dark", [0.6, 0.85])
def test_strokes_over_print_are_whole(tmp_path: Path, dark: float) -> None:
    form = with_picture(tmp_path, dark)
    ink = np.zeros_like(lettered(form, dark))
    box = form.fields[0].cells[0]
    y = round((box.y + box.height / 2) * SCALE)
    ink[y : y + 4, round((box.x + 1) * SCALE) : round((box.x + box.width - 1) * SCALE)] = 255
    (first, *_) = without_print(cuts(form, lettered(form, dark), ink), form)
    cell = first.cells[0]
    rows = first.dark[round(cell.y + 1.5 * SCALE) : round(cell.y + cell.height - 1.5 * SCALE)]
    columns = rows[:, round(cell.x + 1.5 * SCALE) : round(cell.x + cell.width - 1.5 * SCALE)].max(axis=0)
    assert columns.min() > 0.3 * 255


@pytest.mark.parametrize(("dark", "ink"), [(0.5, 0.9), (0.8, 0.9), (0.5, 0.5)])
def test_a_stroke_right_over_a_printed_one_is_left(tmp_path: Path, dark: float, ink: float) -> None:
    form = barred(tmp_path, dark)
    print_ = np.maximum(draw_form(form, DPI), bars(form, dark))
    pen = bars(form, 1.0)
    pen[: pen.shape[0] * 3 // 4] = 0  # below, every bar is written over
    page = on_paper(print_, pen, ink, np.random.default_rng(2))
    crops = cut_fields(register(as_page(page), (form,)))
    for crop, cleared in zip(crops, without_print(crops, form), strict=True):
        if crop.field.box.y * SCALE > pen.shape[0] * 3 / 4:
            assert darkest(cleared) > 0.6 * ink * 255
        else:
            assert darkest(cleared) < 0.1 * 255


def test_black_print_may_hide_a_stroke(tmp_path: Path) -> None:
    form = barred(tmp_path, 0.95)
    crops = without_print(cuts(form, np.maximum(draw_form(form, DPI), bars(form, 0.95))), form)
    level = page_ink_level(crops, form.cleaning)
    inks = field_inks(crops, level, form.cleaning)
    assert min(hidden_marks(crops, inks, level)) > 0.4 * 9 * SCALE
    grey = barred(tmp_path, 0.5)
    crops = without_print(cuts(grey, np.maximum(draw_form(grey, DPI), bars(grey, 0.5))), grey)
    assert not any(hidden_marks(crops, inks, level))


def test_a_printed_line_in_an_open_box_may_hide_a_1_beside_other_digits(tmp_path: Path) -> None:
    form = barred(tmp_path, 0.95)
    print_ = np.maximum(draw_form(form, DPI), bars(form, 0.95))
    box = next(field.box for field in form.fields if not field.cells)
    ink = np.zeros_like(print_)
    x, y = round((box.x + 8) * SCALE), round((box.y + 2) * SCALE)
    cv2.ellipse(ink, (x, y + round(2.5 * SCALE)), (12, 20), 0, 0, 360, 255, 3)
    crops = without_print(cuts(form, print_, ink), form)
    level = page_ink_level(crops, form.cleaning)
    marks = hidden_marks(crops, field_inks(crops, level, form.cleaning), level)
    assert all(mark > 0.4 * 9 * SCALE for crop, mark in zip(crops, marks, strict=True) if not crop.cells)


def test_cells_that_are_all_rules_hide_nothing(tmp_path: Path) -> None:
    form = barred(tmp_path, 0.95)
    crops = without_print(cuts(form, np.maximum(draw_form(form, DPI), bars(form, 0.95))), form)
    level = page_ink_level(crops, form.cleaning)
    flat = [replace(c, cells=tuple(cell._replace(height=8.0) for cell in c.cells)) for c in crops if c.cells]
    nothing = np.zeros(flat[0].dark.shape, np.bool_)
    assert hidden_marks(flat[:1], [(nothing, nothing)], level) == [0.0]


def test_print_of_another_edition_takes_no_ink(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    rng = np.random.default_rng(4)
    ink = write_page(form, fill_page(form, Habits(wrong_sums=0.0), rng), tidy_writer(rng), DPI, rng)
    page = on_paper(draw_form(form, DPI), ink, 0.5, rng)
    crops = cut_fields(register(as_page(page), (form,)))
    assert all((c.dark == o.dark).all() for c, o in zip(without_print(crops, form), crops, strict=True))


def test_forms_without_a_picture_and_without_print_stay_as_they_are(tmp_path: Path) -> None:
    plain = write_form(tmp_path, SMALL_FORM)
    crops = cuts(plain, draw_form(plain, DPI))
    assert all(one is other for one, other in zip(without_print(crops, plain), crops, strict=True))
    assert cv2.imwrite(str(tmp_path / "blank.png"), 255 - draw_form(plain, DPI))
    form = write_form(tmp_path, PICTURE)
    assert not any(prints(form))
    assert all(one is other for one, other in zip(without_print(crops, form), crops, strict=True))


def test_a_picture_on_which_the_form_is_not_found_fails_the_page(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    crops = cuts(form, lettered(form, 0.6))
    assert cv2.imwrite(str(tmp_path / "blank.png"), np.full((945, 709), 255, np.uint8))
    with pytest.raises(PageError, match=r"on blank\.png, its own picture, the form was not found"):
        without_print(crops, replace(form, fingerprint="another"))


def test_numbers_over_letters_are_read(tmp_path: Path) -> None:
    form = with_picture(tmp_path, 0.6)
    rng = np.random.default_rng(4)
    raws = fill_page(form, Habits(wrong_sums=0.0), rng)
    ink = write_page(form, raws, tidy_writer(rng), DPI, rng)
    plain = write_form(tmp_path, SMALL_FORM)
    page = as_page(on_paper(lettered(plain, 0.6), ink, 0.9, rng))
    read = {r.field: r.raw for r in read_fields(register(page, (form,)), load())}
    blank = {field: read[field] for field, raw in raws.items() if not raw.strip("_")}
    assert {field: raw for field, raw in read.items() if field not in blank} == {
        field: raw for field, raw in raws.items() if field not in blank
    }
    assert not any(raw.strip("_") for raw in blank.values())
    with_letters = {r.field: r.raw for r in read_fields(register(page, (plain,)), load())}
    assert sum(with_letters[field] != raw for field, raw in raws.items() if field not in blank) > 1
