"""Cut the fields out of a registered page and take the printed rules out of their ink."""

from __future__ import annotations

from collections.abc import Iterable
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
    # one rule runs along the tops of all cells in a row, and one between two neighbours
    upright = _rules((e, b.y, b.y + b.height) for b in boxes for e in (b.x, b.x + b.width))
    lying = _rules((e, b.x, b.x + b.width) for b in boxes for e in (b.y, b.y + b.height))
    ink = _without_rules(ink, upright, crop.scale, level.stroke)
    return _without_rules(ink.T, lying, crop.scale, level.stroke).T


def _rules(edges: Iterable[tuple[float, float, float]]) -> list[tuple[int, int, int]]:
    """Edges on one line as one: place, start, end."""
    lines: dict[int, tuple[int, int]] = {}
    for place, start, end in edges:
        first, last = lines.get(round(place), (round(start), round(end)))
        lines[round(place)] = min(first, round(start)), max(last, round(end))
    return [(place, *span) for place, span in sorted(lines.items())]


def _corners(box: Box, grow: float) -> tuple[float, float, float, float]:
    return box.x - grow, box.y - grow, box.x + box.width + grow, box.y + box.height + grow


def _without_rules(ink: Ink, edges: list[tuple[int, int, int]], scale: float, stroke: float) -> Ink:
    """The ink without its vertical rules; edges: column, first and last row of each."""
    cleaned = ink.copy()
    for edge, start, end in edges:
        column = _rule_column(ink, edge, start, end, scale)
        if column is None:
            continue
        # rules run on beyond the cell's corners
        first = max(0, start - round(RULE_REACH_MM * scale))
        rows = slice(first, end + round(RULE_REACH_MM * scale))
        before, after = _run_around(ink[rows], column, scale)
        through = before + after > 0
        # The rule itself is followed along its length, since it is skewed and its edges are rough: what is
        # there along most of it is rule, what is more is a stroke, though it may lie along half the rule.
        left, right = _rule_side(before, through), _rule_side(after, through)
        solid = np.median((before + after)[through]) > 2 * RULE_WIDEST_MM * scale
        if solid:
            # print beside the cell: the writer's ink cannot be told from it
            outward = before > after
            cleaned[rows] &= ~_between(ink.shape[1], column - np.where(outward, before, 2), column + right)
            continue
        fuzz = max(1.5, 0.25 * stroke)
        more_left, more_right = before - left > fuzz, after - right > fuzz
        wide = np.maximum(before - left, after - right)
        # Ink on both sides is a stroke that crosses: it stays whole. On one side it is a stroke that ends
        # here and loses nothing that counts, unless most of its width lies on the rule.
        stays = (more_left & more_right) | ((more_left | more_right) & (wide < 0.6 * stroke))
        rule_left = np.where(more_left, left, before)
        rule_right = np.where(more_right, right, after)
        rule = _between(ink.shape[1], column - rule_left, column + rule_right)
        cleaned[rows] &= ~(rule & ~stays[:, None])
    return cleaned


def _rule_column(ink: Ink, edge: int, start: int, end: int, scale: float) -> int | None:
    """The column near `edge` where a rule runs; None where none is seen."""
    reach = round(RULE_REACH_MM * scale)
    first, last = max(0, edge - reach), min(ink.shape[1], edge + reach + 1)
    near = ink[start:end, first:last].mean(axis=0)
    if near.size == 0 or near.max() < RULE_SEEN:
        return None
    peaks = first + np.flatnonzero(near >= 0.95 * near.max())
    return int(peaks[np.abs(peaks - edge).argmin()])


def _run_around(ink: Ink, column: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row, ink that reaches left from `column` and right from it on (itself counted right).

    A row where the rule leaves `column` by a pixel still counts.
    """
    reach = 4 * round(RULE_WIDEST_MM * scale)  # a run longer than that is solid print, however long
    first = max(0, column - reach)
    near = np.pad(ink[:, first : column + reach + 1], ((0, 0), (1, 1)))
    middle = column - first + 1
    rows, columns = np.arange(len(near)), np.arange(near.shape[1])
    start = middle + np.select([near[:, middle], near[:, middle - 1], near[:, middle + 1]], [0, -1, 1])
    last_paper = np.maximum.accumulate(np.where(near, -1, columns), axis=1)[rows, start]
    next_paper = np.minimum.accumulate(np.where(near, len(columns), columns)[:, ::-1], axis=1)[:, ::-1][
        rows, start
    ]
    inked = near[rows, start]
    return np.where(inked, middle - last_paper - 1, 0), np.where(inked, next_paper - middle, 0)


def _rule_side(lengths: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the rule itself reaches on one side, for each row: a straight line, level or a little askew.

    Of the lines that many rows agree on, the one nearest to the rule's middle: a stroke that lies along
    the rule only ever adds to it.
    """
    rows = np.arange(len(lengths))
    skew = np.arange(-4, 4.5, 0.5)
    drifts = skew / max(len(lengths), 1)
    levels = lengths[counted] - drifts[:, None] * rows[counted]
    places = np.arange(np.floor(levels.min()), np.floor(levels.min()) + 24)
    agreeing = (np.abs(levels[:, None, :] - places[:, None]) <= 1).sum(axis=2)
    most = agreeing.max(axis=1) - 0.01 * np.abs(skew)
    drift = int(most.argmax())
    nearest = int(np.flatnonzero(agreeing[drift] >= 0.4 * most[drift])[0])
    place = int(agreeing[drift, nearest : nearest + 3].argmax())
    return np.asarray(places[nearest + place] + drifts[drift] * rows, np.float64)


def _between(width: int, left: NDArray[np.float64], right: NDArray[np.float64]) -> Ink:
    columns = np.arange(width)[None, :]
    return (columns >= left[:, None]) & (columns < right[:, None])
