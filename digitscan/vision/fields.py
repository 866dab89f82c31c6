"""Cut the fields out of a registered page and take the printed rules out of their ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitscan.forms import CleaningSection, FormField
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
    across = {(round(e), round(b.y), round(b.y + b.height)) for b in boxes for e in (b.x, b.x + b.width)}
    down = {(round(e), round(b.x), round(b.x + b.width)) for b in boxes for e in (b.y, b.y + b.height)}
    for edge, start, end in sorted(across):
        ink = _without_rule(ink, edge, start, end, crop.scale, level.stroke)
    ink = ink.T
    for edge, start, end in sorted(down):
        ink = _without_rule(ink, edge, start, end, crop.scale, level.stroke)
    return ink.T


def _corners(box: Box, grow: float) -> tuple[float, float, float, float]:
    return box.x - grow, box.y - grow, box.x + box.width + grow, box.y + box.height + grow


def _without_rule(ink: Ink, edge: int, start: int, end: int, scale: float, stroke: float) -> Ink:
    """The ink without the vertical rule near column `edge` between rows `start` and `end`.

    A stroke that crosses the rule shows on both its sides, near the same height: there the ink stays.
    """
    reach = round(RULE_REACH_MM * scale)
    lo, hi = max(1, edge - reach), min(ink.shape[1] - 1, edge + reach + 1)
    share = ink[start:end, lo:hi].mean(axis=0)
    if share.size == 0 or share.max() < RULE_SEEN:
        return ink
    peak = lo + int(share.argmax())
    inked = ink[start:end].mean(axis=0) > max(RULE_SEEN / 2, share.max() * 0.5)
    left = right = peak
    while left > 1 and inked[left - 1]:
        left -= 1
    while right < ink.shape[1] - 2 and inked[right + 1]:
        right += 1
    if right - left + 1 > RULE_WIDEST_MM * scale:
        # black print beside the cell: nothing there is the writer's; only the rule's own half is known
        left, right = (left, edge) if abs(left - edge) > abs(right - edge) else (edge, right)
    left, right = max(1, left - 1), min(ink.shape[1] - 2, right + 1)
    slack = max(1, round(0.6 * (right - left + 1)))
    beside_left = _spread(ink[:, max(0, left - 2) : left].any(axis=1), slack)
    beside_right = _spread(ink[:, right + 1 : right + 3].any(axis=1), slack)
    crossing = (
        beside_left
        & beside_right
        & (_run_length(beside_left & beside_right) < 4 * max(stroke, 2) + 2 * slack)
    )
    cleaned = ink.copy()
    # rules run on beyond the cell's corners
    rows = slice(max(0, start - reach), end + reach)
    cleaned[rows, left : right + 1] &= crossing[rows, None]
    return cleaned


def _spread(flags: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return np.convolve(flags, np.ones(2 * by + 1), mode="same") > 0


def _run_length(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Length of the run of True that each element belongs to; 0 where False."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    lengths = np.zeros(len(flags), np.int64)
    for begin, stop in zip(edges[::2], edges[1::2], strict=True):
        lengths[begin:stop] = stop - begin
    return lengths
