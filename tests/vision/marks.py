"""Marks of a form, for tests of how they are found and matched."""

from __future__ import annotations

import numpy as np

from digitscan.records import Box, Matrix

SIZE = (210.0, 297.0)
MARKS = (
    Box(8, 8, 6, 6),
    Box(196, 8, 6, 6),
    Box(8, 283, 6, 6),
    Box(196, 283, 6, 6),
    Box(24, 8, 6, 6),
    Box(90, 140, 9, 5),
)
SIZES = np.array([(m.width, m.height) for m in MARKS])
CENTRES = np.array([(m.x + m.width / 2, m.y + m.height / 2) for m in MARKS])


def similarity(degrees: float, scale: float, shift: tuple[float, float]) -> Matrix:
    c, s = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1.0]])
