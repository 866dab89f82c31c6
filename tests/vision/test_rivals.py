"""A table a row off, and a form upside down: found where it is, or in doubt."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from digitscan.forms import Form
from digitscan.records import Box, Image
from digitscan.vision.registration import register
from digitscan.vision.rivals import likenesses
from digitscan.vision.support import RuledPage, printed, sides
from digitscan.vision.transforms import apply
from tests.drawn_pages import DPI, as_page, filled, write_form

SCALE = DPI / 25.4
COLUMNS = "".join(
    f'[[table.field]]\nname = "c{i}"\nbox = [{18 + 18 * i}, 30, 18, 10]\ndigits = [0, 2]\n' for i in range(3)
)
TABLE = f'[[table]]\nname = "t"\nrows = 6\npitch = 10\n{COLUMNS}'


@pytest.fixture(scope="module", params=["lines", "none"])
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Form:
    """A table in the middle of its sheet: it looks the same upside down."""
    head = f'name = "table"\n[page]\nsize = [90, 120]\n[registration]\nmethod = "{request.param}"\n'
    return write_form(tmp_path_factory.mktemp(request.param), head + TABLE)


@pytest.fixture(scope="module")
def page(form: Form) -> Image:
    return filled(form, 3)[0]


def rows_off(form: Form, image: Image, down: float = 0.0) -> list[tuple[float, int]]:
    """For the place found and each rival: mm too low, and the rotation."""
    found = register(as_page(image), (form,))
    centre = np.array([(45.0, 60.0)])
    return [
        (float(apply(p.transform, centre)[0, 1]) / SCALE - 60 - down, p.rotation)
        for p in (found, *found.rivals)
    ]


def test_a_form_that_looks_the_same_upside_down_has_a_rival(form: Form, page: Image) -> None:
    places = rows_off(form, page)
    assert {rotation for _, rotation in places} == {0, 180}
    assert all(abs(off) < 1 for off, _ in places)


def test_a_lost_rule_moves_no_row(form: Form, page: Image) -> None:
    image = page.copy()
    image[round(29 * SCALE) : round(31 * SCALE)] = 255
    upright = [off for off, rotation in rows_off(form, image) if rotation == 0]
    assert upright
    assert all(abs(off) < 1 for off in upright)


@pytest.mark.parametrize("rows", [slice(0, 39), slice(81, 120)], ids=["first", "last"])
def test_where_a_row_is_lost_both_places_are_told(form: Form, page: Image, rows: slice) -> None:
    image = page.copy()
    image[round(rows.start * SCALE) : round(rows.stop * SCALE)] = 255
    upright = sorted(round(off) for off, rotation in rows_off(form, image) if rotation == 0)
    assert upright in ([-10, 0], [0, 10])


@pytest.mark.parametrize("down", [-10.0, 10.0])
def test_a_sheet_that_lies_a_row_off_is_found(form: Form, page: Image, down: float) -> None:
    moved = np.roll(page, round(down * SCALE), axis=0)
    upright = [off for off, rotation in rows_off(form, moved, down) if rotation == 0]
    assert upright
    assert all(abs(off) < 1 for off in upright)


def test_a_row_beyond_the_picture_is_not_found(form: Form, page: Image) -> None:
    found = register(as_page(page[round(40 * SCALE) - 6 :]), (form,))
    places = [p for p in (found, *found.rivals) if p.rotation == 0]
    assert places
    assert all(p.evidence[0] < 0.1 for p in places)


def test_a_table_is_like_itself_a_row_and_a_column_on_and_upside_down() -> None:
    boxes = [Box(20 + 15 * i, 30 + 10 * j, 15, 10) for i in range(5) for j in range(8)]
    *shifts, turn = likenesses(printed(sides(boxes), (120.0, 140.0)))
    moves = {tuple(s[:2, 2].tolist()) for s in shifts}
    assert {(0, 10), (0, -10), (15, 0), (-15, 0)} <= moves
    assert all(x % 15 == 0 and y % 10 == 0 for x, y in moves)
    assert apply(turn, np.array([(20.0, 30.0)])) == pytest.approx(np.array([(95.0, 110.0)]), abs=0.6)


def test_a_table_of_thousands_of_cells_is_compared_with_itself_within_little_memory() -> None:
    what = printed(
        sides(Box(20 + 5 * i, 30 + 7 * j, 5, 7) for i in range(40) for j in range(50)), (240.0, 400.0)
    )
    tracemalloc.start()
    moves = likenesses(what)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(moves) > 1
    assert most < 100e6  # bytes; all pairs of its 4,000 pieces at once took half a gigabyte


def test_a_form_of_unlike_boxes_is_like_nothing_of_itself() -> None:
    boxes = [Box(10, 10, 30, 8), Box(12, 30, 20, 12), Box(50, 25, 9, 21)]
    assert likenesses(printed(sides(boxes), (80.0, 60.0))) == []


def test_support_counts_pieces_and_what_runs_on() -> None:
    page = np.full((1000, 800), 230, np.uint8)
    for y in range(200, 701, 100):  # a ladder of five rungs
        page[y - 1 : y + 2, 200:500] = 40
    for x in (200, 500):
        page[200:700, x - 1 : x + 2] = 40
    ladder = [Box(20, 20 + 10 * i, 30, 10) for i in range(5)]
    ruled = RuledPage(page, (80.0, 100.0))
    exact = np.diag([10.0, 10.0, 1.0])
    assert ruled.support(exact, printed(sides(ladder), (80.0, 100.0))) == pytest.approx(16, abs=0.3)
    fewer = ruled.support(exact, printed(sides(ladder[:4]), (80.0, 100.0)))
    assert fewer == pytest.approx(13 - 2 * 3, abs=0.5)  # both sides run on
    assert ruled.support(exact, printed(sides([Box(56, 20, 10, 10)]), (80.0, 100.0))) < 0.2


LEDGER_X = [10.0, 30.0, 40.0, 62.0, 72.0, 80.0]
LEDGER_Y = [20.0 + 6 * i for i in range(17)]
LEDGER = """name = "ledger"
[page]
size = [90, 130]
[registration]
method = "lines"
frames = [[10, 10, 70, 10], [10, 20, 70, 96]]
[[table]]
name = "t"
rows = 16
pitch = 6
""" + "".join(
    f'[[table.field]]\nname = "c{i}"\nbox = [{LEDGER_X[i]}, 20, 10, 6]\ndigits = [0, 2]\n' for i in (1, 3)
)


def ledger(rows: slice = slice(None)) -> Image:
    """Its rules run across the page, through columns that are no fields."""
    page = np.full((round(130 * SCALE), round(90 * SCALE)), 240, np.uint8)
    x, y = (np.rint(np.array(at) * SCALE).astype(int) for at in (LEDGER_X, [10.0, *LEDGER_Y[rows]]))
    for row in y:
        page[row - 1 : row + 1, x[0] : x[-1]] = 90
    for column in x:
        page[y[0] : y[-1], column - 1 : column + 1] = 90
    return page


def test_a_ledger_whose_rules_run_on_through_other_columns_is_found(tmp_path: Path) -> None:
    found = register(as_page(ledger()), (write_form(tmp_path, LEDGER),))
    assert found.score > 0.9
    assert np.abs(found.transform - np.diag([SCALE, SCALE, 1])).max() < 3
    assert not found.rivals


@pytest.mark.parametrize("rows", [slice(1, None), slice(None, -1)], ids=["first", "last"])
def test_a_ledger_without_a_rule_is_never_found_a_row_off_unawares(tmp_path: Path, rows: slice) -> None:
    found = register(as_page(ledger(rows)), (write_form(tmp_path, LEDGER),))
    shifts = [abs(p.transform[1, 2]) / SCALE for p in (found, *found.rivals)]
    assert min(shifts) < 1


@pytest.mark.parametrize("columns", [1, 2])
def test_cells_whose_rules_run_on_are_never_found_a_column_off_unawares(tmp_path: Path, columns: int) -> None:
    fields = "".join(
        f'[[table.field]]\nname = "c{i}"\nbox = [{60 - 12 * i}, 20, 12, 8]\ndigits = [0, 2]\n'
        for i in range(columns)
    )
    table = f'[[table]]\nname = "t"\nrows = 10\npitch = 8\n{fields}'
    head = 'name = "cells"\n[page]\nsize = [90, 120]\n[registration]\nmethod = "lines"\n'
    page = np.full((round(120 * SCALE), round(90 * SCALE)), 240, np.uint8)
    x, y = (
        np.rint(np.arange(12, 73, 12) * SCALE).astype(int),
        np.rint(np.arange(20, 101, 8) * SCALE).astype(int),
    )
    for row in y:
        page[row - 1 : row + 1, x[0] : x[-1]] = 90
    for column in x:
        page[y[0] : y[-1], column - 1 : column + 1] = 90
    found = register(as_page(page), (write_form(tmp_path, head + table),))
    off = [np.hypot(*p.transform[:2, 2]) / SCALE for p in (found, *found.rivals)]
    assert min(off) < 1


@pytest.mark.parametrize("axis", [0, 1], ids=["slim", "low"])
def test_cells_with_sides_too_short_to_look_at_are_settled_by_the_others(axis: int) -> None:
    page = np.full((1000, 800), 230, np.uint8)
    rules = page if axis == 0 else page.T
    for x in range(200, 201 + 20 * 19, 19):
        rules[200:290, x - 1 : x + 2] = 40
    for y in (200, 290):
        rules[y - 1 : y + 2, 200:580] = 40
    cells = [Box(20 + 1.9 * i, 20, 1.9, 9) for i in range(20)]
    if axis:
        cells = [Box(y, x, h, w) for x, y, w, h in cells]
    what, ruled = printed(sides(cells), (80.0, 100.0)), RuledPage(page, (80.0, 100.0))
    off = np.array([[10.0, 0, 4], [0, 10.0, 4], [0, 0, 1]])
    moved = ruled.settled(off, what)
    assert moved[axis, 2] == pytest.approx(0, abs=2)
    assert moved[1 - axis, 2] == pytest.approx(4, abs=1e-6)  # px: nothing tells otherwise
