from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.deck.handwriting import (
    Hand,
    draw_careless_cross,
    draw_cross,
    draw_dash,
    draw_digit,
    draw_letter,
    draw_scribble,
    make_hand,
)
from digitscan.deck.skeletons import BLOCK, DIGITS
from digitscan.records import Image


def steady_hand(digit: int, way: str) -> Hand:
    ways = [BLOCK] * 10
    ways[digit] = way
    return Hand(
        pen=0.08,
        slant=0.0,
        aspect=1.0,
        size_jitter=0.0,
        smoothness=0.3,
        tremor=0.0,
        pressure=0.0,
        wobble=0.0,
        ways=tuple(ways),
    )


def likeness(a: Image, b: Image) -> float:
    """Correlation of two pictures laid centre on centre, softened so that a pixel does not matter."""
    laid: list[NDArray[np.float32]] = []
    for picture in (a, b):
        canvas = np.zeros((100, 100), np.float32)
        height, width = picture.shape
        y, x = (100 - height) // 2, (100 - width) // 2
        canvas[y : y + height, x : x + width] = picture
        laid.append(np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.5), np.float32).ravel())
    one, other = (picture - picture.mean() for picture in laid)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.mark.parametrize("digit", range(10))
def test_every_digit_is_written_in_eight_ways_that_differ(digit: int) -> None:
    pictures = {
        way: draw_digit(steady_hand(digit, way), digit, 60, np.random.default_rng(0)) for way in DIGITS[digit]
    }
    distinct: list[str] = []
    for way, picture in pictures.items():
        assert all(likeness(picture, pictures[other]) < 0.99 for other in pictures if other != way), way
        if all(likeness(picture, pictures[other]) < 0.95 for other in distinct):
            distinct.append(way)
    assert len(distinct) >= 8, distinct


@pytest.mark.parametrize("digit", range(10))
def test_a_hand_writes_a_digit_alike_but_never_the_same(digit: int) -> None:
    rng = np.random.default_rng(digit)
    for way in DIGITS[digit]:
        hand = replace(make_hand(rng), ways=steady_hand(digit, way).ways, pen=0.09, size_jitter=0.03)
        one, other = (draw_digit(hand, digit, 60, rng) for _ in range(2))
        assert one.shape != other.shape or (one != other).any()
        assert likeness(one, other) > 0.3, way


@pytest.mark.parametrize("height", [14.0, 40.0, 90.0])
def test_digits_are_tight_and_about_as_high_as_asked(height: float) -> None:
    rng = np.random.default_rng(5)
    for digit in range(10):
        picture = draw_digit(make_hand(rng), digit, height, rng)
        assert picture.dtype == np.uint8 and picture.max() == 255
        assert picture[0].any() and picture[-1].any() and picture[:, 0].any() and picture[:, -1].any()
        assert 0.65 * height < picture.shape[0] < 1.4 * height


def test_the_same_seed_writes_the_same() -> None:
    def page(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        hand = make_hand(rng)
        return [draw_digit(hand, digit, 30, rng).tobytes() for digit in range(10)]

    assert page(3) == page(3)
    assert page(3) != page(4)


def test_whoever_writes_the_one_with_an_upstroke_bars_the_seven() -> None:
    rng = np.random.default_rng(0)
    continental = [hand for hand in (make_hand(rng) for _ in range(300)) if "upstroke" in hand.ways[1]]
    assert continental
    assert all("barred" in hand.ways[7] for hand in continental)


def arms(ink: Image, away: int) -> int:
    """How many strokes leave the thickest place of the ink, seen so many px away."""
    mask = np.pad((ink > 100).astype(np.uint8), away + 1)
    y, x = np.unravel_index(cv2.distanceTransform(mask, cv2.DIST_L2, 5).argmax(), mask.shape)
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    ring = mask[np.rint(y + away * np.sin(turn)).astype(int), np.rint(x + away * np.cos(turn)).astype(int)]
    return int((np.diff(ring, prepend=ring[-1]) == 1).sum())


def test_the_strokes_of_a_careless_cross_cross_and_are_not_alike() -> None:
    rng = np.random.default_rng(8)
    crosses = [draw_careless_cross(make_hand(rng), 60, rng) for _ in range(200)]
    assert all(cv2.connectedComponents((ink > 100).astype(np.uint8))[0] == 2 for ink in crosses)
    assert np.mean([arms(ink, 9) == 4 for ink in crosses]) > 0.8
    shapes = np.array([ink.shape for ink in crosses])
    assert shapes.max(axis=1).min() > 40 and shapes.max() < 80
    narrow, broad = np.quantile(shapes[:, 1] / shapes[:, 0], [0.1, 0.9])
    assert narrow < 0.85 and broad > 1.2


def test_crosses_dashes_letters_and_scribbles_have_about_their_size() -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        hand = make_hand(rng)
        rows, columns = draw_cross(hand, 30, 40, rng).shape
        assert 24 < rows < 60 and 18 < columns < 55
        rows, columns = draw_dash(hand, 30, rng).shape
        assert rows < 20 and 25 < columns < 45
        assert 24 < draw_letter(hand, rng, 40).shape[0] < 60
        rows, columns = draw_scribble(hand, 40, 30, rng).shape
        assert 15 < rows < 60 and 20 < columns < 70
