"""A picture of one digit, among what intrudes on it, to guesses at which of the ink is the digit.

Neighbours enter from the sides, ruled lines run through, strokes are faint. No rule finds the digit among
them for sure, so several guesses are made, each with a prior from its geometry alone; the classifier chooses
(recognition-based segmentation: Casey and Lecolinet 1996).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Image, Ink
from digitscan.vision.cleaning import stroke_width
from digitscan.vision.glyphs import fit_many, light_on_dark
from digitscan.vision.seams import Seams, not_crossing

CONTRAST = 16
"""Grey levels between ink and paper below which a picture shows nothing."""
HEIGHT = 64
"""Pixels to which the height of a picture is scaled."""
BODY = 48
"""Pixels to which the digit is scaled instead where the picture is much larger than it."""
LONGEST = 1024
"""Pixels of the longer side, at most."""
PAPER = 25
"""Pixels; paper is even within so many, and no stroke is as wide."""
LEVELS = (0.0, 0.6)
"""How far from Otsu's threshold towards paper ink may begin: sound strokes, and faint ones."""
SPECK = 0.015
"""Of the largest piece's area: less is dirt."""
RULE = 0.12
"""Of its length: a ruled line is no wider."""
WIDE = 1.3
"""Of its height: a wider piece may be two digits that touch."""
CUTS = 4
CUT_STROKES = 3
"""A cut goes through so many strokes at most."""
LONGEST_RUN = 5
"""Pieces that may make one digit."""
MOST_PIECES = 14
SMALLEST = 0.3
"""Of the height of the tallest piece: a digit is no smaller."""
GUESSES = 6
"""Guesses that are kept of each way to see the ink."""


class _Piece(NamedTuple):
    """Ink that is not divided any further; `ink` is cropped to it, `x` and `y` are its upper left corner."""

    ink: Ink
    x: int
    y: int
    cuts: tuple[float, float] = (0.0, 0.0)
    """Strokes that were cut through on its left and on its right."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What may be the digit of a picture; n is 0 where the picture shows nothing."""

    glyphs: Image
    """uint8, n x 28 x 28, as `glyphs.fit` makes them, the digits set upright."""
    priors: NDArray[np.float64]
    """n logarithms of weights, from geometry alone."""


def guesses(picture: Image) -> Guesses:
    """Guesses at the one digit on a grey picture (uint8, height x width), dark on light or light on dark."""
    found: list[tuple[float, Ink]] = []
    for ink in _inks(picture):
        found += sorted(_runs(ink), key=lambda guess: -guess[0])[:GUESSES]
    glyphs = fit_many(_upright(ink) for _, ink in found)
    seen = glyphs.any(axis=(1, 2))
    return Guesses(glyphs[seen], np.array([prior for prior, _ in found], np.float64)[seen])


def _inks(picture: Image) -> Iterator[Ink]:
    """The ink of a picture, seen in several ways."""
    dark = picture if light_on_dark(picture) else np.asarray(255 - picture, np.uint8)
    if int(dark.max()) - int(dark.min()) < CONTRAST:
        return
    dark = _scaled(dark)
    side = (PAPER, PAPER)
    paper = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones(side, np.uint8), borderType=cv2.BORDER_REPLICATE)
    dark = np.asarray(cv2.subtract(dark, cv2.blur(paper, side)), np.uint8)
    threshold, _ = cv2.threshold(dark, 0, 255, cv2.THRESH_OTSU)
    pale = float(dark[dark <= threshold].mean())
    for level in LEVELS:
        ink = np.asarray(dark > threshold - level * (threshold - pale), np.bool_)
        yield ink
        unruled = _without_rules(ink)
        if unruled is not None:
            yield unruled


def _scaled(dark: Image) -> Image:
    """Small pictures enlarged, so that edges are smooth; large ones made smaller."""
    _, mask = cv2.threshold(dark, 0, 1, cv2.THRESH_OTSU)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    tall = int(stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), cv2.CC_STAT_HEIGHT])
    least = HEIGHT / len(dark)
    scale = min(max(BODY / tall, least), max(1.0, least), LONGEST / max(dark.shape))
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = (max(1, round(dark.shape[1] * scale)), max(1, round(dark.shape[0] * scale)))
    return np.asarray(cv2.resize(dark, size, interpolation=how), np.uint8)


