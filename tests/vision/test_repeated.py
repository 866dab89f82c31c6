"""What stands alike in most fields of a column is print; the same number in one hand is not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from digitscan.records import Box, Ink
from digitscan.vision.fields import FieldCrop
from digitscan.vision.pieces import Piece
from digitscan.vision.repeated import repeated
from digitscan.vision.segmentation import Segmentation
from tests.recognition.inks import a_field

SCALE = 8.0
ROWS = 10
DIVIDER = (24.0, 1.0, 0.4, 7.0)
NUMBER = (1.0, 1.0, 2.0, 3.0)
Place = tuple[float, float, float, float]


def solid(_row: int, width: int, height: int) -> Ink:
    return np.ones((height, width), np.bool_)


def other_in_each(row: int, width: int, height: int) -> Ink:
    coarse = np.random.default_rng(row).random((4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST) > 0.5)


def printed(
    column: list[list[Place]], columns: int = 1, ink: Callable[[int, int, int], Ink] = solid
) -> list[int]:
    """How much is seen to be print in each field of a column; or of so many, its fields dealt to them.

    column: what stands in each field, mm from its corner. ink: of a row, so wide and so high, px.
    """
    crops, found = [], []
    for row, places in enumerate(column):
        field = a_field(box=Box(20 + 50 * (row % columns), 30 + 12 * row, 40, 10))
        image, box = np.full((80, 320), 255, np.uint8), Box(0, 0, 320, 80)
        crops.append(FieldCrop(field, image, 255 - image, box, (), np.eye(3), SCALE, 1.0, ([], [])))
        boxes = [tuple(round(SCALE * v) for v in place) for place in places]
        pieces = tuple(Piece(ink(row, w, h), (x, y, w, h), w * h) for x, y, w, h in boxes)
        found.append(Segmentation(pieces, (), pieces, 40.0))
    return [len(boxes) for boxes in repeated(crops, found)]


def written(seed: int, spread: float) -> list[list[Place]]:
    """The same two digits in every field of a column, in one hand, of which each side varies so, mm."""
    rng = np.random.default_rng(seed)
    places = np.array([(20.0, 2.5, 0.6, 5.0), (28.0, 2.5, 3.0, 5.0)])
    return [[tuple(p) for p in (places + rng.normal(0, spread, (2, 4))).tolist()] for _ in range(ROWS)]


@pytest.mark.parametrize("place", [DIVIDER, NUMBER])
def test_what_stands_in_the_same_place_of_each_field_is_print(place: Place) -> None:
    column = [[place, (10.0 + row, 2.0, 3.0, 5.0)] for row in range(ROWS)]
    assert printed(column) == [1] * ROWS


def test_writing_may_touch_it_in_some() -> None:
    column: list[list[Place]] = [[NUMBER]] * 7 + [[(1.0, 1.0, 3.0 + i, 7.0)] for i in range(3)]
    assert printed(column) == [1] * 7 + [0] * 3


def test_a_divider_may_be_broken_in_some() -> None:
    x, y, wide, tall = DIVIDER
    column: list[list[Place]] = [[DIVIDER]] * 7 + [[(x, y, wide, tall - 1 - k)] for k in range(3)]
    assert printed(column) == [1] * ROWS
    assert not any(printed(column[1:]))


@pytest.mark.parametrize("seed", range(5))
def test_a_hand_does_not_write_so_evenly(seed: int) -> None:
    assert not any(printed(written(seed, 0.3)))
    assert all(printed(written(seed, 0.05)))


def test_the_same_print_may_stand_less_evenly_than_running_numbers() -> None:
    placed: list[list[Place]] = [[(1.0 + 0.25 * (row % 2), 1.0, 2.0, 3.0)] for row in range(ROWS)]
    assert printed(placed) == [1] * ROWS
    assert not any(printed(placed, ink=other_in_each))
    assert printed([[NUMBER]] * ROWS, ink=other_in_each) == [1] * ROWS


def test_what_few_fields_have_is_none() -> None:
    assert not any(printed([[NUMBER]] * 3))
    assert not any(printed([[NUMBER]] * 6 + [[]] * 4))


def test_columns_are_told_apart() -> None:
    assert not any(printed([[NUMBER], []] * 3, columns=2))
    assert printed([[NUMBER], []] * 4, columns=2) == [1, 0] * 4


def test_points_are_too_low_to_be_told_so() -> None:
    assert not any(printed([[(24.0, 6.0, 0.6, 0.6)]] * ROWS))
