"""Training pictures: repeatable, labelled as promised, and fitted as reading fits them."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.recognition import strokes
from digitscan.recognition.augmentation import (
    CANVAS,
    INK,
    Mix,
    another_hand,
    as_printed,
    break_stroke,
    digit,
    other,
    sample,
    scan,
    shaved,
    warp,
)
from digitscan.records import CROSSED, OTHER, Image
from tests.recognition.drawn import drawn_digits


def extent(picture: Image) -> int:
    ys, xs = np.nonzero(picture)
    return int(max(np.ptp(ys), np.ptp(xs))) + 1


def test_the_seed_decides_everything() -> None:
    glyphs, labels = drawn_digits(60, 1)
    first, again, another = (sample(glyphs, labels, Mix(), seed) for seed in ([1, 2], [1, 2], [1, 3]))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], another[0])


def test_shares_are_as_asked() -> None:
    glyphs, labels = drawn_digits(100, 1)
    pictures, answers = sample(glyphs, labels, Mix(drawn=0.2, crossed=0.1, other=0.3), [5])
    assert pictures.shape == (160, 28, 28)
    assert pictures.dtype == np.uint8
    assert int((answers < 10).sum()) == 120
    assert int((answers == CROSSED).sum()) == 10
    assert int((answers == OTHER).sum()) == 30
    assert set(range(10)) <= set(answers.tolist())


def test_untouched_pictures_are_the_very_same() -> None:
    glyphs, labels = drawn_digits(50, 1)
    pictures, answers = sample(glyphs, labels, Mix(untouched=1, drawn=0, crossed=0, other=0), [5])
    assert sorted(map(bytes, pictures)) == sorted(map(bytes, glyphs))
    for picture, answer in zip(pictures, answers, strict=True):
        assert labels[[bytes(glyph) for glyph in glyphs].index(bytes(picture))] == answer


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 49), st.floats(0, 1), st.integers(0, 10_000))
def test_changed_digits_are_fitted(index: int, strength: float, seed: int) -> None:
    glyphs, labels = drawn_digits(50, 1)
    picture = digit(
        glyphs[index], int(labels[index]), glyphs[(index + 7) % 50], strength, np.random.default_rng(seed)
    )
    assert picture.shape == (28, 28)
    assert 17 <= extent(picture) <= 20


def test_without_strength_warping_only_enlarges() -> None:
    glyphs, _ = drawn_digits(50, 1)
    canvas = warp(glyphs[3], 0.0, np.random.default_rng(0))
    assert canvas.shape == (CANVAS, CANVAS)
    assert abs(extent(np.asarray(canvas > 127, np.uint8)) - INK) <= 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 49), st.integers(0, 10_000))
def test_scanning_keeps_most_of_the_ink(index: int, seed: int) -> None:
    glyphs, _ = drawn_digits(50, 1)
    rng = np.random.default_rng(seed)
    canvas = warp(glyphs[index], 0.5, rng)
    mask = scan(canvas, rng)
    assert set(np.unique(mask).tolist()) == {0, 1}
    assert mask.mean() > 0.2 * (canvas > 100).mean()


def test_broken_strokes_only_lose_ink() -> None:
    glyphs, _ = drawn_digits(50, 1)
    rng = np.random.default_rng(1)
    canvas = warp(glyphs[8], 0.0, rng)
    broken = break_stroke(canvas, rng)
    assert (broken <= canvas).all()
    assert 0 < int((broken < canvas).sum()) < 0.3 * int((canvas > 0).sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 49), st.integers(0, 10_000))
def test_shaving_takes_little_and_only_from_a_side(index: int, seed: int) -> None:
    glyphs, _ = drawn_digits(50, 1)
    rng = np.random.default_rng(seed)
    canvas = warp(glyphs[index], 0.5, rng)
    after = shaved(canvas, rng)
    lost = (canvas > 100) & (after == 0)
    assert lost.sum() <= 0.06 * (canvas > 100).sum()
    kept = (canvas > 100) & (after > 0)
    # what is lost lies on one side of what stays, along a leaning cut
    rows = [r for r in range(len(canvas)) if lost[r].any() and kept[r].any()]
    ends = [(np.flatnonzero(lost[r]), np.flatnonzero(kept[r])) for r in rows]
    assert all(a.max() < b.min() for a, b in ends) or all(a.min() > b.max() for a, b in ends)
    assert np.array_equal(after[after > 0], canvas[after > 0])


def test_another_hand_stays_within_mnist_s_frame() -> None:
    glyphs, _ = drawn_digits(50, 1)
    for index in range(50):
        made = another_hand(glyphs[index], np.random.default_rng(index))
        assert made.shape == (28, 28)
        assert 0.7 < made.sum() / glyphs[index].sum() < 1.4
        assert not np.array_equal(made, glyphs[index])


def stem(lean: int = 0, foot: int = 0) -> Image:
    """A 1, its top so many pixels farther right, on a foot that reaches so far to both sides."""
    picture = np.zeros((28, 28), np.uint8)
    cv2.line(picture, (13 + lean, 4), (13, 23), 255, 2)
    picture[22:24, 13 - foot : 14 + foot] = 255
    return picture


@pytest.mark.parametrize("seed", range(30))
def test_a_1_gets_a_foot_or_a_flag_to_the_left_of_its_top(seed: int) -> None:
    made = as_printed(stem(), np.random.default_rng(seed)) > 100
    footed = made[20:26].any(axis=0).sum() > 6
    flagged = made[4:12, :12].any()
    assert footed or flagged
    assert not made[4:12, 16:].any()
    assert (made | (stem() <= 100)).all()


def test_a_1_that_leans_or_has_a_foot_stays_as_it_is() -> None:
    for glyph in (stem(lean=9), stem(foot=6), np.zeros((28, 28), np.uint8)):
        assert np.array_equal(as_printed(glyph, np.random.default_rng(1)), glyph)


def test_1s_are_printed_where_that_is_asked_for() -> None:
    ones = np.stack([stem()] * 200)
    labels = np.ones(200, np.int64)
    plain = {"strength": 0.0, "untouched": 0.0, "drawn": 0.0, "crossed": 0.0, "other": 0.0}
    widths = [
        np.mean([np.ptp(np.nonzero(p)[1]) for p in sample(ones, labels, Mix(**plain, printed=part), [1])[0]])
        for part in (0.0, 1.0)
    ]
    assert widths[1] > 1.8 * widths[0]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_no_digit_is_never_empty(seed: int) -> None:
    glyphs, labels = drawn_digits(100, 1)
    assert other(glyphs, labels, np.random.default_rng(seed)).any()


def test_few_glyphs_are_enough_to_make_what_is_no_digit_of() -> None:
    glyphs, _ = drawn_digits(3, 1)
    rng = np.random.default_rng(1)
    assert all(other(glyphs, np.zeros(3, np.int64), rng).any() for _ in range(60))


def test_junk_is_neither_a_bar_nor_a_dash() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        height, width = strokes.draw_junk(rng).shape
        assert max(height, width) < 7 * min(height, width)


def test_a_struck_out_cell_is_no_upright_bar() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        height, width = strokes.draw_crossed(rng).shape
        assert height < 3.2 * width


def test_the_dot_of_a_question_mark_stands_apart() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        ink = (strokes.draw_question_mark(rng) > strokes.INKED).astype(np.uint8)
        assert cv2.connectedComponents(ink)[0] > 2


def test_training_pictures_are_made_without_tensorflow() -> None:
    code = "import sys, digitscan.recognition.augmentation; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
