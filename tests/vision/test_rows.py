"""A table of which a row is missing may lie a row off; what else is missing moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.records import Box
from digitscan.vision.rows import row_missing

COLUMNS, ROWS = 3, 5
TABLE = [Box(20 + 30 * x, 60 + 10 * y, 20, 8) for y in range(ROWS) for x in range(COLUMNS)]
HEAD = [Box(20, 20, 20, 8), Box(90, 20, 12, 8)]


def off(
    lost: set[tuple[int, int]],
    outside: frozenset[int] = frozenset(),
    *,
    rows: int = ROWS,
    columns: int = COLUMNS,
) -> list[bool]:
    """Of the head and the table, where fields (column, row) are not found, and rows not in the picture."""
    places = [(x, y) for y in range(rows) for x in range(columns)]
    found = np.array([True, True, *(place not in lost for place in places)])
    there = np.array([True, True, *(y not in outside for _, y in places)])
    table = [TABLE[COLUMNS * y + x] for x, y in places]
    return [bool(one) for one in row_missing([*HEAD, *table], found, there)]


@pytest.mark.parametrize("row", range(ROWS))
def test_a_table_of_which_a_row_is_missing_may_lie_a_row_off(row: int) -> None:
    assert off({(x, row) for x in range(COLUMNS)}) == [False] * 2 + [True] * len(TABLE)


@pytest.mark.parametrize("first", [0, 2, 3])
def test_a_heading_may_take_the_room_of_two_rows(first: int) -> None:
    # no print tells whether a slip covers them or another edition has none there: all may be others'
    assert all(off({(x, y) for x in range(COLUMNS) for y in range(first, first + 2)})[2:])


@pytest.mark.parametrize("row", range(ROWS))
def test_of_a_narrow_table_only_an_end_row_tells(row: int) -> None:
    seen = off({(0, row), (1, row)}, columns=2)
    assert seen == [False] * 2 + [row in (0, ROWS - 1)] * 2 * ROWS


@pytest.mark.parametrize(
    "lost",
    [
        {(0, 0)},  # a blot over one field
        {(0, 2)},
        {(0, 2), (2, 2)},  # two whose rules are too rough, by chance side by side
        {(x, y) for x in range(COLUMNS) for y in range(3)},  # most of it
        {(1, y) for y in range(ROWS)},
    ],
)
def test_what_else_is_missing_is_told_field_by_field(lost: set[tuple[int, int]]) -> None:
    assert not any(off(lost))


def test_open_boxes_are_of_the_same_rows_as_cells_a_little_lower() -> None:
    table = [Box(b.x, b.y - 1, b.width, b.height + 2) if b.x == TABLE[0].x else b for b in TABLE]
    found = np.array([b.y > TABLE[COLUMNS * 2].y + 2 or b.y < TABLE[COLUMNS * 2].y - 2 for b in table])
    assert all(row_missing(table, found, np.ones(len(table), np.bool_)))


def test_a_row_beyond_the_picture_tells_nothing() -> None:
    assert not any(off({(x, ROWS - 1) for x in range(COLUMNS)}, frozenset({ROWS - 1})))


def test_a_few_fields_over_each_other_are_no_table() -> None:
    assert not any(off({(x, 0) for x in range(COLUMNS)}, rows=3))


def test_a_gap_parts_tables() -> None:
    boxes = [*TABLE, *(Box(b.x, b.y + 70, b.width, b.height) for b in TABLE)]
    found = np.array([b.y != TABLE[-1].y for b in boxes])
    seen = row_missing(boxes, found, np.ones(len(boxes), np.bool_))
    assert seen.tolist() == [True] * len(TABLE) + [False] * len(TABLE)
