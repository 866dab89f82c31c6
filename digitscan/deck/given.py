"""Digits written by people, taken from MNIST files, enlarged to the size of a form.

A directory holds the images of MNIST as idx files, packed or not, the test part before the training
part where both are there. QMNIST's labels beside them tell who wrote each digit.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.errors import UsageError
from digitscan.records import Image

PARTS = (
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "qmnist-test-labels-idx2-int"),
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "qmnist-train-labels-idx2-int"),
)
MNIST_HEIGHT = 20
"""MNIST fits every digit into 20 x 20 pixels."""


@dataclass(frozen=True, slots=True)
class GivenDigits:
    """Digits of many writers."""

    images: Image
    """n x 28 x 28, ink 255."""
    labels: NDArray[np.int64]
    writers: NDArray[np.int64]
    """All 0 where they are not known."""


def load_given_digits(folder: Path) -> GivenDigits:
    """Read a directory of MNIST files; `UsageError` where they are missing or do not fit together."""
    for images_name, labels_name, writers_name in PARTS:
        images = _read_idx(folder / images_name)
        if images is None:
            continue
        known = _read_idx(folder / writers_name)
        if known is not None:  # columns: class, series, writer, ...
            labels, writers = known[: len(images), 0], known[: len(images), 2]
        else:
            plain = _read_idx(folder / labels_name)
            if plain is None:
                raise UsageError(f"{folder}: {images_name} is there but not {labels_name}; put it beside it")
            labels, writers = plain, np.zeros(len(plain), np.int64)
        if len(labels) != len(images) or set(np.unique(labels)) != set(range(10)):
            raise UsageError(f"{folder}: the labels do not belong to {images_name}; fetch both again")
        return GivenDigits(images.astype(np.uint8), labels.astype(np.int64), writers.astype(np.int64))
    raise UsageError(f"{folder}: no MNIST images found; it needs {PARTS[0][0]}[.gz] or {PARTS[1][0]}[.gz]")


def pick_writer(given: GivenDigits, rng: np.random.Generator) -> int:
    """A writer, each as likely as they wrote many digits."""
    return int(given.writers[int(rng.integers(len(given.writers)))])


def given_digit(given: GivenDigits, writer: int) -> Callable[[int, float, np.random.Generator], Image]:
    """What draws this writer's digits: (digit, height in pixels, rng) -> coverage as in `handwriting`.

    A digit that the writer never wrote is taken from anybody.
    """
    own = given.writers == writer
    choices = []
    for digit in range(10):
        everybodys = given.labels == digit
        mine = np.flatnonzero(everybodys & own)
        choices.append(mine if len(mine) else np.flatnonzero(everybodys))

    def draw(digit: int, height: float, rng: np.random.Generator) -> Image:
        return enlarged(given.images[int(rng.choice(choices[digit]))], height / MNIST_HEIGHT)

    return draw


def enlarged(image: Image, factor: float) -> Image:
    """A 28 x 28 digit drawn `factor` times as large with crisp edges, cut tight around its ink."""
    x, y, w, h = cv2.boundingRect(image)
    # a margin, so that the curve of the edge is not cut
    part = np.pad(image[y : y + h, x : x + w], 2)
    size = (max(round(part.shape[1] * factor), 1), max(round(part.shape[0] * factor), 1))
    smooth = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)
    # well below half ink is the edge, or thin strokes would break; the slope leaves about a pixel of grey
    slope = max(0.5 * factor, 1.6)
    crisp = np.clip((smooth.astype(np.float32) - 90) * slope + 128, 0, 255).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(np.where(crisp > 25, crisp, 0).astype(np.uint8))
    return np.ascontiguousarray(crisp[y : y + h, x : x + w])


def _read_idx(path: Path) -> NDArray[np.integer] | None:
    """An idx file, or the same with .gz; None where neither is there."""
    packed = path.with_name(path.name + ".gz")
    try:
        if path.exists():
            content = path.read_bytes()
        elif packed.exists():
            content = gzip.decompress(packed.read_bytes())
        else:
            return None
        kind = {0x08: "u1", 0x0C: ">i4"}[content[2]]
        shape = np.frombuffer(content, ">u4", content[3], 4).astype(int)
        values = np.frombuffer(content, kind, int(shape.prod()), 4 + 4 * len(shape))
        return np.asarray(values.reshape(shape), np.int64 if kind == ">i4" else np.uint8)
    except (OSError, EOFError, KeyError, ValueError, IndexError) as error:
        raise UsageError(f"{path}: not a readable idx file ({error}); fetch it again") from None
