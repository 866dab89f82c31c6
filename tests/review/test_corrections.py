"""What comes from a browser, or from a spreadsheet in between, is taken whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import Limits
from digitscan.review import corrections
from digitscan.review.queue import Change, Decision, Key
from tests.review.made import latest

HEAD = ",".join(corrections.COLUMNS)
GOOD = "a.png,1,census,district,abc,-5 6 70 30,value,007,0?7,Ada,2021-01-02T03:04:05.678Z"
KEY = Key("abc", 1, "census", "district")


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEAD, *lines, ""]), encoding="utf-8")
    return path


def test_decisions_are_taken_as_they_stand(tmp_path: Path) -> None:
    path = written(
        tmp_path / "c.csv", GOOD, GOOD.replace("district,abc,-5 6 70 30,value,007", "x,abc,,blank,")
    )
    when = "2021-01-02T03:04:05.678+00:00"
    assert corrections.read(path) == [
        Change(KEY, "a.png", Decision("value", "007", "person", "Ada", when), "0?7", "-5 6 70 30"),
        Change(KEY._replace(field="x"), "a.png", Decision("blank", "", "person", "Ada", when), "0?7"),
    ]


def test_the_latest_decision_on_a_field_holds(tmp_path: Path) -> None:
    later = GOOD.replace("2021", "2022").replace("007", "42")
    for lines in ([GOOD, later], [later, GOOD]):
        assert latest(corrections.read(written(tmp_path / "c.csv", *lines)))[KEY].value == "42"


def test_names_are_put_in_where_they_are_missing_and_formulas_come_back(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", GOOD.replace("Ada", ""))
    assert corrections.read(path, "Bea")[0].decision.who == "Bea"
    path = written(tmp_path / "c.csv", GOOD.replace("Ada", "'=1+1"))
    assert corrections.read(path, "Bea")[0].decision.who == "=1+1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace("007", "7a"), "line 3: value '7a' is no number"),
        (GOOD.replace("007", "٣"), "is no number"),
        (GOOD.replace("007", ""), "is no number"),
        (GOOD.replace("007", "<script>"), "is no number"),
        (GOOD.replace("007", "1" * 41), "is no number"),
        (GOOD.replace("value", "blank"), "value must be empty"),
        (GOOD.replace("value", "open"), "value must be empty"),
        (GOOD.replace("value", "opened"), "state 'opened' is none of"),
        (GOOD.replace("1,census", "x,census"), "page 'x' is no number"),
        (GOOD.replace("2021-01-02", "yesterday"), "is no time"),
        (GOOD.replace("2021-01-02T03:04:05.678Z", "0001-01-01T00:00:00+14:00"), "is no time"),
        (GOOD.replace("-5 6 70 30", "6 70 30"), "place '6 70 30' is none"),
        ("a.png,1,census", "cut short"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        corrections.read(written(tmp_path / "c.csv", GOOD, line))


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(hours=23), timedelta(days=3000)])
def test_what_a_clock_ahead_decided_was_decided_when_first_handed_in(
    tmp_path: Path, ahead: timedelta
) -> None:
    line = GOOD.replace("2021-01-02T03:04:05.678Z", (datetime.now(UTC) + ahead).isoformat())
    corrections.keep(tmp_path, corrections.read(written(tmp_path / "c.csv", line)))
    (path,) = (tmp_path / "corrections").iterdir()
    path.rename(path.with_name(f"20260102T030405.000000Z-{path.name.partition('-')[2]}"))
    again = [GOOD.replace("district", "x"), line]  # a report's file holds what was handed in before, too
    for lines in ([line], again, again[::-1]):
        corrections.keep(tmp_path, corrections.read(written(tmp_path / "d.csv", *lines)))
        held = {c.key.field: c.decision.when for c in corrections.kept(tmp_path)}
        assert held["district"] == "2026-01-02T03:04:05.000+00:00"
    assert held["x"] == "2021-01-02T03:04:05.678+00:00"


def test_a_number_that_does_not_fit_its_field_is_refused(tmp_path: Path) -> None:
    limits = {("census", "person[].age"): Limits((0, 2), False, None, 9, None, None)}
    line = GOOD.replace("district", "person[3].age")
    long = written(tmp_path / "c.csv", line.replace("007", "07"), line)
    told = r"c.csv: line 3: person\[3\].age: 007 has 3 digits, and the form has room for 2: key what stands"
    with pytest.raises(UsageError, match=told):
        corrections.read(long, limits=limits)
    odd = written(tmp_path / "d.csv", line.replace("007", "77"), GOOD)
    assert [c.decision.value for c in corrections.read(odd, limits=limits)] == ["77", "007"]


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        corrections.read(tmp_path / "none.csv")
    (tmp_path / "fields.csv").write_text("file,page\na,1\n")
    with pytest.raises(UsageError, match="column form, field, sha256"):
        corrections.read(tmp_path / "fields.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read as CSV"):
        corrections.read(tmp_path / "binary.csv")


def test_what_is_handed_in_is_kept_once_and_for_nobody_else(tmp_path: Path) -> None:
    changes = corrections.read(
        written(tmp_path / "c.csv", GOOD, GOOD.replace("a.png", "'=a.png").replace("abc", "abd")), "Bea"
    )
    corrections.keep(tmp_path, changes)
    corrections.keep(tmp_path, changes)
    assert corrections.kept(tmp_path) == changes
    (path,) = (tmp_path / "corrections").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "'=a.png" in path.read_text()
    corrections.keep(tmp_path, corrections.read(written(tmp_path / "d.csv", GOOD.replace("2021", "2022"))))
    assert [c.decision.when[:4] for c in corrections.kept(tmp_path)].count("2021") == 2


def test_one_file_under_two_names_is_one_decision(tmp_path: Path) -> None:
    """Who keys a field twice is not two people who agree."""
    path = written(tmp_path / "c.csv", GOOD.replace("Ada", ""))
    for who in ("Ada", "Bea"):
        corrections.keep(tmp_path, corrections.read(path, who))
    assert len(corrections.kept(tmp_path)) == 1


def test_decisions_that_cannot_be_read_are_not_passed_over(tmp_path: Path) -> None:
    assert corrections.kept(tmp_path) == []
    (tmp_path / "corrections").write_text("in the way")
    with pytest.raises(UsageError, match="corrections: cannot be read"):
        corrections.kept(tmp_path)


def test_hidden_files_are_no_decisions(tmp_path: Path) -> None:
    (tmp_path / "corrections").mkdir()
    (tmp_path / "corrections" / "._c.csv").write_bytes(b"\0\5\x16\7")  # as macOS lays them beside
    assert corrections.kept(tmp_path) == []


def test_a_file_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "corrections").write_text("in the way")
    with pytest.raises(DigitscanError, match="cannot be written"):
        corrections.keep(tmp_path, [])
