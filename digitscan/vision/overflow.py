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
PRINT = 0.15  # of a column's fields: if more have a mark on one side, it is print, or another column's ink
FIRST = 1.5  # of the usual distance from the field above: farther from it, a field has a caption
# A digit is higher, mm and part of its field's height; so is what the crop leaves of one.
LOWEST, LOWEST_CUT = (2.0, 0.3), (1.2, 0.2)
HIGHEST, WIDEST = (8.0, 1.1), 1.0  # what is higher, and wider in heights of the field, is no digit
BEGINS = 0.75  # mm of what the side of the crop cuts, a digit or a minus that lies beyond it: no speck
MINUS, FLAT, LEVEL = 0.1, 2.0, (0.25, 0.75)  # a dash before a field: width, shape, and where it lies
CUT_OFF = 2.5  # mm that what the crop cuts may reach on beyond it
RUNS_ON = 0.25  # of the rows over and under a mark beside a field, with ink there too: a rule in pieces


class Side(Enum):
    """Where a mark lies. Underlined numbers are common: what lies below is not looked at."""

    LEFT = 0
    RIGHT = 1
    ABOVE = 2


def overflow(crops: Sequence[FieldCrop], inks: Sequence[Ink]) -> list[bool]:
    """Of each field whether beside or above it stands what may be a digit, or before it a minus.

    What many fields of a column have on the same side is print, and so is what stands over the first of
    them. inks: without the printed rules, height x width of the crops.
    """
    columns = defaultdict(list)
    for index, crop in enumerate(crops):
        columns[round(crop.field.box.x), len(crop.cells)].append(index)
    beside = [False] * len(crops)
    for column in columns.values():
        if len(column) < ALIKE:
            continue
        marks = {i: _marks(crops[i], inks[i], crops) for i in column}
        for i in _captioned(crops, column):
            marks[i].discard(Side.ABOVE)
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
    lowest, lowest_cut = (min(mm * crop.scale, part * box.height) for mm, part in (LOWEST, LOWEST_CUT))
    highest = max(HIGHEST[0] * crop.scale, HIGHEST[1] * box.height)
    _, stats = components(ink.astype(np.uint8))
    for x, y, w, h, _ in stats[1:].tolist():
        mark = Box(x, y, w, h)
        side = _side(mark, box)
        cut = x == 0 or y == 0 or x + w == ink.shape[1]
        digit = (lowest_cut if cut else lowest) < h < highest and w < WIDEST * box.height
        begins = h < highest and _begins(mark, side, ink.shape[1], crop.scale)
        if not side or not (digit or begins or (side is Side.LEFT and _minus(mark, box))):
            continue
        rows = np.count_nonzero(ink[:, x : x + w].any(axis=1))
        if side is not Side.ABOVE and rows - h > RUNS_ON * (len(ink) - h):
            continue
        left, up, right = (CUT_OFF * crop.scale * at for at in (x == 0, y == 0, x + w == ink.shape[1]))
        mark = Box(x - left, y - up, left + w + right, up + h)
        if not any(_reaches_into(mark, crop, other) for other in crops if other is not crop):
            found.add(side)
    return found


def _begins(mark: Box, side: Side | None, width: int, scale: float) -> bool:
    """Whether a crop so many px wide cuts what may be a digit beside its field, or a minus before it."""
    before = side is Side.LEFT and mark.x == 0
    behind = side is Side.RIGHT and mark.x + mark.width == width and mark.width <= FLAT * mark.height
    return (before or behind) and max(mark.width, mark.height) > BEGINS * scale


def _minus(mark: Box, box: Box) -> bool:
    """Whether a mark before a field may be a minus."""
    middle = (mark.y + mark.height / 2 - box.y) / box.height
    wide = MINUS * box.height < mark.width < WIDEST * box.height
    return wide and mark.width > FLAT * mark.height and LEVEL[0] < middle < LEVEL[1]


def _captioned(crops: Sequence[FieldCrop], column: Sequence[int]) -> list[int]:
    """Fields of a column over which there may be a caption: the first, and those after a gap."""
    ordered = sorted(column, key=lambda i: crops[i].field.box.y)
    apart = np.diff([crops[i].field.box.y for i in ordered])
    usual = float(np.median(apart))
    return [ordered[0], *(i for i, gap in zip(ordered[1:], apart, strict=True) if gap > FIRST * usual)]


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
