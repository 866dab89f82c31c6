"""Fields found by their own printed rules, near where registration puts them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from digitscan.forms import Form
from digitscan.records import Image, Matrix
from digitscan.vision.placement import LaidPage, cut
from digitscan.vision.transforms import apply, crop_transform
from tests.drawn_pages import DPI, SMALL_FORM, blank, filled, write_form

SCALE = DPI / 25.4
EXACT = np.diag([SCALE, SCALE, 1.0])


@cache
def form() -> Form:
    with TemporaryDirectory() as folder:
        return write_form(Path(folder), SMALL_FORM)


@cache
def page() -> Image:
    return filled(form(), 4)[0]


def laid(image: Image) -> LaidPage:
    return LaidPage(image, EXACT, form().fields)


def moved(by: Matrix) -> Image:
    """The page bent by `by`, mm -> mm, on white."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centres
    to_page = np.linalg.inv(half) @ EXACT @ by @ np.linalg.inv(EXACT) @ half
    size = (page().shape[1], page().shape[0])
    flags = cv2.INTER_CUBIC
    return np.asarray(cv2.warpPerspective(page(), to_page, size, flags=flags, borderValue=255), np.uint8)


def one_cell() -> int:
    """Which field is a single cell."""
    return next(i for i, field in enumerate(form().fields) if len(field.cells) == 1)


def furthest(placements: list[Matrix], by: Matrix) -> float:
    """How far, in mm, any field's corner lies from where it was printed."""
    apart = []
    for field, placement in zip(form().fields, placements, strict=True):
        x, y, w, h = field.box
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        apart.append(np.hypot(*(apply(placement, corners) / SCALE - apply(by, corners)).T).max())
    return float(max(apart))


@settings(deadline=None, max_examples=6)
@given(across=st.floats(-2, 2), down=st.floats(-2, 2))
def test_a_page_that_moved_is_found(across: float, down: float) -> None:
    by = np.array([[1, 0, across], [0, 1, down], [0, 0, 1.0]])
    placements, seen, _ = laid(moved(by)).placed()
    assert furthest(placements, by) < 0.4
    assert np.mean(seen) > 0.95


@settings(deadline=None, max_examples=6)
@given(stretch=st.tuples(st.floats(0.99, 1.01), st.floats(0.99, 1.01)))
def test_paper_that_stretched_is_found(stretch: tuple[float, float]) -> None:
    x, y = stretch
    by = np.array([[x, 0, 45 * (1 - x)], [0, y, 60 * (1 - y)], [0, 0, 1.0]])
    placements, seen, _ = laid(moved(by)).placed()
    assert furthest(placements, by) < 0.5
    assert np.mean(seen) > 0.9


def test_a_page_that_did_not_move_stays() -> None:
    placements, seen, _ = laid(page()).placed()
    assert furthest(placements, np.eye(3)) < 0.15
    assert np.mean(seen) > 0.95


def text_page(height: float, seed: int) -> Image:
    """A page of printed words, `height` mm high."""
    rng = np.random.default_rng(seed)
    letters = list("etaoinshrdlcumwfgypbvk")
    page = Pictures.new("L", (709, 945), 240)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(height * SCALE)
    for y in np.arange(10, 930, 1.25 * height * SCALE):
        words = ("".join(rng.choice(letters, int(rng.integers(1, 9)))) for _ in range(16))
        draw.text((10 - int(rng.integers(40)), float(y)), " ".join(words), fill=40, font=font)
    return np.asarray(page)


@pytest.mark.parametrize("kind", ["white", "black", "noise"])
def test_a_page_without_rules_gives_no_evidence(kind: str) -> None:
    shape = page().shape
    image = {
        "white": np.full(shape, 255, np.uint8),
        "black": np.zeros(shape, np.uint8),
        "noise": np.clip(np.random.default_rng(1).normal(230, 6, shape), 0, 255).astype(np.uint8),
    }[kind]
    assert laid(image).evidence < 0.1
    placements, seen, _ = laid(image).placed()
    assert np.mean(seen) < 0.1
    assert furthest(placements, np.eye(3)) < 4  # nothing seen means no great move


@pytest.mark.parametrize("height", [2.0, 2.5, 3.0, 4.0, 5.0])
def test_letters_are_no_rules(height: float) -> None:
    """What is read from a page of another kind is worse than nothing."""
    page = text_page(height, 1)
    assert laid(page).evidence < 0.35
    assert np.mean(laid(page).placed()[1]) < 0.35


def test_evidence_falls_where_the_page_is_another_way_up() -> None:
    right = laid(page()).evidence
    upside_down = np.ascontiguousarray(page()[::-1, ::-1])
    assert right > 0.95
    assert laid(upside_down).evidence < 0.5 * right


def test_rules_count_by_their_contrast_not_by_their_brightness() -> None:
    dim = np.asarray(page() * 0.4, np.uint8)
    assert laid(dim).evidence > 0.95
    nearly_white = np.asarray(255 - (255 - blank(form())) * 0.04, np.uint8)
    assert laid(nearly_white).evidence < 0.1


def test_level_rules_alone_are_little_evidence_for_a_field() -> None:
    """A field printed half a cell farther right has the same level rules."""
    image, (x, y, w, h) = blank(form()).copy(), (round(v * SCALE) for v in form().fields[0].box)
    row = image[y - 4 : y + h + 5, x - 4 : x + w + 60]
    row[:] = np.roll(row, round(3.5 * SCALE), axis=1)
    _, seen, lesser = laid(image).placed()
    assert lesser[0] < 0.4 < seen[0]
    assert min(lesser[1:]) > 0.9


