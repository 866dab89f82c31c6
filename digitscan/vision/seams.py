"""Cuts through ink where two digits may touch: paths from top to bottom that cross little of it.

Found by dynamic programming, as Avidan and Shamir carve seams ("Seam carving for content-aware image
resizing", 2007), but along the slant of the writing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from digitscan.records import Ink

Seam = NDArray[np.int64]
"""For each row, the first column right of a cut."""

LOOP = 0.25  # px of ink that a pixel inside a loop is worth
SIDESTEP = 0.3  # px of ink that a step aside is worth


class Seams:
    """Paths from the top of a piece to its bottom, a step aside a row at most, that cross little ink.

    They run straight along the slant of the writing where nothing is gained by leaving it.
    """

    def __init__(self, ink: Ink) -> None:
        # a cut through a loop is hardly ever between two digits
        cost = (ink + LOOP * (binary_fill_holes(ink) & ~ink)).astype(np.float32)
        height, width = ink.shape
        self._middle = height // 2
        # first column of each row in upright writing
        self._shift = np.rint(slant(ink) * (np.arange(height) - self._middle)).astype(int)
        reach = int(np.abs(self._shift).max())
        self._step = np.full((height, width + 2 * reach + 2), np.inf)
        self._step[:, 1:-1] = 0
        for row, shift in enumerate(self._shift):
            start = reach + 1 + shift
            self._step[row, start : start + width] = cost[row]
        self._width, self._reach = width, reach
        self._down = self._summed(self._step)
        self._up = self._summed(self._step[::-1])[::-1]
        inner = (self._middle, slice(1 + reach, 1 + reach + width))
        self._crossed = self._down[inner] + self._up[inner] - self._step[inner]

    def cheap(self, apart: float, limit: float) -> list[int]:
        """Columns, at half height, of seams that cross little ink: the cheapest first, the others `apart`."""
        ends = max(2, round(apart))
        found: list[int] = []
        for c in np.argsort(self._crossed, kind="stable").tolist():
            if self._crossed[c] > limit:
                break
            if ends <= c < len(self._crossed) - ends and all(abs(c - f) >= apart for f in found):
                found.append(c)
        return found

    def crossed(self, column: int) -> float:
        """Ink, px, that the cheapest seam through a column at half height crosses."""
        return float(self._crossed[column])

    def cheapest_near(self, column: float, reach: float) -> int:
        """Column of the seam that crosses least ink not farther than `reach` from a column."""
        away = np.abs(np.arange(len(self._crossed)) - column)
        return int(np.where(away <= max(2.0, reach), self._crossed + away / 50, np.inf).argmin())

    def through(self, column: int) -> Seam:
        """For each row, the first column right of the seam that passes `column` at half height."""
        seam = [column + 1 + self._reach] * len(self._step)
        for r in range(self._middle - 1, -1, -1):
            seam[r] = self._next(self._down[r], seam[r + 1])
        for r in range(self._middle + 1, len(seam)):
            seam[r] = self._next(self._up[r], seam[r - 1])
        return np.asarray(np.clip(np.array(seam) - 1 - self._reach - self._shift, 0, self._width), np.int64)

    @staticmethod
    def _next(costs: NDArray[np.float64], column: int) -> int:
        left, straight, right = costs[column - 1 : column + 2].tolist()
        near = left + SIDESTEP, straight, right + SIDESTEP
        return column - 1 + near.index(min(near))

    @staticmethod
    def _summed(step: NDArray[np.float64]) -> NDArray[np.float64]:
        total = step.copy()
        for r in range(1, len(step)):
            above = total[r - 1]
            aside = np.minimum(above[:-2], above[2:]) + SIDESTEP
            total[r, 1:-1] += np.minimum(aside, above[1:-1])
        return total


def not_crossing(seams: list[tuple[int, Seam]]) -> list[tuple[int, Seam]]:
    """Seams from left to right, without those that cross one that stands before them in the list."""
    kept: list[tuple[int, Seam]] = []
    for column, seam in seams:
        if all((seam <= k).all() or (seam >= k).all() for _, k in kept) and not any(
            (seam == k).all() for _, k in kept
        ):
            kept.append((column, seam))
    return sorted(kept, key=lambda item: int(item[1].sum()))


def slant(ink: Ink) -> float:
    """How far strokes lean to the right, columns a row upwards: the mean of edges that are rather upright."""
    grey = cv2.GaussianBlur(np.pad(ink, 3).astype(np.float32), (0, 0), 1.0)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    upright = np.abs(across) > np.abs(down)
    return float((across * down)[upright].sum() / max(float((across**2)[upright].sum()), 1e-6))
