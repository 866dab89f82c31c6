"""Training pictures of whole numbers: MNIST's digits, and drawn ones, side by side as one hand writes them.

Digits stand apart, touch or overlap. A number is put together about as large as it would be at 300 dpi, bent
and made bilevel as a whole, and fitted as reading fits it: so training sees what reading sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.recognition import strokes
from digitscan.recognition.augmentation import INK, scan
from digitscan.records import Image
from digitscan.vision.glyphs import BODY, SIZE, STRING_HEIGHT, STRING_WIDTH, fit_string

LONGEST = 8
LENGTHS = np.array([0.03, 0.08, 0.15, 0.22, 0.22, 0.2, 0.06, 0.04])
"""Shares of the numbers of 1, 2 ... digits."""
DRAWN = 0.15
"""Share of the numbers that are drawn."""
ONE_HAND = 0.7
"""Of the others, those whose digits are all by one writer, where writers are known."""
PEN_DRAWN = 1500
"""Digits drawn for a set of pictures, from which its drawn numbers are put together."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a hand sets digits beside each other; lengths in heights of a digit."""

    slant: float
    aspect: float
    size: float
    """Deviation of the heights."""
    wave: float
    """Deviation of the places up and down."""
    gap: float
    touching: float
    """Share of the neighbours that touch or overlap."""
    overlap: float
    """The most that they do."""


def numbers(
    glyphs: Image, labels: NDArray[np.int64], writers: NDArray[np.int64] | None, count: int, seed: list[int]
) -> tuple[Image, NDArray[np.int64]]:
    """Pictures of numbers, uint8, count x height x width, and their digits, count x LONGEST, -1 behind.

    glyphs: MNIST's, uint8, n x 28 x 28, labels 0-9, and who wrote them.
    """
    rng = np.random.default_rng(seed)
    drawn, drawn_labels = _drawn(rng)
    by_writer = {} if writers is None else _indices(writers)
    names = sorted(by_writer)
    pictures = np.zeros((count, STRING_HEIGHT, STRING_WIDTH), np.uint8)
    answers = np.full((count, LONGEST), -1, np.int64)
    for index in range(count):
        length = 1 + int(rng.choice(LONGEST, p=LENGTHS))
        if rng.random() < DRAWN:
            at = rng.integers(len(drawn), size=length)
            inks, digits = [drawn[i] for i in at], drawn_labels[at]
        else:
            among = np.arange(len(glyphs))
            if names and rng.random() < ONE_HAND:
                among = by_writer[names[int(rng.integers(len(names)))]]
            at = among[rng.integers(len(among), size=length)]
            inks, digits = [glyphs[i] for i in at], labels[at]
        answers[index, :length] = digits
        pictures[index] = picture(inks, rng)
    return pictures, answers


def picture(inks: Sequence[Image], rng: np.random.Generator) -> Image:
    """A number of these digits: ink coverage, MNIST's 28x28 or tight."""
    while True:
        ink = scanned(bent(put_together(inks, make_style(rng), rng), rng), rng)
        fitted = fit_string(ink)
        if fitted.any():
            return fitted


def make_style(rng: np.random.Generator) -> Style:
    kind = rng.random()
    return Style(
        slant=float(np.clip(rng.normal(0.03, 0.15), -0.35, 0.45)),
        aspect=float(np.exp(rng.normal(0, 0.12))),
        size=float(rng.uniform(0, 0.1)),
        wave=float(rng.uniform(0, 0.09)),
        gap=float(rng.uniform(0.03, 0.3)),
        touching=1.0 if kind < 0.4 else 0.0 if kind < 0.65 else float(rng.uniform(0.1, 0.7)),
        overlap=float(rng.uniform(0.02, 0.14)),
    )


