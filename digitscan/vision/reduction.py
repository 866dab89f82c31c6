"""Pictures made smaller by whole numbers: the mean of whole pixels is found many times as fast."""

from __future__ import annotations

import cv2
import numpy as np

from digitscan.records import Image


def reduced(image: Image, most: float) -> tuple[Image, float]:
    """The picture as small as `1 / most` at least, and its scale, 1 or less."""
    whole = max(1, int(most))
    if whole == 1:
        return image, 1.0
    smaller = cv2.resize(image, None, fx=1 / whole, fy=1 / whole, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8), 1 / whole
