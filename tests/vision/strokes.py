"""Strokes that lean, drawn for tests."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def stroke(degrees: float) -> NDArray[np.bool_]:
    """A bare stroke, 60 px long, that leans to the right by so many degrees."""
    canvas, turn = np.zeros((80, 80), np.uint8), np.deg2rad(degrees)
    along = np.array([np.sin(turn), -np.cos(turn)]) * 30
    first, last = (np.rint(40 + side * along).astype(int).tolist() for side in (-1, 1))
    cv2.line(canvas, first, last, 1, 5)
    return canvas > 0
