"""What covers a part of a field, and with it perhaps digits: correction fluid, slips of paper, punched holes.

The printed rules are gone there. Where a page's print is whole, a gap in a single rule tells; where it is
broken, as faxes have it, only one in two opposite rules. A grey disc, whose rim looks like a 0, is darker
than the paper, and no ink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Ink
from digitscan.vision import cleaning
from digitscan.vision.edges import longest
from digitscan.vision.fields import RULES_MM, FieldCrop, part

ACROSS_MM = 0.8  # over which opposite rules are both gone
HOLE_MM = 1.2  # over which a single one is
SEEN = 0.45  # as dark as elsewhere is what is there of a rule
MOST = 0.5  # of a rule, that has to be there
SOME = 0.2  # of a rule, that is there if it is printed at all
WHOLE = 0.8  # of a page's fields, of which no rule is gone over more than
CRACK_MM = 0.4
EACH = 3  # px: every third row and column tells how light the paper is
TOUCHING = 1.0  # px: cells that stand farther apart have no rule between them
SPOTTED = 0.75  # of that, or darker, over
SPOT_MM = 0.9  # to all sides, is no paper


def covered(crops: Sequence[FieldCrop], inks: Sequence[tuple[Ink, Ink]]) -> list[bool]:
    """Of each field of a page whether something lies over a part of it.

    inks: ink and rules, as `field_inks` gives them.
    """
    gaps = {i: _gaps(crop) for i, crop in enumerate(crops) if crop.field.printed == "box"}
    is_whole = sum(one <= CRACK_MM for _, one in gaps.values()) >= WHOLE * len(gaps)
    found = []
    for i, (crop, (ink, rules)) in enumerate(zip(crops, inks, strict=True)):
        across, one = gaps.get(i, (0.0, 0.0))
        gone = across > ACROSS_MM or (is_whole and one > HOLE_MM)
        found.append(gone or _is_spotted(crop, ink | rules))
    return found


def _is_spotted(crop: FieldCrop, seen: Ink) -> bool:
    """Whether something in a field is much darker than its paper, and yet no ink."""
    inside = part(crop.box, -RULES_MM * crop.scale)
    grey = crop.image[inside]
    some = grey[::EACH, ::EACH].ravel()
    if not len(some):
        return False
    lighter = len(some) * 3 // 4
    paper = np.partition(some, lighter)[lighter]
    spot = (grey < math.ceil(SPOTTED * paper)) & ~seen[inside]
    side = round(SPOT_MM * crop.scale)
    if np.count_nonzero(spot) < side**2:
        return False
    return bool(cv2.erode(spot.astype(np.uint8), np.ones((side, side), np.uint8)).any())


def _gaps(crop: FieldCrop) -> tuple[float, float]:
    """Mm of the longest stretches of a cell over which two opposite rules are gone, and a single one."""
    reach = inset = round(RULES_MM * crop.scale)
    x, y, w, h = crop.box
    left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
    across, single = 0, 0
    for axis, edges, (start, stop) in (
        (0, (top, bottom), (left, right)),
        (1, (left, right), (top, bottom)),
    ):
        along = _along(crop.cells or (crop.box,), axis, start, stop, inset)
        if not along.any():
            continue
        dark = crop.dark if axis == 0 else crop.dark.T
        rules = [dark[max(e - reach, 0) : e + reach + 1, start:stop].max(axis=0)[along] for e in edges]
        if all(rule.min() > SEEN * rule.max() for rule in rules):  # as of most: nothing is gone
            continue
        usual = [cleaning.median(rule) for rule in rules]
        there = [rule > SEEN * own for rule, own in zip(rules, usual, strict=True)]
        if all(rule.mean() > MOST for rule in there):
            across = max(across, _longest(~there[0] & ~there[1], along))
        for rule in rules:
            seen = rule > SEEN * max(usual)
            if seen.mean() > SOME:
                single = max(single, _longest(~seen, along))
    return across / crop.scale, max(single, _gap_between(crop, inset)) / crop.scale


def _gap_between(crop: FieldCrop, inset: int) -> int:
    """Px of the longest stretch over which a rule between two cells is gone."""
    rows = slice(round(crop.box.y) + inset, round(crop.box.y + crop.box.height) - inset)
    places = _inner(crop.cells)
    rules = [crop.dark[rows, max(x - inset, 0) : x + inset + 1].max(axis=1) for x in places]
    if not rules or not rules[0].size:
        return 0
    usual = max(cleaning.median(rule) for rule in rules)
    there = [rule > SEEN * usual for rule in rules]
    return max((longest(~rule) for rule in there if rule.mean() > SOME), default=0)


@lru_cache(maxsize=1024)
def _inner(cells: tuple[Box, ...]) -> list[int]:
    """The columns of the rules between cells that touch."""
    pairs = pairwise(sorted(cells))
    return [round(right.x) for left, right in pairs if abs(left.x + left.width - right.x) < TOUCHING]


@lru_cache(maxsize=1024)
def _along(cells: tuple[Box, ...], axis: int, start: int, stop: int, inset: int) -> NDArray[np.bool_]:
    """Which px along a field's rules are looked at: between cells that stand apart nothing is printed."""
    along = np.zeros(max(stop - start, 0), np.bool_)
    for cell in cells:
        first, last = round(cell[axis]) - start, round(cell[axis] + cell[2 + axis]) - start
        along[first + inset : last - inset] = True
    return along


def _longest(gone: NDArray[np.bool_], along: NDArray[np.bool_]) -> int:
    """The longest run of what is gone of the places that are looked at."""
    spread = along.copy()
    spread[along] = gone
    return longest(spread)
