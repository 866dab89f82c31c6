"""Ink much paler than a page's pen writes: it may show through from the back of the sheet, or be erased."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitscan.records import Box
from digitscan.vision.cleaning import InkLevel
from digitscan.vision.fields import FieldCrop
from digitscan.vision.pieces import Piece
from digitscan.vision.segmentation import LARGE, Segmentation

PALER = 0.55  # of the page's usual ink: one pen writes evenly to a tenth
EDGES = 0.8  # of a piece's ink that is paler: along its edges all is


def paler(
    crops: Sequence[FieldCrop], found: Sequence[Segmentation], level: InkLevel
) -> list[tuple[Box, ...]]:
    """Of each field of a page the ink that is so pale and may be a digit, crop px."""
    least = PALER * level.ink * 255
    pale = [
        [p for p in s.uncut if p.box[3] > LARGE * s.digit_height and _is_paler(crop, p, least)]
        for crop, s in zip(crops, found, strict=True)
    ]
    return [tuple(Box(*piece.box) for piece in pieces) for pieces in pale]


def _is_paler(crop: FieldCrop, piece: Piece, least: float) -> bool:
    """Whether a piece is hardly anywhere as dark as `least`, 0-255."""
    x, y, w, h = piece.box
    dark = (crop.dark[y : y + h, x : x + w] >= least) & piece.ink
    return bool(np.count_nonzero(dark) < (1 - EDGES) * piece.area)
