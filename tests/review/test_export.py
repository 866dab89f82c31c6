"""The final values: 007 stays 007, whatever it is written as."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from digitscan.batch import journal
from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import load_form
from digitscan.records import PageFailure, PageRef, PageResult
from digitscan.review import corrections, decisions, export, ledger, queue
from digitscan.review.decisions import Entry
from digitscan.review.queue import Change, Decision, Key
from tests.review import made
from tests.test_cli import called

ADA = Decision("value", "041", "person", "Ada", "2021-01-02T03:04:05.678+00:00")


def key(page: PageResult, field: str = "person[1].age") -> Key:
    return Key(page.ref.sha256, page.ref.page, page.form, field)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_a_field_and_who_decided_it(tmp_path: Path) -> None:
    a, b = made.usual("a.png"), made.usual("b.png")
    made.run(tmp_path, [a, PageFailure(PageRef(tmp_path, "c.png", 0, ""), "open", "empty file"), b])
    done = export.write(
        tmp_path, tmp_path, {key(a): ADA, key(b): Decision("unreadable", "", "agreed", "Ada, Bea", "")}
    )
    assert (done.fields, done.open, done.people) == (6, 0, 2)
    found = rows(tmp_path / "final.csv")
    assert [tuple(row.values())[3:8] for row in found] == [
        ("district", "007", "value", "machine", ""),
        ("person[1].age", "041", "value", "person", "Ada"),
        ("person[2].age", "", "blank", "machine", ""),
        ("district", "007", "value", "machine", ""),
        ("person[1].age", "", "unreadable", "agreed", "Ada, Bea"),
        ("person[2].age", "", "blank", "machine", ""),
    ]
    assert found[1]["when"] == ADA.when


def test_values_that_the_form_does_not_allow_are_exported_and_told(tmp_path: Path) -> None:
    pages = [made.usual(f"{name}.png", value="012") for name in "ab"]
    made.run(tmp_path, pages, [made.form(tmp_path)])
    lines = [",".join(corrections.COLUMNS)]
    for page, field, value in (
        *((pages[0], "district", "12"), (pages[0], "person[1].age", "0042")),
        *((pages[1], "district", "291"), (pages[1], "person[1].age", "77")),
    ):
        said = f"{page.ref.file},1,census,{field},{page.ref.sha256},,value,{value},,Ada,2021-01-02T03:04:05Z"
        lines.append(said)
    (tmp_path / "c.csv").write_text("\n".join(lines))
    done = called("export", tmp_path, "--corrections", tmp_path / "c.csv")
    assert done.returncode == 0
    assert "3 decisions break a rule or a check of the form" in done.stderr
    assert "a.png page 1 district: 12 (read 012); a.png page 1 person[1].age: 0042 (rule: not" in done.stderr
    assert "b.png page 1 district: 291 (rule: maximum 290)\n" in done.stderr
    values = {(r["file"], r["field"]): r["value"] for r in rows(tmp_path / "final.csv")}
    assert values["a.png", "district"] == "12"
    (tmp_path / "c.csv").write_text("\n".join([lines[0], lines[1].replace(",12,", ",0012,")]))
    refused = called("export", tmp_path, "--corrections", tmp_path / "c.csv")
    assert (refused.returncode, "c.csv: line 2: district: 0012 has 4 digits" in refused.stderr) == (2, True)
    assert "3 decisions break" in called("export", tmp_path).stderr


def test_a_check_that_what_people_decided_breaks_is_told(tmp_path: Path) -> None:
    summed = made.FORM + '[[check]]\nrule = "district == person[1].age + person[2].age"\n'
    (tmp_path / "summed.toml").write_text(summed, encoding="utf-8")
    pages = [made.usual(f"{name}.png", value="041") for name in "abcde"]
    made.run(tmp_path, pages, [load_form(tmp_path / "summed.toml")])
    ages = [Decision("value", value, "person", "Ada", ADA.when) for value in ("41", "77")]
    gone = Decision("unreadable", "", "person", "Ada", ADA.when)
    settled = {key(page): age for page, age in zip(pages, [*ages, gone], strict=False)}
    settled[key(pages[3], "person[2].age")] = ages[1]
    settled[key(pages[4])] = ages[0]
    settled[key(pages[4], "person[2].age")] = ages[1]
    odd = export.write(tmp_path, tmp_path, settled, with_open=True).odd
    rule = "district == person[1].age + person[2].age"
    assert odd == (
        f"b.png page 1: {rule} (district 041, person[1].age 77, person[2].age)",
        f"e.png page 1: {rule} (district 041, person[1].age 41, person[2].age 77)",
    )


def test_what_was_not_read_is_counted_and_no_run_at_all_refused(tmp_path: Path) -> None:
    with journal.opened(tmp_path), pytest.raises(UsageError, match="no run has finished there yet"):
        export.write(tmp_path, tmp_path, {})
    gone = [
        PageFailure(PageRef(tmp_path, "c.png", 0, ""), stage, "why") for stage in ("open", "left", "skip")
    ]
    made.run(tmp_path, gone)
    assert export.write(tmp_path, tmp_path, {}).unread == 2


def test_a_file_is_no_directory_for_tables(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png")])
    (tmp_path / "taken").write_text("mine")
    for target in (tmp_path / "taken", tmp_path / "taken" / "deeper"):
        with pytest.raises(UsageError, match=r"taken.*: cannot be used as output directory: "):
            export.write(tmp_path, target, {}, with_open=True)
    assert (tmp_path / "taken").read_text() == "mine"


def test_wide_tables_take_no_other_name(tmp_path: Path) -> None:
    a = made.usual("a.png")
    for form in ("fields", "Final"):
        made.run(tmp_path, [replace(a, form=form)])
        with pytest.raises(UsageError, match=f"take the place of {form.lower()}.csv"):
            export.write(tmp_path, tmp_path, {}, wide=["page"], with_open=True)
    made.run(tmp_path, [replace(a, readings=(replace(a.readings[0], field="page"),))])
    with pytest.raises(UsageError, match="a field is called page"):
        export.write(tmp_path, tmp_path, {}, wide=["page"], with_open=True)
    assert not list(tmp_path.glob("*.csv"))


def test_a_decision_holds_where_the_field_lay_and_not_for_another_box_of_its_name(tmp_path: Path) -> None:
    """Two columns of the form changed names, or a threshold was changed and all read anew."""
    a = made.usual("a.png")
    made.run(tmp_path, [a])
    with queue.opened(tmp_path) as book:
        (item,) = queue.doubtful(book)
    change = Change(item.key, "a.png", ADA, "41", item.place)
    corrections.keep(tmp_path, [change])
    first, second, third = a.readings
    nudged = tuple((x + 3, y - 2) for x, y in second.corners)
    for place, moved in ((nudged, 0), (third.corners, 1)):
        made.run(tmp_path, [replace(a, readings=(first, replace(second, corners=place), third))])
        with queue.opened(tmp_path) as book:
            known = ledger.known(tmp_path, book)
        assert (known.moved, len(known.settled), len(known.history)) == (moved, 1 - moved, 1)


def test_copies_share_a_decision(tmp_path: Path) -> None:
    a = made.usual("a.png")
    made.run(tmp_path, [a, made.renamed(a, "copy.png")])
    export.write(tmp_path, tmp_path, {key(a): ADA})
    assert [row["value"] for row in rows(tmp_path / "final.csv") if row["field"] == "person[1].age"] == [
        "041"
    ] * 2


def test_open_fields_are_refused_unless_they_are_wanted(tmp_path: Path) -> None:
    a = made.usual("a.png")
    made.run(tmp_path, [a])
    with pytest.raises(UsageError, match="1 fields in doubt are open"):
        export.write(tmp_path, tmp_path, {})
    with pytest.raises(UsageError, match="1 fields in doubt are open"):
        export.write(tmp_path, tmp_path, {key(a): ADA}, reopened=[key(a, "district")])
    assert not list(tmp_path.glob("*final*"))
    done = export.write(tmp_path, tmp_path, {}, with_open=True, reopened=[key(a, "district")])
    assert done.open == 2
    assert [(r["value"], r["state"], r["source"]) for r in rows(tmp_path / "final.csv")] == [
        ("", "open", ""),
        ("", "open", ""),
        ("", "blank", "machine"),
    ]


def test_leading_zeros_and_unknown_values_in_every_format(tmp_path: Path) -> None:
    a = made.usual("a.png")
    made.run(tmp_path, [a])
    export.write(
        tmp_path,
        tmp_path / "to",
        {},
        formats=("csv", "jsonl", "parquet"),
        wide=("page", "row"),
        with_open=True,
    )
    to = tmp_path / "to"
    wide = {"file": "a.png", "page": 1, "district": "007", "person[1].age": None, "person[2].age": ""}
    (line,) = (to / "census.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == wide
    assert pq.read_table(to / "census.parquet").to_pylist() == [wide]
    assert rows(to / "census.csv") == [
        {"file": "a.png", "page": "1", "district": "007", "person[1].age": "?", "person[2].age": ""}
    ]
    tall = [
        {"file": "a.png", "page": 1, "row": row, "district": "007", "person.age": age}
        for row, age in ((1, None), (2, ""))
    ]
    assert pq.read_table(to / "census.person.parquet").to_pylist() == tall
    assert [
        json.loads(r) for r in (to / "census.person.jsonl").read_text(encoding="utf-8").splitlines()
    ] == tall
    assert pq.read_table(to / "final.parquet")["value"].to_pylist() == ["007", "", ""]


def test_descriptions_say_that_digits_are_text(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png")])
    export.write(tmp_path, tmp_path, {}, wide=("page", "row"), with_open=True)
    package = json.loads((tmp_path / "datapackage.json").read_text())
    on_the_web = json.loads((tmp_path / "csv-metadata.json").read_text())
    for table, same in zip(package["resources"], on_the_web["tables"], strict=True):
        head = next(csv.reader((tmp_path / table["path"]).read_text(encoding="utf-8").splitlines()))
        assert same["url"] == table["path"]
        types = {field["name"]: field["type"] for field in table["schema"]["fields"]}
        assert list(types) == head == [column["titles"] for column in same["tableSchema"]["columns"]]
        assert {name for name, kind in types.items() if kind == "integer"} <= {"page", "row"}
        assert [c["datatype"] for c in same["tableSchema"]["columns"]] == list(types.values())
    assert [table["path"] for table in package["resources"]] == [
        "final.csv",
        "census.csv",
        "census.person.csv",
    ]


def test_formulas_are_defused_in_what_spreadsheets_open(tmp_path: Path) -> None:
    a = made.usual("=HYPERLINK(1).png")
    made.run(tmp_path, [a])
    who = Decision("value", "1", "person", "@SUM(1)", "")
    export.write(tmp_path, tmp_path, {key(a): who}, formats=("csv", "jsonl"), wide=["page"])
    for name in ("final.csv", "census.csv"):
        assert {row["file"] for row in rows(tmp_path / name)} == {"'=HYPERLINK(1).png"}
    assert rows(tmp_path / "final.csv")[1]["who"] == "'@SUM(1)"
    assert json.loads((tmp_path / "final.jsonl").read_text().splitlines()[1])["who"] == "@SUM(1)"


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("\udcff.png")])
    export.write(tmp_path, tmp_path, {}, formats=("csv", "jsonl", "parquet"), with_open=True)
    assert rows(tmp_path / "final.csv")[0]["file"] == "\\xff.png"
    assert pq.read_table(tmp_path / "final.parquet")["file"].to_pylist()[0] == "\\xff.png"


def test_old_tables_stay_whole_where_new_ones_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.run(tmp_path, [made.usual("a.png")])
    export.write(tmp_path, tmp_path, {}, with_open=True)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    made.run(tmp_path, [made.usual("a.png"), made.usual("b.png")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("digitscan.review.tables._to_disk", full)
    with pytest.raises(DigitscanError, match="cannot be written: No space left"):
        export.write(tmp_path, tmp_path, {}, with_open=True)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")} == before
    assert not list(tmp_path.glob(".*.part"))


def test_every_decision_is_told_and_strays_are_counted(tmp_path: Path) -> None:
    a = made.usual("a.png")
    made.run(tmp_path, [a])
    gone = Change(Key("gone", 1, "census", "district"), "gone.png", ADA, "1")
    later = replace(ADA, value="7", when="2022-01-02T03:04:05.678+00:00")
    changes = [Change(key(a), "a.png", later, "41"), Change(key(a), "a.png", ADA, "41"), gone]
    done = export.write(tmp_path, tmp_path, made.latest(changes), history=changes)
    assert (done.people, done.stray) == (1, 1)
    assert rows(tmp_path / "final.csv")[1]["value"] == "7"
    assert [row["value"] for row in rows(tmp_path / "history.csv")] == ["041", "041", "7"]


def test_the_command_takes_what_was_decided_on_the_server_too(tmp_path: Path) -> None:
    a = made.usual("a.png")
    made.run(tmp_path, [a])
    said = Entry(0, "", "Bea", "doubtful", key(a), "a.png", "value", "77", "41", "open", "", "")
    marked = replace(said, mode="carpet", key=key(a, "district"), state="open", value="", shown="007")
    with decisions.opened(tmp_path) as store:
        store.decide(said)
        store.look_over("Bea", "7", [(key(a, "district"), 3)], [marked])
    refused = called("export", tmp_path)
    assert (refused.returncode, "1 fields in doubt are open" in refused.stderr) == (2, True)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    lines = [
        ",".join(corrections.COLUMNS),
        f"a.png,1,census,district,{a.ref.sha256},,value,001,007,Cy,{later}",
    ]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    done = called("export", tmp_path, "--corrections", tmp_path / "c.csv", "--history")
    assert done.returncode == 0, done.stderr
    assert [(r["value"], r["who"]) for r in rows(tmp_path / "final.csv")] == [
        ("001", "Cy"),
        ("77", "Bea"),
        ("", ""),
    ]
    assert [(r["value"], r["state"]) for r in rows(tmp_path / "history.csv")] == [
        ("77", "value"),
        ("", "open"),
        ("001", "value"),
    ]
