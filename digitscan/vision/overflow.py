"""Digits written beside a field or above it: it was full, or a digit was forgotten or is to be replaced.

Nothing in the field itself shows that they are lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Image, Ink, Matrix
from digitscan.vision.cleaning import components, darknesses
from digitscan.vision.fields import FieldCrop, part
from digitscan.vision.placement import cut

ALIKE = 6  # fields of a column whose surroundings can be compared: of fewer nothing tells pen from print
FARTHER_MM = 4.5  # than the crop, to both sides, is looked
COARSE = 2  # px of a crop that are one px of what is looked at there
NEAR_MM = 3.0  # from a field: what is farther is not written to it, and shows what is print
PRINT = 0.25  # of a column's fields: if more have a mark on one side, it is print, or another column's ink
IN_LINE_MM = 0.35  # print stands as high in one row as in the next
FIRST = 1.5  # of the usual distance from the field above: farther from it, a field has a caption
# A digit is higher, mm and part of its field's height; so is what the crop leaves of one.
LOWEST, LOWEST_CUT = (2.0, 0.3), (1.2, 0.2)
PRINTED = 0.6  # of that: what is lower still shows how high print stands
HIGHEST, WIDEST = (8.0, 1.1), 1.0  # what is higher, and wider in heights of the field, is no digit
MINUS, FLAT, LEVEL = 0.1, 2.0, (0.25, 0.75)  # a dash before a field: width, shape, and where it lies,
THIN_MM, ALONE_MM = 0.2, 1.5  # and what is too thin for one, or too close to other ink over or under it
CUT_OFF = 2.5  # mm above a crop in which is looked how far what it cuts goes on
PAPER_MM = 2.0  # to both sides of that, which shows how light the paper is
GOES_ON = 0.2  # of its field's height: so close to the ink in it, a mark beside it goes on with that
SPILT = 0.5  # of the fields with a mark beside them: if fewer numbers go on, it is another column's ink
PRINTED_ROWS = 2  # marks at the very same place: more are print
RUNS_ON = 0.25  # of the rows over and under a mark beside a field, with ink there too: a rule in pieces


class Side(Enum):
    """Where a mark lies. Underlined numbers are common: what lies below is not looked at."""

    LEFT = 0
    RIGHT = 1
    ABOVE = 2


class Mark(NamedTuple):
    """What stands beside a field or above it and is no other field's; lengths in mm."""

    side: Side
    rows: tuple[float, float]
    """From, to: under the upper edge of the field."""
    columns: tuple[float, float]
    """From, to: right of its left edge."""
    is_near: bool
    """Whether it may be a digit or a minus of the field; what is farther or smaller shows what is print."""
    goes_on: bool
    """Whether the ink in the field ends as close to it as one digit of a number to the next."""


def overflow(crops: Sequence[FieldCrop], inks: Sequence[Ink], page: Image, threshold: float) -> list[bool]:
    """Of each field whether beside or above it stands what may be a digit, or before it a minus.

    What many fields of a column have on the same side is print or another column's, unless their own ink goes
    on there; and so is what stands as high beside another of them, or over the first. inks: without printed
    rules, height x width of the crops. page: grey, of which they are crops; threshold: least darkness of ink.
    """
    columns = defaultdict(list)
    for index, crop in enumerate(crops):
        columns[round(crop.field.box.x), len(crop.cells)].append(index)
    told = [column for column in columns.values() if len(column) >= ALIKE]
    wide = _widened({i: (crops[i], inks[i]) for column in told for i in column}, page, threshold)
    beside = [False] * len(crops)
    for column in told:
        found = [_marks(*wide[i], crops, page, threshold) for i in column]
        captioned = _captioned(crops, column)
        for side in Side:
            marks = [
                [m for m in own if m.side is side and not (side is Side.ABOVE and i in captioned)]
                for i, own in zip(column, found, strict=True)
            ]
            marked = [k for k, own in enumerate(marks) if any(m.is_near for m in own)]
            if len(marked) <= PRINT * len(column):
                for k in marked:
                    beside[column[k]] |= not _in_line(marks[k], [*marks[:k], *marks[k + 1 :]])
            else:
                for k in _spilt(marks):
                    beside[column[k]] = True
    return beside


