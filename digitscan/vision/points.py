"""Points, commas and dashes between the digits of a field, and dots: with them it is no plain number."""

from __future__ import annotations

import numpy as np

from digitscan.records import Box
from digitscan.vision.cleaning import stroke_width
from digitscan.vision.pieces import SPECK, Ink, Piece, around, broken

SMALLEST_POINT, LARGEST_POINT = 0.1, 0.6  # of the digit height: what stands between two digits and is none
DOT_APART = 0.04  # of the digit height: nearer, a dot is a part of a digit that broke
POINT_STROKES, POINT_SQUARES = 0.6, 0.5  # of the pen's width, and of its square: thinner, smaller is dirt
AS_RULE = 1.3  # of the pen's width: where a rule is printed, what is thinner may be a rest of it,
LONG = 1.5  # if it is so many times as long as it is thick
OVER = 0.3  # of its width under or over a digit: it is part of that
HALVES = 0.7  # of the height of a 1 that broke, both together
FLAG = 0.25  # of the digit height, from the top: what lies flat there is the flag of a 5


def point_size(seen: list[Piece], boxes: tuple[Box, ...], height: float, reach: float, dark: Ink) -> float:
    """Size, px, of the largest small mark as thick as a pen between two digits, or of a dot; 0 for none.

    What belongs to a digit, a rest of a rule, and what lies farther than `reach` from all boxes is left out.
    seen: all contours. boxes: cells, or the open box. height: of a digit, px. dark: ink and printed rules,
    which may have taken the middle of a mark with them.
    """
    top, bottom = min(b.y for b in boxes), max(b.y + b.height for b in boxes)
    inside = [p for p in seen if p.box[1] < bottom and p.box[1] + p.box[3] > top]
    large = [p for p in inside if p.box[3] > LARGEST_POINT * height]
    small = [p for p in inside if SMALLEST_POINT * height < max(p.box[2:]) < LARGEST_POINT * height]
    if not (large and small):
        return 0.0
    parts = [p for p in inside if max(p.box[2:]) > SPECK * height]
    first, last = min(p.box[0] for p in large), max(p.box[0] for p in large)
    high = min(p.box[1] for p in large) + FLAG * height
    pen, largest = float(np.median([stroke_width(p.ink) for p in large])), 0.0
    for p in small:
        x, y, w, h = p.box
        dot = any(_dots(p, q, height) for q in large)
        between = first < x < last and not (_belongs(p, parts, high) or any(_half(p, q) for q in inside))
        if not (dot or between):
            continue
        beside = [b for b in boxes if b.x - reach <= x + w / 2 < b.x + b.width + reach]
        within = any(b.y <= y < b.y + b.height for b in beside)
        if not within or any(_rests(p, b, AS_RULE * pen, reach) for b in beside):
            continue
        thick = stroke_width(dark[y : y + h, x : x + w])
        if p.area > POINT_SQUARES * pen**2 and thick > POINT_STROKES * pen:
            largest = max(largest, w, h)
    return largest


def _belongs(mark: Piece, parts: list[Piece], high: float) -> bool:
    """Whether a mark lies over or under a part of a digit, or flat above `high`, as the flag of a 5."""
    x, y, w, h = mark.box
    over = (min(x + w, q.box[0] + q.box[2]) - max(x, q.box[0]) for q in parts if q is not mark)
    flag = w > LONG * h and y + h / 2 < high
    return flag or max(over, default=0) > OVER * w


def _half(mark: Piece, other: Piece) -> bool:
    """Whether two marks are halves of a 1 that broke; those of a colon lie farther apart."""
    return (
        other is not mark
        and broken(mark, other)
        and mark.box[3] + other.box[3] > HALVES * around([mark, other])[3]
    )


def _rests(mark: Piece, box: Box, thin: float, reach: float) -> bool:
    """Whether a mark is thin and long where the rules around a box are printed: a rest of one of them."""
    x, y, w, h = mark.box
    upright = min(abs(x + w / 2 - box.x), abs(x + w / 2 - box.x - box.width)) < reach
    lying = min(abs(y + h / 2 - box.y), abs(y + h / 2 - box.y - box.height)) < reach
    return (upright and w < min(h / LONG, thin)) or (lying and h < min(w / LONG, thin))


def _dots(mark: Piece, stroke: Piece, height: float) -> bool:
    """Whether a mark is a dot well over or under a stroke, as in ?, ! and i."""
    (x, y, w, h), (left, top, wide, tall) = mark.box, stroke.box
    apart = max(y - top - tall, top - y - h)
    within = left <= x + w / 2 <= left + wide
    return within and apart > DOT_APART * height and max(w, h) < min(SPECK * height, 2 * min(w, h))
