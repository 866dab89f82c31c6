"""Ink, rules and sums weighed together: what they change, what they may not, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings

from digitscan.forms import Check, FormField
from digitscan.recognition.evidence import settle
from digitscan.recognition.rules import holds
from digitscan.records import FieldInk, FieldReading
from tests.recognition.inks import a_field, an_ink, pages

Said = str | Mapping[str, float]


def sum_of(*parts: str, total: str = "total", operator: Any = "==") -> Check:
    rule = f"{' + '.join(parts)} {operator} {total}"
    return Check(rule, (*((name, 1) for name in parts), (total, -1)), 0, operator)


SUM = sum_of("men", "women")
BROKEN = "check: men + women == total"


def settled(*checks: Check, **said: Said) -> dict[str, FieldReading]:
    fields = [a_field(name) for name in said]
    return {r.field: r for r in settle(fields, [an_ink(s) for s in said.values()], checks)}


def alone(said: Said, **rules: Any) -> FieldReading:
    return settle([a_field(**rules)], [an_ink(said)], [])[0]


# Sums


def test_a_sum_settles_a_doubtful_digit() -> None:
    read = settled(SUM, men="12", women="30", total={"47": 0.6, "42": 0.39})["total"]
    assert (read.value, read.raw, read.status) == ("42", "42", "accepted")
    assert read.reason == "read 47, check: men + women == total"
    assert read.confidence > 0.97
    assert "".join(digit.digit for digit in read.digits) == "42"


def test_two_doubtful_fields_settle_each_other() -> None:
    after = settled(SUM, men={"13": 0.7, "18": 0.29}, women="30", total={"42": 0.5, "48": 0.49})
    assert (after["men"].value, after["total"].value) == ("18", "48")
    assert after["men"].reason == after["total"].reason.replace("42", "13")
    assert after["men"].reason.startswith("read 13, check: men + women == total")


def test_a_sum_that_comes_out_makes_doubtful_fields_surer() -> None:
    doubt = {"42": 0.9, "47": 0.09}
    assert settled(men="12", women="30", total=doubt)["total"].status == "review"
    read = settled(SUM, men="12", women="30", total=doubt)["total"]
    assert (read.value, read.status, read.reason) == ("42", "accepted", "")
    assert read.confidence > 0.99


@pytest.mark.parametrize("total", ["43", ""])
def test_a_sum_broken_in_clear_ink_goes_to_review_as_it_stands(total: str) -> None:
    after = settled(SUM, men="12", women="30", total={total: 0.99, "42": 0.009}, age="5")
    assert {name: r.value for name, r in after.items()} == {
        "men": "12",
        "women": "30",
        "total": total,
        "age": "5",
    }
    assert {after[name].reason for name in ("men", "women", "total")} == {BROKEN}
    assert {after[name].status for name in ("men", "women", "total")} == {"review"}
    assert (after["age"].status, after["age"].reason) == ("accepted", "")
    assert after["age"].confidence == pytest.approx(0.998)


def test_clear_ink_is_not_changed_nor_are_the_doubtful_fields_bent_to_it() -> None:
    after = settled(SUM, men={"12": 0.96, "17": 0.039}, women="30", total={"47": 0.94, "45": 0.05})
    assert {name: r.value for name, r in after.items()} == {"men": "12", "women": "30", "total": "47"}
    assert all(BROKEN in r.reason and r.status == "review" for r in after.values())


def test_no_alternative_fits_and_the_ink_is_kept() -> None:
    after = settled(SUM, men="12", women="30", total={"47": 0.6, "41": 0.39})
    assert (after["total"].value, after["total"].status) == ("47", "review")
    assert after["total"].reason == f"low confidence; {BROKEN}"
    assert after["total"].confidence < 0.6


def test_a_value_that_the_ink_hardly_gives_is_not_accepted() -> None:
    after = settled(SUM, men="12", women="30", total={"47": 0.94, "42": 0.015, "41": 0.044})
    assert (after["total"].value, after["total"].status) == ("42", "review")
    assert after["total"].reason == f"read 47, {BROKEN}; low confidence"


def test_a_misreading_that_fits_in_two_fields_stays_doubtful() -> None:
    """The same hand's 7 for 1 in a part and in the sum."""
    alike = settled(SUM, men={"11": 0.85, "17": 0.14}, women="30", total={"41": 0.85, "47": 0.14})
    other = settled(SUM, men={"11": 0.85, "17": 0.14}, women="30", total={"41": 0.85, "48": 0.14})
    assert {other[name].status for name in other} == {"accepted"}
    for name in ("men", "total"):
        assert (alike[name].value, alike[name].reason) == (other[name].value, "low confidence")
        assert alike[name].confidence > 0.85


