"""A field's ink to pieces, and pieces to hypotheses of what may be one digit.

Ink is over-segmented: contours, and contours cut where digits may touch. Every run of neighbouring
pieces is a hypothesis; the classifier and `decoding` choose among them (Casey and Lecolinet 1996 call it
recognition-based segmentation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from digitscan.records import Box, Ink
from digitscan.vision.at_rules import NO_LOSSES, RULE_REMAINS_MM, AtRules, Losses
from digitscan.vision.cleaning import percentile, stroke_width
from digitscan.vision.pieces import SPECK, Cut, Piece, around, broken, contours, cropped, merged
from digitscan.vision.points import divider_mark, point_size
from digitscan.vision.seams import Seams, not_crossing

LONGEST_RUN = 8  # pieces that may make one digit
CUTS_APART = 0.1  # of the field's digit height
CUT_STROKES = 3  # a cut goes through so many strokes at most
WIDEST = 1.8  # of the field's digit height: wider is never one digit
SMALLEST_DIGIT = 0.3  # of the height of the field, where that is low
SMALLEST_DIGIT_MM = 2.0
ENOUGH_FIELDS = 5  # with ink: their digits tell how high this page's are
PAGE_HEIGHT = 0.75  # of the page's usual digit height: a field's is no less
TALL, AS_HIGH = 75, 0.2  # percentile of what stands in fields; these differ in height by no larger part
BOX_HEIGHT = 0.8  # of a field's height: digits are no higher in it, whatever they are elsewhere
REACHING_IN = 0.45  # of the field's height, where that is low
REACHING_IN_MM = 3.0
HALF_INSIDE = 0.5  # of its ink: it is this field's rather than a neighbour's,
INSIDE = 0.7  # and surely if so much lies between its sides
MOSTLY_OUTSIDE = 0.2  # of its ink inside: less may be a neighbour's that leans over
SMALLEST_PART = 0.2  # of the digit height: what a cut leaves is no smaller, or the cut is not made
ON_RULE_MM = 0.35
WIDEST_RULE_MM = 1.5
THIN_MM = 0.32
NO_RULE, RULED = 0.2, 0.8  # of the rows where a rule is printed: it is missing in them, and found
LARGE = 0.5  # of the digit height: what is larger may be a digit by itself
ASTRAY = 0.9  # of a cell's width: no glyph has a large part so far from the middle of its cell
DASH, HIGH = 0.5, 0.35  # height of a dash over its width; part of the field over the middle of a high one
CUTTABLE = 0.5  # of the field's digit height: wider may be two digits that touch


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Pieces `first` up to, not including, `last` taken as one glyph."""

    first: int
    last: int
    ink: Ink
    box: tuple[int, int, int, int]
    centre: float
    at_rules: Losses = NO_LOSSES
    runs_on: bool = False
    """Whether its ink may run on beyond the crop, or is a part of what lies mostly outside the field."""
    high_dash: bool = False
    """Whether it is a dash high in its field: the bar of a 7 whose stem went with a rule looks so."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What `decoding` chooses from."""

    pieces: tuple[Piece, ...]
    """From left to right."""
    hypotheses: tuple[Hypothesis, ...]
    uncut: tuple[Piece, ...]
    """The same ink as the pieces, as it hung together before it was cut."""
    digit_height: float
    """Usual height of a digit in this field, px; the least it may be where there is no ink."""
    left_out: float = 0.0
    """Height, px, of the largest mark in the field taken for print, a neighbour's or part of a streak, or too
    pale for ink."""
    point: float = 0.0
    """Size, px, of a mark between two digits that may be a point, comma or dash, or of a dot; 0 for none."""
    tallness: float = 1.0
    """Height of the tallest ink, of that of tall digits in the page's fields as high."""
    beside: bool = False
    """Whether a digit, or a minus, may stand beside the field or above it."""
    covered: bool = False
    """Whether something lies over a part of the field."""
    slashed: bool = False
    """Whether strokes in it may strike out its cells."""
    streaks: tuple[Box, ...] = ()
    """Lines across the page, taken out of the ink, crop px: boxes without width or without height."""
    repeated: tuple[Box, ...] = ()
    """Ink that stands in the same place of many fields, crop px."""
    pale: tuple[Box, ...] = ()
    """Ink much paler than the page's, crop px."""


