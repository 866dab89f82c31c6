"""Marks and frames found on pictures."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from digitscan.records import Image, Matrix
from digitscan.vision.landmarks import find_frames, find_marks
from digitscan.vision.transforms import apply
from tests.drawn_pages import blank, household
from tests.vision.marks import CENTRES, MARKS, SIZE, SIZES, similarity

FRAMES = ((200, 200, 440, 68), (800, 240, 600, 68), (240, 1000, 1200, 400), (180, 1800, 360, 68))
"""x, y, width, height, px."""
ASKEW = cv2.getRotationMatrix2D((850.0, 1100.0), 9.0, 1.0)


def drawn(transform: Matrix, size: tuple[int, int]) -> Image:
    page = np.full((size[1], size[0]), 235, np.uint8)
    for mark in MARKS:
        x, y, w, h = mark
        corners = apply(transform, np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]))
        # half a pixel back: OpenCV counts from the middle of the first pixel
        cv2.fillPoly(page, [np.round(corners * 16 - 8).astype(np.int32)], 20, cv2.LINE_AA, 4)
    return page


@pytest.mark.parametrize("dpi", [72, 150, 300])
def test_marks_are_found_where_they_are(dpi: int) -> None:
    scale = dpi / 25.4
    page = drawn(similarity(1.0, scale, (3 * scale, 0.0)), (round(210 * scale), round(297 * scale)))
    found = find_marks(page, SIZES, SIZE)
    centres = apply(similarity(1.0, scale, (3 * scale, 0.0)), CENTRES)
    assert len(found) == len(MARKS)
    apart = np.hypot(*(found[:, None, :2] - centres[None]).transpose(2, 0, 1)).min(axis=0)
    assert apart.max() < max(1.0, 0.1 * scale)
    sides = np.sqrt(found[:, 2:].prod(axis=1)) / scale
    assert sides == pytest.approx([6] * len(found), abs=1.3)  # light blurs the edges


def test_marks_are_found_in_shadow_and_text_is_not() -> None:
    scale = 6.0
    page = drawn(similarity(0, scale, (0.0, 0.0)), (1260, 1782))
    for row in range(8):
        cv2.putText(
            page, "one mark is not a word", (150, 300 + 60 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 30, 2
        )
    shade = np.linspace(1, 0.45, page.shape[1])[None]
    found = find_marks(np.asarray(page * shade, np.uint8), SIZES, SIZE)
    assert len(found) == len(MARKS)


def test_marks_are_found_on_a_sheet_with_a_dark_desk_all_around() -> None:
    scale = 6.0
    page = cv2.copyMakeBorder(
        drawn(similarity(0, scale, (0.0, 0.0)), (1260, 1782)), 90, 90, 90, 90, cv2.BORDER_CONSTANT, value=40
    )
    found = find_marks(np.asarray(page), SIZES, SIZE)
    expected = CENTRES * scale + 90
    apart = np.hypot(*(found[:, None, :2] - expected[None]).transpose(2, 0, 1)).min(axis=0)
    assert apart.max() < 1


def test_marks_are_found_where_nothing_is_dark() -> None:
    page = drawn(similarity(0, 6.0, (0.0, 0.0)), (1260, 1782))
    pale = np.asarray(255 - 0.3 * (255.0 - page)).astype(np.uint8)
    assert len(find_marks(pale, SIZES, SIZE)) == 0
    assert len(find_marks(pale, SIZES, SIZE, faint=True)) == len(MARKS)


def framed() -> Image:
    page = np.full((2200, 1700), 250, np.uint8)
    for x, y, w, h in FRAMES:
        cv2.rectangle(page, (x, y), (x + w, y + h), 20, 2)
    return page


def in_bits(page: Image) -> Image:
    rng = np.random.default_rng(4)
    rows, columns = np.nonzero(page < 100)
    gone = rng.random(len(rows)) < 0.4
    page[rows[gone], columns[gone]] = 250
    return page


def pale(page: Image) -> Image:
    return np.asarray(250 - 0.15 * (250.0 - page)).astype(np.uint8)


def askew(page: Image) -> Image:
    return np.asarray(cv2.warpAffine(page, ASKEW, (1700, 2200), borderValue=250), np.uint8)


@pytest.mark.parametrize(
    ("spoilt", "contrast", "moved"),
    [(in_bits, 1.0, np.eye(2, 3)), (pale, 0.5, np.eye(2, 3)), (askew, 1.0, ASKEW)],
    ids=["in bits", "pale", "askew"],
)
def test_frames_are_found_when_looked_for_harder(
    spoilt: Callable[[Image], Image], contrast: float, moved: Matrix
) -> None:
    page = spoilt(framed())
    sizes, size = np.array([(w, h) for _, _, w, h in FRAMES]) / 8, (212.5, 275.0)
    assert len(find_frames(page, sizes, size)) < 2
    found = find_frames(page, sizes, size, contrast=contrast)
    centres = np.array([(x + w / 2, y + h / 2, 1) for x, y, w, h in FRAMES]) @ np.asarray(moved).T
    assert len(found) == len(FRAMES)
    apart = np.hypot(*(found[:, None, :2] - centres[None]).transpose(2, 0, 1)).min(axis=0)
    assert apart.max() < 3


def test_frames_of_a_printed_form_are_found_where_they_are() -> None:
    form = household()
    cells = [cell for field in form.fields for cell in field.cells]
    found = find_frames(blank(form, 150), np.array([(c.width, c.height) for c in cells]), SIZE)
    assert len(found) == len(cells)
    scale = 150 / 25.4
    centres = np.array([(c.x + c.width / 2, c.y + c.height / 2) for c in cells]) * scale
    apart = np.hypot(*(found[:, None, :2] - centres[None]).transpose(2, 0, 1)).min(axis=1)
    assert np.quantile(apart, 0.9) < 0.3 * scale


@pytest.mark.parametrize(
    "page",
    [
        np.full((600, 400), 255, np.uint8),
        np.zeros((600, 400), np.uint8),
        np.full((1, 1), 255, np.uint8),
        np.full((3, 3000), 200, np.uint8),
        np.tile(np.linspace(255, 40, 400).astype(np.uint8), (600, 1)),
    ],
    ids=["white", "black", "a dot", "a strip", "a shade"],
)
def test_nothing_is_found_where_nothing_is(page: Image) -> None:
    assert find_marks(page, SIZES, SIZE).shape == (0, 4)
    assert find_frames(page, SIZES, SIZE).shape == (0, 4)


def test_all_frames_of_a_form_with_a_thousand_are_found() -> None:
    page = np.full((2100, 1500), 235, np.uint8)
    page[100:1925:60, 100:1400] = page[102:1925:60, 100:1400] = page[101:1925:60, 100:1400] = 30
    for x in range(100, 1400, 40):
        page[100:1903, x : x + 3] = 30
    assert len(find_frames(page, np.full((960, 2), (4.0, 6.0)), (150.0, 210.0))) >= 950
