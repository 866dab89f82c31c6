"""Cut the fields out of a registered page and take the printed rules out of their ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitscan.definition import CleaningSection
from digitscan.forms import FormField
from digitscan.records import Box, Image, Matrix
from digitscan.vision import cleaning
from digitscan.vision.cleaning import Darkness, InkLevel
from digitscan.vision.placement import crop_transform, cut
from digitscan.vision.registration import RegisteredPage

Ink = NDArray[np.bool_]

MARGIN_MM = 2.2  # around a field, for digits that leave it
RULE_REACH_MM = 0.5  # a rule may lie this far from its cell's edge
RULE_WIDEST_MM = 1.1
RULE_SEEN = 0.4  # of a rule's length inked: less is not a rule, or one too pale to matter


@dataclass(frozen=True, slots=True)
class FieldCrop:
    """One field cut out upright; all boxes in crop px."""

    field: FormField
    image: Image
    dark: Darkness
    box: Box
    cells: tuple[Box, ...]
    to_page: Matrix
    """3x3, crop px -> page px."""
    scale: float
    """px/mm"""


def cut_fields(registered: RegisteredPage) -> list[FieldCrop]:
    """All fields of a page, in the form's order, at the form's resolution."""
    scale = registered.form.scale
    crops = []
    for field, placement in zip(registered.form.fields, registered.placements, strict=True):
        box = field.box
        origin = (box.x - MARGIN_MM, box.y - MARGIN_MM)
        to_page = crop_transform(placement, origin, scale)
        size = (round((box.width + 2 * MARGIN_MM) * scale), round((box.height + 2 * MARGIN_MM) * scale))
        image = cut(registered.page.image, to_page, size)

        def in_crop(b: Box, origin: tuple[float, float] = origin) -> Box:
            return Box(
                (b.x - origin[0]) * scale, (b.y - origin[1]) * scale, b.width * scale, b.height * scale
            )

        cells = tuple(in_crop(c) for c in field.cells)
        crops.append(
            FieldCrop(field, image, cleaning.darkness(image, scale), in_crop(box), cells, to_page, scale)
        )
    return crops


def page_ink_level(crops: list[FieldCrop], settings: CleaningSection) -> InkLevel:
    """What ink is on this page: see `cleaning.ink_level`."""
    insides, rules = [], []
    for crop in crops:
        for box in crop.cells or (crop.box,):
            inner = 0.12 * min(box.width, box.height)
            x, y, right, bottom = (round(v) for v in _corners(box, -inner))
            insides.append(crop.dark[y:bottom, x:right])
            reach = round(RULE_REACH_MM * crop.scale)
            for edge in (box.x, box.x + box.width):
                lo = max(0, round(edge) - reach)
                # the rule is the darkest line along the edge, wherever it lies within reach
                rules.append(float(np.median(crop.dark[y:bottom, lo : round(edge) + reach + 1].max(axis=1))))
    return cleaning.ink_level(insides, rules, settings, crops[0].scale if crops else 1.0)


def field_ink(crop: FieldCrop, level: InkLevel, settings: CleaningSection) -> Ink:
    """The field's ink without its printed rules; height x width of the crop."""
    ink = cleaning.find_ink(crop.dark, level, settings, crop.scale)
    boxes = crop.cells or (crop.box,)
    upright = {(round(e), round(b.y), round(b.y + b.height)) for b in boxes for e in (b.x, b.x + b.width)}
    lying = {(round(e), round(b.x), round(b.x + b.width)) for b in boxes for e in (b.y, b.y + b.height)}
    ink = _without_rules(ink, sorted(upright), crop.scale, level.stroke)
    return _without_rules(ink.T, sorted(lying), crop.scale, level.stroke).T


def _corners(box: Box, grow: float) -> tuple[float, float, float, float]:
    return box.x - grow, box.y - grow, box.x + box.width + grow, box.y + box.height + grow


def _without_rules(ink: Ink, edges: list[tuple[int, int, int]], scale: float, stroke: float) -> Ink:
    """The ink without its vertical rules; edges: column, first and last row of each."""
    bands = [b for e in edges if (b := _band(ink, *e, scale)) is not None]
    if not bands:
        return ink
    usual = round(float(np.median([b[1] - b[0] for b in bands])))
    cleaned = ink.copy()
    for left, right, edge, start, end in bands:
        middle = (left + right) / 2
        half = min(right - left, usual + 1) / 2
        lo, hi = max(0, round(middle - half)), min(ink.shape[1], round(middle + half))
        # rules run on beyond the cell's corners
        rows = slice(max(0, start - round(RULE_REACH_MM * scale)), end + round(RULE_REACH_MM * scale))
        before, after = _run_beside(ink[rows], lo, hi)
        # Ink on both sides is a stroke that crosses: it stays whole. On one side it is a stroke that ends
        # here and loses nothing that counts, unless most of its width lies on the rule.
        fuzz = max(1, 0.15 * stroke)
        crossing = (before > fuzz) & (after > fuzz)
        widest = np.maximum(before, after)
        hidden = (widest > fuzz) & (widest < 0.6 * stroke)
        cleaned[rows, max(0, lo - 1) : hi + 1] &= (crossing | hidden)[:, None]
        if (widest > RULE_WIDEST_MM * scale).mean() > 0.6:
            # solid print beside the cell: the writer's ink cannot be told from it
            inner = min(edges, key=lambda e: abs(e[0] - edge) if e[0] != edge else ink.shape[1])[0]
            beside = slice(0, hi) if inner > edge else slice(lo, None)
            cleaned[rows, beside] = False
    return cleaned


def _band(ink: Ink, edge: int, start: int, end: int, scale: float) -> tuple[int, int, int, int, int] | None:
    """First and past-last column of the rule near `edge`, and the edge; None where none is seen."""
    reach = round(RULE_REACH_MM * scale)
    first, last = max(0, edge - reach), min(ink.shape[1], edge + reach + 1)
    share = ink[start:end].mean(axis=0)
    near = share[first:last]
    if near.size == 0 or near.max() < RULE_SEEN:
        return None
    peaks = first + np.flatnonzero(near >= 0.95 * near.max())
    left = right = int(peaks[np.abs(peaks - edge).argmin()])
    while left > first and share[left - 1] >= 0.6 * near.max():
        left -= 1
    while right < last - 1 and share[right + 1] >= 0.6 * near.max():
        right += 1
    return left, right + 1, edge, start, end


def _run_beside(ink: Ink, lo: int, hi: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row, the lengths of the runs of ink that end at column lo and begin at hi; 0 where none."""
    before = np.pad(ink[:, :lo][:, ::-1], ((0, 0), (0, 1)))
    after = np.pad(ink[:, hi:], ((0, 0), (0, 1)))
    return before.argmin(axis=1), after.argmin(axis=1)
