"""Boxes found on a page matched with the form's, however the page lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.records import Box, Matrix
from digitscan.vision.constellation import UNLIKE, _partners_of_each, match
from digitscan.vision.transforms import Points, apply, rotation_of
from tests.vision.marks import CENTRES, MARKS, SIZE, SIZES, similarity

CORNERS = np.array([(0.0, 0.0), (210.0, 0.0), (210.0, 297.0), (0.0, 297.0)])


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


@pytest.mark.parametrize("tilt", [(6e-4, 6e-4), (-5e-4, -5e-4), (-6e-4, 4e-4)])
def test_marks_of_a_sheet_photographed_from_the_side_are_all_found(tilt: tuple[float, float]) -> None:
    centres = np.array([(m.x + m.width / 2, m.y + m.height / 2) for m in FIVE])
    true = similarity(3.0, 6.0, (200.0, 150.0))
    true[2, :2] = tilt
    size = 6 * 6.0 / (1 + centres @ np.array(tilt))
    marks = np.column_stack([apply(true, centres), size, size])
    best = match(FIVE, marks, SIZE)[0]
    assert best.matched == len(FIVE)
    assert worst(best.transform, true) < 1


def table(columns: int, rows: int) -> tuple[Box, ...]:
    """Cells of 7 by 9 mm, as those of a large table, and a frame around them."""
    cells = [Box(20 + 7 * i, 40 + 9 * j, 7, 9) for i in range(columns) for j in range(rows)]
    return (*cells, Box(20, 40, 7 * columns, 9 * rows))


@pytest.mark.parametrize("seed", range(3))
def test_a_table_of_many_cells_is_found(seed: int) -> None:
    """Where a fit is a cell too narrow each of its cells lies near another one."""
    rng = np.random.default_rng(seed)
    cells = table(24, 22)
    true = similarity(1.5, 8, (100.0, 60.0))
    centres = np.array([(b.x + b.width / 2, b.y + b.height / 2) for b in cells])
    sizes = np.array([(b.width, b.height) for b in cells])
    seen = np.column_stack([apply(true, centres), sizes * 8])
    matches = match(cells, seen + rng.normal(0, 0.5, seen.shape), SIZE)
    upright = {rotation_of(m.transform, SIZE): m for m in matches}  # it looks the same upside down
    assert worst(upright[0].transform, true) < 8
    assert upright[0].share > 0.9


@pytest.mark.parametrize("count", [3, 4, 7])
def test_boxes_in_line_tell_shift_turn_and_size(count: int) -> None:
    row = tuple(Box(20 + 25 * i, 100, 18 + i, 8) for i in range(count))
    true = similarity(-2, 11.8, (40.0, 90.0))
    centres = np.array([(b.x + b.width / 2, b.y + b.height / 2) for b in row])
    sizes = np.array([(b.width, b.height) for b in row])
    off = np.random.default_rng(count).normal(0, 1, centres.shape)
    found = np.column_stack([apply(true, centres) + off, sizes * 11.8])
    best = match(row, found, SIZE)[0]
    assert best.matched == count
    assert worst(best.transform, true) < 60  # px, at the far corner of a sheet of which it tells one line


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_exact_marks_give_the_exact_transform(rotation: int) -> None:
    true = similarity(-rotation + 1.5, 8, (2500.0, 2500.0))
    best = match(MARKS, seen(true, list(range(6)), np.zeros((0, 4))), SIZE)[0]
    assert best.matched == 6
    assert best.share == 1
    assert worst(best.transform, true) < 0.05
    assert rotation_of(best.transform, SIZE) == rotation


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


@pytest.mark.parametrize("boxes", [MARKS[:1], MARKS[:2], (MARKS[0],) * 3], ids=["one", "two", "one thrice"])
def test_a_form_of_fewer_than_three_boxes_is_found_nowhere(boxes: tuple[Box, ...]) -> None:
    page = seen(similarity(0, 8, (60.0, 60.0)), list(range(6)), np.zeros((0, 4)))
    assert match(boxes, page, SIZE) == []


@pytest.mark.parametrize("seed", range(4))
def test_each_box_gets_the_nearest_about_as_large_and_none_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 200, (60, 2))
    sizes = rng.choice([4.0, 7.0, 30.0], (60, 2))
    way = similarity(2, 6, (50.0, 80.0))
    found = np.column_stack([rng.uniform(0, 1300, (90, 2)), rng.choice([24.0, 42.0, 180.0], (90, 2))])
    tolerance = 25.0
    pairs = sorted(
        (float(np.hypot(*(place - box[:2]))), i, j)
        for i, place in enumerate(apply(way, centres))
        for j, box in enumerate(found)
        if np.abs(np.log(np.sort(box[2:]) / np.sort(sizes[i] * 6))).max() < np.log(UNLIKE)
    )
    nearest = {i: (away, j) for away, i, j in reversed(pairs)}
    expected, taken = np.full(60, -1), set[int]()
    for _, i, j in sorted((away, i, j) for i, (away, j) in nearest.items() if away <= tolerance * 6):
        if j not in taken:
            expected[i] = j
            taken.add(j)
    ((partner, _),) = _partners_of_each([way], centres, sizes, found, tolerance)
    assert len(taken) > 20
    assert partner.tolist() == expected.tolist()


def test_a_mirror_image_is_no_match() -> None:
    mirrored = seen(similarity(0, 8, (100.0, 100.0)), list(range(6)), np.zeros((0, 4)))
    mirrored[:, 0] = 2000 - mirrored[:, 0]
    assert all(m.matched < 6 for m in match(MARKS, mirrored, SIZE))


def test_clutter_of_another_shape_is_no_mark() -> None:
    true = similarity(0, 8, (60.0, 60.0))
    marks = seen(true, list(range(6)), np.zeros((0, 4)))
    streaks = marks.copy()
    streaks[:, :2] += (25.0, -20.0)
    streaks[:, 2:] *= (0.45, 2.2)
    (best, *_) = match(MARKS, np.vstack([streaks, marks]), SIZE)
    assert best.matched == 6
    assert worst(best.transform, true) < 0.1
