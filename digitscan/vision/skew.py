"""How far a page is turned from level."""

from __future__ import annotations

import cv2
import numpy as np

from digitscan.records import Image


def find_skew(image: Image, most: float = 4.0) -> float:
    """Degrees clockwise, up to `most`, by which ruled and written lines are turned: the sharpest projections.

    image: grey, height x width. The projection profile method (Postl 1986), over rows and columns.
    """
    scale = 800 / max(image.shape)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = 255 - np.asarray(small, np.float32)
    ink -= cv2.boxFilter(ink, -1, (51, 51))
    height, width = ink.shape

    def sharpness(degrees: float) -> float:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        level = cv2.warpAffine(ink, turn, (width, height))
        return float(sum(np.square(np.diff(level.sum(axis=axis))).sum() for axis in (0, 1)))

    coarse = max(np.arange(-most, most + 0.01, 0.5), key=lambda d: sharpness(float(d)))
    return float(max(coarse + np.arange(-0.5, 0.51, 0.1), key=lambda d: sharpness(float(d))))
