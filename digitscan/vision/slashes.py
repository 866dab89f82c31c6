"""Strokes that lean: 1s, or slashes that strike out cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.vision.cleaning import percentile
from digitscan.vision.pieces import Piece
from digitscan.vision.segmentation import LARGE, Segmentation

BARE, STRAIGHT = 0.8, 0.95  # of all its spread, along its axis less across: without a foot; a straight stroke
LEANS = (12, 60)  # degrees to the right of a slash; half of MNIST's 1s lean as much
SLASHED = 3  # fields of a page that hold but leaning strokes, two at least: 11 and 111 are rarer
KNOWN = 3  # 1s among other digits: fewer do not tell how those of a hand lean
USUAL, MORE = 75, 8  # percentile of how they lean: some are slashes; and degrees by which a slash leans more


class Lean(NamedTuple):
    """How ink lies."""

    degrees: float
    """By which its axis leans to the right, -90 to 90."""
    straightness: float
    """How much of its spread is along the axis and not across, 0 to 1."""

    @property
    def is_stroke(self) -> bool:
        return self.straightness >= BARE

    @property
    def is_slash(self) -> bool:
        return self.straightness >= STRAIGHT and LEANS[0] < self.degrees < LEANS[1]


def lean(ink: NDArray[np.bool_]) -> Lean:
    """How some ink, height x width, leans."""
    moments = cv2.moments(ink.astype(np.uint8), binaryImage=True)
    across, down, both = moments["mu20"], moments["mu02"], 2 * moments["mu11"]
    axis = math.degrees(math.atan2(both, across - down)) / 2
    straightness = math.hypot(both, across - down) / max(across + down, 1.0)
    return Lean(axis + 90 if axis <= 0 else axis - 90, straightness)


def slashed(found: Sequence[Segmentation]) -> list[bool]:
    """Of each field of a page whether strokes in it, or one that it begins with, may strike out its cells.

    Who begins fields so often strikes out whole ones as well; and a slash leans more than the 1s in other
    numbers, of which the first sign of a field may be none.
    """
    fields = [[lean(p.ink) for p in _large(segmentation)] for segmentation in found]
    strikes = sum(len(field) > 1 and all(one.is_slash for one in field) for field in fields) >= SLASHED
    numbers = [field for field in fields if not _strokes_alone(field)]
    most, later = _most(numbers), _most([field[1:] for field in numbers])
    return [
        any(one.is_slash and one.degrees > most for one in field) or (strikes and _begins_with_slash(field))
        if _strokes_alone(field)
        else _begins_with_slash(field) and (strikes or field[0].degrees > later)
        for field in fields
    ]


def _begins_with_slash(field: Sequence[Lean]) -> bool:
    return bool(field) and field[0].is_slash


def _most(numbers: Sequence[Sequence[Lean]]) -> float:
    """Degrees: what leans more is no 1 of the hand that writes these; infinite where too few tell."""
    strokes = (one.degrees for number in numbers for one in number if one.is_stroke)
    ones = [degrees for degrees in strokes if abs(degrees) < LEANS[1]]
    return float(percentile(np.array(ones), USUAL)) + MORE if len(ones) >= KNOWN else math.inf


def _strokes_alone(field: Sequence[Lean]) -> bool:
    return all(one.is_stroke for one in field)


def _large(segmentation: Segmentation) -> list[Piece]:
    """What is as large as a digit in a field, from left to right."""
    large = (p for p in segmentation.uncut if max(p.box[2:]) > LARGE * segmentation.digit_height)
    return sorted(large, key=lambda p: p.centre)
