"""A field's ink to pieces, and pieces to hypotheses of what may be one digit.

Ink is over-segmented: contours, and contours cut where digits may touch. Every run of neighbouring
pieces is a hypothesis; the classifier and `decoding` choose among them (Casey and Lecolinet 1996 call it
recognition-based segmentation).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box

Ink = NDArray[np.bool_]

LONGEST_RUN = 4  # pieces that may make one digit
MOST_CUTS = 6  # in one contour
WIDEST = 1.5  # of the field's digit height: wider is never one digit
SMALLEST_DIGIT = 0.3  # of the field's height
RULE_REMAINS_MM = 0.7
CUTTABLE = 0.75  # of the field's digit height: wider may be two digits that touch


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a contour's ink; `box` in crop px."""

    ink: Ink
    """Cropped to the box."""
    box: tuple[int, int, int, int]
    area: int

    @property
    def centre(self) -> float:
        """Column of its centre of mass."""
        columns = np.flatnonzero(self.ink.any(axis=0))
        weights = self.ink.sum(axis=0)[columns]
        return float(self.box[0] + (columns * weights).sum() / weights.sum() + 0.5)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Pieces `first` up to, not including, `last` taken as one glyph."""

    first: int
    last: int
    ink: Ink
    box: tuple[int, int, int, int]
    centre: float


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What `decoding` chooses from."""

    pieces: tuple[Piece, ...]
    """From left to right."""
    hypotheses: tuple[Hypothesis, ...]
    digit_height: float
    """Usual height of a digit in this field, px; 0 where there is no ink."""


def segment(ink: Ink, box: Box, cells: tuple[Box, ...], scale: float) -> Segmentation:
    """Pieces and hypotheses of one field.

    ink: height x width of the crop. box, cells: crop px; no cells for an open box. scale: px/mm.
    """
    found = _belonging(_contours(ink), box, cells, scale)
    if not found:
        return Segmentation((), (), 0.0)
    tallest = max(p.box[3] for p in found)
    tall = [p.box[3] for p in found if p.box[3] > 0.5 * tallest]
    # a field with nothing but dirt has no digits to measure: they are never much smaller than their cell
    height = max(float(np.median(tall)), SMALLEST_DIGIT * box.height)
    pieces: list[Piece] = []
    for piece in _joined(found, height):
        pieces += _cut(piece, cells, height)
    pieces.sort(key=lambda p: p.centre)
    widest = max(WIDEST * height, max((1.3 * c.width for c in cells), default=0.0))
    hypotheses = [
        h
        for first in range(len(pieces))
        for last in range(first + 1, min(first + LONGEST_RUN, len(pieces)) + 1)
        if (h := _together(pieces, first, last)).box[2] <= widest or last == first + 1
    ]
    return Segmentation(tuple(pieces), tuple(hypotheses), height)


def _contours(ink: Ink) -> list[Piece]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    found = []
    for i in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[i])
        found.append(Piece(labels[y : y + h, x : x + w] == i, (x, y, w, h), area))
    return found


def _belonging(pieces: list[Piece], box: Box, cells: tuple[Box, ...], scale: float) -> list[Piece]:
    """Pieces that are this field's: most of their ink inside, and not what a printed rule leaves behind."""
    kept = []
    right, bottom = box.x + box.width, box.y + box.height
    upright = [b for c in cells for b in (c.x, c.x + c.width)] or [box.x, right]
    near = RULE_REMAINS_MM * scale
    for p in pieces:
        x, y, w, h = p.box
        rows, columns = np.nonzero(p.ink)
        inside = (columns + x >= box.x) & (columns + x < right) & (rows + y >= box.y) & (rows + y < bottom)
        beside = any(abs(x - e) < near and abs(x + w - e) < near for e in upright)
        along = any(abs(y - e) < near and abs(y + h - e) < near for e in (box.y, bottom))
        # a 1 written right on an upright rule is long and as thick as a stroke
        remains = along or (beside and (h < 0.4 * box.height or p.area < 2.5 * h))
        if inside.mean() >= 0.5 and not remains:
            kept.append(p)
    return kept


def _joined(pieces: list[Piece], height: float) -> list[Piece]:
    """Pieces that lie over one another are one digit broken by the pen or the scanner: joined."""
    pieces = sorted(pieces, key=lambda p: p.box[0])
    joined: list[Piece] = []
    for p in pieces:
        for i, q in enumerate(joined):
            overlap = min(p.box[0] + p.box[2], q.box[0] + q.box[2]) - max(p.box[0], q.box[0])
            narrow = min(p.box[2], q.box[2])
            both = max(p.box[0] + p.box[2], q.box[0] + q.box[2]) - min(p.box[0], q.box[0])
            if overlap > 0.6 * narrow and both < 1.2 * height:
                joined[i] = _merged([q, p])
                break
        else:
            joined.append(p)
    return joined


