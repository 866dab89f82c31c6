"""What goes into the journal comes out of it."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from digitscan.batch import journal, packing
from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import Limits, load_form
from digitscan.records import Candidate, DigitReading, FieldReading, PageFailure, PageRef, PageResult
from tests.review import made

REF = PageRef(Path("/in/a.pdf"), "a.pdf", 3, "f" * 64)
DIGIT = DigitReading(1, "7", 0.1 + 0.2, "1", 1 / 3, (1, 2, 3, 4))
RESULT = PageResult(
    REF, "household", 270, 0.9, (FieldReading("age", "7", "7", 2 / 3, "review", "", (DIGIT,)),)
)


def test_outcomes_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    failure = PageFailure(REF, "registration", "no form fits")
    for setup, outcome in (("a", RESULT), ("b", failure)):
        with journal.opened(tmp_path) as book:
            assert book.stages(REF.sha256, setup) == {}
            assert book.outcome(REF, setup) is None
            book.record_page(setup, outcome)
        with journal.opened(tmp_path) as book:
            assert list(book.stages(REF.sha256, setup)) == [REF.page]
            assert book.outcome(REF, setup) == outcome


def test_a_page_from_before_negatives_were_told_is_none(tmp_path: Path) -> None:
    for negative in (True, False):
        page = replace(RESULT, negative=negative)
        with journal.opened(tmp_path) as book:
            book.record_page("a", page)
            assert book.outcome(REF, "a") == page
    known = json.loads(packing.packed(RESULT))
    assert packing.unpacked(REF, json.dumps(known[:-1])) == RESULT


def test_an_outcome_goes_to_every_copy_of_its_file(tmp_path: Path) -> None:
    copy = PageRef(Path("/in/b.pdf"), "b.pdf", 3, REF.sha256)
    with journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)
        outcome = book.outcome(copy, "a")
    assert outcome is not None
    assert outcome.ref == copy


def test_numpy_numbers_are_kept_as_numbers(tmp_path: Path) -> None:
    digit = DigitReading(1, "7", np.float32(0.5), "1", 0.0, tuple(np.arange(4)))  # type: ignore[arg-type]
    reading = FieldReading("age", "7", "7", np.float64(0.25), "review", "", (digit,))
    with journal.opened(tmp_path) as book:
        book.record_page("a", PageResult(REF, "household", 0, 1.0, (reading,)))
        outcome = book.outcome(REF, "a")
    assert isinstance(outcome, PageResult)
    assert outcome.readings[0].confidence == 0.25
    assert outcome.readings[0].digits[0].box == (0, 1, 2, 3)


def test_page_counts_hold_for_one_version(tmp_path: Path) -> None:
    with journal.opened(tmp_path) as book:
        book.record_file("f", "1", 12)
        book.record_file("g", "1", PageFailure(REF, "open", "empty file"))
        assert book.pages_in("f", "1") == 12
        assert book.pages_in("f", "2") is None
        failure = book.pages_in("g", "1")
    assert isinstance(failure, PageFailure)
    assert failure.reason == "empty file"


def test_views_are_kept_beside_their_page(tmp_path: Path) -> None:
    doubtful = replace(
        RESULT.readings[0], view=b"field", corners=((1, 2),) * 4, candidates=(Candidate("9", 0.1),)
    )
    sure = FieldReading("sex", "1", "1", 0.99, "accepted")
    page = replace(RESULT, readings=(sure, doubtful), view=b"page", size=(30, 40))
    with journal.opened(tmp_path) as book:
        book.record_page("a", page)
        book.record_page("old", replace(page, view=b"old"))
        with book.listing("a", [page]) as rows:
            assert list(rows) == [page]
        (told,) = book.doubts()
        assert told == replace(page, readings=(replace(doubtful, view=b""),), view=b"")
        assert book.view_of_page(REF.sha256, 3) == b"page"
        assert book.view_of_field(REF.sha256, 3, "age") == b"field"
        assert book.view_of_field(REF.sha256, 3, "sex") == b""
        book.record_page("a", replace(page, readings=(sure,)))
        assert list(book.doubts()) == []


def test_what_the_outputs_hold_is_known_once_they_are_written(tmp_path: Path) -> None:
    failed = PageFailure(PageRef(Path("/in/b\udcff.pdf"), "b\udcff.pdf", 0, ""), "open", "empty file")
    outcomes: list[PageResult | PageFailure] = [RESULT, failed]
    with journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)
        with book.listing("a", outcomes) as rows:
            list(rows)
        assert list(book.listed()) == outcomes
        assert list(book.failures()) == [failed]
        with pytest.raises(OSError, match="full"), book.listing("a", [RESULT]) as rows:
            list(rows)
            raise OSError("the disk is full: the outputs are not renamed")
        assert list(book.listed()) == [RESULT, failed]


def test_what_may_be_written_is_that_of_the_outputs(tmp_path: Path) -> None:
    form = made.form(tmp_path)
    with journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)
        book.keep_rules("a", [form])
        book.keep_rules("a", [form])
        assert book.limits() == {}
        for setup in ("b", "a"):
            with book.listing(setup, [RESULT]) as rows:
                list(rows)
            known = book.limits()
            assert bool(known) == (setup == "a")
    district, age, _ = form.fields
    assert known == {
        ("census", name): Limits(*(getattr(field, f.name) for f in fields(Limits)))
        for name, field in (("district", district), ("person[].age", age))
    }


def test_the_checks_are_those_of_the_outputs(tmp_path: Path) -> None:
    (tmp_path / "summed.toml").write_text(
        made.FORM + '[[check]]\nrule = "district + district - 7 <= person[2].age"\n'
    )
    form = load_form(tmp_path / "summed.toml")
    with journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)
        book.keep_rules("a", [form])
        with book.listing("a", [RESULT]) as rows:
            list(rows)
        assert len(form.checks) == 1
        assert book.checks() == {"census": form.checks}


def test_a_journal_from_before_limits_were_kept_has_none(tmp_path: Path) -> None:
    with journal.opened(tmp_path) as book:
        assert (book.limits(), book.checks()) == ({}, {})
        book.keep_rules("a", [made.form(tmp_path)])
        book.record_page("a", RESULT)
        with book.listing("a", [RESULT]) as rows:
            list(rows)
        assert len(book.limits()) == 2


def test_limits_are_kept_in_a_journal_whose_table_of_them_called_them_fields(tmp_path: Path) -> None:
    with journal.opened(tmp_path) as book:
        book.connection.execute(
            "CREATE TABLE limits (setup TEXT NOT NULL, form TEXT NOT NULL, fields TEXT NOT NULL,"
            " PRIMARY KEY (setup, form))"
        )
        book.keep_rules("a", [made.form(tmp_path)])
        book.record_page("a", RESULT)
        with book.listing("a", [RESULT]) as rows:
            list(rows)
        assert len(book.limits()) == 2


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    with journal.opened(tmp_path) as book:
        book.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="another version"), journal.opened(tmp_path):
        pass


def test_a_journal_of_the_first_format_is_refused_and_kept(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / journal.NAME)
    connection.executescript("CREATE TABLE pages (outcome TEXT); PRAGMA user_version = 1;")
    connection.close()
    before = (tmp_path / journal.NAME).read_bytes()
    with pytest.raises(UsageError, match="another version"), journal.opened(tmp_path):
        pass
    assert (tmp_path / journal.NAME).read_bytes()[100:] == before[100:]


def test_who_may_not_write_a_journal_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with journal.opened(tmp_path) as book:
        assert book.outcome(REF, "a") is not None
        assert [path.name for path in tmp_path.iterdir()] == [journal.NAME]
    with pytest.raises(UsageError, match="cannot be opened or written"), journal.opened(tmp_path) as book:
        book.record_page("a", RESULT)


def test_a_disk_that_fails_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DigitscanError, match="start again") as told, journal.opened(tmp_path) as book:
        (pages,) = book.connection.execute("PRAGMA page_count").fetchone()
        book.connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(1000):
            book.record_page("a", replace(RESULT, ref=replace(REF, page=number)))
    assert told.value.exit_code == 1
    with journal.opened(tmp_path) as book:
        assert book.outcome(replace(REF, page=0), "a") is not None
