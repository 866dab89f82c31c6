"""Forms found by single rules: a table that is open at a side, or cut by the picture's edge."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.records import Box, Image, Matrix
from digitscan.vision import ruling
from digitscan.vision.registration import RegisteredPage, register
from digitscan.vision.ruling import find_rules
from digitscan.vision.support import RuledPage
from digitscan.vision.transforms import apply
from tests.drawn_pages import as_page, write_form

SIZE = (60.0, 100.0)
LEVEL = [
    12.0,
    19.0,
    *np.arange(28.0, 100.0, 9.0).tolist(),
]  # a narrow head, then rows to the end of the sheet
RIGHT = 46.0
NAMED = LEVEL[:6]
FIELDS = "".join(
    f'[[field]]\nname = "row{i}"\nbox = [0, {top}, 46, 9]\ndigits = [1, 4]\n'
    for i, top in enumerate(NAMED[1:5], 1)
)
RULES = ", ".join([f"[{RIGHT}, 12, 0, 88]", *(f"[0, {y}, 46, 0]" for y in NAMED)])
FORM = f"""
name = "column"
[page]
size = [60, 100]
[registration]
method = "rules"
rules = [{RULES}]
{FIELDS}"""


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Form:
    return write_form(tmp_path_factory.mktemp("column"), FORM)


def seen(degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0), tilt: float = 0.0) -> Matrix:
    """Form mm -> page px, at about 10 px/mm."""
    c, s = np.cos(np.radians(degrees)) * 10, np.sin(np.radians(degrees)) * 10
    matrix = np.array([[c, -s, 10 * shift[0]], [s, c, 10 * shift[1]], [0, tilt, 1.0]])
    centre = np.array([[1, 0, -30], [0, 1, -50], [0, 0, 1.0]])
    return np.asarray(np.array([[1, 0, 300], [0, 1, 500], [0, 0, 1.0]]) @ matrix @ centre, np.float64)


def photo(
    transform: Matrix, level: list[float] | None = None, dark: int = 90, first: float = 12.0, seed: int = 1
) -> Image:
    """The table with its left part beyond the picture, and dashes and digits in its rows."""
    rng = np.random.default_rng(seed)
    page = np.full((1000, 600), 190, np.uint8)

    def draw(x0: float, y0: float, x1: float, y1: float, tone: int, thick: int) -> None:
        ends = np.round(apply(transform, np.array([(x0, y0), (x1, y1)])) * 8).astype(int)
        cv2.line(page, ends[0].tolist(), ends[1].tolist(), tone, thick, cv2.LINE_AA, 3)

    for y in LEVEL if level is None else level:
        draw(-20, y, RIGHT, y, dark, 3)
    draw(RIGHT, first, RIGHT, 130, dark, 3)
    for row, top in enumerate(LEVEL[1:5]):
        draw(-20, top + 4.5, 14 + 2 * row, top + 4.6, 60, 5)
        for x in (24 + row, 31 + row, 38 + row):
            centre = apply(transform, np.array([(x, top + 4.6)]))[0] * 8
            cv2.ellipse(
                page, np.round(centre).astype(int).tolist(), (160, 240), 0, 0, 360, 60, 5, cv2.LINE_AA, 3
            )
    return np.clip(
        cv2.GaussianBlur(page, (0, 0), 1).astype(np.float64) + rng.normal(0, 3, page.shape), 0, 255
    ).astype(np.uint8)


def furthest(found: RegisteredPage, transform: Matrix) -> float:
    """How far, in mm, a ruled corner of a field lies from where it was drawn."""
    apart = []
    for field, placement in zip(found.form.fields, found.placements, strict=True):
        x, y, w, h = field.box
        corners = np.array([(x + w, y), (x + w, y + h)])
        apart.append(np.hypot(*(apply(placement, corners) - apply(transform, corners)).T).max() / 10)
    return float(max(apart))


@pytest.mark.parametrize(
    "transform",
    [
        seen(),
        seen(2.5, (-5.0, 4.0)),
        seen(-3.0, (3.0, -9.0), 3e-4),
        np.diag([0.85, 0.85, 1.0]) @ seen(1.0, (8.0, 12.0)),
        seen(1.0) @ np.array([[1, 0.05, -2], [0, 1, 0], [0, 0, 1.0]]),
    ],
    ids=["straight", "turned", "tilted", "small", "slanted"],
)
def test_a_table_open_at_its_side_is_found(form: Form, transform: Matrix) -> None:
    found = register(as_page(photo(transform), None), (form,))
    assert found.score > 0.8
    assert found.rotation == 0
    assert furthest(found, transform) < 0.4
    assert all(rival.support < found.support - 0.5 for rival in found.rivals)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_whichever_way_up_it_lies(form: Form, rotation: int) -> None:
    page = np.ascontiguousarray(np.rot90(photo(seen(1.5)), rotation // 90))
    assert register(as_page(page, None), (form,)).rotation == rotation


def test_pale_rules_under_dark_ink_are_found(form: Form) -> None:
    found = register(as_page(photo(seen(-1.5), dark=160), None), (form,))
    assert furthest(found, seen(-1.5)) < 0.4


@pytest.mark.parametrize("lost", [1, 3, 5])
def test_a_lost_rule_is_forgiven(form: Form, lost: int) -> None:
    transform = seen(2.0, (0.0, 3.0))
    found = register(as_page(photo(transform, [y for y in LEVEL if y != LEVEL[lost]]), None), (form,))
    assert furthest(found, transform) < 0.6


def test_rules_that_are_not_the_table_s_are_passed_over(form: Form) -> None:
    transform = seen(1.0, (0.0, 8.0))
    found = register(as_page(photo(transform, [-13.0, -4.0, *LEVEL]), None), (form,))
    assert furthest(found, transform) < 0.4


@pytest.mark.parametrize("up", [14.0, 22.0, 31.0])
def test_a_table_without_its_top_is_never_read_a_row_off_unawares(form: Form, up: float) -> None:
    """Its rows cannot be told: the page fails, or is in doubt."""
    try:
        found = register(as_page(photo(seen(0.5, (0.0, -up))), None), (form,))
    except PageError:
        return
    assert furthest(found, seen(0.5, (0.0, -up))) < 0.6 or found.rivals


def test_of_many_upright_rules_few_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To try those of every cell would take minutes a page; those that most level rules meet are enough."""
    along = Mock(side_effect=ruling._along)
    monkeypatch.setattr(ruling, "_along", along)
    short, transform = np.arange(2.0, 42.0, 4.0), seen(2.0, (0.0, 3.0))
    cells = ", ".join(f"[{x}, 19, 0, 18]" for x in short)
    form, page = write_form(tmp_path, FORM.replace(RULES, f"{cells}, {RULES}")), photo(transform)
    for x in short:
        ends = np.round(apply(transform, np.array([(x, 19), (x, 37)]))).astype(int).tolist()
        cv2.line(page, ends[0], ends[1], 90, 2)
    assert furthest(register(as_page(page, None), (form,)), transform) < 0.4
    assert 0 < along.call_count <= 4 * ruling.UPRIGHT_TRIED**2


