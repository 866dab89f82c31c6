"""Odd fields are written where they belong, and what became of them is counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks import oddities
from benchmarks.odd_writing import KINDS, LOOK, Kind
from benchmarks.oddities import DPI, HABITS, Odd, Read, boxes, write_pages
from benchmarks.spots import Spot
from digitscan.deck.deck import make_writer
from digitscan.deck.given import GivenDigits
from digitscan.forms import Form
from tests.drawn_pages import household
from tests.recognition.drawn import drawn_digits

SCALE = DPI / 25.4
NEAR_MM = 8


@cache
def given() -> GivenDigits:
    glyphs, labels = drawn_digits(60, 3)
    return GivenDigits(glyphs, labels, np.zeros(len(labels), np.int64))


@pytest.mark.parametrize("form", [household(), boxes()], ids=["cells", "open boxes"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_puts_ink_in_its_field_or_near_it(form: Form, kind: Kind) -> None:
    rng = np.random.default_rng(5)
    field = form.fields[1]
    layer = np.zeros((round(297 * SCALE), round(210 * SCALE)), np.uint8)
    raw = "_" * len(field.cells) if not kind.least else "_3562"[-len(field.cells) or 1 :]
    writer = make_writer(given(), HABITS, rng)
    allowed = kind.write(Spot(field, raw, writer, layer, SCALE, rng))
    assert isinstance(allowed, frozenset)
    rows, columns = np.nonzero(layer)
    x, y, width, height = field.box
    assert len(rows)
    assert (x - NEAR_MM) * SCALE < columns.min() < columns.max() < (x + width + NEAR_MM) * SCALE
    assert (y - NEAR_MM) * SCALE < rows.min() < rows.max() < (y + height + NEAR_MM) * SCALE


def test_pages_have_odd_fields_of_all_kinds_and_plain_ones(tmp_path: Path) -> None:
    form = boxes()
    odd = write_pages(form, 2, given(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000.png", "001.png"]
    assert 0.15 < len(odd) / (2 * len(form.fields)) < 0.5
    assert len({o.kind for o in odd.values()}) > 15
    assert write_pages(form, 2, given(), tmp_path) == odd


@pytest.mark.parametrize(
    ("value", "accepted", "wrong"),
    [("12", True, False), ("72", True, True), ("", True, True), ("72", False, False)],
)
def test_only_what_is_accepted_can_be_wrong(value: str, *, accepted: bool, wrong: bool) -> None:
    assert Read(Odd("", frozenset({"12"})), value, accepted).wrong is wrong
    assert Read(Odd("", LOOK), value, accepted).wrong is accepted


def test_counts_go_to_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = KINDS[:2]
    reads = [
        Read(Odd(first.name, LOOK), "1", accepted=False),
        Read(Odd(second.name, LOOK), "1", accepted=True),
        Read(Odd(second.name, frozenset({"7"})), "7", accepted=True),
    ]
    monkeypatch.setattr(oddities, "measured", lambda *_: reads)
    monkeypatch.setattr(oddities, "load_given_digits", lambda _: given())
    whole, worst, *rest = oddities.table(tmp_path).rows
    assert list(whole) == ["all", *["3", "1", "1"] * 2]
    assert list(worst) == [second.name, *["2", "0", "1"] * 2]
    assert [first.name, *["1", "1", "0"] * 2] in [list(row) for row in rest]
    assert oddities.table(tmp_path / "none").left_out == ["MNIST test"]
