"""What stands alike in most fields of a column: print that a form has in its boxes, and no digit of anyone's.

Cents dividers, signs, zeros and the numbers of boxes may look just like digits. But nobody writes so evenly
as print stands in one box as in the next: an even hand's digits fill the same places, but are not as alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box
from digitscan.vision.fields import FieldCrop
from digitscan.vision.pieces import Piece
from digitscan.vision.segmentation import Segmentation

LEAST_MM = 1.2  # high: points and dashes are in doubt without it
EVEN_MM = 0.18  # by which each side of print varies from field to field, be it running numbers,
ALIKE_MM = 0.27  # or, where it is the same print, in a coarse scan
ALIKE = 0.8  # cosine of two inks, box upon box: of print .9 and more, of an even hand's digits about .5
FINE = 24  # px of a side of the box for that
MOST_SIDES = 3  # that are even where print is broken or touches something
FIELDS, SHARE = 4, 0.7  # of a column have it, at least


def repeated(crops: Sequence[FieldCrop], found: Sequence[Segmentation]) -> list[tuple[Box, ...]]:
    """Of each field of a page the ink that stands where most of its column have the same, crop px."""
    columns = defaultdict[tuple[float, ...], list[int]](list)
    for i, crop in enumerate(crops):
        x, _, width, height = crop.field.box
        columns[round(x, 1), round(width, 1), round(height, 1), len(crop.cells)].append(i)
    printed = [list[Box]() for _ in crops]
    for own in columns.values():
        least, scale = max(FIELDS, SHARE * len(own)), crops[own[0]].scale
        tall = [(i, p) for i in own for p in found[i].uncut if p.box[3] > LEAST_MM * scale]
        if len(tall) < least:
            continue
        is_print = _is_print(np.array([i for i, _ in tall]), [p for _, p in tall], scale, least)
        for (i, piece), same in zip(tall, is_print.tolist(), strict=True):
            if same:
                printed[i].append(Box(*piece.box))
    return [tuple(boxes) for boxes in printed]


def _is_print(
    fields: NDArray[np.int64], pieces: Sequence[Piece], scale: float, least: float
) -> NDArray[np.bool_]:
    """Of each piece whether so many fields have one like it in its place, or it is about such a one.

    fields: whose each piece is. scale: px per mm.
    """
    boxes = np.array([piece.box for piece in pieces]) / scale
    sides = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]).T
    apart = np.abs(sides[:, :, None] - sides[:, None])
    of_field = fields[:, None] == np.unique(fields)
    in_place = np.asarray((apart <= ALIKE_MM).all(axis=0))
    often: NDArray[np.int64] = np.flatnonzero((in_place @ of_field).sum(axis=1) >= least)
    ink = _normed([pieces[i] for i in often])
    even = (apart[:, often][:, :, often] <= EVEN_MM).all(axis=0)
    same = even | (in_place[often][:, often] & (ink @ ink.T >= ALIKE))
    shared: NDArray[np.int64] = often[(same @ of_field[often]).sum(axis=1) >= least]
    return np.asarray(((apart[:, :, shared] <= ALIKE_MM).sum(axis=0) >= MOST_SIDES).any(axis=1))


def _normed(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    """The ink of each piece stretched to one size, of unit length: products are cosines."""
    size = (FINE, FINE)
    stretched = [
        cv2.blur(cv2.resize(p.ink.astype(np.float32), size, interpolation=cv2.INTER_AREA), (3, 3)).ravel()
        for p in pieces
    ]
    ink = np.array(stretched, np.float32).reshape(-1, FINE * FINE)
    return np.asarray(ink / np.linalg.norm(ink, axis=1, keepdims=True), np.float32)