def put_together(inks: Sequence[Image], style: Style, rng: np.random.Generator) -> Image:
    """The digits in one row, about `INK` px high, uint8 coverage."""
    made = [_one(ink, style, rng) for ink in inks]
    tops = [round(rng.normal(0, style.wave) * INK - len(m) / 2) for m in made]
    high = min(tops)
    tops = [top - high for top in tops]
    at = [0]
    for (left, a), (right, b) in pairwise(zip(made, tops, strict=True)):
        clear = _clear(left, a, right, b)
        if rng.random() < style.touching:
            gap = -clear - round(rng.uniform(0.0, style.overlap) * INK)
        else:
            gap = max(round(rng.normal(style.gap, 0.06) * INK), 2 - clear)
        at.append(max(at[-1] + left.shape[1] + gap, at[-1] + 4))
    canvas = np.zeros(
        (max(t + len(m) for t, m in zip(tops, made, strict=True)), max(
            x + m.shape[1] for x, m in zip(at, made, strict=True)
        )),
        np.uint8,
    )  # fmt: skip
    for ink, x, y in zip(made, at, tops, strict=True):
        region = canvas[y : y + len(ink), x : x + ink.shape[1]]
        np.maximum(region, ink, out=region)
    return canvas


def bent(canvas: Image, rng: np.random.Generator) -> Image:
    """The whole number bent and turned a little, with a margin of 8 px."""
    source = np.pad(canvas, 8)
    height, width = source.shape
    knots = (max(3, height // 14), max(3, width // 14))
    bend = rng.normal(0, rng.uniform(0, 1.6), (*knots, 2)).astype(np.float32)
    field = cv2.resize(bend, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    climb = float(np.clip(rng.normal(0, 0.015), -0.04, 0.04))
    moved = cv2.remap(
        source, x + field[..., 0], y + field[..., 1] + climb * (x - width / 2), cv2.INTER_LINEAR
    )
    return np.asarray(moved, np.uint8)


def scanned(canvas: Image, rng: np.random.Generator) -> Image:
    """Bilevel as a scanner leaves it, sometimes with a rest of a rule or specks; 0 or 1."""
    mask = scan(canvas, rng)
    if rng.random() < 0.1:
        height, width = mask.shape
        kind = rng.random()
        if kind < 0.5:
            y = int(rng.choice([rng.integers(0, 8), height - 1 - rng.integers(0, 8)]))
            begin = int(rng.integers(width))
            end = begin + int(rng.uniform(0.05, 0.3) * width)
            cv2.line(mask, (begin, y), (end, y + int(rng.integers(-1, 2))), 1, int(rng.integers(1, 3)))
        else:
            for x, y in zip(rng.integers(width, size=3), rng.integers(height, size=3), strict=True):
                cv2.circle(mask, (int(x), int(y)), int(rng.integers(0, 3)), 1, -1)
    return mask


def _one(ink: Image, style: Style, rng: np.random.Generator) -> Image:
    """One digit in the hand's slant and width, tight; uint8 coverage."""
    height, width = ink.shape
    tall = INK * float(np.exp(rng.normal(0, style.size)))
    scale = tall / (BODY if (height, width) == (SIZE, SIZE) else height)
    slant = style.slant + rng.normal(0, 0.04)
    turn = np.deg2rad(rng.normal(0, 3))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -slant], [0, 1]])
    matrix = matrix @ np.diag([style.aspect * float(np.exp(rng.normal(0, 0.06))), 1.0]) * scale
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ matrix.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil(high - low).astype(int) + 2
    affine = np.column_stack([matrix, 1 - low])
    canvas = cv2.warpAffine(ink, affine, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    left, top, w, h = cv2.boundingRect(np.where(canvas > 60, canvas, 0).astype(np.uint8))
    return np.ascontiguousarray(canvas[top : top + h, left : left + w])


def _clear(left: Image, a: int, right: Image, b: int) -> int:
    """Columns of paper between the inks of two pictures that abut, their tops at a and b."""
    first, last = max(a, b), min(a + len(left), b + len(right))
    if last <= first:
        return 0
    one, two = left[first - a : last - a] > 100, right[first - b : last - b] > 100
    after = np.where(one.any(axis=1), one[:, ::-1].argmax(axis=1), one.shape[1])
    before = np.where(two.any(axis=1), two.argmax(axis=1), two.shape[1])
    return int((after + before).min())


def _drawn(rng: np.random.Generator) -> tuple[list[Image], NDArray[np.int64]]:
    digits = rng.integers(10, size=PEN_DRAWN)
    return [strokes.draw_digit(int(d), rng) for d in digits], digits


def _indices(writers: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    order = np.argsort(writers, kind="stable")
    names, starts = np.unique(writers[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
