"""A page read at several places: the likeliest is taken, and doubt goes to review."""

from __future__ import annotations

import pytest

from digitscan.recognition.rivals import settle
from digitscan.records import FieldReading


def read(*values: str, confidence: float = 0.99, reason: str = "") -> tuple[FieldReading, ...]:
    status = "review" if reason else "accepted"
    return tuple(FieldReading(f"f{i}", v, v, confidence, status, reason) for i, v in enumerate(values))


def test_one_place_is_read_as_it_is() -> None:
    readings = read("1", "2")
    assert settle([0.0], [readings]) == (0, readings)


def test_a_rule_broken_at_the_only_place_is_no_doubt_about_it() -> None:
    readings = read("1", reason="rule: maximum 0")
    assert settle([5.0], [readings]) == (0, readings)


def test_what_another_place_could_not_read_either_is_in_doubt() -> None:
    _, settled = settle([20.0, 20.0], [read(""), read("", reason="printed box not found")])
    assert settled[0].reason == "place uncertain"


def test_print_decides_where_it_can() -> None:
    best, settled = settle([20.0, 23.0], [read("1", "2"), read("2", "3")])
    assert best == 1
    assert [r.status for r in settled] == ["accepted", "accepted"]


def test_writing_decides_where_print_does_not() -> None:
    upside_down = read("1", "2", "6", confidence=0.3)
    best, settled = settle([20.0, 20.0], [upside_down, read("9", "2", "1")])
    assert best == 1
    assert {r.status for r in settled} == {"accepted"}


def test_a_broken_rule_counts_against_a_place() -> None:
    shifted = (*read("2"), *read("", "", reason="rule: required"))
    best, settled = settle([20.0, 19.5], [shifted, read("1", "2", "3")])
    assert best == 1
    assert {r.status for r in settled} == {"accepted"}


def test_where_nothing_is_found_nothing_is_legible() -> None:
    nowhere = read("", "", "", reason="printed box not found")
    best, settled = settle([23.0, 20.0], [read("1", "2", "3", confidence=0.3), nowhere])
    assert best == 0
    assert {r.status for r in settled} == {"accepted"}


def test_in_doubt_what_would_be_read_otherwise_goes_to_review() -> None:
    _, settled = settle([20.0, 20.5], [read("1", "2", ""), read("2", "2", "")])
    assert [(r.status, r.reason) for r in settled] == [
        ("review", "place uncertain"),
        ("accepted", ""),
        ("accepted", ""),
    ]


def test_what_is_in_doubt_is_as_sure_as_its_place_is_likely() -> None:
    _, settled = settle([20.0, 20.0], [read("1", "2", confidence=0.98), read("2", "2", confidence=0.98)])
    assert settled[0].confidence == pytest.approx(0.49)
    assert settled[1].confidence == 0.98
    _, settled = settle([21.0, 20.0], [read("1"), read("2")])
    assert 0.7 < settled[0].confidence < 0.75


def test_doubt_adds_to_other_reasons() -> None:
    both = [read("1", confidence=0.9, reason="low confidence"), read("2", confidence=0.9)]
    _, settled = settle([20.0, 20.0], both)
    assert settled[0].reason == "low confidence; place uncertain"
