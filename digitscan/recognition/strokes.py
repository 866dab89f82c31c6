"""Drawn pictures for training: digits in hands that MNIST lacks, struck-out cells, and what is no digit.

All are uint8 ink coverage, white on black, tight, about 60 pixels in their longer side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.deck import handwriting
from digitscan.deck.skeletons import RARE
from digitscan.records import Image

HEIGHT = 60
INKED = 100  # of 255
APART = 7  # px between a question mark and its dot, at least


def draw_digit(digit: int, rng: np.random.Generator) -> Image:
    """A digit in a new hand, one in five in a rare way.

    A 1 is a bare bar, thin or thick, more often than hands write it so, or broad, as a felt pen writes it.
    """
    hand = handwriting.make_hand(rng)
    kind = rng.random()
    if digit == 1 and kind < 0.3:
        return _bar(rng)
    if digit in RARE and kind < 0.2:
        return handwriting.draw_skeleton(hand, str(rng.choice(RARE[digit])), HEIGHT, rng)
    ink = handwriting.draw_digit(hand, digit, HEIGHT, rng)
    # with a foot it would be a 2
    if digit == 1 and kind < 0.45 and "foot" not in hand.ways[1]:
        height, width = ink.shape
        return np.asarray(cv2.resize(ink, (round(width * rng.uniform(1.2, 2.4)), height)), np.uint8)
    return ink


def draw_crossed(rng: np.random.Generator) -> Image:
    """What strikes out a cell: an X of any width and slant, careful or not, a dash, two dashes."""
    hand = handwriting.make_hand(rng)
    kind = rng.random()
    if kind < 0.25:
        return handwriting.draw_dash(hand, HEIGHT * rng.uniform(0.5, 1.0), rng)
    if kind < 0.35:
        return _two_dashes(hand, rng)
    if kind < 0.6:
        return handwriting.draw_careless_cross(hand, HEIGHT, rng)
    aspect = np.exp(rng.uniform(np.log(0.4), np.log(2.2)))
    uneven = float(rng.uniform(0, 0.8)) if rng.random() < 0.5 else 0.0
    ink = handwriting.draw_cross(hand, HEIGHT * min(aspect, 1), HEIGHT * min(1 / aspect, 1), rng, uneven)
    return _with_rest_of_cell(ink, rng) if rng.random() < 0.15 else ink


def draw_letter(rng: np.random.Generator) -> Image:
    """A letter that is no digit."""
    return handwriting.draw_letter(handwriting.make_hand(rng), rng, HEIGHT)


def draw_scribble(rng: np.random.Generator) -> Image:
    """A scrawl as over a mistake."""
    width, height = HEIGHT * rng.uniform(0.5, 1.0, 2)
    return handwriting.draw_scribble(handwriting.make_hand(rng), float(width), float(height), rng)


def draw_strokes(rng: np.random.Generator) -> Image:
    """Three to five strokes that have nothing to do with each other; fewer might make a digit."""
    return handwriting.draw_strokes(handwriting.make_hand(rng), int(rng.integers(3, 6)), HEIGHT, rng)


def draw_turned_letter(rng: np.random.Generator) -> Image:
    """A letter on its side or its head, of those that are no digit then either."""
    letter = str(rng.choice(list("AFHKRTkt")))
    ink = handwriting.draw_letter(handwriting.make_hand(rng), rng, HEIGHT, letter)
    return np.ascontiguousarray(np.rot90(ink, int(rng.integers(1, 4))))


def draw_hook(rng: np.random.Generator) -> Image:
    """One bent stroke, its corner anywhere but at the top, where it would be a 1 or a 7."""
    return handwriting.draw_hook(handwriting.make_hand(rng), HEIGHT, rng)


def draw_dotted(rng: np.random.Generator) -> Image:
    """A stroke, straight or bent, with a dot well above or below it, as in i or !."""
    return handwriting.draw_dotted(handwriting.make_hand(rng), HEIGHT, rng)


def draw_question_mark(rng: np.random.Generator) -> Image:
    """A question mark whose dot stands apart: without it, it may be a 1, a 2 or a 7."""
    while True:
        ink = handwriting.draw_question_mark(handwriting.make_hand(rng), HEIGHT, rng)
        broad = cv2.dilate((ink > INKED).astype(np.uint8), np.ones((APART, APART), np.uint8))
        if cv2.connectedComponents(broad)[0] > 2:
            return ink


def draw_squiggle(rng: np.random.Generator) -> Image:
    """One long line that wanders about."""
    return handwriting.draw_strokes(handwriting.make_hand(rng), 1, HEIGHT, rng, most=10, least=6)


def draw_outline(rng: np.random.Generator) -> Image:
    """A closed outline with something in it; an empty one would be a 0."""
    return handwriting.draw_outline(handwriting.make_hand(rng), HEIGHT, rng)


def draw_tick(rng: np.random.Generator) -> Image:
    """A tick, its short side at least a third of the long one: a shorter one is a 1 on its head."""
    return handwriting.draw_tick(handwriting.make_hand(rng), HEIGHT, rng)


def draw_junk(rng: np.random.Generator) -> Image:
    """Dots, blots, specks, corners and ends of a printed cell. No bar and no ring: those are a 1 and a 0."""
    maker = (_blot, _specks, _corner, _corner, _bars)[int(rng.integers(5))]
    return tight(maker(rng))


def tight(canvas: Image) -> Image:
    """What is inked of a canvas, cut to the box around it."""
    left, top, width, height = cv2.boundingRect(canvas)
    return canvas[top : top + height, left : left + width]


def _canvas() -> Image:
    return np.zeros((HEIGHT + 20, HEIGHT + 20), np.uint8)


def _bar(rng: np.random.Generator) -> Image:
    canvas = _canvas()
    lean = int(rng.normal(0, 7))
    cv2.line(canvas, (40 + lean, 10), (40 - lean, 70), 255, int(rng.integers(2, 22)), cv2.LINE_AA)
    return tight(canvas)


def _two_dashes(hand: handwriting.Hand, rng: np.random.Generator) -> Image:
    width = HEIGHT * rng.uniform(0.6, 1.0)
    upper, lower = handwriting.draw_dash(hand, width, rng), handwriting.draw_dash(hand, width, rng)
    gap = int(width * rng.uniform(0.12, 0.45))
    columns = max(upper.shape[1], lower.shape[1])
    rows = [np.pad(dash, ((0, 0), (0, columns - dash.shape[1]))) for dash in (upper, lower)]
    return np.vstack([rows[0], np.zeros((gap, columns), np.uint8), rows[1]])


def _with_rest_of_cell(ink: Image, rng: np.random.Generator) -> Image:
    """One or two sides of the printed cell stayed, in part, around what was written."""
    out = np.pad(ink, 6)
    height, width = out.shape
    for _ in range(int(rng.integers(1, 3))):
        begin, end = np.sort(rng.uniform(0, 1, 2))
        thick = int(rng.integers(1, 4))
        if rng.random() < 0.5:
            y = int(rng.choice([1, height - 2]))
            cv2.line(out, (int(begin * width), y), (int(end * width), y), 255, thick)
        else:
            x = int(rng.choice([1, width - 2]))
            cv2.line(out, (x, int(begin * height)), (x, int(end * height)), 255, thick)
    return tight(out)


def _blot(rng: np.random.Generator) -> Image:
    """A filled spot, about as wide as high."""
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = rng.uniform(18, 30) * (1 + rng.normal(0, rng.uniform(0.02, 0.25), 16))
    stretch = np.exp(rng.uniform(-0.35, 0.35))
    points = np.stack([radius * np.cos(angles) * stretch, radius * np.sin(angles) / stretch], 1) + 40
    canvas = _canvas()
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 255)
    return canvas


def _specks(rng: np.random.Generator) -> Image:
    """Two to seven specks apart from each other."""
    canvas = _canvas()
    for x, y in rng.integers(12, 68, (int(rng.integers(2, 8)), 2)).tolist():
        cv2.ellipse(
            canvas, (x, y), rng.integers(2, 8, 2).tolist(), float(rng.uniform(0, 180)), 0, 360, 255, -1
        )
    return canvas


def _corner(rng: np.random.Generator) -> Image:
    """A corner, a T or a U of printed lines; not the upper right corner, which is a 7."""
    canvas = _canvas()
    left, top = rng.integers(8, 30, 2).tolist()
    right, bottom = rng.integers(50, 72, 2).tolist()
    sides = {
        "left": ((left, top), (left, bottom)),
        "right": ((right, top), (right, bottom)),
        "top": ((left, top), (right, top)),
        "bottom": ((left, bottom), (right, bottom)),
    }
    kinds: tuple[tuple[str, ...], ...] = (
        ("left", "top"), ("left", "bottom"), ("right", "bottom"), ("left", "top", "right"),
        ("left", "bottom", "right"), ("left", "top", "bottom"),
    )  # fmt: skip
    thick = int(rng.integers(1, 6))
    for side in kinds[int(rng.integers(len(kinds)))]:
        begin, end = sides[side]
        cv2.line(canvas, begin, end, 255, thick)
    return canvas


def _bars(rng: np.random.Generator) -> Image:
    """Two or three upright bars, such as the sides of printed cells."""
    canvas = _canvas()
    at: NDArray[np.float64] = np.cumsum(rng.uniform(16, 26, int(rng.integers(2, 4))))
    thick = int(rng.integers(1, 5))
    for x in at.astype(int).tolist():
        top, bottom = int(rng.integers(2, 18)), int(rng.integers(58, 78))
        cv2.line(canvas, (x, top), (x + int(rng.integers(-2, 3)), bottom), 255, thick)
    return canvas
