"""Training pictures of whole numbers: MNIST's digits, and drawn ones, side by side as one hand writes them.

In some there stands besides, or is struck out, what is no digit of the number.

Digits stand apart, touch or overlap. A number is put together about as large as it would be at 300 dpi, bent
and made bilevel as a whole, and fitted as reading fits it: so training sees what reading sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.deck.drawing import stamp
from digitscan.recognition import strokes
from digitscan.recognition.augmentation import INK, scan
from digitscan.recognition.strikes import Box
from digitscan.recognition.string_marks import (
    STRANGE,
    Sign,
    Strike,
    strike,
    with_mark,
    with_stranger,
)
from digitscan.records import Image
from digitscan.vision.glyphs import BODY, STRING_HEIGHT, STRING_WIDTH, fit_string

LONGEST = 8
LENGTHS = np.array([0.03, 0.08, 0.15, 0.22, 0.22, 0.2, 0.06, 0.04])
"""Shares of the numbers of 1, 2 ... digits."""
DRAWN = 0.15
"""Share of the numbers that are drawn."""
ONE_HAND = 0.7
"""Of the others, those whose digits are all by one writer, where writers are known."""
STRUCK, STRANGERS, MARKED = 0.1, 0.1, 0.1
"""Shares of the numbers in which digits are struck out, letters stand, or points and dashes do."""
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


JOINED = 0.5
"""Of the rows of a digit, in how many at most it joins what stands before it: the rest tells it from that."""
PAPER = 3
"""Pixels between two strokes that pens and scanners leave apart."""


def numbers(
    glyphs: Image, labels: NDArray[np.int64], writers: NDArray[np.int64] | None, count: int, seed: list[int]
) -> tuple[Image, NDArray[np.int64]]:
    """Pictures of numbers, uint8, count x height x width, and their signs, count x LONGEST, -1 behind.

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
        among = np.arange(len(glyphs))
        if names and rng.random() < ONE_HAND:
            among = by_writer[names[int(rng.integers(len(names)))]]
        if rng.random() < DRAWN:
            at = rng.integers(len(drawn), size=length)
            signs = [Sign(drawn[i], int(drawn_labels[i]), len(drawn[i])) for i in at]
        else:
            at = among[rng.integers(len(among), size=length)]
            signs = [Sign(glyphs[i], int(labels[i]), BODY) for i in at]
        kind, through = rng.random(), None
        if kind < STRUCK:
            through = strike(signs, rng)
        elif kind < STRUCK + STRANGERS and length < LONGEST:
            signs = with_stranger(signs, glyphs[among], labels[among], rng)
        elif kind < STRUCK + STRANGERS + MARKED and length < LONGEST:
            signs = with_mark(signs, rng)
        gone = through.run if through else ()
        answer = _merged([STRANGE if i in gone else sign.answer for i, sign in enumerate(signs)])
        answers[index, : len(answer)] = answer
        pictures[index] = picture(signs, rng, through)
    return pictures, answers


def picture(signs: Sequence[Sign], rng: np.random.Generator, through: Strike | None = None) -> Image:
    """These signs in a row as reading fits them, some of them struck out."""
    while True:
        canvas, boxes = put_together(signs, make_style(rng), rng)
        if through:
            room = INK // 2
            boxes = [(x + room, y + room, w, h) for x, y, w, h in boxes]
            canvas = through.drawn(np.pad(canvas, room), boxes, rng)
        fitted = fit_string(scanned(bent(canvas, rng), rng))
        if fitted.any():
            return fitted


def _merged(answers: Sequence[int]) -> list[int]:
    return [a for i, a in enumerate(answers) if a != STRANGE or not i or answers[i - 1] != STRANGE]


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


def put_together(signs: Sequence[Sign], style: Style, rng: np.random.Generator) -> tuple[Image, list[Box]]:
    """The signs in one row, digits about `INK` px high, uint8 coverage; and the box of each."""
    made = [_one(sign, style, rng) for sign in signs]
    tops = [
        round((sign.drop + rng.normal(0, style.wave)) * INK - len(m) / 2)
        for sign, m in zip(signs, made, strict=True)
    ]
    high = min(tops)
    tops = [top - high for top in tops]
    height = max(top + len(m) for top, m in zip(tops, made, strict=True))
    reached = np.full(height, -np.inf)  # of each row, the column behind the ink so far
    at = list[int]()
    for i, (sign, ink, top) in enumerate(zip(signs, made, tops, strict=True)):
        x, inked = 0, ink > 100
        rows = np.flatnonzero(inked.any(axis=1))
        if i:
            contacts = reached[top + rows] - inked[rows].argmax(axis=1)
            apart, behind = sign.apart or signs[i - 1].apart, at[-1] + made[i - 1].shape[1]
            x = max(_begins(contacts, behind, style, rng, apart=apart), at[-1] + 4)
        at.append(x)
        last = x + ink.shape[1] - inked[rows][:, ::-1].argmax(axis=1)
        reached[top + rows] = np.maximum(reached[top + rows], last)
    canvas = np.zeros((height, max(x + m.shape[1] for x, m in zip(at, made, strict=True))), np.uint8)
    for ink, x, y in zip(made, at, tops, strict=True):
        stamp(canvas, ink, x, y)
    boxes = [(x, y, m.shape[1], len(m)) for m, x, y in zip(made, at, tops, strict=True)]
    return canvas, boxes


def _begins(
    contacts: NDArray[np.float64], behind: int, style: Style, rng: np.random.Generator, *, apart: bool
) -> int:
    """The column at which a sign begins.

    contacts: of its rows, where it would touch what stands before it; -inf where nothing does. behind: the
    column behind the sign before it. apart: whether the two may not touch.
    """
    touching = float(contacts.max(initial=-np.inf))
    joined = rng.random() < style.touching and not apart
    if joined and touching > -np.inf:
        wanted = int(touching) - round(rng.uniform(0.0, style.overlap) * INK)
        return max(wanted, _legible(contacts))
    return round(max(behind + rng.normal(style.gap, 0.06) * INK, touching + PAPER))


def _legible(contacts: NDArray[np.float64]) -> int:
    """The first column at which a sign does not join what stands before it in too many of its rows."""
    least = np.sort(contacts)[::-1][int(JOINED * len(contacts))]
    return int(max(least, -PAPER)) + PAPER


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


def _one(sign: Sign, style: Style, rng: np.random.Generator) -> Image:
    """One sign in the hand's slant and width, tight; uint8 coverage."""
    height, width = sign.ink.shape
    scale = INK * float(np.exp(rng.normal(0, style.size))) / sign.unit
    slant = style.slant + rng.normal(0, 0.04)
    turn = np.deg2rad(rng.normal(0, 3))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -slant], [0, 1]])
    matrix = matrix @ np.diag([style.aspect * float(np.exp(rng.normal(0, 0.06))), 1.0]) * scale
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ matrix.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil(high - low).astype(int) + 2
    affine = np.column_stack([matrix, 1 - low])
    canvas = cv2.warpAffine(sign.ink, affine, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    left, top, w, h = cv2.boundingRect(np.where(canvas > 60, canvas, 0).astype(np.uint8))
    return np.ascontiguousarray(canvas[top : top + h, left : left + w])


def _drawn(rng: np.random.Generator) -> tuple[list[Image], NDArray[np.int64]]:
    digits = rng.integers(10, size=PEN_DRAWN)
    return [strokes.draw_digit(int(d), rng) for d in digits], digits


def _indices(writers: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    order = np.argsort(writers, kind="stable")
    names, starts = np.unique(writers[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
