"""What is timed does what it says, on one page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed import FORM, KIND, measured_here
from digitscan.deck.deck import make_deck
from digitscan.forms import load_form


def test_a_page_of_the_deck_is_decoded(tmp_path: Path) -> None:
    paths = make_deck(load_form(FORM), 1, 5, tmp_path, kinds=(KIND,), presets=(KIND.preset,))
    measured = measured_here("decode", paths)
    assert measured.cpu > 0 and measured.wall > 0 and measured.peak > 0
