"""Runs counted as the tables tell them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import pages
from digitscan.batch.scoring import matched, score_run
from digitscan.deck.deck import make_deck
from digitscan.forms import Form, load_form

KEY = "a.png,1"
READ = [  # field, truth, raw, confidence, status
    ("a", "12", "12", 0.99, "accepted"),
    ("b", "X7", "X7", 0.98, "accepted"),
    ("c", "XX", "X1", 0.97, "accepted"),  # struck out, read as a digit
    ("d", "45", "X5", 0.60, "review"),  # a digit, taken for struck out
    ("e", "8", "8", 0.50, "review"),
]


@pytest.fixture
def run(tmp_path: Path) -> pages.Scored:
    values = {raw: "".join(filter(str.isdigit, raw)) for _, _, raw, _, _ in READ}
    fields = ["file,page,form,field,value,raw,confidence,status,reason"]
    fields += [f"{KEY},f,{n},{values[raw]},{raw},{sure},{status}," for n, _, raw, sure, status in READ]
    digits = (
        "file,page,form,field,position,digit,confidence,alternative,alternative_confidence,x,y,width,height"
    )
    truth = ["file,page,field,raw", *(f"{KEY},{name},{raw}" for name, raw, *_ in READ)]
    for name, lines in (("fields", fields), ("digits", [digits]), ("truth", truth)):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    told = tmp_path / "truth.csv"
    return pages.Scored(score_run(tmp_path, told), matched(tmp_path / "fields.csv", told))


def test_rows_of_forms_and_decks(run: pages.Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "scored", lambda *_: run)
    (tmp_path / "c1").mkdir()
    (tmp_path / "nist_hsf").mkdir()
    table = pages.forms_table(tmp_path)
    counted = ["1", "5", "60.00%", "40.00%", "1 of 3", "79.23%"]
    of_cells = ["2 of 3", "1 of 6"]
    assert table.rows == [
        ["form C1", *counted, *of_cells],
        ["form C1; sums not checked", *counted, *of_cells],
        ["NIST form, open boxes", *counted, *of_cells],
    ]
    assert table.left_out[0] == "polling forms, photographed"
    assert len(table.head) == len(table.rows[0])


def test_checks_are_taken_away(run: pages.Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[int] = []

    def scored(_: Path, forms: list[Form]) -> pages.Scored:
        checks.append(len(forms[0].checks))
        return run

    monkeypatch.setattr(pages, "scored", scored)
    (tmp_path / "c1").mkdir()
    pages.forms_table(tmp_path)
    assert checks == [2, 0]


def test_decks_have_as_many_fields(
    run: pages.Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int, bool, float, bool]] = []
    monkeypatch.setattr(pages, "scored", lambda *_: run)
    monkeypatch.setattr(
        pages,
        "make_deck",
        lambda form, count, _seed, _folder, *, digits, habits, streaks: made.append(
            (form.name, count, digits is not None, max(habits.touching), streaks)
        ),
    )
    table = pages.decks_table(tmp_path, 126)
    assert made == [
        ("household", 126, False, 0.2, False),
        ("household", 126, True, 0.2, False),
        ("household", 126, True, 0.2, True),
        ("strings", 187, True, 0.2, False),
        ("strings", 187, True, 1.0, False),
    ]
    assert [len(row) for row in table.rows] == [len(table.head)] * 6
    table = pages.decks_table(tmp_path / "none", 1)
    assert [row[0] for row in table.rows] == ["`sample_scans/`", "household, drawn hands"]
    assert len(table.left_out) == 4


def test_error_where_the_least_sure_are_reviewed() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.7, 0.6, np.nan])
    fields = pd.DataFrame({"confidence": sure, "right": [True, False, True, False, True, False]})
    errors = [pages.error_at(fields, review) for review in (0.0, 0.01, 0.3, 0.5, 0.8)]
    # of two equally sure ones, one of them wrong, half is wrong whichever goes first
    assert errors == pytest.approx([3 / 6, 2 / 5, 2 / 4, 1.5 / 3, 0 / 1])
    assert np.isnan(pages.error_at(fields, 1.0))


def test_strings_are_a_form() -> None:
    form = load_form(pages.STRINGS)
    assert len(form.fields) == 54
    assert {field.digits for field in form.fields} == {(4, 6)}


def test_a_made_page_is_read_and_scored(tmp_path: Path) -> None:
    form = load_form(pages.STRINGS)
    make_deck(form, 1, 1, tmp_path)
    run = pages.scored(tmp_path, [form])
    assert run.score.whole.measured.right.of == len(run.fields) == 54
    assert run.score.whole.measured.right.count > 10
