"""What follows from all that people said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from digitscan.review import audits, decisions, ledger, queue
from digitscan.review.decisions import Audit, Entry, Mode
from digitscan.review.ledger import Ledger
from digitscan.review.queue import Key, State
from tests.review import made

AGE = Key("a" * 64, 1, "census", "person[1].age")
_numbers: Iterator[int] = iter(range(1, 10**6))


def nothing(_key: Key) -> None:
    """What is accepted where no page is read."""


def said(
    who: str, value: str, mode: Mode = "keying", state: State | None = None, was: str = "17", key: Key = AGE
) -> Entry:
    number = next(_numbers)
    at = f"2026-01-02T03:04:05.{number:03}+00:00"
    state = state or ("value" if value else "blank")
    was_state: State = "value" if was else "blank"
    return Entry(number, at, who, mode, key, "a.png", state, value, "", was_state, was, "")


def end(*entries: Entry) -> tuple[str, str, str] | None:
    found = Ledger(entries, ["person[].age"], nothing).decision(AGE)
    return None if found is None else (found.value, found.source, found.who)


def test_two_people_who_key_the_same_agree() -> None:
    assert end(said("Ada", "12")) is None
    assert end(said("Ada", "12"), said("Bea", "12")) == ("12", "agreed", "Ada, Bea")


def test_a_third_decides_where_two_differ() -> None:
    two = [said("Ada", "12"), said("Bea", "21")]
    assert end(*two) is None
    assert end(*two, said("Cyd", "21")) == ("21", "person", "Cyd")
    assert end(*two, said("Cyd", "99")) == ("99", "person", "Cyd")


def test_nobody_agrees_with_herself() -> None:
    assert end(said("Ada", "12"), said("  ada ", "12")) is None


def test_blank_and_unreadable_are_no_agreement() -> None:
    assert end(said("Ada", ""), said("Bea", "", state="unreadable")) is None


def test_leading_zeros_count() -> None:
    assert end(said("Ada", "07"), said("Bea", "7")) is None


def test_what_was_taken_back_does_not_count() -> None:
    gone = replace(said("Bea", "12"), undone_at="2026-01-02T03:04:06+00:00")
    assert end(said("Ada", "12"), gone) is None
    book = Ledger([said("Ada", "12")], ["person[].age"], nothing)
    second = said("Bea", "12")
    book.add(second)
    assert book.decision(AGE) is not None
    book.remove(second)
    assert book.decision(AGE) is None


def test_of_a_field_that_one_person_settles_the_last_word_holds() -> None:
    book = Ledger([said("Ada", "12", "doubtful"), said("Bea", "21", "doubtful")], (), nothing)
    decision = book.decision(AGE)
    assert decision is not None
    assert (decision.value, decision.source, decision.who) == ("21", "person", "Bea")


def test_who_takes_back_what_was_handed_in_leaves_what_others_said() -> None:
    ada, bea = said("Ada", "12", "report"), said("Bea", "21", "report")
    back = said("ada ", "", "report", "open")
    for others in ((bea,), (said("Ada", "21", "doubtful"),)):
        decision = Ledger([ada, *others, back], (), nothing).decision(AGE)
        assert decision is not None
        assert decision.value == "21"
    assert Ledger([ada, back], (), nothing).decision(AGE) is None
    assert Ledger([ada, back], (), lambda _key: ("value", "17")).doubted(AGE) == ""
    assert end(ada, bea, back, said("Cyd", "21")) == ("21", "agreed", "Bea, Cyd")


def once_doubled(*entries: Entry, accepted: str = "17") -> tuple[str, str]:
    """The value, and why the field is in doubt, when two people are no longer asked."""
    book = Ledger(entries, (), lambda _key: ("value", accepted) if accepted else None)
    decision = book.decision(AGE)
    return decision.value if decision else "", book.doubted(AGE)


def test_people_who_differ_still_do_when_two_are_no_longer_asked() -> None:
    two = [said("Ada", "13"), said("Bea", "14")]
    for accepted in ("17", ""):
        assert once_doubled(*two, accepted=accepted) == ("", "keyed differently: Ada 13 and Bea 14")
    assert once_doubled(*two, said("Cyd", "13")) == ("13", "")
    assert once_doubled(*two, said("Bea", "14", "doubtful")) == ("14", "")
    assert once_doubled(said("Ada", "13"), said("Bea", "13")) == ("13", "")
    assert once_doubled(said("Cyd", "12", "doubtful"), said("Ada", "13"))[0] == ""


def test_one_who_keyed_alone_replaces_nothing_that_was_accepted() -> None:
    assert once_doubled(said("Ada", "13")) == ("", "keyed once: Ada 13")
    assert once_doubled(said("Ada", "17")) == ("17", "")
    assert once_doubled(said("Ada", "13"), accepted="") == ("13", "")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return made.run(tmp_path / "out", [made.usual(f"{i}.png") for i in range(20)])


def test_an_audit_measures_and_changes_nothing_until_its_findings_are_settled(out: Path) -> None:
    with queue.opened(out) as book, decisions.opened(out) as store:
        hashed, population = audits.outputs(book)
        sample = audits.draw(book, 10, 1)
        store.draw(1, population, hashed, sample)
        first = next(key for key in sample if key.field == "district")
        rest = [key for key in sample if key != first]

        def found() -> tuple[int, int, int, bool]:
            known = ledger.known(out, book)
            assert known.audit is not None
            figure = known.audit
            return figure.judged, figure.wrong, figure.unsettled, first in known.reopened

        assert found() == (0, 0, 0, False)
        for key in rest:
            item = queue.find(book, key)
            assert item is not None
            store.decide(said("Ada", item.reading.value, "audit", was=item.reading.value, key=key))
        assert found() == (9, 0, 0, False)
        store.decide(said("Ada", "999", "audit", was="007", key=first))
        assert found() == (10, 1, 1, True)
        assert first not in ledger.known(out, book).settled
        store.decide(said("Bea", "999", "doubtful", key=first))
        assert found() == (10, 1, 0, False)
        store.decide(said("Bea", "007", "doubtful", key=first))
        assert found() == (10, 0, 0, False)  # it was the auditor's slip, not the machine's


def test_what_was_decided_before_an_audit_does_not_settle_what_it_finds() -> None:
    def after(*entries: Entry, doubled: str = "") -> tuple[str, str, int, int]:
        """The value, why it is in doubt, and what the audit says is wrong, and unsettled."""
        book = Ledger(entries, [doubled], lambda _key: ("value", "12"))
        decision = book.decision(AGE)
        figure = book.figure(Audit(1, "2026", 1, 10, "", (AGE,)))
        return decision.value if decision else "", book.doubted(AGE), figure.wrong, figure.unsettled

    before, audit = said("Ada", "12", "doubtful"), said("Bea", "13", "audit", was="12")
    assert after(before, audit) == ("", "audit: 13", 1, 1)
    assert after(before, audit, said("Cyd", "12", "doubtful")) == ("12", "", 0, 0)
    assert after(before, audit, said("Cyd", "13", "doubtful")) == ("13", "", 1, 0)
    assert after(replace(before, value="13"), audit) == ("13", "", 1, 0)
    two, audit = (said("Ada", "12"), said("Cyd", "12")), said("Bea", "13", "audit", was="12")
    assert after(*two, audit, doubled="person[].age") == ("", "audit: 13", 1, 1)
    assert after(*two, audit, said("Eve", "13"), doubled="person[].age") == ("13", "", 1, 0)


def test_what_is_read_anew_is_held_against_the_audit_of_before(tmp_path: Path) -> None:
    before = made.usual("a.png")
    made.run(tmp_path, [before])
    key = Key(before.ref.sha256, 1, "census", "district")
    with queue.opened(tmp_path) as book, decisions.opened(tmp_path) as store:
        store.draw(1, 1, audits.outputs(book)[0], [key])
        store.decide(said("Ada", "007", "audit", was="007", key=key))
        assert not ledger.known(tmp_path, book).reopened
    made.run(tmp_path, [made.usual("a.png", value="001")])
    with queue.opened(tmp_path) as book:
        known = ledger.known(tmp_path, book)
    assert set(known.reopened) == {key}
    assert known.audit is not None
    assert (known.audit.judged, known.audit.wrong) == (1, 1)


def test_fields_that_two_people_key_wait_even_where_they_were_accepted(out: Path) -> None:
    with queue.opened(out) as book, decisions.opened(out) as store:
        store.double("district", True)
        assert {key.field for key in ledger.known(out, book).reopened} == {"district"}
        assert len(ledger.known(out, book).reopened) == 20
        key = next(iter(ledger.known(out, book).reopened))
        for who in ("Ada", "Bea"):
            store.decide(said(who, "007", key=key))
        assert len(ledger.known(out, book).reopened) == 19
        assert ledger.known(out, book).settled[key].source == "agreed"
        key = next(iter(ledger.known(out, book).reopened))
        for who, value in (("Ada", "13"), ("Bea", "14")):
            store.decide(said(who, value, key=key))
        store.double("district", False)
        known = ledger.known(out, book)
        assert (set(known.reopened), known.settled.get(key)) == ({key}, None)


def test_a_mark_on_a_carpet_brings_a_field_into_doubt(out: Path) -> None:
    with queue.opened(out) as book, decisions.opened(out) as store:
        key = next(item.key for item in queue.fields(book) if item.reading.field == "district")
        store.look_over("Ada", "7", [(key, 3)], [said("Ada", "", "carpet", "open", "007", key)])
        assert set(ledger.known(out, book).reopened) == {key}
        store.take_back("Ada", "carpet")
        assert not ledger.known(out, book).reopened
