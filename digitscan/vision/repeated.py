"""What stands alike in most fields of a column: print that a form has in its boxes, and no digit of anyone's.

Cents dividers, signs, zeros and the numbers of boxes may look just like digits. But nobody writes so evenly
as print stands in one box as in the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box
from digitscan.vision.fields import FieldCrop
from digitscan.vision.segmentation import Segmentation

LEAST_MM = 1.2  # high: points and dashes are in doubt without it
EVEN_MM = 0.27  # by which each side of print varies from field to field,
MOST_SIDES = 3  # or as many, where it is broken or touches something
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
        tall = [(i, p.box) for i in own for p in found[i].uncut if p.box[3] > LEAST_MM * scale]
        if len(tall) < least:
            continue
        is_print = _is_print(
            np.array([i for i, _ in tall]), np.array([box for _, box in tall]) / scale, least
        )
        for (i, box), same in zip(tall, is_print.tolist(), strict=True):
            if same:
                printed[i].append(Box(*box))
    return [tuple(boxes) for boxes in printed]


def _is_print(fields: NDArray[np.int64], boxes: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Of each box whether so many fields have one in its place, or it is about such a one.

    fields: whose each box is. boxes: n x 4, mm within the fields.
    """
    sides = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]).T
    even = (np.abs(sides[:, :, None] - sides[:, None]) <= EVEN_MM).sum(axis=0)
    having = ((even == len(sides)) @ (fields[:, None] == np.unique(fields))).sum(axis=1)
    return np.asarray((even[:, having >= least] >= MOST_SIDES).any(axis=1))
