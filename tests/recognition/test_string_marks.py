"""What stands in numbers besides digits is put in its place, and told as strange."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.deck.handwriting import make_hand
from digitscan.recognition.string_marks import (
    MARKS,
    STRANGE,
    STRANGERS,
    Sign,
    Strike,
    pen_of,
    strike,
    with_mark,
    with_stranger,
)
from tests.recognition.drawn import drawn_digits

GLYPHS, LABELS = drawn_digits(60, 3)
BODY = 20


def number(*digits: int) -> list[Sign]:
    return [Sign(GLYPHS[digit], digit, BODY) for digit in digits]


@pytest.mark.parametrize("seed", range(12))
def test_a_stranger_comes_in_place_of_a_digit_or_beside_them(seed: int) -> None:
    signs = number(3, 4, 5)
    made = with_stranger(signs, GLYPHS, LABELS, np.random.default_rng(seed))
    kept = [sign.answer for sign in made if sign.answer != STRANGE]
    strangers = len(made) - len(kept)
    assert 1 <= strangers <= 3
    assert len(kept) in (2, 3)
    assert kept == [digit for digit in (3, 4, 5) if digit in kept]
    assert all(sign.ink.any() for sign in made)


@pytest.mark.parametrize("seed", range(12))
def test_a_mark_leaves_the_digits_and_stands_apart(seed: int) -> None:
    made = with_mark(number(3, 4, 5), np.random.default_rng(seed))
    assert [sign.answer for sign in made if sign.answer != STRANGE] == [3, 4, 5]
    (mark,) = (sign for sign in made if sign.answer == STRANGE)
    assert mark.apart
    assert 0 < mark.ink.sum() / mark.unit**2 < GLYPHS[3].sum() / BODY**2


def test_pens_of_marks_are_those_of_the_digits() -> None:
    broad = [Sign(np.full((20, 4), 255, np.uint8), 1, 20)]
    fine = [Sign(np.full((60, 4), 255, np.uint8), 1, 60)]
    assert pen_of(broad) > 1.5 * pen_of(fine)


@pytest.mark.parametrize("level", [True, False, None])
def test_what_is_struck_out_keeps_its_ink_and_gets_more_there(*, level: bool | None) -> None:
    canvas = np.zeros((100, 300), np.uint8)
    boxes = [(50, 20, 40, 60), (150, 20, 40, 60)]
    for x, y, w, h in boxes:
        canvas[y : y + h, x : x + w][:, [0, 1, -2, -1]] = 255
    made = Strike(range(1, 2), level).drawn(canvas, boxes, np.random.default_rng(3))
    more = (made > 0) & (canvas == 0)
    assert (made >= canvas).all()
    assert more[:, 150:190].sum() > 40
    assert not more[:, :120].any()


@pytest.mark.parametrize(
    ("digit", "ways"), [(0, {None}), (7, {None}), (4, {None, False}), (3, {None, True, False})]
)
def test_a_bar_or_slash_that_makes_another_digit_strikes_out_nothing(
    digit: int, ways: set[bool | None]
) -> None:
    rng = np.random.default_rng(2)
    found = {made.level for made in (strike(number(digit), rng) for _ in range(200)) if made}
    assert found == ways


def test_every_maker_draws() -> None:
    rng = np.random.default_rng(1)
    hand = make_hand(rng)
    assert all(maker(number(1, 2), rng).ink.any() for maker in MARKS)
    assert all(maker(hand, rng).any() for maker in STRANGERS)
