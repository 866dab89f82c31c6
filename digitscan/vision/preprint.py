"""What a form prints in its cells is taken out of them: letters that guide, dashes, zeros, units.

A picture of the blank form shows it. A page shows print and ink one over the other, and each lets a share of
the light through: divided by what the print lets through, the ink is left. Under black print nothing shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.records import Box, Image
from digitscan.vision.cleaning import percentile
from digitscan.vision.fields import RULES_MM, FieldCrop, cut_fields
from digitscan.vision.registration import register
from digitscan.vision.screens import levelled
from digitscan.vision.template import blank_page

Darknesses = NDArray[np.float32]
"""Height x width, 0-1."""
Part = tuple[slice, slice]

FAINT = 0.08  # darkness of print that does no harm
LEAST_MM2 = 0.1  # of a cell, that its print covers at least
AWAY_MM = 0.4  # that print may lie off its place between the rules; beyond that are the rules
SPREAD_MM = 0.15  # by which print may be wider on a page than on the picture
CORE, STROKE_MM = 0.7, 0.6  # of the darkest within a stroke's width: the middle of printed strokes
BARE = 0.4  # quantile of their darkness in a cell: a digit hides less of a letter
BLANK = 20  # percent of the cells that are written over least tell how dark the page's print is,
DARKER = 1.15  # at most so many times as dark as on the picture; in what is darker there is ink
GONE = 0.6  # of that: what is paler in a cell is none of its print
DROPPED = 0.35  # times as dark: the print of a page that is paler is not this
ROUGH = 0.12  # darkness by which print is darker in places
OPAQUE = 0.9  # darkness of print: to divide by what more lets through gives only noise
BLACK, BRIDGED_MM = 0.75, 0.8  # print as dark hides strokes, which go on so far under it
PAPER = 75  # percentile of a crop's grey


class Print(NamedTuple):
    """What is printed in a field."""

    dark: Darknesses
    """Of its crop; 0 outside its cells and at their rules."""
    cells: tuple[Part, ...]
    """The insides of those that show any."""


class _Found(NamedTuple):
    """The same on a page."""

    dark: Darknesses
    cells: tuple[Part, ...]
    shares: tuple[float, ...]
    """How many times as dark it is in each cell as on the picture."""


def without_print(crops: Sequence[FieldCrop], form: Form) -> list[FieldCrop]:
    """The fields of a page without what the picture of the blank form shows printed in their cells.

    Raises PageError (stage `registration`) where that picture does not show the form.
    """
    if form.registration.image is None:
        return list(crops)
    found = [_found(crop, own) if own else None for crop, own in zip(crops, prints(form), strict=True)]
    shares = np.array([share for own in found if own for share in own.shares])
    darker = min(float(percentile(shares, BLANK)), DARKER) if len(shares) else 0.0
    if darker < DROPPED:
        return list(crops)
    return [_without(crop, own, darker) if own else crop for crop, own in zip(crops, found, strict=True)]


@lru_cache(maxsize=16)
def prints(form: Form) -> tuple[Print | None, ...]:
    """What is printed in each field of a form that has a picture; None for nothing.

    Raises as `without_print` does.
    """
    page = blank_page(form)
    try:
        blank = register(page, (form,))
    except PageError as error:
        raise PageError("registration", f"on {page.ref.file}, its own picture, {error.reason}") from None
    return tuple(_printed(crop) for crop in cut_fields(levelled(blank)))


def _printed(crop: FieldCrop) -> Print | None:
    """What is dark in the cells of a blank field, but for their rules."""
    dark = np.zeros(crop.dark.shape, np.float32)
    cells = []
    for cell in crop.cells or (crop.box,):
        part = _inside(cell, RULES_MM * crop.scale)
        inked = np.where(crop.dark[part] < FAINT * 255, 0, crop.dark[part])
        if np.count_nonzero(inked) > LEAST_MM2 * crop.scale**2:
            dark[part] = inked / np.float32(255)
            cells.append(part)
    return Print(dark, tuple(cells)) if cells else None


def _found(crop: FieldCrop, own: Print) -> _Found:
    """A field's print on a page."""
    seen = np.asarray(crop.dark / np.float32(255), np.float32)
    moved = _moved(own, seen, round(AWAY_MM * crop.scale))
    shares = tuple(_share(seen[part], moved[part], crop.scale) for part in own.cells)
    return _Found(moved, own.cells, shares)


def _inside(box: Box, inset: float) -> Part:
    return (
        slice(round(box.y + inset), round(box.y + box.height - inset)),
        slice(round(box.x + inset), round(box.x + box.width - inset)),
    )


def _moved(own: Print, seen: Darknesses, away: int) -> Darknesses:
    """The print where it is on the page, at most `away` px off: where both are most alike.

    What is darker than any print is ink over it, and counts as print.
    """
    rows, columns = (np.flatnonzero(own.dark.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    printed = own.dark[top:bottom, left:right]
    framed = seen[top - away : bottom + away, left - away : right + away]
    framed = np.minimum(framed, printed.max())
    near = (cv2.dilate(printed, _square(2 * away + 1)) > 0).astype(np.float32)
    differences = cv2.matchTemplate(framed, printed, cv2.TM_SQDIFF, mask=near)
    down, across = divmod(int(differences.argmin()), differences.shape[1])
    if differences[away, away] <= differences[down, across]:
        down = across = away
    moved = np.zeros_like(own.dark)
    y, x = top + down - away, left + across - away
    moved[y : y + bottom - top, x : x + right - left] = printed
    return moved


def _share(seen: Darknesses, moved: Darknesses, scale: float) -> float:
    """How many times as dark as on the picture the print of a cell is."""
    core = (moved > 0) & (moved > CORE * cv2.dilate(moved, _square(round(STROKE_MM * scale) | 1)))
    return float(np.quantile(seen[core] / moved[core], BARE)) if core.any() else 0.0


def _without(crop: FieldCrop, found: _Found, darker: float) -> FieldCrop:
    """A field without its print, which on this page is so many times as dark as on the picture."""
    seen, printed = crop.dark / np.float32(255), found.dark.copy()
    for part, share in zip(found.cells, found.shares, strict=True):
        if share < GONE * darker:
            printed[part] = 0
    spread = np.asarray(cv2.dilate(printed, _square(2 * round(SPREAD_MM * crop.scale) + 1)), np.float32)
    taken = np.minimum(spread * np.float32(darker), np.float32(OPAQUE))
    ink = 1 - (1 - seen) / (1 - taken)
    # no darker than print may be: paper, or under black print nobody can tell
    unseen = (taken > 0) & (seen < taken + ROUGH)
    ink[unseen] = 0
    dark = np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)
    black = spread * darker > BLACK
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, _square(round(BRIDGED_MM * crop.scale) | 1))
    dark = np.where(black & unseen, joined, dark)
    paper = float(percentile(crop.image.ravel(), PAPER))
    image = np.where(taken > 0, np.maximum(crop.image, paper * (1 - dark / np.float32(255))), crop.image)
    return replace(
        crop, dark=dark, image=image.astype(np.uint8), printed=spread * np.float32(max(darker, 1.0))
    )


def _square(side: int) -> Image:
    return np.ones((side, side), np.uint8)
