"""Small pictures side by side on one sheet, so that a filter goes over all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Image

WIDTH = 1600  # px: two rows of short pictures waste little, and a row stays in the processor's cache


class Sheet:
    """Where pictures of some sizes lie on a sheet, so far apart that no filter mixes them."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], apart: int) -> None:
        """shapes: height, width of each. apart: px between them, and around all."""
        self._shapes = shapes
        self._corners: list[tuple[int, int]] = []
        across = max((width for _, width in shapes), default=0) + 2 * apart
        self._width = max(WIDTH, across)
        x, y, tallest = apart, apart, 0
        for height, width in shapes:
            if x + width + apart > self._width:
                x, y, tallest = apart, y + tallest + apart, 0
            self._corners.append((y, x))
            x, tallest = x + width + apart, max(tallest, height)
        self._height = y + tallest + apart

    def filled(self, pictures: Sequence[NDArray[Any]]) -> Image:
        """The sheet with these pictures, and zeros around them."""
        sheet = np.zeros((self._height, self._width), np.uint8)
        for part, picture in zip(self.parts(sheet), pictures, strict=True):
            part[:] = picture
        return sheet

    def parts(self, sheet: NDArray[Any]) -> list[Image]:
        """What lies in the place of each picture."""
        return [
            sheet[y : y + height, x : x + width]
            for (y, x), (height, width) in zip(self._corners, self._shapes, strict=True)
        ]
