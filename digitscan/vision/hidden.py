"""What a field may hold though its ink does not show it: pale marks, and what was taken for print.

None of it is read; it is doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Ink
from digitscan.vision.cleaning import InkLevel, components, percentile
from digitscan.vision.fields import RULES_MM, SLIVER, FieldCrop, part
from digitscan.vision.pieces import SLIM

SHOWS = 0.22  # darkness by which print with ink on it stands out from print alone; by less it may hide ink
HIDING = 0.4  # of its cell's height: lower print hides no digit, and lower ink over it is none
BLOT_MM = 1.3  # across: no printed rule is as wide
PALE_HEIGHT = 0.25  # of its cell's: a mark that is lower is no digit
PALE_STROKES = 2.0  # of the usual stroke's width: what is thicker is no stroke
PALE_PENS, PALE_PRINT = 4, 0.25  # of the fields looked at: more that show pale marks may show print,
PALE_ALIKE = 0.5  # if they correlate: writing differs
PALE_PICTURE = 12  # px, high and wide, as which they are compared


def pale_marks(crops: Sequence[FieldCrop], inks: Sequence[tuple[Ink, Ink]], level: InkLevel) -> list[float]:
    """Of each field the height, px, of the tallest mark too pale to be ink; 0 for none.

    Another pen may have written it: looked for in blank cells, and in open boxes beside the ink. Where many
    fields show some that look alike, they are printed. inks: ink and rules, as `field_inks` gives them.
    """
    found = [_pale_mark(crop, ink | rules, level) for crop, (ink, rules) in zip(crops, inks, strict=True)]
    looked_at = [mark for mark in found if mark is not None]
    marks = [mark for mark in looked_at if mark.height > 0]
    many = len(marks) > max(PALE_PENS, PALE_PRINT * len(looked_at))
    printed = many and _alike([mark.picture for mark in marks])
    return [0.0 if printed or mark is None else mark.height for mark in found]


def _alike(pictures: Sequence[NDArray[np.float32]]) -> bool:
    """Whether most pictures show the same."""
    likeness = np.corrcoef([picture.ravel() for picture in pictures])
    return bool(np.nanmedian(likeness[np.triu_indices(len(pictures), 1)]) > PALE_ALIKE)


def hidden_marks(crops: Sequence[FieldCrop], inks: Sequence[tuple[Ink, Ink]], level: InkLevel) -> list[float]:
    """Of each field the height, px, of what was taken for print but may be none; 0 for nothing.

    That is a 1 along a line across the page: where a stroke lies on it, it is wider than beyond the field.
    And it is a blot over a cell, too wide for a rule, and dark print in a blank cell, as high as a digit.
    inks: ink and rules, as `field_inks` gives them.
    """
    return [
        max(
            _blot(crop, rules),
            _hidden(crop, ink, level.ink),
            *(_widened(crop, ink | rules, x) for x, _, _ in crop.streaks[0]),
        )
        for crop, (ink, rules) in zip(crops, inks, strict=True)
    ]


def _blot(crop: FieldCrop, rules: Ink) -> float:
    """Px that the tallest solid part of what was taken for rules is high within a cell."""
    side, tallest = round(BLOT_MM * crop.scale), 0
    for box in crop.cells or (crop.box,):
        inside = rules[part(box, -RULES_MM * crop.scale)]
        if np.count_nonzero(inside) < side**2:
            continue
        solid = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
        tallest = max(tallest, int(np.count_nonzero(solid.any(axis=1))))
    return float(tallest)


def _hidden(crop: FieldCrop, ink: Ink, darkness: float) -> float:
    """Rows of the tallest print taken out where no digit is left, and on which ink as dark as this may lie.

    0 where it is too low to hide one. In an open box only what is slim, like a 1, may: units beside a number
    are seen to be whole.
    """
    if crop.printed is None:
        return 0.0
    tallest = 0
    for box in crop.cells or (crop.box,):
        inside = part(box, -RULES_MM * crop.scale)
        printed, least = crop.printed[inside], HIDING * box.height
        hiding = ((1 - printed) * darkness < SHOWS) | (printed + SHOWS / 2 > darkness)
        if not hiding.any():
            continue
        _, stats = components(hiding.astype(np.uint8))
        for left, _, wide, rows, _ in stats[1:].tolist():
            if rows > least and (crop.cells or wide < SLIM * rows):
                over = ink[inside][:, left : left + wide]
                if np.count_nonzero(over.any(axis=1)) < least:
                    tallest = max(tallest, rows)
    return float(tallest)


def _widened(crop: FieldCrop, seen: Ink, x: int) -> float:
    """Rows of a field in which the upright line at `x` is wider than beyond it; 0 where they are few."""
    reach, inset = round(RULES_MM * crop.scale), RULES_MM * crop.scale
    widths = np.count_nonzero(seen[:, max(x - reach, 0) : x + reach + 1], axis=1)
    top, bottom = round(crop.box.y + inset), round(crop.box.y + crop.box.height - inset)
    beyond = np.concatenate([widths[: round(top - 2 * inset)], widths[round(bottom + 2 * inset) :]])
    if not beyond.any():  # too pale to be ink, it hides none
        return 0.0
    usual = float(percentile(beyond[beyond > 0], 25))
    wider = int(np.count_nonzero(widths[top:bottom] > usual + 1))
    return float(wider) if wider > PALE_HEIGHT * crop.box.height else 0.0


@dataclass(frozen=True, slots=True)
class _PaleMark:
    """The tallest pale mark in a field, if there is any, and the cell or box it lies in."""

    height: float
    """px; 0 for none."""
    picture: NDArray[np.float32]
    """Darkness, coarsely."""


def _pale_mark(crop: FieldCrop, seen: Ink, level: InkLevel) -> _PaleMark | None:
    """The tallest pale mark in a field's blank cells or open box; None where all are written in."""
    side = round(1.2 * level.stroke) | 1  # what is dark fades out
    tallest = None
    for box in crop.cells or (crop.box,):
        inside = part(box, -RULES_MM * crop.scale)
        dark = crop.dark[inside]
        written = np.count_nonzero(seen[inside]) > level.stroke**2
        if not dark.size or (written and crop.cells):
            continue
        tallest = tallest or _PaleMark(0.0, np.zeros((PALE_PICTURE, PALE_PICTURE), np.float32))
        if dark.max() <= level.faintest * 255:
            continue
        # in a blank cell what is dark here and there is no ink that fades out, but a part of the mark
        inked = seen[inside] | (dark > level.threshold * 255) if written else seen[inside]
        near = cv2.dilate(inked.astype(np.uint8), np.ones((side, side), np.uint8))
        if written:  # what lies in the shadow of ink is pale all over, not in strokes
            thick = np.ones((round(PALE_STROKES * level.stroke),) * 2, np.uint8)
            dark = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_TOPHAT, thick), np.uint8)
        pale = np.where(near == 0, dark, np.uint8(0))
        shown = (pale > level.faintest * 255).astype(np.uint8)
        if not written:  # so palely a stroke shows in pieces
            joining = np.ones((side, side), np.uint8)
            shown = np.asarray(cv2.morphologyEx(shown, cv2.MORPH_CLOSE, joining), np.uint8)
        _, stats = components(shown)
        for _, _, w, h, area in stats[1:].tolist():
            if h > max(PALE_HEIGHT * box.height, tallest.height) and area / max(w, h) > SLIVER * level.stroke:
                coarse = cv2.resize(pale, (PALE_PICTURE,) * 2, interpolation=cv2.INTER_AREA)
                tallest = _PaleMark(h, coarse.astype(np.float32))
    return tallest