def segment(
    ink: Ink,
    box: Box,
    cells: tuple[Box, ...],
    scale: float,
    rules: Ink | None = None,
    stroke: float = 0.0,
) -> Segmentation:
    """Pieces and hypotheses of one field.

    ink: height x width of the crop. box, cells: crop px; no cells for an open box. scale: px/mm. rules: the
    printed rules that were taken out of the ink, height x width. stroke: the pen's usual width, px.
    """
    rules = np.zeros_like(ink) if rules is None else rules
    seen = contours(ink)
    found, parts, left_out = _belonging(seen, box, cells, scale, rules)
    # a field with nothing but dirt has no digits to measure: they are never much smaller than their cell
    least = min(SMALLEST_DIGIT * box.height, SMALLEST_DIGIT_MM * scale)
    if not found:
        return Segmentation((), (), (), least, left_out)
    joined = _joined(found, max(least, *(p.box[3] for p in found)))
    tall = [p.box[3] for p in joined if p.box[3] > 0.5 * max(p.box[3] for p in joined)]
    # an X may be taller than its cell, a digit hardly ever is
    height = max(min(float(median(tall)), box.height), least)
    pieces: list[Piece] = []
    for piece in joined:
        pieces += _cut(piece, cells, height)
    pieces.sort(key=lambda p: p.centre)
    widest = max(WIDEST * height, max((1.3 * c.width for c in cells), default=0.0))
    # in cells, what was one before it was cut may be one digit, with however long a bar
    whole = {p.box for p in joined} if cells else set()
    at_rules = AtRules(rules, box, cells, scale, stroke)
    hypotheses = [
        _together(pieces, first, last, at_rules, parts, box.y + HIGH * box.height)
        for first in range(len(pieces))
        for last in range(first + 1, min(first + LONGEST_RUN, len(pieces)) + 1)
        if last == first + 1
        or (
            ((part := around(pieces[first:last]))[2] <= widest or part in whole)
            and _in_one(cells, pieces[first:last], height)
        )
    ]
    dark = ink | rules
    point = max(
        point_size(seen, cells or (box,), height, RULE_REMAINS_MM * scale, dark),
        divider_mark(seen, cells, height, scale, stroke, dark),
    )
    return Segmentation(tuple(pieces), tuple(hypotheses), tuple(joined), height, left_out, point)


def by_page(found: Sequence[Segmentation], boxes: Sequence[Box]) -> list[Segmentation]:
    """The fields of a page, their digits measured by those of all: ditto marks are no small 1s.

    boxes: of the fields, crop px: in a low one people write lower.
    """
    heights = [s.digit_height for s in found if s.pieces]
    if len(heights) < ENOUGH_FIELDS:
        return list(found)
    usual = median(heights)
    tallnesses = _tallnesses(found, boxes)
    return [
        replace(
            s,
            digit_height=max(s.digit_height, PAGE_HEIGHT * min(usual, BOX_HEIGHT * box.height)),
            tallness=tallness,
        )
        for s, box, tallness in zip(found, boxes, tallnesses, strict=True)
    ]


def _tallnesses(found: Sequence[Segmentation], boxes: Sequence[Box]) -> list[float]:
    """How tall the ink of each field is, of what is tall in fields as high; 1 where too few are."""
    tallest = np.array([max((p.box[3] for p in s.uncut), default=0) for s in found])
    heights = np.array([box.height for box in boxes])
    tall: dict[float, float] = {}
    for height in set(heights.tolist()):
        alike = tallest[(tallest > 0) & (np.abs(heights - height) < AS_HIGH * height)]
        if len(alike) >= ENOUGH_FIELDS:
            tall[height] = float(percentile(alike, TALL))  # many of them may hold ditto marks
    return [
        own / tall[height] if own and height in tall else 1.0
        for own, height in zip(tallest.tolist(), heights.tolist(), strict=True)
    ]


def _in_one(cells: tuple[Box, ...], pieces: list[Piece], height: float) -> bool:
    """Whether the large ones of some pieces lie about in one cell, if there are any."""
    centres = [p.centre for p in pieces if max(p.box[2:]) > LARGE * height]
    if not cells or not centres:
        return True
    least, most = min(centres), max(centres)
    middles = ((c.x + c.width / 2, ASTRAY * c.width) for c in cells)
    return any(middle - reach <= least and most <= middle + reach for middle, reach in middles)


def number_ink(segmentation: Segmentation) -> Ink:
    """All ink but specks in one picture, cropped to it; there has to be some."""
    large = [p for p in segmentation.uncut if max(p.box[2:]) > SPECK * segmentation.digit_height]
    return merged(large or list(segmentation.uncut)).ink


