"""A small stand-in for MNIST, drawn: the repository holds no data set."""

from __future__ import annotations

from functools import cache

import numpy as np

from digitscan.recognition.datasets import Digits, Labels
from digitscan.recognition.strokes import draw_digit
from digitscan.records import Image
from digitscan.vision.glyphs import fit


@cache
def drawn_digits(count: int, seed: int) -> tuple[Image, Labels]:
    """`count` drawn digits, fitted: uint8, count x 28 x 28, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 10
    return np.stack([fit(draw_digit(int(label), rng) > 100) for label in labels]), labels


def data_set(train: int = 300, test: int = 100, writers: int | None = 12) -> Digits:
    """Drawn digits as if read from files."""
    names = None if writers is None else np.arange(train, dtype=np.int64) % writers
    return Digits("drawn", *drawn_digits(train, 1), *drawn_digits(test, 2), names, {"drawn": "0" * 64})
