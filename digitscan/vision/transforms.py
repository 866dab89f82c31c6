"""Transforms between a form and a page, and what they do to points."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Matrix

Points = NDArray[np.float64]
"""n x 2, or of more columns with x and y first."""


def crop_transform(placement: Matrix, origin: tuple[float, float], scale: float) -> Matrix:
    """3x3, crop px -> page px, for a crop whose corner lies at `origin` (mm) with `scale` px/mm."""
    to_mm = np.array([[1 / scale, 0, origin[0]], [0, 1 / scale, origin[1]], [0, 0, 1]])
    return np.asarray(placement @ to_mm, np.float64)


def spread(points: Points, count: int) -> NDArray[np.int64]:
    """Of points, n x 2, so many from all over, each as far as can be from those before (Gonzalez 1985)."""
    chosen = [int(np.hypot(*(points - points.mean(axis=0)).T).argmax())]
    nearest = np.full(len(points), np.inf)
    for _ in range(min(count, len(points)) - 1):
        nearest = np.minimum(nearest, np.hypot(*(points - points[chosen[-1]]).T))
        nearest[chosen[-1]] = -1
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def apply(transform: Matrix, points: Points) -> Points:
    """A homography on (..., 2) points; or n of them, n x 3 x 3, on n x m x 2, or all on the same m x 2."""
    moved = points @ transform[..., :2].swapaxes(-1, -2) + transform[..., None, :, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float64)


def rotation_of(transform: Matrix, form_size: tuple[float, float]) -> int:
    """Degrees clockwise (0, 90, 180, 270) by which the scan must be turned to stand upright."""
    width, height = form_size
    left, right = apply(transform, np.array([(0.0, height / 2), (width, height / 2)]))
    angle = np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0]))
    return int(round(-angle / 90) * 90 % 360)


def scales(transforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """How large a mm is about, px, under each of some form mm -> page px, ... x 3 x 3."""
    (a, b), (c, d) = np.moveaxis(transforms[..., :2, :2], (-2, -1), (0, 1))
    return np.asarray(np.sqrt(np.abs(a * d - b * c)), np.float64)


def px_per_mm(transform: Matrix) -> float:
    """The same of one of them."""
    return float(scales(transform))


def plausible(transform: Matrix, form_size: tuple[float, float]) -> bool:
    """No mirror image, and no side more than twice as long as its opposite."""
    w, h = form_size
    corners = apply(transform, np.array([(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)])).tolist()
    sides = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]])]
    if not all(ax * by - ay * bx > 0 for (ax, ay), (bx, by) in pairwise([*sides, sides[0]])):
        return False
    top, right, bottom, left = (math.hypot(*side) for side in sides)
    lopsided = max(top / bottom, bottom / top, right / left, left / right)
    stretch = (top / w) / (right / h)
    return lopsided < 2 and 0.5 < stretch < 2