def _belonging(
    pieces: list[Piece], box: Box, cells: tuple[Box, ...], scale: float, rules: Ink
) -> tuple[list[Piece], list[Piece], float]:
    """Pieces that are this field's: most of their ink inside, and not what a printed rule leaves behind.

    Those of them that are but a part of what lies mostly outside; and the height of the largest that was left
    out though it may be a digit, or part of one.
    """
    kept, parts, left_out = list[Piece](), list[Piece](), 0.0
    right, bottom = box.x + box.width, box.y + box.height
    upright = [b for c in cells for b in (c.x, c.x + c.width)] or [box.x, right]
    near, tall = RULE_REMAINS_MM * scale, min(REACHING_IN * box.height, REACHING_IN_MM * scale)
    for p in pieces:
        x, y, w, h = p.box
        beside = any(abs(x - e) < near and abs(x + w - e) < near for e in upright)
        along = any(abs(y - e) < near and abs(y + h - e) < near for e in (box.y, bottom))
        # straight from one lying rule to the next, where an upright one is printed: no digit is written so
        on = w < WIDEST_RULE_MM * scale and any(abs(x + w / 2 - e) < ON_RULE_MM * scale for e in upright)
        whole = on and h > 0.8 * box.height and p.area > 0.6 * w * h
        if along or whole or (beside and h < 0.4 * box.height):
            continue
        if beside and p.area < THIN_MM * scale * h:
            if not _is_rule(p, rules, box, near):
                left_out = max(left_out, h)  # a rest of the rule, or a thin 1
            continue
        if box.x <= x and x + w <= right and box.y <= y and y + h <= bottom:
            kept.append(p)
            continue
        left, top = max(math.ceil(box.x) - x, 0), max(math.ceil(box.y) - y, 0)
        reaching = p.ink[top : max(math.ceil(bottom) - y, 0), left : max(math.ceil(right) - x, 0)]
        inside = np.count_nonzero(reaching) / p.area
        if inside >= HALF_INSIDE:
            between = p.ink[:, left : max(math.ceil(right) - x, 0)]
            (kept if np.count_nonzero(between) >= INSIDE * p.area else parts).append(p)
            continue
        # most of it is a neighbour's, or print: what reaches in counts where it is as tall as a digit
        part = cropped(reaching, x + left, y + top) if inside else None
        if part is not None and min(part.box[2:]) > near:
            if part.box[3] > tall:
                parts.append(part)
                continue
            left_out = max(left_out, part.box[3])
        if inside > MOSTLY_OUTSIDE and min(y + h, bottom) - max(y, box.y) > tall:
            left_out = max(left_out, h)  # a digit written across the edge
    return [*kept, *parts], parts, left_out


def _is_rule(piece: Piece, rules: Ink, box: Box, near: float) -> bool:
    """Whether a thin upright piece is a bent rule's: none was found beside it, and one over or under."""
    x, y, w, h = piece.box
    strip = np.asarray(np.any(rules[:, max(round(x - near), 0) : round(x + w + near)], axis=1), np.bool_)
    top, bottom = round(box.y), round(box.y + box.height)
    beside = float(np.mean(strip[y : y + h]))
    elsewhere = np.concatenate([strip[top:y], strip[y + h : bottom]])
    return beside < NO_RULE and len(elsewhere) > h / 2 and float(np.mean(elsewhere)) > RULED


def _joined(pieces: list[Piece], height: float) -> list[Piece]:
    """Pieces that lie over one another are one digit broken by the pen or the scanner: joined."""
    pieces = sorted(pieces, key=lambda p: p.box[0])
    joined: list[Piece] = []
    for p in pieces:
        for i, q in enumerate(joined):
            _, _, wide, tall = around([q, p])
            over = p.box[2] + q.box[2] - wide > 0.6 * min(p.box[2], q.box[2])
            if (over or broken(p, q)) and wide < 1.2 * max(height, tall):
                joined[i] = merged([q, p])
                break
        else:
            joined.append(p)
    return joined


def _together(
    pieces: list[Piece], first: int, last: int, at_rules: AtRules, parts: list[Piece], high: float
) -> Hypothesis:
    """Pieces as one glyph; parts: of what runs on beyond the field. high: row over which a dash lies high."""
    whole = merged(pieces[first:last]) if last > first + 1 else pieces[first]
    x, y, w, h = whole.box
    runs_on = min(x, y) == 0 or x + w == at_rules.width or y + h == at_rules.height
    runs_on |= any(_overlap(whole.box, part.box) for part in parts)
    return Hypothesis(
        first,
        last,
        whole.ink,
        whole.box,
        whole.centre,
        at_rules.losses(whole.ink, whole.box),
        runs_on=runs_on,
        high_dash=h < DASH * w and y + h / 2 < high,
    )


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    (x, y, w, h), (left, top, wide, high) = one, other
    return x < left + wide and left < x + w and y < top + high and top < y + h


def _cut(piece: Piece, cells: tuple[Box, ...], height: float) -> list[Piece]:
    """The piece cut at every place where two digits may touch; the piece itself where there is none."""
    x, y, w, _ = piece.box
    bounds = [c.x - x for c in cells[1:] if x + 0.15 * w < c.x < x + 0.85 * w]
    if not bounds and (cells or w <= CUTTABLE * height):
        return [piece]
    paths, stroke = Seams(piece.ink), max(stroke_width(piece.ink), 1.0)
    columns = [paths.cheapest_near(b, 0.2 * height) for b in bounds]
    if w > CUTTABLE * height:
        columns += paths.cheap(apart=CUTS_APART * height, limit=CUT_STROKES * stroke)
    chosen = not_crossing([(c, paths.through(c)) for c in columns])
    if not chosen:
        return [piece]
    cuts = [Cut(paths.crossed(c) / stroke, w) for c, _ in chosen]
    seams = np.array([seam for _, seam in chosen])
    part = (np.arange(w)[None, :, None] >= seams.T[:, None, :]).sum(axis=2)
    parts: list[Piece] = []
    for k in range(len(cuts) + 1):
        p = cropped(piece.ink & (part == k), x, y)
        if p is None:
            continue
        if parts and min(max(q.box[2:]) for q in (p, parts[-1])) < SMALLEST_PART * height:
            parts[-1] = replace(merged([parts[-1], p]), cut=parts[-1].cut)
        else:
            parts.append(replace(p, cut=cuts[k - 1] if parts else None))
    return parts
