"""Numbers put together of digits: repeatable, as long as said, touching where they shall."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digitscan.recognition.augmentation import INK
from digitscan.recognition.string_pictures import LONGEST, Style, numbers, put_together
from digitscan.records import Image
from tests.recognition.drawn import data_set

TIDY = Style(slant=0, aspect=1, size=0, wave=0, gap=0.3, touching=0, overlap=0.1)


def parts(ink: Image) -> int:
    return cv2.connectedComponents(np.asarray(ink > 100).astype(np.uint8))[0] - 1


def zeros(count: int) -> list[Image]:
    ring = np.zeros((60, 44), np.uint8)
    cv2.ellipse(ring, (22, 30), (18, 26), 0, 0, 360, 255, 5)
    return [ring] * count


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
        assert (answer[:length] <= 9).all()


@pytest.mark.parametrize("seed", range(5))
def test_digits_stand_apart_or_touch_as_the_hand_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert parts(put_together(zeros(4), TIDY, rng)) == 4
    together = put_together(zeros(4), replace(TIDY, touching=1, overlap=0.1), rng)
    assert parts(together) < 4
    assert abs(len(together) - INK) < 8