def test_a_sum_says_nothing_of_leading_zeros() -> None:
    doubt = {"007": 0.8, "X07": 0.19}
    assert settled(SUM, men="2", women="5", total=doubt)["total"].confidence == pytest.approx(0.8, abs=0.02)
    other = {"007": 0.8, "001": 0.19}
    assert settled(SUM, men="2", women="5", total=other)["total"].confidence > 0.99


def test_what_is_unreadable_stays_so() -> None:
    after = settled(SUM, men="12", women="30", total={"4?": 0.001})
    assert (after["total"].value, after["total"].raw) == ("", "4?")
    assert after["total"].reason.startswith("unreadable")
    assert {r.status for r in after.values()} == {"review"}


def test_empty_fields_count_as_nothing() -> None:
    after = settled(SUM, men="", women={"4": 0.6, "9": 0.39}, total="9")
    assert (after["women"].value, after["women"].status) == ("9", "accepted")
    assert {r.status for r in settled(SUM, men="", women="", total="").values()} == {"accepted"}
    strict = Check("men + 5 <= total", (("men", 1), ("total", -1)), 5, "<=")
    blank = settled(strict, men={"": 0.93, "1": 0.06}, total="")
    assert (blank["men"].value, blank["men"].confidence > 0.93) == ("", True)


def test_what_was_changed_from_or_to_nothing_says_so() -> None:
    after = settled(SUM, men="12", women={"": 0.6, "1": 0.39}, total="13")
    assert after["women"].reason == f"read nothing, {BROKEN}"
    dirt = settled(SUM, men="12", women={"1": 0.6, "_": 0.39}, total="12")["women"]
    assert (dirt.value, dirt.raw) == ("", "_")
    assert dirt.reason.startswith(f"read 1, {BROKEN}")


@pytest.mark.parametrize(("operator", "value"), [("<=", "42"), (">=", "17")])
def test_other_comparisons_choose_too(operator: Any, value: str) -> None:
    doubt = {"17": 0.5, "42": 0.49} if operator == "<=" else {"42": 0.5, "17": 0.49}
    read = settled(sum_of("men", operator=operator), men="30", total=doubt)["total"]
    assert (read.value, read.status) == (value, "accepted")
    # what nearly any value keeps makes none surer
    wide = settled(sum_of("men", operator="<="), men="1", total={"42": 0.9})["total"]
    assert wide.confidence == pytest.approx(0.9, abs=0.001)


def test_checks_work_through_each_other() -> None:
    chain = [sum_of("a", "b", total="c"), sum_of("c", "d", total="e")]
    said: dict[str, Said] = {"a": {"3": 0.6, "8": 0.39}, "b": "4", "c": {"9": 0.4, "7": 0.3, "12": 0.29}}
    after = settled(*chain, **said, d="20", e="32")
    assert {name: r.value for name, r in after.items()} == {
        "a": "8",
        "b": "4",
        "c": "12",
        "d": "20",
        "e": "32",
    }


def test_a_field_may_stand_twice_in_a_check() -> None:
    twice = Check("men + men == total", (("men", 1), ("men", 1), ("total", -1)), 0, "==")
    assert settled(twice, men={"3": 0.6, "4": 0.39}, total="8")["men"].value == "4"
    assert {r.reason for r in settled(twice, men="3", total="7").values()} == {"check: men + men == total"}


def test_numbers_of_any_length_are_summed() -> None:
    long = "1" + "0" * 30
    read = settled(SUM, men=long, women="2", total={long[:-1] + "7": 0.6, long[:-1] + "2": 0.39})["total"]
    assert read.value == long[:-1] + "2"


# Rules


def test_a_listed_value_is_chosen_where_the_ink_is_in_doubt() -> None:
    doubt = {"11": 0.6, "17": 0.398}
    read = alone(doubt, values=frozenset({"17", "18"}))
    assert (read.value, read.status, read.reason) == ("17", "accepted", "read 11, rule: not a listed value")
    assert alone(doubt).value == "11"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"minimum": 15}, "rule: minimum 15"),
        ({"pattern": "1[5-9]"}, "rule: pattern 1[5-9]"),
        ({"values": frozenset({"17"})}, "rule: not a listed value"),
    ],
)
def test_clear_ink_that_breaks_a_rule_goes_to_review(rules: dict[str, Any], reason: str) -> None:
    read = alone({"11": 0.97, "17": 0.025}, **rules)
    assert (read.value, read.status, read.reason) == ("11", "review", reason)
    assert read.confidence < 0.97


