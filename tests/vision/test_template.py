"""A picture of the blank form is matched with pages, in rows of cells that all look alike too."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

from digitscan.deck.drawing import draw_form, on_paper, write_page
from digitscan.deck.filling import Habits, fill_page
from digitscan.forms import Form
from digitscan.records import Image, Matrix
from digitscan.vision import template
from digitscan.vision.registration import register
from digitscan.vision.transforms import apply
from tests.drawn_pages import DPI, as_page, tidy_writer, write_form

TABLE = """
name = "table"
[page]
size = [148, 210]
[registration]
method = "template"
image = "blank.png"
[[table]]
name = "row"
rows = 12
pitch = 14
""" + "".join(
    f'[[table.field]]\nname = "{name}"\nbox = [{x}, 30, {6 * cells}, 8]\ncells = {cells}\n'
    for name, x, cells in (("a", 20, 3), ("b", 52, 2), ("c", 78, 4), ("d", 116, 1))
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Form:
    """A form of nothing but a table of cells, and its picture."""
    folder = tmp_path_factory.mktemp("table")
    Pictures.fromarray(np.full((10, 10), 255, np.uint8)).save(folder / "blank.png")
    plain = write_form(folder, TABLE.replace('"template"', '"none"'))
    Pictures.fromarray(255 - draw_form(plain, DPI)).save(folder / "blank.png")
    return write_form(folder, TABLE)


def scan(form: Form, seed: int, turn: float) -> tuple[Image, Matrix]:
    """A page filled in, laid on a scanner `turn` degrees askew, and where it was laid, form mm -> page px."""
    rng = np.random.default_rng(seed)
    ink = write_page(form, fill_page(form, Habits(), rng), tidy_writer(rng), DPI, rng)
    page = on_paper(draw_form(form, DPI), ink, 0.9, rng)
    height, width = page.shape
    about = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), np.float64)
    about[:, 2] += rng.uniform(10, 40, 2)
    askew = cv2.warpAffine(page, about, (width + 50, height + 50), borderValue=235)
    noisy = np.clip(askew + rng.normal(0, 4, askew.shape), 0, 255).astype(np.uint8)
    return noisy, np.vstack([about, (0, 0, 1)]) @ np.diag([DPI / 25.4, DPI / 25.4, 1.0])


@pytest.mark.parametrize(("seed", "turn"), [(5, -1.3), (6, 0.4), (5, 3.0), (6, 89.2), (5, 181.1)])
def test_tables_of_cells_are_found_where_they_lie(table: Form, seed: int, turn: float) -> None:
    page, laid = scan(table, seed, turn)
    found = register(as_page(page, None), (table,))
    assert found.score > 0.85
    for field, placement in zip(table.fields, found.placements, strict=True):
        corners = (
            np.array(field.box)[:2] + np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * np.array(field.box)[2:]
        )
        apart = np.hypot(*(apply(placement, corners) - apply(laid, corners)).T)
        assert apart.max() < 0.5 * DPI / 25.4


def test_nothing_is_found_on_an_empty_page(table: Form) -> None:
    assert not list(template.match(np.full((800, 600), 255, np.uint8), table, ()))


def test_an_empty_picture_finds_nothing(tmp_path: Path, table: Form) -> None:
    Pictures.fromarray(np.full((80, 60), 255, np.uint8)).save(tmp_path / "blank.png")
    page, _ = scan(table, 5, 0.0)
    assert not list(template.match(page, write_form(tmp_path, TABLE), [np.eye(3)]))


def test_the_picture_is_read_as_pages_are_and_may_be_a_link(tmp_path: Path, table: Form) -> None:
    print_alone = 255 - np.asarray(Pictures.open(table.path.parent / "blank.png"))
    clear = np.dstack([np.zeros((*print_alone.shape, 3), np.uint8), print_alone])
    Pictures.fromarray(clear).save(tmp_path / "clear.png")
    (tmp_path / "blank.png").symlink_to(tmp_path / "clear.png")
    page, _ = scan(table, 5, 0.0)
    assert register(as_page(page, None), (write_form(tmp_path, TABLE),)).score > 0.85
