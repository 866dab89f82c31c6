"""Pictures of one digit each, with what they show, from the files of their publishers."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from digitscan.recognition.datasets import Labels, read_digits
from digitscan.records import Image


@dataclass(frozen=True, slots=True)
class Labelled:
    """Grey pictures, each of its own size, and their digits."""

    pictures: list[Image]
    labels: Labels


def mnist(path: Path) -> Labelled:
    """The 10,000 test pictures of MNIST (LeCun, Bottou, Bengio, Haffner, 1998), from its idx files."""
    digits = read_digits(path)
    return Labelled(list(digits.test), digits.test_labels)


def optdigits(path: Path) -> Labelled:
    """1,797 bitmaps of 32x32 by 13 writers (Alpaydin and Kaynak, UCI, 1998); ink is 1."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    start = next(i for i, line in enumerate(lines) if len(line) == 32 and line.isdigit())
    words = [line for line in lines[start:] if line.isdigit()]
    rows = range(0, len(words) - 32, 33)
    pictures = [np.array([[int(c) for c in row] for row in words[i : i + 32]], np.uint8) * 255 for i in rows]
    return Labelled(
        [picture.astype(np.uint8) for picture in pictures], np.array([int(words[i + 32]) for i in rows])
    )


def dida(path: Path) -> Labelled:
    """Crops from Swedish registers of 1800-1940 (Kusetogullari et al., 2020); neighbours intrude.

    A zip of CLASS/NAME.jpg.
    """
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".jpg")]
        raw = [np.frombuffer(archive.read(name), np.uint8) for name in names]
    pictures = [np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8) for content in raw]
    return Labelled(pictures, np.array([int(name.split("/")[-2]) for name in names]))


SETS: dict[str, tuple[str, Callable[[Path], Labelled]]] = {
    "MNIST test": ("mnist", mnist),
    "optdigits": ("optdigits-orig.windep", optdigits),
    "DIDA": ("dida_dev.zip", dida),
}
"""Title -> name in the directory of digits, and what reads it."""


def found(directory: Path) -> dict[str, Labelled]:
    """Of `SETS`, those that are there, by title."""
    there = {title: (directory / name, read) for title, (name, read) in SETS.items()}
    return {title: read(path) for title, (path, read) in there.items() if path.exists()}
