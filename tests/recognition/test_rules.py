"""What may be written in a field, and what a check asks."""

from __future__ import annotations

from typing import Any

import pytest

from digitscan.forms import Check
from digitscan.recognition.rules import broken_rules, factors, faults, holds
from tests.recognition.inks import a_field, an_alternative


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"minimum": 20}, "rule: minimum 20"),
        ({"maximum": 18}, "rule: maximum 18"),
        ({"values": frozenset({"01", "02"})}, "rule: not a listed value"),
        ({"pattern": "[2-4][0-9]"}, "rule: pattern [2-4][0-9]"),
        ({"pattern": "1"}, "rule: pattern 1"),
        ({"digits": (3, 4)}, "rule: 3 to 4 digits"),
    ],
)
def test_a_broken_rule_is_told(rules: dict[str, Any], reason: str) -> None:
    assert list(broken_rules(a_field(), "19")) == []
    assert list(broken_rules(a_field(**rules), "19")) == [reason]


def test_every_broken_rule_is_told() -> None:
    told = ["rule: minimum 90", "rule: maximum 10"]
    assert list(broken_rules(a_field(minimum=90, maximum=10), "45")) == told


def test_kept_rules_are_silent() -> None:
    field = a_field(
        minimum=19, maximum=19, values=frozenset({"019"}), pattern="0[0-9]+", required=True, digits=(3, 3)
    )
    assert list(broken_rules(field, "019")) == []


def test_an_empty_field_breaks_no_rule_but_required() -> None:
    assert list(broken_rules(a_field(minimum=1, values=frozenset({"1"}), pattern="1"), "")) == []
    assert list(broken_rules(a_field(required=True, minimum=1), "")) == ["rule: required"]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("12", []),
        ("XX", []),
        ("_12", []),
        ("4?", ["unreadable"]),
        ("1_2", ["blank between digits"]),
        ("1X2", ["blank between digits"]),
        ("X12", ["crossed out"]),
    ],
)
def test_what_is_wrong_with_a_reading(raw: str, told: list[str]) -> None:
    assert list(faults(a_field(), an_alternative(raw))) == told


def test_crossings_are_told_where_the_form_says_so() -> None:
    assert list(faults(a_field(crossed="review"), an_alternative("X1"))) == ["crossed out"]


SUM = Check("men + women == total", (("men", 1), ("women", 1), ("total", -1)), 0, "==")


@pytest.mark.parametrize(
    ("men", "women", "total", "comes_out"),
    [
        ("03", "4", "007", True),
        ("", "4", "4", True),
        ("", "", "", True),
        ("", "", "0", True),
        ("3", "4", "8", False),
        ("3", "4", "", False),
    ],
)
def test_sums(men: str, women: str, total: str, *, comes_out: bool) -> None:
    values = {"men": men, "women": women, "total": total}
    assert holds(SUM, values) is comes_out


@pytest.mark.parametrize(
    ("operator", "constant", "kept"),
    [("==", 5, True), ("==", 4, False), ("<=", 5, True), ("<=", 4, True), ("<=", 6, False), (">=", 6, True)],
)
def test_checks_compare_with_constants(operator: Any, constant: int, *, kept: bool) -> None:
    check = Check("age ? 5", (("age", -1),), constant, operator)
    assert holds(check, {"age": "5"}) is kept
    assert holds(check, {"age": ""})


def test_a_field_named_twice_counts_twice() -> None:
    check = Check("men + men == total", (("men", 1), ("men", 1), ("total", -1)), 0, "==")
    assert factors(check) == {"men": 2, "total": -1}
    assert holds(check, {"men": "4", "total": "8"})
