"""A field's ink to pieces, and pieces to hypotheses of what may be one digit.

Ink is over-segmented: contours, and contours cut where digits may touch. Every run of neighbouring
pieces is a hypothesis; the classifier and `decoding` choose among them (Casey and Lecolinet 1996 call it
recognition-based segmentation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, minimum_filter1d

from digitscan.records import Box
from digitscan.vision.cleaning import stroke_width

Ink = NDArray[np.bool_]

LONGEST_RUN = 4  # pieces that may make one digit
CUTS_A_HEIGHT = 2
CUT_STROKES = 4  # a cut goes through so many strokes at most
LOOP = 0.25  # px of ink that a pixel inside a loop is worth
SIDESTEP = 0.05  # px of ink that a step aside is worth
WIDEST = 1.8  # of the field's digit height: wider is never one digit
SMALLEST_DIGIT = 0.3  # of the height of the field, where that is low
SMALLEST_DIGIT_MM = 2.0
REACHING_IN = 0.45  # of the field's height, where that is low
REACHING_IN_MM = 3.0
SMALLEST_PART = 0.4  # of the digit height: what a cut leaves is no smaller, or the cut is not made
RULE_REMAINS_MM = 1.0
CUTTABLE = 0.5  # of the field's digit height: wider may be two digits that touch


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a contour's ink; `box` in crop px."""

    ink: Ink
    """Cropped to the box."""
    box: tuple[int, int, int, int]
    area: int
    cut: bool = False
    """Whether it was cut off the piece before it."""

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
    # a field with nothing but dirt has no digits to measure: they are never much smaller than their cell
    least = min(SMALLEST_DIGIT * box.height, SMALLEST_DIGIT_MM * scale)
    joined = _joined(found, max(least, *(p.box[3] for p in found)))
    tall = [p.box[3] for p in joined if p.box[3] > 0.5 * max(p.box[3] for p in joined)]
    height = max(float(np.median(tall)), least)
    pieces: list[Piece] = []
    for piece in joined:
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
        if remains:
            continue
        if inside.mean() >= 0.5:
            kept.append(p)
            continue
        # most of it is a neighbour's, or print: what reaches in counts where it is as tall as a digit
        reaching = np.zeros_like(p.ink)
        reaching[rows[inside], columns[inside]] = True
        part = _cropped(reaching, x, y)
        tall = min(REACHING_IN * box.height, REACHING_IN_MM * scale)
        if part is not None and part.box[3] > tall and min(part.box[2:]) > near:
            kept.append(part)
    return kept


def _joined(pieces: list[Piece], height: float) -> list[Piece]:
    """Pieces that lie over one another are one digit broken by the pen or the scanner: joined."""
    pieces = sorted(pieces, key=lambda p: p.box[0])
    joined: list[Piece] = []
    for p in pieces:
        for i, q in enumerate(joined):
            overlap = min(p.box[0] + p.box[2], q.box[0] + q.box[2]) - max(p.box[0], q.box[0])
            narrow = min(p.box[2], q.box[2])
            merged = _merged([q, p])
            if overlap > 0.6 * narrow and merged.box[2] < 1.2 * max(height, merged.box[3]):
                joined[i] = merged
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
    x, y, w, _ = piece.box
    bounds = [c.x - x for c in cells[1:] if x + 0.15 * w < c.x < x + 0.85 * w]
    if not bounds and (cells or w <= CUTTABLE * height):
        return [piece]
    paths = Seams(piece.ink)
    columns = [paths.cheapest_near(b, 0.2 * height) for b in bounds]
    if w > CUTTABLE * height:
        most = max(1, round(CUTS_A_HEIGHT * w / height))
        columns += paths.cheap(most, apart=0.12 * height, limit=CUT_STROKES * stroke_width(piece.ink))
    if not columns:
        return [piece]
    # seams never cross: what is right of one stays right of it
    seams = np.maximum.accumulate(np.array([paths.through(c) for c in sorted(set(columns))]), axis=0)
    part = (np.arange(w)[None, :, None] >= seams.T[:, None, :]).sum(axis=2)
    parts: list[Piece] = []
    for k in range(len(seams) + 1):
        p = _cropped(piece.ink & (part == k), x, y)
        if p is None:
            continue
        if parts and min(max(q.box[2:]) for q in (p, parts[-1])) < SMALLEST_PART * height:
            parts[-1] = replace(_merged([parts[-1], p]), cut=parts[-1].cut)
        else:
            parts.append(replace(p, cut=bool(parts)))
    return parts


class Seams:
    """Paths from the top of a piece to its bottom, a step aside a row at most, that cross little ink."""

    def __init__(self, ink: Ink) -> None:
        # a cut through a loop is hardly ever between two digits
        cost = ink + LOOP * (binary_fill_holes(ink) & ~ink)
        self._step = np.pad(cost, ((0, 0), (1, 1)), constant_values=np.inf)
        self._down = self._summed(self._step)
        self._up = self._summed(self._step[::-1])[::-1]
        self._middle = len(ink) // 2
        inner = (self._middle, slice(1, -1))
        self._crossed = self._down[inner] + self._up[inner] - self._step[inner]

    def crossed(self, column: int) -> float:
        """Px of ink that the seam through a column, at half height, crosses."""
        return float(self._crossed[column])

    def cheap(self, most: int, apart: float, limit: float) -> list[int]:
        """Columns, at half height, of the seams that cross least ink: less than those beside, and `limit`."""
        reach = max(2, round(apart))
        lowest = minimum_filter1d(self._crossed, 2 * reach + 1, mode="nearest")
        found: list[int] = []
        for c in np.flatnonzero((self._crossed <= lowest) & (self._crossed <= limit)).tolist():
            if not found or c - found[-1] > reach:
                found.append(c)
        return sorted(sorted(found, key=lambda c: float(self._crossed[c]))[:most])

    def cheapest_near(self, column: float, reach: float) -> int:
        """Column of the seam that crosses least ink not farther than `reach` from a column."""
        away = np.abs(np.arange(len(self._crossed)) - column)
        return int(np.where(away <= max(2.0, reach), self._crossed + away / 50, np.inf).argmin())

    def through(self, column: int) -> NDArray[np.int64]:
        """For each row, the first column right of the seam that passes `column` at half height."""
        seam = np.zeros(len(self._step), np.int64)
        seam[self._middle] = column + 1
        for r in range(self._middle - 1, -1, -1):
            seam[r] = self._next(self._down[r], seam[r + 1])
        for r in range(self._middle + 1, len(seam)):
            seam[r] = self._next(self._up[r], seam[r - 1])
        return seam - 1

    @staticmethod
    def _next(costs: NDArray[np.float64], column: int) -> int:
        near = costs[column - 1 : column + 2] + np.array([SIDESTEP, 0.0, SIDESTEP])
        return column - 1 + int(near.argmin())

    @staticmethod
    def _summed(step: NDArray[np.float64]) -> NDArray[np.float64]:
        total = step.copy()
        for r in range(1, len(step)):
            above = total[r - 1]
            aside = np.minimum(above[:-2], above[2:]) + SIDESTEP
            total[r, 1:-1] += np.minimum(aside, above[1:-1])
        return total


def _cropped(ink: Ink, x: int, y: int) -> Piece | None:
    left, top, w, h = cv2.boundingRect(ink.astype(np.uint8))
    if w == 0 or h == 0:
        return None
    part = ink[top : top + h, left : left + w]
    return Piece(part, (x + left, y + top, w, h), int(part.sum()))
