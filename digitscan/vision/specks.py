"""Points so small that they were taken out of the ink as dirt: specks at the foot of digits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digitscan.records import Ink
from digitscan.vision.cleaning import InkLevel, components
from digitscan.vision.fields import RULES_MM, FieldCrop, part
from digitscan.vision.points import at_foot, between
from digitscan.vision.segmentation import Segmentation

SMALLEST = 0.25  # of the pen's square: a smaller speck is no point
LARGEST_MM = 0.9  # a larger one is print too pale to be ink, or the rest of something
CLEAR = 0.4  # of the pen's width, from other ink: nearer, it is a crumb of that
DIRTY = 0.025  # specks to a field in other places: if more, and not fewer than at the foot, all are dirt


def speck_points(
    found: Sequence[Segmentation],
    crops: Sequence[FieldCrop],
    inks: Sequence[tuple[Ink, Ink]],
    level: InkLevel,
) -> list[float]:
    """Of each field the size, px, of the largest speck between two digits that may be a point; 0 for none.

    inks: ink and rules, as `field_inks` gives them.
    """
    sizes, points, elsewhere = [], 0, 0
    for segmentation, crop, (ink, rules) in zip(found, crops, inks, strict=True):
        size = 0.0
        for mark in _specks(crop, ink | rules, level):
            digits = between(mark, segmentation.uncut, segmentation.digit_height)
            if digits and at_foot(mark, digits):
                size, points = max(size, *mark[2:]), points + 1
            else:
                elsewhere += 1
        sizes.append(size)
    dirty = elsewhere > DIRTY * len(crops) and elsewhere >= points
    return [0.0 if dirty else size for size in sizes]


def _specks(crop: FieldCrop, seen: Ink, level: InkLevel) -> list[tuple[int, int, int, int]]:
    """What stands clear of a field's ink and rules, as dark as ink: x, y, width, height, crop px."""
    rows, columns = part(crop.box, -RULES_MM * crop.scale)
    inked = seen[rows, columns]
    side, least = 2 * round(CLEAR * level.stroke) + 1, SMALLEST * level.stroke**2
    near = cv2.dilate(inked.astype(np.uint8), np.ones((side, side), np.uint8))
    shown = crop.dark[rows, columns] > level.threshold * 255
    if np.count_nonzero(shown & (near == 0)) <= least:  # in most there is none
        return []
    _, stats = components((shown & ~inked).astype(np.uint8))
    return [
        (x + columns.start, y + rows.start, w, h)
        for x, y, w, h, area in stats[1:].tolist()
        if area > least and max(w, h) < LARGEST_MM * crop.scale and not near[y : y + h, x : x + w].any()
    ]
