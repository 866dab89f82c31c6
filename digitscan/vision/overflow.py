"""Digits written beside a field or above it: it was full, or a digit was forgotten or is to be replaced.

Nothing in the field itself shows that they are lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum

import numpy as np

from digitscan.records import Box
from digitscan.vision.cleaning import components
from digitscan.vision.fields import FieldCrop, Ink

ALIKE = 6  # fields of a column whose surroundings can be compared: of fewer nothing tells pen from print
PRINT = 0.25  # of a column's fields: if more have a mark on one side, it is print, or another column's ink
LOWEST, LOWEST_CUT = 0.3, 0.2  # of a field's height: a digit is higher; and what the crop leaves of one
HIGHEST, WIDEST = 1.1, 1.0  # of a field's height: what is larger is no digit
MINUS, LEVEL = 0.1, (0.25, 0.75)  # of a field's height: a dash before it is as wide, and lies about there
RUNS_ON = 0.25  # of the rows over and under a mark, with ink in its columns too: a rule in pieces


class Side(Enum):
    """Where a mark lies. Underlined numbers are common: what lies below is not looked at."""

    LEFT = 0
    RIGHT = 1
    ABOVE = 2


def overflow(crops: Sequence[FieldCrop], inks: Sequence[Ink]) -> list[bool]:
    """Of each field whether beside or above it stands what may be a digit, or before it a minus.

    What many fields of a column have on the same side is print, and so is what stands over the first. inks:
    without the printed rules, height x width of the crops.
    """
    columns = defaultdict(list)
    for index, crop in enumerate(crops):
        columns[round(crop.field.box.x), len(crop.cells)].append(index)
    beside = [False] * len(crops)
    for column in columns.values():
        if len(column) < ALIKE:
            continue
        marks = {i: _marks(crops[i], inks[i], crops) for i in column}
        marks[min(column, key=lambda i: crops[i].field.box.y)].discard(Side.ABOVE)
        for side in Side:
            marked = [i for i, sides in marks.items() if side in sides]
            if len(marked) <= PRINT * len(column):
                for i in marked:
                    beside[i] = True
    return beside


def _marks(crop: FieldCrop, ink: Ink, crops: Sequence[FieldCrop]) -> set[Side]:
    """The sides of a field on which something stands that is no other field's."""
    box, found = crop.box, set[Side]()
    inside = ink[round(box.y) : round(box.y + box.height), round(box.x) : round(box.x + box.width)]
    if np.count_nonzero(inside) == np.count_nonzero(ink):
        return found
    _, stats = components(ink.astype(np.uint8))
    for x, y, w, h, _ in stats[1:].tolist():
        cut = x == 0 or y == 0 or x + w == ink.shape[1]
        low = (LOWEST_CUT if cut else LOWEST) * box.height
        side = _side(Box(x, y, w, h), box)
        middle = (y + h / 2 - box.y) / box.height
        minus = side is Side.LEFT and w > max(h, MINUS * box.height) and LEVEL[0] < middle < LEVEL[1]
        if not side or not (low < h or minus) or h > HIGHEST * box.height or w > WIDEST * box.height:
            continue
        column = ink[:, x : x + w].any(axis=1)
        if np.count_nonzero(column) - h > RUNS_ON * (len(ink) - h):
            continue
        if not any(_reaches_into(Box(x, y, w, h), crop, other) for other in crops if other is not crop):
            found.add(side)
    return found


def _side(mark: Box, box: Box) -> Side | None:
    """On which side of a field the middle of a mark lies; None inside, below and at its corners."""
    x, y = mark.x + mark.width / 2, mark.y + mark.height / 2
    across, down = box.x <= x < box.x + box.width, box.y <= y < box.y + box.height
    if across and y < box.y:
        return Side.ABOVE
    if down and not across:
        return Side.LEFT if x < box.x else Side.RIGHT
    return None


def _reaches_into(mark: Box, crop: FieldCrop, other: FieldCrop) -> bool:
    """Whether a mark, px of one field's crop, reaches into another field."""
    near, far = crop.field.box, other.field.box
    x, y = (far.x - near.x) * crop.scale + crop.box.x, (far.y - near.y) * crop.scale + crop.box.y
    across = mark.x < x + far.width * crop.scale and x < mark.x + mark.width
    return across and mark.y < y + far.height * crop.scale and y < mark.y + mark.height
