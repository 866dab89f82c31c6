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

from digitscan.forms import Form
from digitscan.records import Image, Matrix
from digitscan.vision.constellation import apply
from digitscan.vision.placement import crop_transform, cut, evidence, place_fields
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


def moved(by: Matrix) -> Image:
    """The page bent by `by`, mm -> mm, on white."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centres
    to_page = np.linalg.inv(half) @ EXACT @ by @ np.linalg.inv(EXACT) @ half
    size = (page().shape[1], page().shape[0])
    flags = cv2.INTER_CUBIC
    return np.asarray(cv2.warpPerspective(page(), to_page, size, flags=flags, borderValue=255), np.uint8)


def furthest(placements: list[Matrix], by: Matrix) -> float:
    """How far, in mm, any field's corner lies from where it was printed."""
    apart = []
    for field, placement in zip(form().fields, placements, strict=True):
        x, y, w, h = field.box
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        apart.append(np.hypot(*(apply(placement, corners) / SCALE - apply(by, corners)).T).max())
    return float(max(apart))


@settings(deadline=None, max_examples=12)
@given(
    across=st.floats(-2, 2),
    down=st.floats(-2, 2),
    stretch=st.tuples(st.floats(0.99, 1.01), st.floats(0.99, 1.01)),
)
def test_a_page_that_moved_and_stretched_is_found(
    *, across: float, down: float, stretch: tuple[float, float]
) -> None:
    # stretched about the page's middle, so that no field moves by more than 2.5 mm in all
    by = np.array(
        [
            [stretch[0], 0, across + 45 * (1 - stretch[0])],
            [0, stretch[1], down + 60 * (1 - stretch[1])],
            [0, 0, 1],
        ]
    )
    placements, score = place_fields(moved(by), EXACT, form().fields)
    assert furthest(placements, by) < 0.15 * np.sqrt(2)  # 0.15 mm each way
    assert score > 0.9


def test_a_page_that_did_not_move_stays(capsys: pytest.CaptureFixture[str]) -> None:
    placements, score = place_fields(page(), EXACT, form().fields)
    assert furthest(placements, np.eye(3)) < 0.15
    assert score > 0.95
    assert capsys.readouterr() == ("", "")


def text_page(form: Form) -> Image:
    image = np.full((round(form.page.size[1] * SCALE), round(form.page.size[0] * SCALE)), 240, np.uint8)
    for row in range(30):
        cv2.putText(
            image, "To whom it may concern, 1880", (20, 40 + 30 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 30, 2
        )
    return image


@pytest.mark.parametrize("kind", ["white", "black", "noise", "text"])
def test_a_page_without_rules_gives_no_evidence(kind: str) -> None:
    shape = page().shape
    image = {
        "white": np.full(shape, 255, np.uint8),
        "black": np.zeros(shape, np.uint8),
        "noise": np.clip(np.random.default_rng(1).normal(230, 6, shape), 0, 255).astype(np.uint8),
        "text": text_page(form()),
    }[kind]
    assert evidence(image, EXACT, form().fields) < 0.1
    placements, score = place_fields(image, EXACT, form().fields)
    assert score < 0.1
    # nothing seen means no great move
    assert furthest(placements, np.eye(3)) < 2.5


def test_evidence_falls_where_the_page_is_another_way_up() -> None:
    right = evidence(page(), EXACT, form().fields)
    upside_down = np.ascontiguousarray(page()[::-1, ::-1])
    assert right > 0.95
    assert evidence(upside_down, EXACT, form().fields) < 0.5 * right


def test_rules_count_by_their_contrast_not_by_their_brightness() -> None:
    dim = np.asarray(page() * 0.4, np.uint8)
    assert evidence(dim, EXACT, form().fields) > 0.95
    nearly_white = np.asarray(255 - (255 - blank(form())) * 0.04, np.uint8)
    assert evidence(nearly_white, EXACT, form().fields) < 0.1


def test_a_field_hidden_by_a_blot_goes_with_its_neighbours() -> None:
    by = np.array([[1, 0, 1.2], [0, 1, -0.9], [0, 0, 1.0]])
    image = moved(by)
    x, y, w, h = (round(v * SCALE) for v in form().fields[3].box)
    image[y - 30 : y + h + 30, x - 30 : x + w + 30] = 60
    placements, score = place_fields(image, EXACT, form().fields)
    assert furthest(placements, by) < 0.5
    assert score < 1


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
