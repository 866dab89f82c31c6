"""Marks and frames found on pictures, and matched with the form's, however the page lies."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.records import Box, Image, Matrix
from digitscan.vision.constellation import Points, apply, find_frames, find_marks, match, rotation_of
from tests.drawn_pages import blank, household

SIZE = (210.0, 297.0)
MARKS = (
    Box(8, 8, 6, 6),
    Box(196, 8, 6, 6),
    Box(8, 283, 6, 6),
    Box(196, 283, 6, 6),
    Box(24, 8, 6, 6),
    Box(90, 140, 9, 5),
)
SIZES = np.array([(m.width, m.height) for m in MARKS])
CENTRES = np.array([(m.x + m.width / 2, m.y + m.height / 2) for m in MARKS])
CORNERS = np.array([(0.0, 0.0), (210.0, 0.0), (210.0, 297.0), (0.0, 297.0)])

FRAMES = ((200, 200, 440, 68), (800, 240, 600, 68), (240, 1000, 1200, 400), (180, 1800, 360, 68))
"""x, y, width, height, px."""
ASKEW = cv2.getRotationMatrix2D((850.0, 1100.0), 9.0, 1.0)


def similarity(degrees: float, scale: float, shift: tuple[float, float]) -> Matrix:
    c, s = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1.0]])


def seen(transform: Matrix, kept: list[int], clutter: Points) -> Points:
    """What a detector would give: the kept marks, and clutter."""
    scale = np.sqrt(abs(np.linalg.det(transform[:2, :2])))
    marks = np.column_stack([apply(transform, CENTRES), SIZES * scale])[kept]
    return np.vstack([marks, clutter])


def worst(found: Matrix, true: Matrix) -> float:
    """How far, in px, the form's corners are apart under two transforms."""
    return float(np.hypot(*(apply(found, CORNERS) - apply(true, CORNERS)).T).max())


@settings(deadline=None, max_examples=40)
@given(
    degrees=st.floats(0, 360),
    scale=st.floats(3, 14),
    tilt=st.tuples(st.floats(-1.5e-4, 1.5e-4), st.floats(-1.5e-4, 1.5e-4)),
    lost=st.sampled_from([None, 0, 1, 2, 3, 4, 5]),
    clutter=st.integers(0, 25),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_way_a_page_lies_is_found(
    *, degrees: float, scale: float, tilt: tuple[float, float], lost: int | None, clutter: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    true = similarity(degrees, scale, (400.0, 300.0))
    true[2, :2] = tilt  # a plane seen at an angle: one side up to 3 % longer in a hundred millimetres
    page = apply(true, CORNERS)
    dirt = np.column_stack(
        [
            rng.uniform(page.min(axis=0), page.max(axis=0), (clutter, 2)),
            rng.uniform(1, 5, (clutter, 2)) * scale,
        ]
    )
    kept = [i for i in range(len(MARKS)) if i != lost]
    if lost is not None:  # what lies near its place may pass for a lost mark
        place = apply(true, CENTRES[lost : lost + 1])
        dirt = dirt[np.hypot(*(dirt[:, :2] - place).T) > 25 * scale]
    best = match(MARKS, seen(true, kept, dirt), SIZE)[0]
    assert best.matched >= len(kept) - 1  # a mark may be lost to dirt that lies nearer
    assert worst(best.transform, true) < 0.01 * scale * 210
    assert rotation_of(best.transform, SIZE) == rotation_of(true, SIZE)


FIVE = (*MARKS[:4], Box(21, 8, 6, 6))
"""As on most forms: one beside a corner tells which way is up."""


@pytest.mark.parametrize("lost", [None, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_bold_writing_takes_no_mark_s_place(lost: int | None, seed: int) -> None:
    """Of eighty blots five lie nearly as the marks do, at another scale; their sizes tell."""
    rng = np.random.default_rng(seed)
    true = similarity(180.5, 11.8, (2460.0, 3500.0))
    blots = np.column_stack(
        [rng.uniform(300, 2200, 80), rng.uniform(300, 3200, 80), rng.uniform(18, 45, (80, 2))]
    )
    centres = np.array([(m.x + m.width / 2, m.y + m.height / 2) for m in FIVE])
    marks = np.column_stack([apply(true, centres), np.full((5, 2), 6 * 11.8) + rng.uniform(-3, 3, (5, 2))])
    found = np.vstack([np.delete(marks, [] if lost is None else [lost], axis=0), blots])
    upright = {rotation_of(m.transform, SIZE): m for m in match(FIVE, found, SIZE)}
    assert worst(upright[180].transform, true) < 20


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_exact_marks_give_the_exact_transform(rotation: int) -> None:
    true = similarity(-rotation + 1.5, 8, (2500.0, 2500.0))
    best = match(MARKS, seen(true, list(range(6)), np.zeros((0, 4))), SIZE)[0]
    assert best.matched == 6
    assert best.share == 1
    assert worst(best.transform, true) < 0.05
    assert rotation_of(best.transform, SIZE) == rotation


@pytest.mark.parametrize(
    ("degrees", "rotation"), [(0, 0), (40, 0), (-90, 90), (-130, 90), (180, 180), (90, 270), (44.9, 0)]
)
def test_rotation_is_the_nearest_quarter_turn_that_sets_the_page_upright(
    degrees: float, rotation: int
) -> None:
    assert rotation_of(similarity(degrees, 3, (0, 0)), SIZE) == rotation


@given(
    points=st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=1, max_size=5),
    degrees=st.floats(0, 360),
    scale=st.floats(0.1, 20),
)
def test_apply_undoes_its_inverse(points: list[tuple[float, float]], degrees: float, scale: float) -> None:
    there = similarity(degrees, scale, (10.0, -70.0))
    there[2, 0] = 1e-4
    before = np.array(points, np.float64)
    back = np.asarray(np.linalg.inv(there), np.float64)
    assert np.allclose(apply(back, apply(there, before)), before, atol=1e-5)


@pytest.mark.parametrize(
    "found",
    [
        [],
        [[100, 100, 20, 20]],
        [[100, 100, 20, 20], [900, 1500, 20, 20]],
        [[100, 100, 20, 20], [100, 100, 30, 30]],
        [[100, 100, 20, 20], [100, 100, 30, 30], [1500, 100, 40, 40], [1500, 100, 50, 50]],
        [[100 * i, 100, 40, 40] for i in range(9)],
    ],
    ids=["nothing", "one", "two", "one in the other", "two in others", "a row"],
)
def test_too_little_is_no_match(found: list[list[float]]) -> None:
    assert match(MARKS, np.array(found, np.float64).reshape(-1, 4), SIZE) == []


def test_a_mirror_image_is_no_match() -> None:
    mirrored = seen(similarity(0, 8, (100.0, 100.0)), list(range(6)), np.zeros((0, 4)))
    mirrored[:, 0] = 2000 - mirrored[:, 0]
    assert all(m.matched < 6 for m in match(MARKS, mirrored, SIZE))


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


def test_clutter_of_another_shape_is_no_mark() -> None:
    true = similarity(0, 8, (60.0, 60.0))
    marks = seen(true, list(range(6)), np.zeros((0, 4)))
    streaks = marks.copy()
    streaks[:, :2] += (25.0, -20.0)
    streaks[:, 2:] *= (0.45, 2.2)
    (best, *_) = match(MARKS, np.vstack([streaks, marks]), SIZE)
    assert best.matched == 6
    assert worst(best.transform, true) < 0.1


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
    assert len(found) == 120  # the most that are kept
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
