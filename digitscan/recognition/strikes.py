"""What strikes out digits, drawn for training: a line or two through them, or a scrawl over them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from digitscan.deck import handwriting
from digitscan.deck.drawing import stamp
from digitscan.records import Image
from digitscan.vision.cleaning import stroke_width

Box = tuple[int, int, int, int]
"""x, y, width, height, px."""

PENS = (0.045, 0.16)
"""The finest and the broadest pen that is drawn, in heights of a digit."""
STRIKABLE = {True: (1, 3, 5, 6, 8, 9), False: (2, 3, 4, 5, 6, 8, 9)}
"""Digits that a level line, or an oblique one, strikes out: some have bars, a 0 a slash, and a 1 struck out
obliquely is an X."""
TWICE = 0.25
"""Share of two lines."""
FALLING = 0.2
"""Share of the oblique lines that fall to the right."""


def struck_out(canvas: Image, box: Box, rng: np.random.Generator, *, level: bool) -> Image:
    """The canvas (coverage, with room around the box) with one or two lines through what lies in the box.

    They are about as broad as the strokes there, and run on beyond it on both sides.
    """
    left, top, width, height = box
    pen = _pen(canvas, rng)
    before, after = rng.uniform(0.08, 0.3, 2) * height
    if level:
        middle = top + height / 2 + rng.normal(0, 0.1) * height
        ends = rng.normal(0, 0.05, 2) * height + middle
    else:
        ends = np.array([top + height, top]) + rng.normal(0, 0.06, 2) * height
        ends = ends[::-1] if rng.random() < FALLING else ends
    out = canvas.copy()
    for off in (-0.1, 0.1) if rng.random() < TWICE else (0.0,):
        begin = np.array([left - before, ends[0] + off * height])
        end = np.array([left + width + after, ends[1] + off * height])
        bow = (begin + end) / 2 + np.array([0, rng.normal(0, 0.05) * height])
        steps = np.linspace(0, 1, 12)[:, None]
        line = (1 - steps) ** 2 * begin + 2 * steps * (1 - steps) * bow + steps**2 * end
        cv2.polylines(out, [np.rint(line * 8).astype(np.int32)], False, 255, pen, cv2.LINE_AA, 3)
    return out


def scrawled(canvas: Image, box: Box, rng: np.random.Generator) -> Image:
    """The canvas with a scrawl over what lies in the box."""
    left, top, width, height = box
    pen = float(np.clip(_pen(canvas, rng) / height, *PENS))
    hand = replace(handwriting.make_hand(rng), pen=pen)
    ink = handwriting.draw_scribble(hand, width * rng.uniform(0.9, 1.2), height * rng.uniform(0.6, 1.1), rng)
    out = canvas.copy()
    stamp(out, ink, left + (width - ink.shape[1]) // 2, top + (height - len(ink)) // 2)
    return out


def _pen(canvas: Image, rng: np.random.Generator) -> int:
    return max(1, round(stroke_width(canvas > 100) * float(np.exp(rng.normal(0, 0.2)))))
