"""Numbers put together of digits: repeatable, as long as said, touching where they shall."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digitscan.recognition.augmentation import INK
from digitscan.recognition.string_marks import STRANGE, Sign
from digitscan.recognition.string_pictures import LONGEST, Style, numbers, put_together
from digitscan.records import Image
from tests.recognition.drawn import data_set

TIDY = Style(slant=0, aspect=1, size=0, wave=0, gap=0.3, touching=0, overlap=0.1)


def parts(ink: Image) -> int:
    return cv2.connectedComponents(np.asarray(ink > 100).astype(np.uint8))[0] - 1


def zeros(count: int) -> list[Sign]:
    ring = np.zeros((60, 44), np.uint8)
    cv2.ellipse(ring, (22, 30), (18, 26), 0, 0, 360, 255, 5)
    return [Sign(ring, 0, len(ring))] * count


def test_the_seed_decides_everything() -> None:
    digits = data_set(120)
    first, again, another = (
        numbers(digits.train, digits.train_labels, digits.writers, 20, seed) for seed in ([1], [1], [2])
    )
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], another[1])


def test_every_number_has_its_digits() -> None:
    digits = data_set(120)
    pictures, answers = numbers(digits.train, digits.train_labels, None, 40, [3])
    assert pictures.shape == (40, 24, 128)
    assert pictures.any(axis=(1, 2)).all()
    assert answers.shape == (40, LONGEST)
    lengths = (answers >= 0).sum(axis=1)
    assert lengths.min() >= 1
    for answer, length in zip(answers, lengths, strict=True):
        assert (answer[length:] == -1).all()
        assert (answer[:length] <= STRANGE).all()


def test_some_numbers_have_what_is_no_digit_and_never_two_of_it_beside_each_other() -> None:
    digits = data_set(120)
    _, answers = numbers(digits.train, digits.train_labels, None, 200, [4])
    strange = answers == STRANGE
    assert 0.15 < strange.any(axis=1).mean() < 0.4
    assert not (strange[:, 1:] & strange[:, :-1]).any()


@pytest.mark.parametrize("seed", range(5))
def test_digits_stand_apart_or_touch_as_the_hand_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    apart, boxes = put_together(zeros(4), TIDY, rng)
    assert parts(apart) == 4
    assert [parts(apart[y : y + h, x : x + w]) for x, y, w, h in boxes] == [1] * 4
    together, _ = put_together(zeros(4), replace(TIDY, touching=1, overlap=0.1), rng)
    assert parts(together) < 4
    assert abs(len(together) - INK) < 8


@pytest.mark.parametrize("seed", range(5))
def test_a_mark_touches_nothing_and_what_follows_it_does_not_slide_under_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bar = np.full((6, 30), 255, np.uint8)
    left, right = zeros(2)
    made, boxes = put_together(
        [left, Sign(bar, STRANGE, 60, 0.0, True), right], replace(TIDY, touching=1, gap=0.05), rng
    )
    assert parts(made) == 3
    assert boxes[0][0] < boxes[1][0] < boxes[2][0]


def test_what_joins_along_all_its_height_stays_apart() -> None:
    bars = [Sign(np.full((60, 12), 255, np.uint8), 1, 60)] * 3
    made, _ = put_together(bars, replace(TIDY, touching=1, overlap=0.1), np.random.default_rng(1))
    assert parts(made) == 3
