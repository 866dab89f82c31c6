from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

from digitscan.deck.drawing import Writer, draw_form, on_paper, punch_holes, write_page
from digitscan.deck.handwriting import draw_digit, make_hand
from digitscan.errors import UsageError
from digitscan.forms import Form, load_form
from digitscan.records import Box, Image

DPI = 200
SCALE = DPI / 25.4


def part(picture: Image, box: Box) -> Image:
    x, y, w, h = (round(v * SCALE) for v in box)
    return picture[y : y + h, x : x + w]


@pytest.fixture
def writer() -> Writer:
    hand = make_hand(np.random.default_rng(2))
    return Writer(
        hand=hand,
        draw_digit=partial(draw_digit, hand),
        size=0.7,
        untidiness=0.02,
        lift=0.0,
        gap=0.2,
        touching=0.0,
        dashes=False,
    )


def empty_page(form: Form) -> dict[str, str]:
    return {field.name: "_" * len(field.cells) for field in form.fields}


def test_the_blank_form_shows_marks_and_cells_where_the_definition_has_them(form: Form) -> None:
    printed = draw_form(form, DPI)
    assert printed.shape == (round(120 * SCALE), round(90 * SCALE))
    for mark in form.registration.marks:
        assert part(printed, Box(*mark)).mean() > 245
    for field in form.fields:
        for box in field.cells or (field.box,):
            inner = Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)
            assert not part(printed, inner).any(), field.name
            edge = Box(box.x - 0.2, box.y + 1, 0.4, box.height - 2)
            assert part(printed, edge).max(axis=1).min() > 80, field.name


def test_ink_goes_into_the_cells_that_are_written(form: Form, writer: Writer) -> None:
    raws = empty_page(form) | {"code": "_42", "item[2].amount": "X__"}
    ink = write_page(form, raws, writer, DPI, np.random.default_rng(0))
    fields = {field.name: field for field in form.fields}
    inked = [part(ink, cell).max() == 255 for cell in fields["code"].cells]
    assert inked == [False, True, True]
    inked = [part(ink, cell).max() == 255 for cell in fields["item[2].amount"].cells]
    assert inked == [True, False, False]
    assert not part(ink, fields["item[1].amount"].box).any()


@pytest.mark.parametrize(("raw", "touching", "expected"), [("2083", 0.0, 4), ("2083", 1.0, 1), ("", 0.0, 0)])
def test_digits_in_an_open_box_stand_apart_or_touch(
    form: Form, writer: Writer, raw: str, touching: float, expected: int
) -> None:
    open_box = next(field for field in form.fields if field.name == "open").box
    free = replace(writer, touching=touching, gap=0.4, untidiness=0.0)
    ink = write_page(form, empty_page(form) | {"open": raw}, free, DPI, np.random.default_rng(0))
    assert cv2.connectedComponents((ink > 60).astype(np.uint8))[0] - 1 == expected
    assert (ink > 0).sum() == (part(ink, open_box) > 0).sum(), "ink outside of the box"


def test_two_bars_that_shall_touch_do_not_become_one(form: Form, writer: Writer) -> None:
    bars = replace(writer, touching=1.0, draw_digit=lambda *_: np.full((30, 5), 255, np.uint8))
    ink = write_page(form, empty_page(form) | {"open": "11"}, bars, DPI, np.random.default_rng(0))
    assert cv2.connectedComponents((ink > 60).astype(np.uint8))[0] - 1 == 2


def test_many_digits_are_written_small_enough_for_an_open_box(form: Form, writer: Writer) -> None:
    open_box = next(field for field in form.fields if field.name == "open").box
    ink = write_page(form, empty_page(form) | {"open": "0" * 14}, writer, DPI, np.random.default_rng(0))
    assert (ink > 0).sum() == (part(ink, open_box) > 0).sum()


def test_ink_is_as_dark_as_asked(form: Form, writer: Writer) -> None:
    ink = write_page(form, empty_page(form) | {"code": "042"}, writer, DPI, np.random.default_rng(0))
    blank = np.zeros_like(ink)
    pale, dark = (on_paper(blank, ink, darkness, np.random.default_rng(0)) for darkness in (0.3, 0.9))
    assert dark[ink == 0].min() == 255
    assert dark[ink == 255].mean() < 80
    assert pale[ink == 255].mean() > 160


def test_holes_are_punched_into_the_margin_but_never_into_a_field(form: Form) -> None:
    page = np.full((round(120 * SCALE), round(90 * SCALE)), 255, np.uint8)
    assert (punch_holes(page, form, DPI) < 100).sum() == pytest.approx(2 * np.pi * (3 * SCALE) ** 2, rel=0.03)
    moved = replace(form.fields[0], box=Box(8, 18, 20, 8))
    assert (punch_holes(page, replace(form, fields=(moved,)), DPI) == 255).all()


def test_a_template_form_is_printed_from_its_picture(tmp_path: Path) -> None:
    picture = np.full((300, 200), 255, np.uint8)
    picture[100:200] = 0
    Pictures.fromarray(picture).save(tmp_path / "blank.png")
    (tmp_path / "form.toml").write_text(
        'name = "t"\n[page]\nsize = [50, 75]\n[registration]\nmethod = "template"\nimage = "blank.png"\n'
        '[[field]]\nname = "n"\nbox = [5, 5, 14, 8]\ncells = 2\n',
        encoding="utf-8",
    )
    template_form = load_form(tmp_path / "form.toml")
    printed = draw_form(template_form, 100)
    assert printed.shape == (295, 197)
    assert printed[:90].max() == 0 and printed[110:190].min() == 255
    (tmp_path / "blank.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"blank\.png: the form's reference picture"):
        draw_form(template_form, 100)
