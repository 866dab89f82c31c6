"""Tables as Markdown, and their places in a document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.accuracy import TABLES, Settings, main, measured
from benchmarks.tables import Table, replaced
from digitscan.errors import UsageError

DOCUMENT = "head\n<!-- table: a -->\nold\n<!-- end -->\nprose\n<!-- table: b -->\nother\n<!-- end -->\n"


def test_a_table_says_what_is_left_out() -> None:
    table = Table(("pages", "right"), [("one", "90%"), ("two", "80%")], ["three"])
    assert table.markdown() == (
        "| pages | right |\n| --- | --- |\n| one | 90% |\n| two | 80% |\n\nLeft out, not at hand: three."
    )
    assert Table(("pages", "right"), [], ["three"]).markdown() == "Left out, not at hand: three."


def test_only_the_table_of_that_name_is_replaced() -> None:
    assert replaced(DOCUMENT, "a", r"new \1") == DOCUMENT.replace("old", r"new \1")
    assert replaced(replaced(DOCUMENT, "b", "x"), "b", "other") == DOCUMENT


@pytest.mark.parametrize(
    "document",
    [
        "no place",
        DOCUMENT + DOCUMENT,
        DOCUMENT.replace("<!-- end -->\nprose", "prose"),  # it would swallow the next table
    ],
)
def test_a_document_without_one_place_is_refused(document: str) -> None:
    with pytest.raises(UsageError, match="table 'a'"):
        replaced(document, "a", "new")


def test_the_document_has_a_place_for_every_table_and_no_other() -> None:
    document = (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- table: (\w+) -->", document) == list(TABLES)
    for name in TABLES:
        assert "measured now" in replaced(document, name, "measured now")


def test_what_is_missing_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, "digits", lambda _: pytest.fail("measured"))
    document = tmp_path / "a.md"
    document.write_text("no place", encoding="utf-8")
    done = CliRunner().invoke(main, ["--data", str(tmp_path), "--table", "digits", "--write", str(document)])
    assert done.exit_code == 1
    assert f"{document}: 0 places for the table 'digits'" in done.output


def test_tables_are_printed_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "networks", lambda _: Table(("network",), [("fast",)]))
    document = tmp_path / "a.md"
    document.write_text("<!-- table: networks -->\nold\n<!-- end -->\n", encoding="utf-8")
    done = CliRunner().invoke(
        main, ["--data", str(tmp_path), "--table", "networks", "--write", str(document)]
    )
    assert done.exit_code == 0, done.output
    assert "| fast |" in done.output
    written = document.read_text(encoding="utf-8")
    assert "| fast |" in written and "Measured with the network" in written and "old" not in written


@pytest.mark.parametrize("name", ["digits", "calibration", "nondigits", "forms"])
def test_without_data_tables_are_left_out(name: str, tmp_path: Path) -> None:
    text = measured(name, Settings(tmp_path, tmp_path, 1))
    assert text.startswith("\nLeft out, not at hand: ")
    assert "|" not in text
