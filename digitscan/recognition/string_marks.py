"""What people write in a number besides its digits: marks between them, letters, digits struck out.

For training the network of whole numbers: whatever is no digit of the number is one sign, `STRANGE`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.deck import handwriting
from digitscan.deck.drawing import stamp
from digitscan.deck.handwriting import Hand
from digitscan.recognition import nondigits
from digitscan.recognition.strikes import PENS, STRIKABLE, Box, scrawled, struck_out
from digitscan.recognition.strokes import tight
from digitscan.records import Image
from digitscan.vision.cleaning import stroke_width

STRANGE = 10
"""The answer to what is no digit of the number; those that follow each other are one."""
HEIGHT = 60
"""Of a digit beside which the marks here are drawn, px."""

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Sign:
    """One of the signs that stand in a row."""

    ink: Image
    """Coverage, 0-255."""
    answer: int
    """0-9, or `STRANGE`."""
    unit: float
    """Height of a digit at this scale, px."""
    drop: float = 0.0
    """Of its middle under that of the row, in heights of a digit."""
    apart: bool = False
    """Whether it stands apart from its neighbours: a dash that joins two digits is a stroke of theirs."""


def pen_of(signs: Sequence[Sign]) -> float:
    """Width of the strokes in heights of a digit, as marks beside these digits are drawn."""
    widths = [stroke_width(sign.ink > 100) / sign.unit for sign in signs]
    return float(np.clip(np.median(widths), *PENS))


def with_stranger(signs: Sequence[Sign], glyphs: Image, labels: NDArray[np.int64], rng: Rng) -> list[Sign]:
    """Letters, ticks, crosses or spoilt digits in place of a digit, or beside the digits.

    glyphs, labels: what spoilt digits are made of.
    """
    pen = pen_of(signs)
    at = int(rng.integers(len(signs)))
    if rng.random() < 0.25:
        made = nondigits.SPOILT[int(rng.integers(len(nondigits.SPOILT)))](glyphs, labels, rng)
        strangers = [_stranger(made, rng)]
    else:
        maker = STRANGERS[int(rng.integers(len(STRANGERS)))]
        count = int(rng.choice([1, 2, 3], p=[0.75, 0.15, 0.1])) if maker is _letter else 1
        strangers = [_stranger(maker(_hand(pen, rng), rng), rng) for _ in range(count)]
    if rng.random() < 0.5:
        return [*signs[:at], *strangers, *signs[at + 1 :]]
    at = int(rng.choice([0, at, len(signs)]))
    return [*signs[:at], *strangers, *signs[at:]]


def with_mark(signs: Sequence[Sign], rng: Rng) -> list[Sign]:
    """A dash, slash or small raised digit before, between or behind the digits.

    Points and commas are left out, as they are of what is read.
    """
    maker = MARKS[int(rng.integers(len(MARKS)))]
    at = int(rng.integers(1, len(signs))) if len(signs) > 1 and rng.random() < 0.75 else None
    at = int(rng.choice([0, len(signs)])) if at is None else at
    return [*signs[:at], maker(signs, rng), *signs[at:]]


def strike(signs: Sequence[Sign], rng: Rng) -> Strike | None:
    """One, some or all signs struck out; None where that makes but another digit."""
    first = int(rng.integers(len(signs)))
    kind, how = rng.random(), rng.random()
    last = first if kind < 0.5 else int(rng.integers(first, len(signs)))
    run = range(len(signs)) if kind > 0.75 else range(first, last + 1)
    level = None if how < 0.12 else bool(how < 0.65)
    if level is not None and len(run) == 1 and signs[run[0]].answer not in STRIKABLE[level]:
        return None
    return Strike(run, level)


@dataclass(frozen=True, slots=True)
class Strike:
    """What strikes out signs."""

    run: range
    """Their places in the row."""
    level: bool | None
    """Level or oblique lines; None for a scrawl."""

    def drawn(self, canvas: Image, boxes: Sequence[Box], rng: Rng) -> Image:
        """The canvas, with room around the row, and this over what lies in these boxes of the run."""
        own = [boxes[i] for i in self.run]
        left, top = min(b[0] for b in own), min(b[1] for b in own)
        right, bottom = max(b[0] + b[2] for b in own), max(b[1] + b[3] for b in own)
        box = (left, top, right - left, bottom - top)
        if self.level is None:
            return scrawled(canvas, box, rng)
        return struck_out(canvas, box, rng, level=self.level)


def _hand(pen: float, rng: Rng) -> Hand:
    return replace(handwriting.make_hand(rng), pen=float(np.clip(pen * np.exp(rng.normal(0, 0.15)), *PENS)))


def _stranger(ink: Image, rng: Rng) -> Sign:
    unit = max(ink.shape) / float(rng.uniform(0.7, 1.15))
    return Sign(ink, STRANGE, unit, float(rng.normal(0, 0.08)))


def _letter(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_letter(hand, rng, HEIGHT)


def _tick(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_tick(hand, HEIGHT, rng)


def _hook(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_hook(hand, HEIGHT, rng)


def _dotted(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_dotted(hand, HEIGHT, rng)


def _question_mark(hand: Hand, rng: Rng) -> Image:
    """Some have lost their dot, as a speck or to a printed rule."""
    return handwriting.draw_question_mark(hand, HEIGHT, rng, dotted=bool(rng.random() < DOTTED))


def _cross(hand: Hand, rng: Rng) -> Image:
    width = HEIGHT * float(np.exp(rng.uniform(-0.7, 0.4)))
    return handwriting.draw_cross(hand, width, HEIGHT, rng, float(rng.uniform(0, 0.6)))


def _plus(hand: Hand, rng: Rng) -> Image:
    across, upright = (handwriting.draw_dash(hand, HEIGHT * rng.uniform(0.5, 0.8), rng) for _ in range(2))
    upright = np.ascontiguousarray(np.rot90(upright))
    out = np.zeros((max(len(upright), len(across)), max(across.shape[1], upright.shape[1])), np.uint8)
    stamp(out, across, (out.shape[1] - across.shape[1]) // 2, (len(out) - len(across)) // 2)
    stamp(out, upright, (out.shape[1] - upright.shape[1]) // 2, (len(out) - len(upright)) // 2)
    return out


def _scribble(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_scribble(hand, HEIGHT * float(rng.uniform(0.5, 1)), HEIGHT, rng)


def _outline(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_outline(hand, HEIGHT, rng)


def _strokes(hand: Hand, rng: Rng) -> Image:
    return handwriting.draw_strokes(hand, int(rng.integers(3, 6)), HEIGHT, rng)


DOTTED = 0.75
"""Share of the question marks that have their dot."""
STRANGERS: tuple[Callable[[Hand, Rng], Image], ...] = (
    _letter, _letter, _letter, _letter, _tick, _tick, _hook, _question_mark, _dotted, _dotted, _cross, _cross,
    _plus, _scribble, _outline, _strokes,
)  # fmt: skip


def _slash(signs: Sequence[Sign], rng: Rng) -> Sign:
    length, lean = float(rng.uniform(1.2, 1.7)), float(rng.uniform(0.6, 1.0))
    return Sign(_bar(pen_of(signs), length, lean, rng), STRANGE, HEIGHT, float(rng.normal(0, 0.08)), True)


def _dash(signs: Sequence[Sign], rng: Rng) -> Sign:
    ink = _bar(pen_of(signs), float(rng.uniform(0.2, 0.6)), np.pi / 2 + float(rng.normal(0, 0.08)), rng)
    return Sign(ink, STRANGE, HEIGHT, float(rng.normal(0, 0.1)), True)


def _raised(signs: Sequence[Sign], rng: Rng) -> Sign:
    """A digit squeezed in above, a power, a numerator."""
    sign = signs[int(rng.integers(len(signs)))]
    size = float(rng.uniform(0.35, 0.6))
    drop = -float(rng.uniform(0.35, 0.75))
    return Sign(sign.ink, STRANGE, sign.unit / size, drop, True)


MARKS: tuple[Callable[[Sequence[Sign], Rng], Sign], ...] = (_slash, _dash, _dash, _raised)


def _bar(pen: float, length: float, lean: float, rng: Rng) -> Image:
    """A stroke that leans to the right by so many radians; length in heights of a digit."""
    middle, reach = HEIGHT, HEIGHT * length / 2
    across, down = reach * np.sin(lean), reach * np.cos(lean)
    bow = rng.normal(0, 0.04) * HEIGHT
    points = np.array(
        [(middle - across, middle + down), (middle + bow, middle), (middle + across, middle - down)]
    )
    canvas = np.zeros((2 * HEIGHT, 2 * HEIGHT), np.uint8)
    cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 255, max(1, round(pen * HEIGHT)))
    return tight(canvas)
