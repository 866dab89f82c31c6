"""Spoilt files are made anew from their number, and what goes wrong with one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fuzz
from digitscan.vision import pages


def test_a_case_is_its_number() -> None:
    assert fuzz.spoilt(7) == fuzz.spoilt(7)
    assert len({fuzz.spoilt(number) for number in range(50)}) > 45


def test_the_first_cases_are_read_or_refused(tmp_path: Path) -> None:
    assert {fuzz.reader(tmp_path)(number) for number in range(60)} == {"read", "refused"}
    assert not list(tmp_path.iterdir())


def test_what_raises_anything_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "count_pages", fail)
    assert any("ZeroDivisionError" in fuzz.reader(tmp_path)(number) for number in range(20))
