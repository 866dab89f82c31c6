"""Points, commas and dashes between the digits of a field, and dots: with them it is no plain number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Ink
from digitscan.vision.cleaning import percentile, stroke_width
from digitscan.vision.edges import runs
from digitscan.vision.pieces import SPECK, Piece, around, broken, merged

SMALLEST_POINT, LARGEST_POINT = 0.1, 0.6  # of the digit height: what stands between two digits and is none
DOT_APART, DOT_ROWS = 0.04, 2  # of the digit height, and px: nearer, a dot is a part of a digit that broke
POINT_STROKES, POINT_SQUARES = 0.6, 0.5  # of the pen's width, and of its square: thinner, smaller is dirt,
FOOT_STROKES, FOOT_SQUARES = 0.4, 0.25  # or at the foot of digits, where points and commas stand:
FOOT = (0.75, 1.4)  # of their height, from the top, where the middle of a mark lies there
AS_RULE = 1.3  # of the pen's width: where a rule is printed, what is thinner may be a rest of it,
LONG = 1.5  # if it is so many times as long as it is thick
OVER = 0.3  # of its width under or over a digit: it is part of that
FLAG = 0.25  # of the height of a 5's body, from the top: its flag lies flat behind it
HALVES = 0.85  # of the height of a 1 that broke, both together
TALLEST = 1.15  # of the digit height: a 1
DIVIDER_MM = 0.6  # between two cells: wider, there are two rules
ON_DIVIDER_MM, OFF_CORNER_MM = 0.6, 0.2  # from the middle of that rule, and from the corners of its cells
THICKER, THICKER_MM = 0.5, 0.32  # of what the pen is thicker than the rule, and mm: so much is a mark
HIGH, HIGH_MM = 0.4, 0.45  # of the pen's width, and mm: lower is dirt, or rough print,
ON_RULE = 0.6  # and so is less than this part of a point's area beside the rule
SEEN = 0.3  # of the rule


def point_size(seen: Sequence[Piece], boxes: Sequence[Box], height: float, reach: float, dark: Ink) -> float:
    """Size, px, of the largest small mark as thick as a pen between two digits, or of a dot; 0 for none.

    What belongs to a digit, a rest of a rule, and what begins over or under the boxes, or farther than
    `reach` from all of them to the side, is left out. seen: all contours. boxes: cells, or the open box.
    height: of a digit, px. dark: ink and printed rules, which take the middle of a mark with them.
    """
    top, bottom = min(b.y for b in boxes), max(b.y + b.height for b in boxes)
    left, right = min(b.x for b in boxes), max(b.x + b.width for b in boxes)
    inside = [p for p in seen if p.box[1] < bottom and p.box[1] + p.box[3] > top]
    # letters beside the field are no digits, and nothing lies between one of these and a digit
    large = [p for p in inside if p.box[3] > LARGEST_POINT * height and left <= p.centre < right]
    small = [p for p in inside if max(p.box[2:]) < LARGEST_POINT * height]
    if not (large and small):
        return 0.0
    pen = float(np.median([stroke_width(p.ink) for p in large]))
    small = _rejoined(small, dark, reach / 2)
    first, last = min(p.box[0] for p in large), max(p.box[0] for p in large)
    largest = 0.0
    for p in small:
        x, y, w, h = p.box
        if max(w, h) < SMALLEST_POINT * height:
            continue
        dot = any(_dots(p, q, height) for q in large)
        if not dot and not (first < x < last and _stands_alone(p, large, small, height)):
            continue
        beside = [b for b in boxes if b.x - reach <= x + w / 2 < b.x + b.width + reach]
        within = any(b.y <= y < b.y + b.height for b in beside)
        if not within or any(_rests(p, b, AS_RULE * pen, reach) for b in beside):
            continue
        # over a printed rule there is more of it than its own ink, and of a rule more than of a mark
        thick = max(stroke_width(dark[y : y + h, x : x + w]), stroke_width(p.ink))
        low = at_foot(p.box, between(p.box, large, height))
        strokes, squares = (FOOT_STROKES, FOOT_SQUARES) if low else (POINT_STROKES, POINT_SQUARES)
        if p.area > squares * pen**2 and thick > strokes * pen:
            largest = max(largest, w, h)
    return largest


def between(mark: tuple[int, int, int, int], seen: Sequence[Piece], height: float) -> list[Piece]:
    """The digits before and after a mark (x, y, width, height); empty where it is over or under one."""
    x, _, w, _ = mark
    large = [p for p in seen if p.box[3] > LARGEST_POINT * height]
    over = (min(x + w, p.box[0] + p.box[2]) - max(x, p.box[0]) for p in large)
    before, after = [p for p in large if p.box[0] <= x], [p for p in large if p.box[0] > x]
    if not (before and after) or max(over) > OVER * w:
        return []
    return [max(before, key=lambda p: p.box[0]), min(after, key=lambda p: p.box[0])]


def at_foot(mark: tuple[int, int, int, int], digits: Sequence[Piece]) -> bool:
    """Whether the middle of a mark (x, y, width, height) lies where the digits beside it end below."""
    middle = mark[1] + mark[3] / 2
    heights = [(middle - p.box[1]) / p.box[3] for p in digits]
    return bool(heights) and all(FOOT[0] < of_digit < FOOT[1] for of_digit in heights)


def divider_mark(
    seen: Sequence[Piece],
    cells: Sequence[Box],
    height: float,
    scale: float,
    stroke: float,
    dark: Ink,
) -> float:
    """Height, px, of the tallest mark on a rule between two cells that makes it thicker; 0 for none.

    A point or comma there is taken for the rule. Beside digits the rule is not looked at. seen, cells, height
    and dark as for `point_size`. scale: px/mm. stroke: the pen's usual width, px.
    """
    apart, reach = DIVIDER_MM * scale, round(ON_DIVIDER_MM * scale)
    parts = []
    for one, other in pairwise(cells):
        if abs(other.x - one.x - one.width) > apart:
            continue
        middle, inset = round((one.x + one.width + other.x) / 2), OFF_CORNER_MM * scale
        rows = slice(round(one.y + inset), round(one.y + one.height - inset))
        parts.append((rows, slice(max(middle - reach, 0), middle + reach + 1)))
    # most rules are nowhere thick enough, whatever the digits take of them
    least, high = 1 + THICKER_MM * scale, _highest_dirt(scale, stroke)
    parts = [part for part in parts if np.count_nonzero(dark[part].sum(axis=1) >= least) > high]
    if not parts:
        return 0.0
    digits = np.zeros(dark.shape, np.uint8)
    for p in (p for p in seen if p.box[3] > LARGEST_POINT * height):
        x, y, w, h = p.box
        digits[y : y + h, x : x + w] |= p.ink
    touched = cv2.dilate(digits, np.ones((3, 3), np.uint8)) > 0
    tallest = 0
    for part in parts:
        widths = (dark[part] & ~touched[part]).sum(axis=1)
        beside = np.any(touched[part], axis=1)
        knobs = _knobs(widths, np.asarray(beside, np.bool_), scale, stroke)
        tallest = max([tallest, *(long for long in knobs if long <= LARGEST_POINT * height)])
    return float(tallest)


def _knobs(
    widths: NDArray[np.int64], beside: NDArray[np.bool_], scale: float, stroke: float
) -> Iterator[int]:
    """Rows of each mark that makes a rule thicker; widths: of the rule, px; beside: where a digit is near."""
    ruled = widths[widths > 0]
    usual = float(percentile(ruled, 40)) if len(ruled) > SEEN * len(widths) else stroke
    if usual >= stroke:
        return
    more = np.where(beside, 0, widths - usual)
    thicker = more >= max(THICKER * (stroke - usual), THICKER_MM * scale)
    high = _highest_dirt(scale, stroke)
    area = ON_RULE * stroke * max(stroke - usual, THICKER_MM * scale)
    for first, past in runs(thicker[None]).get(0, []):
        joined = beside[max(first - 1, 0) : past + 1].any()  # it is where a stroke ends that crosses the rule
        if past - first > high and not joined and more[first:past].sum() > area:
            yield past - first


def _highest_dirt(scale: float, stroke: float) -> float:
    """Rows of a mark on a rule that is none."""
    return max(HIGH * stroke, HIGH_MM * scale)


def _rejoined(marks: list[Piece], dark: Ink, thickest: float) -> list[Piece]:
    """The marks, with those as one again that a printed rule parted, the rule between them being theirs."""
    joined = list[Piece]()
    for p in sorted(marks, key=lambda p: p.box[0]):
        for i, q in enumerate(joined):
            x, y, w, h = around([p, q])
            gap = p.box[0] - q.box[0] - q.box[2]
            level = p.box[3] + q.box[3] - h > min(p.box[3], q.box[3]) / 2
            if level and 0 < gap <= thickest and dark[y : y + h, p.box[0] - gap : p.box[0]].all():
                whole = merged([p, q]).ink
                whole[:, q.box[0] + q.box[2] - x : p.box[0] - x] = True
                joined[i] = Piece(whole, (x, y, w, h), int(whole.sum()))
                break
        else:
            joined.append(p)
    return joined


def _stands_alone(mark: Piece, large: Sequence[Piece], small: Sequence[Piece], height: float) -> bool:
    """Whether a mark is not over or under a part of a digit, no flag of a 5, and not half of a broken 1."""
    x, y, w, h = mark.box
    _, top, _, tall = max((q.box for q in large if q.box[0] <= x), key=lambda box: box[0])
    if w > LONG * h and y + h / 2 < top + FLAG * tall:
        return False
    others = [q for q in (*large, *small) if q is not mark]
    parts = (q.box for q in others if max(q.box[2:]) > SPECK * height)
    over = (min(x + w, left + wide) - max(x, left) for left, _, wide, _ in parts)
    return max(over, default=0) <= OVER * w and not any(_halves(mark, q, height) for q in others)


def _halves(mark: Piece, other: Piece, height: float) -> bool:
    """Whether two marks are halves of a 1 that broke; those of a colon lie farther apart."""
    tall = around([mark, other])[3]
    close = mark.box[3] + other.box[3] > HALVES * tall
    return close and LARGEST_POINT * height < tall < TALLEST * height and broken(mark, other)


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
    far = apart >= max(DOT_APART * height, DOT_ROWS)
    return within and far and max(w, h) < min(SPECK * height, 2 * min(w, h))