@pytest.mark.parametrize("cells", [1, -1])
def test_a_field_printed_a_cell_off_has_no_evidence(cells: int) -> None:
    image, (x, y, w, h) = blank(form()).copy(), (round(v * SCALE) for v in form().fields[0].box)
    row = image[y - 4 : y + h + 5, x - 70 : x + w + 70]
    row[:] = np.roll(row, round(7 * SCALE) * cells, axis=1)
    _, seen, lesser = laid(image).placed()
    assert lesser[0] == 0
    assert seen[0] > 0.4
    assert min(lesser[1:]) > 0.9


@pytest.mark.parametrize(("lost", "found"), [((1, 2), False), ((1,), True), ((0, 1), True)])
def test_a_field_divided_otherwise_has_no_evidence(lost: tuple[int, ...], *, found: bool) -> None:
    image, (x, y, w, h) = blank(form()).copy(), (round(v * SCALE) for v in form().fields[0].box)
    for edge in lost:  # of four upright ones
        at = x + round(edge * w / 3)
        image[y + 4 : y + h - 3, at - 4 : at + 5] = 255
    _, _, lesser = laid(image).placed()
    assert (lesser[0] > 0.4) is found
    assert min(lesser[1:]) > 0.9


@pytest.mark.parametrize(("written", "found"), [((1,), False), ((1, 2), True)])
def test_all_rules_between_cells_may_lie_under_writing(written: tuple[int, ...], *, found: bool) -> None:
    """One stroke where a rule should be may be a 1 in an open box."""
    image, (x, y, w, h) = blank(form()).copy(), (round(v * SCALE) for v in form().fields[0].box)
    for edge in (1, 2):
        at = x + round(edge * w / 3)
        image[y + 4 : y + h - 3, at - 4 : at + 5] = 255
        if edge in written:
            cv2.line(image, (at, y + 5), (at, y + h - 5), 40, round(1.4 * SCALE))
    _, _, lesser = laid(image).placed()
    assert (lesser[0] > 0.4) is found


@pytest.mark.parametrize(("gone", "found"), [(1.0, False), (0.5, True)])
def test_a_cell_that_lacks_a_side_has_no_evidence(gone: float, *, found: bool) -> None:
    image, index = blank(form()).copy(), one_cell()
    x, y, w, h = (round(v * SCALE) for v in form().fields[index].box)
    image[y + h - 4 : y + h + 5, x - 4 : x + round(gone * w) + 5] = 255
    _, _, lesser = laid(image).placed()
    assert (lesser[index] > 0.4) is found


@pytest.mark.parametrize(
    ("stroke", "found"),
    [
        (((-0.1, 1.0), (1.1, 1.0)), True),  # along the side
        (((0.1, 0.9), (0.6, 1.1)), False),  # across it
        (((0.5, 0.2), (0.5, 1.2)), False),
    ],
)
def test_a_side_under_a_thick_stroke_may_be_there(
    stroke: tuple[tuple[float, float], ...], *, found: bool
) -> None:
    image, index = blank(form()).copy(), one_cell()
    x, y, w, h = (round(v * SCALE) for v in form().fields[index].box)
    image[y + h - 4 : y + h + 5, x - 4 : x + w + 5] = 255
    begin, end = ((round(x + across * w), round(y + down * h)) for across, down in stroke)
    cv2.line(image, begin, end, 40, round(1.5 * SCALE))
    _, _, lesser = laid(image).placed()
    assert (lesser[index] > 0.4) is found


def test_a_side_of_which_a_fax_has_left_dots_is_there() -> None:
    image, index = blank(form()).copy(), one_cell()
    x, y, w, h = (round(v * SCALE) for v in form().fields[index].box)
    for gap in range(x, x + w, 14):
        image[y + h - 4 : y + h + 5, gap : gap + 3] = 255
    _, seen, lesser = laid(image).placed()
    assert (seen[index], lesser[index]) == (0.75, 1.0)


def test_what_lies_under_a_black_cover_is_not_there() -> None:
    image, index = blank(form()).copy(), one_cell()
    x, y, w, h = (round(v * SCALE) for v in form().fields[index].box)
    image[y + h // 2 : y + h + 40, x - 40 : x + w + 40] = 30
    assert laid(image).placed()[2][index] == 0


def test_a_field_hidden_by_a_blot_goes_with_its_neighbours() -> None:
    by = np.array([[1, 0, 1.2], [0, 1, -0.9], [0, 0, 1.0]])
    image = moved(by)
    x, y, w, h = (round(v * SCALE) for v in form().fields[3].box)
    image[y - 30 : y + h + 30, x - 30 : x + w + 30] = 60
    placements, seen, _ = laid(image).placed()
    assert furthest(placements, by) < 0.5
    assert np.mean(seen) < 1


def test_a_cut_at_the_page_s_own_resolution_is_the_page_itself() -> None:
    origin = (12 / SCALE, 34 / SCALE)
    crop = cut(page(), crop_transform(EXACT, origin, SCALE), (200, 150))
    assert np.array_equal(crop, page()[34:184, 12:212])


def test_a_cut_beyond_the_page_repeats_its_edge() -> None:
    grey = np.full((40, 40), 77, np.uint8)
    assert (cut(grey, crop_transform(EXACT, (-5, -5), SCALE), (120, 120)) == 77).all()


@given(x=st.floats(-20, 200), y=st.floats(-20, 300), scale=st.floats(2, 25))
def test_crop_pixels_go_to_the_page_by_way_of_millimetres(x: float, y: float, scale: float) -> None:
    to_page = crop_transform(EXACT, (x, y), scale)
    there = apply(to_page, np.array([(0.0, 0.0), (scale, 3 * scale)]))
    assert there == pytest.approx(np.array([(x, y), (x + 1, y + 3)]) * SCALE, abs=1e-6)