def _merged(pieces: list[Piece]) -> Piece:
    x0, y0 = min(p.box[0] for p in pieces), min(p.box[1] for p in pieces)
    x1, y1 = max(p.box[0] + p.box[2] for p in pieces), max(p.box[1] + p.box[3] for p in pieces)
    ink = np.zeros((y1 - y0, x1 - x0), bool)
    for p in pieces:
        x, y, w, h = p.box
        ink[y - y0 : y - y0 + h, x - x0 : x - x0 + w] |= p.ink
    return Piece(ink, (x0, y0, x1 - x0, y1 - y0), sum(p.area for p in pieces))


def _together(pieces: list[Piece], first: int, last: int) -> Hypothesis:
    whole = _merged(pieces[first:last]) if last > first + 1 else pieces[first]
    return Hypothesis(first, last, whole.ink, whole.box, whole.centre)


def _cut(piece: Piece, cells: tuple[Box, ...], height: float) -> list[Piece]:
    """The piece cut at every place where two digits may touch; the piece itself where there is none."""
    x, _, w, _ = piece.box
    wanted = [int(c.x - x) for c in cells[1:] if x + 0.15 * w < c.x < x + 0.85 * w]
    if w > CUTTABLE * height and not (cells and not wanted):
        wanted += _valleys(piece.ink, height)
    parts = [piece]
    for column in sorted(set(wanted)):
        last = parts[-1]
        halves = _split(last, column + x - last.box[0], height)
        parts[-1:] = halves
    return parts


def _valleys(ink: Ink, height: float) -> list[int]:
    """Columns where there is little ink, or where the contour is notched from above or below."""
    rows, width = ink.shape
    amount = ink.sum(axis=0).astype(np.float64)
    top = np.where(ink.any(axis=0), ink.argmax(axis=0), rows)
    bottom = np.where(ink.any(axis=0), ink[::-1].argmax(axis=0), rows)
    waist = rows - top - bottom  # from the upper to the lower contour
    cost = np.convolve(np.pad(amount + 0.5 * waist, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    apart = max(3, round(0.25 * height))
    edge = max(3, round(0.15 * height))
    lowest = [
        i
        for i in range(edge, width - edge)
        if cost[i] == cost[max(0, i - apart) : i + apart + 1].min() and cost[i] < 0.9 * rows
    ]
    spaced = [i for k, i in enumerate(lowest) if k == 0 or i - lowest[k - 1] > 1]
    return sorted(sorted(spaced, key=lambda i: cost[i])[:MOST_CUTS])


def _split(piece: Piece, column: int, height: float) -> list[Piece]:
    """Cut in two along the path from top to bottom that crosses least ink near `column` (a seam)."""
    ink = piece.ink
    rows, width = ink.shape
    reach = max(2, round(0.2 * height))
    lo, hi = max(0, column - reach), min(width, column + reach + 1)
    if hi - lo < 3:
        return [piece]
    step = ink[:, lo:hi] * 1.0 + 0.02 * np.abs(np.arange(lo, hi) - column) / reach
    total = step.copy()
    for r in range(1, rows):
        above = np.pad(total[r - 1], 1, constant_values=np.inf)
        total[r] += np.minimum(np.minimum(above[:-2], above[2:]) + 0.05, above[1:-1])
    seam = np.zeros(rows, int)
    seam[-1] = int(total[-1].argmin())
    for r in range(rows - 2, -1, -1):
        near = range(max(0, seam[r + 1] - 1), min(hi - lo, seam[r + 1] + 2))
        seam[r] = min(near, key=lambda c: total[r, c] + (0.05 if c != seam[r + 1] else 0.0))
    left = np.arange(width)[None, :] < (seam + lo)[:, None]
    x, y, _, _ = piece.box
    halves = [_cropped(ink & side, x, y) for side in (left, ~left)]
    return [h for h in halves if h is not None] if all(halves) else [piece]


def _cropped(ink: Ink, x: int, y: int) -> Piece | None:
    left, top, w, h = cv2.boundingRect(ink.astype(np.uint8))
    if w == 0 or h == 0:
        return None
    part = ink[top : top + h, left : left + w]
    return Piece(part, (x + left, y + top, w, h), int(part.sum()))
