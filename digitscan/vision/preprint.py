"""What a form prints in its fields is taken out of them: letters that guide, dashes, zeros, units.

A picture of the blank form shows it. A page shows print and ink one over the other, and each lets a share of
the light through: divided by what the print lets through, the ink is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.records import Image, Page, PageRef
from digitscan.vision.fields import RULES_MM, FieldCrop, cut_fields
from digitscan.vision.registration import register
from digitscan.vision.screens import levelled

Print = NDArray[np.float32]
"""Of a field, height x width of its crop: darkness, 0-1, of what is printed, but for its cells' rules."""

FAINT = 0.08  # darkness of print that does no harm
LEAST_MM2 = 0.1  # of a field, that its print covers at least
AWAY_MM = 0.4  # that print may lie off: the field's rules, by which it was placed, are as near
SPREAD_MM = 0.15  # by which print may be wider on a page than on the picture
CORE, STROKE_MM = 0.7, 0.6  # of the darkest print so near: there it is told how dark it is,
BARE = 0.4  # quantile of what it is on a page: writing covers less than the rest
DROPPED = 0.3  # times as dark as on the picture: what is less dropped out, or was not printed
DARKER = 1.3  # times as dark: what is more is writing
ROUGH = 0.12  # darkness by which print is darker in places
OPAQUE = 0.9  # darkness of print: to divide by what more lets through gives only noise
BLACK, BRIDGED_MM = 0.8, 0.8  # print as dark hides what is written: strokes go on so far under it
PAPER = 0.75  # quantile of a crop's grey


def without_print(crops: Sequence[FieldCrop], form: Form) -> list[FieldCrop]:
    """The fields of a page without what the picture of the blank form shows printed in and around them.

    Raises PageError (stage `registration`) where that picture does not show the form.
    """
    if form.registration.image is None:
        return list(crops)
    return [
        crop if own is None else _without(crop, own) for crop, own in zip(crops, prints(form), strict=True)
    ]


@lru_cache(maxsize=16)
def prints(form: Form) -> tuple[Print | None, ...]:
    """What is printed in each field of a form that has a picture; None for nothing.

    Raises as `without_print` does.
    """
    assert form.registration.image is not None
    path = form.path.parent / form.registration.image
    grey = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    try:
        blank = register(Page(PageRef(path, path.name, 1, ""), np.asarray(grey, np.uint8), None), (form,))
    except PageError as error:
        raise PageError("registration", f"on {path.name}, its own picture, {error.reason}") from None
    return tuple(_printed(crop) for crop in cut_fields(levelled(blank)))


def _printed(crop: FieldCrop) -> Print | None:
    """What is dark in a blank field and around it, but for the rules of its cells."""
    dark = np.asarray(crop.dark / np.float32(255), np.float32)
    dark[dark < FAINT] = 0
    inset = RULES_MM * crop.scale
    for x, y, w, h in crop.cells or (crop.box,):
        outer = dark[_part(x - inset, y - inset, x + w + inset, y + h + inset)]
        inner = _part(2 * inset, 2 * inset, w, h)
        kept = outer[inner].copy()
        outer[:] = 0
        outer[inner] = kept
    return dark if np.count_nonzero(dark) > LEAST_MM2 * crop.scale**2 else None


def _part(left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    return slice(round(top), round(bottom)), slice(round(left), round(right))


def _without(crop: FieldCrop, print_: Print) -> FieldCrop:
    """A field without its print, wherever this lies near its place."""
    scale, seen = crop.scale, np.asarray(crop.dark / np.float32(255), np.float32)
    moved = _moved(print_, seen, round(AWAY_MM * scale))
    core = (moved > 0) & (moved > CORE * cv2.dilate(moved, _square(round(STROKE_MM * scale) | 1)))
    darker = float(np.quantile(seen[core] / moved[core], BARE))
    if darker < DROPPED:
        return crop
    spread = cv2.dilate(moved, _square(2 * round(SPREAD_MM * scale) + 1)) * np.float32(min(darker, DARKER))
    taken = np.minimum(spread, np.float32(OPAQUE))
    left = 1 - (1 - seen) / (1 - taken)
    left[(taken > 0) & (seen < taken + ROUGH)] = 0
    dark = np.asarray(np.rint(np.clip(left, 0, 1) * 255), np.uint8)
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, _square(round(BRIDGED_MM * scale) | 1))
    dark = np.where(spread > BLACK, joined, dark)
    lit = np.quantile(crop.image, PAPER) * (1 - dark / np.float32(255))
    image = np.where(taken > 0, np.maximum(crop.image, lit), crop.image)
    return replace(crop, dark=np.asarray(dark, np.uint8), image=np.asarray(image, np.uint8))


def _square(side: int) -> Image:
    return np.ones((side, side), np.uint8)


def _moved(print_: Print, seen: NDArray[np.float32], away: int) -> Print:
    """The print where it is on the page, at most `away` px off: where both are most alike.

    seen: darkness, 0-1. What is darker than any print is ink over it, and counts as print.
    """
    height, width = print_.shape
    framed = np.pad(np.minimum(seen, print_.max()), away, mode="edge")
    near = (cv2.dilate(print_, _square(2 * away + 1)) > 0).astype(np.float32)
    differences = cv2.matchTemplate(framed, print_, cv2.TM_SQDIFF, mask=near)
    down, across = np.unravel_index(int(differences.argmin()), differences.shape)
    shift = np.array([[1, 0, across - away], [0, 1, down - away]], np.float32)
    return np.asarray(cv2.warpAffine(print_, shift, (width, height)), np.float32)
