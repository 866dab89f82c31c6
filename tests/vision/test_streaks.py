"""Lines across a page: dirt on a scanner's glass is found, what people write is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from digitscan.records import Box, Image
from digitscan.vision.streaks import Lines, across, find_streaks

PER_MM = 8.0
HEIGHT, WIDTH = 2376, 1680
CELLS = (Box(20, 20, 50, 60), Box(70, 20, 50, 60))
SIZE = (140, 100)
HERE = np.eye(3)


def paper() -> Image:
    rng = np.random.default_rng(3)
    return np.clip(rng.normal(225, 5, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)


def written(page: Image) -> Image:
    """Rows of 1s in line, six millimetres high, between level rules."""
    for top in range(200, 2200, 96):
        cv2.line(page, (100, top), (1500, top), 60, 3)
        for x in range(150, 1500, 90):
            cv2.line(page, (x, top + 22), (x - 3, top + 70), 30, 6)
    return page


@settings(deadline=None, max_examples=25)
@given(
    place=st.floats(100, 1500),
    lean=st.floats(-0.01, 0.01),
    width=st.integers(2, 8),
    tone=st.integers(20, 170),
)
def test_a_line_down_the_page_is_found_where_it_is(place: float, lean: float, width: int, tone: int) -> None:
    middle = place + lean * HEIGHT / 2
    assume(abs((middle - 148 + 45) % 90 - 45) > 28)  # not along the strokes of a whole column
    page = written(paper())
    bottom = (round(place + lean * HEIGHT), HEIGHT)
    cv2.line(page, (round(place), 0), bottom, tone, width)
    found = find_streaks(page, PER_MM)
    steep = found[np.abs(found[:, 3] - found[:, 1]) > np.abs(found[:, 2] - found[:, 0])]
    whole = steep[np.argmax(steep[:, 3] - steep[:, 1])] if len(steep) else np.zeros(4)
    assert (whole[0] + whole[2]) / 2 == pytest.approx(middle, abs=4)


def test_level_lines_are_found_too() -> None:
    page = paper()
    cv2.line(page, (0, 700), (WIDTH, 712), 90, 3)
    ((x, y, right, below),) = find_streaks(page, PER_MM)
    assert (x, right) == pytest.approx((0, WIDTH), abs=20)
    assert (y, below) == pytest.approx((700, 712), abs=2)


def test_what_stands_in_line_is_no_line() -> None:
    found = find_streaks(written(paper()), PER_MM)
    assert len(found)
    assert (np.abs(found[:, 2] - found[:, 0]) > np.abs(found[:, 3] - found[:, 1])).all()  # the printed rules


@pytest.mark.parametrize("shape", [(1, 1), (20, 900), (900, 20), (300, 300)])
def test_pictures_of_any_size_can_be_looked_at(shape: tuple[int, int]) -> None:
    assert find_streaks(np.full(shape, 200, np.uint8), PER_MM).shape == (0, 4)


def crossing(*line: float) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    lines: Lines = np.array([line], np.float64)
    (found,) = across(lines, [HERE], [SIZE], [CELLS], PER_MM)
    return found


def test_lines_through_a_cell_are_told_by_their_place() -> None:
    assert crossing(44, -500, 46, 600) == ([(45, 0, 100)], [])
    assert crossing(46, 600, 44, -500) == ([(45, 0, 100)], [])
    assert crossing(-300, 50, 900, 50) == ([], [(50, 0, 140)])


@pytest.mark.parametrize(
    "line",
    [(68, -500, 68, 600), (45, 40, 45, 600), (45, 200, 45, 900), (10, -500, 10, 600), (-300, 78, 900, 78)],
    ids=["along a rule", "ends in the field", "below it", "beside it", "along its lower edge"],
)
def test_other_lines_do_not_matter(line: tuple[float, ...]) -> None:
    assert crossing(*line) == ([], [])


def test_lines_are_found_through_the_crops_own_place_on_the_page() -> None:
    to_page = np.array([[0, -1, 500], [1, 0, 300], [0, 0, 1.0]])  # a page on its side
    lines: Lines = np.array([(-100.0, 345.0, 2000.0, 345.0)])
    assert across(lines, [to_page], [SIZE], [CELLS], PER_MM) == [([(45, 0, 100)], [])]