def test_level_rules_that_all_uprights_meet_are_laid_along_each_line_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for each upright of a form of fifty rules, a page took a quarter of a minute."""
    along, transform = Mock(side_effect=ruling._along), seen(2.0, (0.0, 3.0))
    monkeypatch.setattr(ruling, "_along", along)
    columns = ", ".join(f"[{x}, 12, 0, 88]" for x in (6, 14, 22, 30, 38))
    page = photo(transform)
    for x in (6, 14, 22, 30, 38):
        ends = np.round(apply(transform, np.array([(x, 12), (x, 100)]))).astype(int).tolist()
        cv2.line(page, ends[0], ends[1], 90, 2)
    register(as_page(page, None), (write_form(tmp_path, FORM.replace(RULES, f"{columns}, {RULES}")),))
    assert 0 < along.call_count <= 4 * ruling.UPRIGHT_TRIED


def test_of_many_placements_few_are_looked_at_closely(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "CLOSER", 12)
    transform = seen(1.0, (0.0, 8.0))
    page = RuledPage(photo(transform), SIZE)
    looked = Mock(side_effect=page.support)
    monkeypatch.setattr(page, "support", looked)
    best, *_ = ruling.match([Box(*r) for r in form.registration.rules], page, SIZE)
    assert looked.call_count <= 24
    corners = np.array([(RIGHT, 12.0), (RIGHT, 57.0)])
    assert np.hypot(*(apply(best.transform, corners) - apply(transform, corners)).T).max() < 6  # px


def test_rules_too_short_to_tell_anything_fit_nowhere() -> None:
    level = [Box(20, 12 + 1.8 * row, 1.8, 0) for row in range(6)]
    upright = [Box(x, 12, 0, 9) for x in (20, 21.8)]
    page = RuledPage(photo(seen()), SIZE)
    assert not any(match.share for match in ruling.match([*level, *upright], page, SIZE))


def test_a_page_of_dashes_and_digits_is_refused(form: Form) -> None:
    with pytest.raises(PageError, match="the form was not found"):
        register(as_page(photo(seen(), level=[], first=129.0), None), (form,))


@pytest.mark.parametrize("page", [np.full((1000, 600), 255, np.uint8), np.zeros((1000, 600), np.uint8)])
def test_a_page_without_rules_has_none(page: Image) -> None:
    level, upright = find_rules(RuledPage(page, SIZE))
    assert level.shape == upright.shape == (0, 4)


def test_rules_are_found_where_they_are() -> None:
    transform = seen(2.0)
    level, upright = find_rules(RuledPage(photo(transform), SIZE))
    expected = apply(transform, np.array([(RIGHT, y) for y in LEVEL if y < 90]))
    for point in expected:
        a, b = level[:, :2], level[:, 2:]
        along = (b - a) / np.hypot(*(b - a).T)[:, None]
        apart = np.abs((point - a)[:, 0] * along[:, 1] - (point - a)[:, 1] * along[:, 0])
        assert apart.min() < 3
    assert len(upright) >= 1
    assert Box(*upright[0]).y < Box(*upright[0]).height  # from its upper end to its lower