def _without_rules(ink: Ink) -> Ink | None:
    """The ink without the straight lines that run from edge to edge; None where there are none."""
    left = ink.astype(np.uint8)
    ruled = False
    for _ in range(2):
        left = np.ascontiguousarray(left.T)
        length = len(left)
        thick = cv2.dilate(left, np.ones((1, 3), np.uint8))  # a line may lean a little
        column = np.ones((max(1, length // 2), 1), np.uint8)
        long = cv2.morphologyEx(thick, cv2.MORPH_OPEN, column, borderType=cv2.BORDER_REPLICATE)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(long, connectivity=8)
        through = (stats[:, cv2.CC_STAT_TOP] <= 2) & (
            stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] >= length - 2
        )
        through &= stats[:, cv2.CC_STAT_WIDTH] <= RULE * length + 2
        through[0] = False
        if not through.any():
            continue
        ruled = True
        rule = through[labels].astype(np.uint8)
        # strokes that cross are joined over the gap
        across = np.ones((3, int(np.median(rule.sum(axis=1))) + 2), np.uint8)
        rest = left & (1 - rule)
        left = rest | (cv2.morphologyEx(rest, cv2.MORPH_CLOSE, across) & rule & left)
    return left > 0 if ruled else None


def _runs(ink: Ink) -> Iterator[tuple[float, Ink]]:
    """Every run of neighbouring pieces that may be the digit, with its prior."""
    height, width = ink.shape
    pieces = _pieces(ink)
    if not pieces:
        return
    labels = np.zeros(ink.shape, np.uint8)
    for number, piece in enumerate(pieces, 1):
        rows, columns = piece.ink.shape
        labels[piece.y : piece.y + rows, piece.x : piece.x + columns][piece.ink] = number
    areas = [int(piece.ink.sum()) for piece in pieces]
    middles = [_centre(piece) / width - 0.5 for piece in pieces]
    near = [area * max(0.0, 1 - 2 * abs(middle)) for area, middle in zip(areas, middles, strict=True)]
    tallest = max(piece.ink.shape[0] for piece in pieces)
    for first in range(len(pieces)):
        left, top, right, bottom = width, height, 0, 0
        for last in range(first, min(first + LONGEST_RUN, len(pieces))):
            piece = pieces[last]
            rows, columns = piece.ink.shape
            left, right = min(left, piece.x), max(right, piece.x + columns)
            top, bottom = min(top, piece.y), max(bottom, piece.y + rows)
            if bottom - top < SMALLEST * tallest:
                continue
            run = slice(first, last + 1)
            prior = _prior(
                off_centre=abs((left + right) / 2 / width - 0.5),
                at_sides=(left <= 1) + (right >= width - 1),
                at_ends=(top <= 1) + (bottom >= height - 1),
                central_ink=sum(near[run]) / max(sum(near), 1e-6),
                all_ink=sum(areas[run]) / sum(areas),
                width=(right - left) / width,
                strokes_cut=pieces[first].cuts[0] + piece.cuts[1],
            )
            yield prior, (labels > first) & (labels <= last + 1)


def _prior(
    *,
    off_centre: float,
    at_sides: int,
    at_ends: int,
    central_ink: float,
    all_ink: float,
    width: float,
    strokes_cut: float,
) -> float:
    """Logarithm of the weight of a guess before it is read.

    The digit is in the middle of its picture, most of the ink and wide; the edges of the picture do not cut
    it, and nothing touches it. Weights by maximum likelihood over half of the crops of DIDA, and rounded.
    """
    return (
        -1.0 * off_centre
        - 1.3 * at_sides
        - 1.2 * at_ends
        + 2.0 * central_ink
        + 1.0 * all_ink
        + 1.7 * width
        - 0.9 * strokes_cut
    )


def _centre(piece: _Piece) -> float:
    columns = piece.ink.sum(axis=0)
    return piece.x + float((columns * np.arange(len(columns))).sum() / columns.sum()) + 0.5


def _pieces(ink: Ink) -> list[_Piece]:
    """From left to right: connected ink, cut where digits may touch."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    if count < 2:
        return []
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_PIECES]
    least = max(6.0, SPECK * int(stats[order[0], cv2.CC_STAT_AREA]))
    found: list[_Piece] = []
    for label in order.tolist():
        x, y, columns, rows, area = stats[label].tolist()
        if area >= least:
            piece = _Piece(labels[y : y + rows, x : x + columns] == label, x, y)
            reaches_in = x <= 1 or x + columns >= ink.shape[1] - 1
            found += _cut(piece) if reaches_in or columns > WIDE * rows else [piece]
    return sorted(found, key=_centre)


def _cut(piece: _Piece) -> list[_Piece]:
    rows, columns = piece.ink.shape
    stroke = max(1.0, stroke_width(piece.ink))
    seams = Seams(piece.ink)
    places = seams.cheap(apart=0.1 * rows, limit=CUT_STROKES * stroke)[:CUTS]
    chosen = not_crossing([(place, seams.through(place)) for place in places])
    if not chosen:
        return [piece]
    costs = [0.0, *(seams.crossed(place) / stroke for place, _ in chosen), 0.0]
    paths = np.array([path for _, path in chosen])
    part = (np.arange(columns)[None, :, None] >= paths.T[:, None, :]).sum(axis=2)
    parts: list[_Piece] = []
    for number in range(len(chosen) + 1):
        ink = piece.ink & (part == number)
        left, top, width, height = cv2.boundingRect(ink.astype(np.uint8))
        if width and height:
            ink = ink[top : top + height, left : left + width]
            parts.append(_Piece(ink, piece.x + left, piece.y + top, (costs[number], costs[number + 1])))
    return parts


def _upright(ink: Ink) -> Ink:
    """The ink sheared so that it does not slant, as its second moments tell."""
    mask = ink.astype(np.uint8)
    moments = cv2.moments(mask, binaryImage=True)
    slant = min(max(moments["mu11"] / max(moments["mu02"], 1e-6), -1.0), 1.0)
    left, top, width, height = cv2.boundingRect(mask)
    room = int(abs(slant) * height) + 1
    shear = np.array([[1, -slant, slant * height / 2 + room], [0, 1, 0]], np.float32)
    body = mask[top : top + height, left : left + width] * np.uint8(255)
    return np.asarray(cv2.warpAffine(body, shear, (width + 2 * room, height)) > 127, np.bool_)