def _widened(
    fields: Mapping[int, tuple[FieldCrop, Ink]], page: Image, threshold: float
) -> dict[int, tuple[FieldCrop, Ink]]:
    """Crops and their inks with what the page shows farther to both sides, where that is anything."""
    wide = dict(fields)
    if not fields:
        return wide
    scale = next(crop.scale for crop, _ in fields.values())
    more = round(FARTHER_MM * scale)
    strips = {
        (i, x): cut(page, crop.to_page @ _from(x, 0, COARSE), (more // COARSE, len(ink) // COARSE))
        for i, (crop, ink) in fields.items()
        for x in (-more, ink.shape[1])
    }
    # in most nothing can be as dark as ink: the paper is no lighter than the lightest there
    inked = {at: strip for at, strip in strips.items() if strip.min() < (1 - threshold) * strip.max()}
    darks = darknesses(list(inked.values()), scale / COARSE)
    seen = {at: dark > threshold * 255 for at, dark in zip(inked, darks, strict=True)}
    for i in {i for i, _ in seen}:
        crop, ink = fields[i]
        left, right = (_enlarged(seen.get((i, x)), (more, len(ink))) for x in (-more, ink.shape[1]))
        box = crop.box._replace(x=crop.box.x + more)
        to_page = crop.to_page @ _from(-more, 0)
        wide[i] = replace(crop, box=box, to_page=to_page), np.hstack([left, ink, right])
    return wide


def _from(x: float, y: float, step: float = 1) -> Matrix:
    """From px of a picture that begins at column x and row y of a crop to the crop's, `step` for each."""
    return np.array([[step, 0.0, x], [0.0, step, y], [0.0, 0.0, 1.0]])


def _enlarged(strip: Ink | None, size: tuple[int, int]) -> Ink:
    """A strip at the crop's resolution; without ink where there is none. size: width, height."""
    if strip is None:
        return np.zeros(size[::-1], np.bool_)
    return cv2.resize(strip.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def _in_line(marks: Sequence[Mark], others: Sequence[Sequence[Mark]]) -> bool:
    """Whether what stands near a field stands as high beside another, near or farther, as row numbers do.

    What stands above a field, of which the crop may cut the top, has to stand as far right as well.
    """
    known = np.array([_place(m) for own in others for m in own])
    near = (_place(m) for m in marks if m.is_near)
    return all(len(known) and (np.abs(known - place) < IN_LINE_MM).all(axis=1).any() for place in near)


def _spilt(marks: Sequence[Sequence[Mark]]) -> list[int]:
    """The fields of a column, of which many have marks beside them, whose numbers go on there.

    Print stands at the same place in other rows; and where most of the rest stands apart from what is in the
    fields, another column is written in there.
    """
    known = np.array([(*m.rows, *m.columns) for own in marks for m in own])
    pen = {
        k: [m for m in own if m.is_near and _alike(known, (*m.rows, *m.columns)) <= PRINTED_ROWS]
        for k, own in enumerate(marks)
    }
    spilt = [k for k, own in pen.items() if any(m.goes_on for m in own)]
    return spilt if len(spilt) > SPILT * sum(map(bool, pen.values())) else []


def _alike(known: NDArray[np.float64], place: Sequence[float]) -> int:
    """How many marks stand at a place, its own among them."""
    return int(np.count_nonzero((np.abs(known - place) < IN_LINE_MM).all(axis=1)))


def _place(mark: Mark) -> tuple[float, ...]:
    return (*mark.rows, *mark.columns) if mark.side is Side.ABOVE else mark.rows


def _marks(
    crop: FieldCrop, ink: Ink, crops: Sequence[FieldCrop], page: Image, threshold: float
) -> list[Mark]:
    """What stands beside a field or above it and is no other field's."""
    box, scale, found = crop.box, crop.scale, list[Mark]()
    if np.count_nonzero(ink[part(box)]) == np.count_nonzero(ink):
        return found
    lowest, lowest_cut = (min(mm * scale, part * box.height) for mm, part in (LOWEST, LOWEST_CUT))
    highest = max(HIGHEST[0] * scale, HIGHEST[1] * box.height)
    _, stats = components(ink.astype(np.uint8))
    for x, y, w, h, _ in stats[1:].tolist():
        mark = Box(x, y, w, h)
        side = _side(mark, box)
        least = lowest_cut if y == 0 else lowest
        minus = side is Side.LEFT and _minus(mark, box, scale) and _alone(mark, ink, scale)
        if side is None or not (minus or (PRINTED * least < h < highest and w < WIDEST * box.height)):
            continue
        inked = np.count_nonzero(ink[:, x : x + w].any(axis=1))
        if side is not Side.ABOVE and inked - h > RUNS_ON * (len(ink) - h):
            continue
        up = _goes_up(mark, crop, page, threshold) if y == 0 else 0
        if not any(
            _reaches_into(Box(x, y - up, w, up + h), crop, c) for c in crops if c.field is not crop.field
        ):
            near = max(box.x - x - w, x - box.x - box.width) < NEAR_MM * scale
            rows = (y - up - box.y) / scale, (y + h - box.y) / scale
            columns = (x - box.x) / scale, (x + w - box.x) / scale
            goes_on = side is not Side.ABOVE and _goes_on(mark, ink, box)
            found.append(Mark(side, rows, columns, near and (minus or h > least), goes_on))
    return found


def _goes_up(mark: Box, crop: FieldCrop, page: Image, threshold: float) -> int:
    """How far, px, a mark that the crop cuts goes on above it; no farther is looked than `CUT_OFF`."""
    x, _, w, _ = (int(v) for v in mark)
    up, around = round(CUT_OFF * crop.scale), round(PAPER_MM * crop.scale)
    above = cut(page, crop.to_page @ _from(x - around, -up), (w + 2 * around, up + 1))
    (dark,) = darknesses([above], crop.scale)
    labels, stats = components((dark > threshold * 255).astype(np.uint8))
    own = np.unique(labels[-1, around : around + w])
    return max((up - int(stats[i][1]) for i in own if i), default=0)


def _goes_on(mark: Box, ink: Ink, box: Box) -> bool:
    """Whether ink in a field comes close to a mark beside it, as high as that is."""
    x, y, w, h = (int(v) for v in mark)
    reach, after = round(GOES_ON * box.height), mark.x > box.x
    inside = slice(round(box.x), round(box.x + box.width))
    columns = (
        slice(max(x - reach, inside.start), x) if after else slice(x + w, min(x + w + reach, inside.stop))
    )
    return bool(ink[y : y + h, columns].any())


def _minus(mark: Box, box: Box, scale: float) -> bool:
    """Whether a mark before a field may be a minus."""
    middle = (mark.y + mark.height / 2 - box.y) / box.height
    wide = MINUS * box.height < mark.width < WIDEST * box.height
    flat = mark.width > FLAT * mark.height > FLAT * THIN_MM * scale
    return wide and flat and LEVEL[0] < middle < LEVEL[1]


def _alone(mark: Box, ink: Ink, scale: float) -> bool:
    """Whether there is no ink close over or under a mark: the bar of a printed 7 that broke is no minus."""
    x, y, w, h = (int(v) for v in mark)
    reach, columns = round(ALONE_MM * scale), slice(x, x + w)
    around = np.count_nonzero(ink[max(y - reach, 0) : y + h + reach, columns])
    return bool(around == np.count_nonzero(ink[y : y + h, columns]))


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
