"""Strokes that lean: 1s, or slashes that strike out one cell after another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.vision.segmentation import LARGE, Segmentation

BARE, STRAIGHT = 0.8, 0.95  # of all its spread, along its axis less across: without a foot; a straight stroke
LEANS = (12, 60)  # degrees to the right of a slash; half of MNIST's 1s lean as much
SLASHED = 3  # fields of a page that hold but leaning strokes, two at least: 11 and 111 are rarer


def slashed(found: Sequence[Segmentation]) -> list[bool]:
    """Of each field of a page whether the strokes that it begins with may strike out its cells.

    Who does so does it more than once.
    """
    strokes = [_leaning(segmentation) for segmentation in found]
    strikes = sum(all(leaning) and len(leaning) > 1 for leaning in strokes) >= SLASHED
    return [strikes and any(leaning[:1]) for leaning in strokes]


def _leaning(segmentation: Segmentation) -> list[bool]:
    """Of what is as large as a digit in a field, from left to right: whether it is a leaning stroke."""
    large = [p for p in segmentation.uncut if max(p.box[2:]) > LARGE * segmentation.digit_height]
    return [LEANS[0] < lean(p.ink, STRAIGHT) < LEANS[1] for p in sorted(large, key=lambda p: p.centre)]


def lean(ink: NDArray[np.bool_], bare: float = BARE) -> float:
    """Degrees by which a stroke (height x width) leans to the right, -90 to 90; 0 if it is no bare stroke.

    bare: the least that its spread along its axis, less that across, is of all.
    """
    moments = cv2.moments(ink.astype(np.uint8), binaryImage=True)
    across, down, both = moments["mu20"], moments["mu02"], 2 * moments["mu11"]
    if math.hypot(both, across - down) < bare * (across + down):
        return 0.0
    axis = math.degrees(math.atan2(both, across - down)) / 2
    return axis + 90 if axis <= 0 else axis - 90