def test_a_rule_that_every_alternative_keeps_changes_nothing() -> None:
    for said in ({"11": 0.6, "17": 0.3}, {"11": 0.9}):
        assert alone(said, minimum=0, maximum=999, pattern="[0-9]+") == alone(said)


def test_a_changed_value_may_still_be_doubtful() -> None:
    read = alone({"13": 0.5, "12": 0.2}, maximum=12)
    assert (read.value, read.status) == ("12", "review")
    assert read.reason == "read 13, rule: maximum 12; low confidence"


def test_every_reason_is_told() -> None:
    told = "rule: minimum 90; rule: maximum 10; low confidence"
    assert alone({"45": 0.5}, minimum=90, maximum=10).reason == told
    lost = settle([a_field(required=True)], [FieldInk(an_ink("").alternatives, found=False)], [])[0]
    assert (lost.status, lost.reason) == ("review", "printed box not found; rule: required")
    assert lost.confidence <= 0.9


def test_what_else_a_field_may_be_is_told_with_its_odds() -> None:
    read = alone({"47": 0.6, "42": 0.3, "49": 0.05, "4?": 0.04})
    assert [(c.value, round(c.probability, 2)) for c in read.candidates] == [("42", 0.3), ("49", 0.05)]
    total = settled(SUM, men="12", women="30", total={"47": 0.6, "42": 0.39})["total"]
    assert (total.value, total.candidates) == ("42", ())  # what a sum leaves hardly any odds is not told


# Whatever comes


@settings(deadline=None, max_examples=200)
@given(pages())
def test_any_page_keeps_the_contract(page: tuple[list[FormField], list[FieldInk], list[Check]]) -> None:
    fields, inks, checks = page
    readings = settle(fields, inks, checks)
    assert readings == settle(fields, inks, checks)
    read = {}
    for field, ink, reading in zip(fields, inks, readings, strict=True):
        (chosen,) = (a for a in ink.alternatives if a.raw == reading.raw and a.value == reading.value)
        read[field.name] = chosen
        assert reading.digits == chosen.digits
        assert 0 <= reading.confidence <= 1
        odds = [candidate.probability for candidate in reading.candidates]
        assert odds == sorted(odds, reverse=True)
        assert reading.confidence + sum(odds) <= 1 + 1e-9
        others = [a.value for a in ink.alternatives if a is not chosen]
        assert {candidate.value for candidate in reading.candidates} <= set(others)
        likeliest = ink.alternatives[0]
        if chosen is not likeliest:
            assert likeliest.probability < field.accept_confidence, "clear ink was changed"
            assert "?" not in likeliest.raw
            assert reading.reason.startswith(f"read {likeliest.value or 'nothing'}, ")
        if reading.status == "accepted":
            assert reading.confidence >= field.accept_confidence
            assert chosen is not likeliest or reading.reason == ""
        else:
            assert reading.reason
    for check in checks:
        if not holds(check, {name: alternative.value for name, alternative in read.items()}):
            for name, reading in zip(read, readings, strict=True):
                if name in {n for n, _ in check.terms}:
                    assert reading.status == "review"
                    assert f"check: {check.rule}" in reading.reason
    # fields of no check are read as if there were no other
    for field, ink, reading in zip(fields, inks, readings, strict=True):
        if all(field.name != name for check in checks for name, _ in check.terms):
            assert reading == settle([field], [ink], [])[0]


# Thresholds by digit


def test_a_digit_less_sure_than_its_class_asks_sends_the_field_to_review() -> None:
    for digit, reason in (("9", "low confidence"), ("0", "")):
        asked = tuple(0.9995 if str(d) == digit else 0.0 for d in range(10))
        assert alone("19", accept_digit_confidence=asked).reason == reason
    both = alone({"19": 0.9}, accept_digit_confidence=(0.9995,) * 10)
    assert both.reason == "low confidence"


# Blank and struck-out cells


def test_a_number_with_a_struck_cell_in_it_gives_way_to_one_that_is_whole() -> None:
    read = alone({"4X4": 0.9, "XX4": 0.08})
    assert (read.value, read.status) == ("4", "review")
    assert read.reason.startswith("read 44, blank between digits")
    # where nothing else is likely it stays, and somebody looks at it
    assert alone({"4X4": 0.999}).raw == "4X4"
    assert alone({"4X4": 0.999}).reason == "blank between digits"
