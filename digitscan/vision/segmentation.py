"""A field's ink to pieces, and pieces to hypotheses of what may be one digit.

Ink is over-segmented: contours, and contours cut where digits may touch. Every run of neighbouring
pieces is a hypothesis; the classifier and `decoding` choose among them (Casey and Lecolinet 1996 call it
recognition-based segmentation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitscan.records import Box
from digitscan.vision.cleaning import percentile, stroke_width
from digitscan.vision.pieces import SPECK, Cut, Ink, Piece, around, broken, contours, cropped, merged
from digitscan.vision.points import point_size
from digitscan.vision.seams import Seams, not_crossing

LONGEST_RUN = 8  # pieces that may make one digit
CUTS_APART = 0.1  # of the field's digit height
CUT_STROKES = 3  # a cut goes through so many strokes at most
WIDEST = 1.8  # of the field's digit height: wider is never one digit
SMALLEST_DIGIT = 0.3  # of the height of the field, where that is low
SMALLEST_DIGIT_MM = 2.0
ENOUGH_FIELDS = 5  # with ink: their digits tell how high this page's are
PAGE_HEIGHT = 0.75  # of the page's usual digit height: a field's is no less
BOX_HEIGHT = 0.8  # of a field's height: digits are no higher in it, whatever they are elsewhere
REACHING_IN = 0.45  # of the field's height, where that is low
REACHING_IN_MM = 3.0
MOSTLY_OUTSIDE = 0.2  # of its ink inside: less may be a neighbour's that leans over
SMALLEST_PART = 0.2  # of the digit height: what a cut leaves is no smaller, or the cut is not made
RULE_REMAINS_MM = 1.0
ON_RULE_MM = 0.35
WIDEST_RULE_MM = 1.5
THIN_MM = 0.32
AT_RULE = 3  # px between a stroke and a rule that it was cut off from, and of the stroke's end
BURIED = 0.3  # of what the pen is thicker than a rule, by which a rule with a stroke on it is thicker,
BURIED_PX = 1.0  # and at least by so much,
UNLIKE = 2.0  # times as thick as the other: no rule of a field is
BURIED_STROKES = 1.7  # over more than the width of a stroke that ends there,
BURIED_WIDTH = 0.35  # and over so much of a glyph: it may make another digit of it,
MOST = 0.75  # if in so many of these columns
KEPT_WIDTH = 0.6  # of a glyph's, that is the rule above or a stroke on it
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
    hangs: bool = False
    """Whether it begins at a printed rule that was taken out above, and may have lost a stroke with it."""
    stands: bool = False
    """The same of a rule below."""
    buried_above: bool = False
    """Whether the rule above is so thick there that a stroke must lie on it."""
    buried_below: bool = False
    keeps: bool = False
    """Whether what was taken for a stroke on the rule above, and was left there, may be the rule."""
    runs_on: bool = False
    """Whether its ink may run on beyond the crop."""
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
    """Usual height of a digit in this field, px; 0 where there is no ink."""
    left_out: float = 0.0
    """Height, px, of the largest mark in the field taken for print, a neighbour's or part of a streak, or too
    pale for ink."""
    point: float = 0.0
    """Size, px, of a mark between two digits that may be a point, comma or dash, or of a dot; 0 for none."""
    beside: bool = False
    """Whether a digit, or a minus, may stand beside the field or above it."""
    wiped: bool = False
    """Whether something white lies across the field."""
    slashed: bool = False
    """Whether strokes in it may strike out its cells."""
    streaks: tuple[Box, ...] = ()
    """Lines across the page, taken out of the ink, crop px: boxes without width or without height."""


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
    seen = contours(ink) if ink.any() else []
    found, left_out = _belonging(seen, box, cells, scale)
    if not found:
        return Segmentation((), (), (), 0.0, left_out)
    # a field with nothing but dirt has no digits to measure: they are never much smaller than their cell
    least = min(SMALLEST_DIGIT * box.height, SMALLEST_DIGIT_MM * scale)
    joined = _joined(found, max(least, *(p.box[3] for p in found)))
    tall = [p.box[3] for p in joined if p.box[3] > 0.5 * max(p.box[3] for p in joined)]
    # an X may be taller than its cell, a digit hardly ever is
    height = max(min(float(np.median(tall)), box.height), least)
    pieces: list[Piece] = []
    for piece in joined:
        pieces += _cut(piece, cells, height)
    pieces.sort(key=lambda p: p.centre)
    widest = max(WIDEST * height, max((1.3 * c.width for c in cells), default=0.0))
    at_rule = _AtRule(_level(rules, box, scale), _rule_thickness(rules, box, scale), stroke)
    hypotheses = [
        _together(pieces, first, last, at_rule, box.y + HIGH * box.height)
        for first in range(len(pieces))
        for last in range(first + 1, min(first + LONGEST_RUN, len(pieces)) + 1)
        if last == first + 1
        or (around(pieces[first:last])[2] <= widest and _in_one(cells, pieces[first:last], height))
    ]
    point = point_size(seen, cells or (box,), height, RULE_REMAINS_MM * scale, ink | rules)
    return Segmentation(tuple(pieces), tuple(hypotheses), tuple(joined), height, left_out, point)


def by_page(found: Sequence[Segmentation], boxes: Sequence[Box]) -> list[Segmentation]:
    """The fields of a page, their digits measured by those of all: ditto marks are no small 1s.

    boxes: of the fields, crop px: in a low one people write lower.
    """
    heights = [s.digit_height for s in found if s.pieces]
    if len(heights) < ENOUGH_FIELDS:
        return list(found)
    usual = float(np.median(heights))
    return [
        replace(s, digit_height=max(s.digit_height, PAGE_HEIGHT * min(usual, BOX_HEIGHT * box.height)))
        for s, box in zip(found, boxes, strict=True)
    ]


def _level(rules: Ink, box: Box, scale: float) -> Ink:
    """The rules above and below a field, without those upright between them."""
    level, reach = rules.copy(), RULE_REMAINS_MM * scale
    level[round(box.y + reach) : max(round(box.y + box.height - reach), 0)] = False
    return level


def _rule_thickness(rules: Ink, box: Box, scale: float) -> tuple[float, float]:
    """Usual thickness, px, of the rules above and below a field; 0 where none is."""
    reach = RULE_REMAINS_MM * scale
    above, below = (
        _thickness(rules[max(0, round(edge - reach)) : round(edge + reach), round(box.x) :])
        for edge in (box.y, box.y + box.height)
    )
    # a stroke may lie on all of a short rule: then that is far thicker than the other
    return min(above, UNLIKE * below or above), min(below, UNLIKE * above or below)


def _thickness(rule: Ink) -> float:
    columns = np.count_nonzero(rule, axis=0)
    return float(percentile(columns[columns > 0], 60)) if columns.any() else 0.0


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
    pieces: list[Piece], box: Box, cells: tuple[Box, ...], scale: float
) -> tuple[list[Piece], float]:
    """Pieces that are this field's: most of their ink inside, and not what a printed rule leaves behind.

    And the height of the largest that was left out though it may be a digit, or part of one.
    """
    kept, left_out = [], 0.0
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
            left_out = max(left_out, h)  # a rest of the rule, or a thin 1
            continue
        if box.x <= x and x + w <= right and box.y <= y and y + h <= bottom:
            kept.append(p)
            continue
        rows, columns = np.nonzero(p.ink)
        inside = (columns + x >= box.x) & (columns + x < right) & (rows + y >= box.y) & (rows + y < bottom)
        if inside.mean() >= 0.5:
            kept.append(p)
            continue
        # most of it is a neighbour's, or print: what reaches in counts where it is as tall as a digit
        reaching = np.zeros_like(p.ink)
        reaching[rows[inside], columns[inside]] = True
        part = cropped(reaching, x, y)
        if part is not None and min(part.box[2:]) > near:
            if part.box[3] > tall:
                kept.append(part)
                continue
            left_out = max(left_out, part.box[3])
        if inside.mean() > MOSTLY_OUTSIDE and min(y + h, bottom) - max(y, box.y) > tall:
            left_out = max(left_out, h)  # a digit written across the edge
    return kept, left_out


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


@dataclass(frozen=True, slots=True)
class _AtRule:
    """What glyphs may have lost with the rules above and below a field, and got of them; px."""

    rules: Ink
    thick: tuple[float, float]
    stroke: float

    def losses(self, ink: Ink, box: tuple[int, int, int, int]) -> dict[str, bool]:
        """Of a glyph, as `Hypothesis` has them."""
        x, y, w, h = box
        above, below = self.rules[:y][::-1], self.rules[y + h :]
        hangs = _meets(above[:, x : x + w], ink[:AT_RULE])
        stands = _meets(below[:, x : x + w], ink[-AT_RULE:])
        return {
            "hangs": hangs,
            "stands": stands,
            "buried_above": hangs and self._buries(above, x, w, self.thick[0]),
            "buried_below": stands and self._buries(below, x, w, self.thick[1]),
            "keeps": not hangs and self._goes_on(ink, box),
        }

    def _buries(self, rules: Ink, x: int, width: int, thick: float) -> bool:
        """Whether a rule is thicker than usual over much of a glyph; rules: from the glyph outwards."""
        beside = round(BURIED_STROKES * self.stroke)
        near = rules[: round(2 * thick) + 2 * AT_RULE, max(x - beside, 0) : x + width + beside]
        more = max(BURIED_PX, BURIED * (self.stroke - thick))
        thicker = np.count_nonzero(near, axis=0) >= thick + more
        long = max(round(BURIED_WIDTH * width), beside, 1)
        summed = np.concatenate([[0], np.cumsum(thicker)])
        # in most columns: rules are rough
        return thick > 0 and bool((summed[long:] - summed[:-long]).max(initial=0) >= MOST * long)

    def _goes_on(self, ink: Ink, box: tuple[int, int, int, int]) -> bool:
        """Whether the upper end of a glyph is as wide as it and goes on in a rule to one side."""
        x, y, w, _ = box
        rows = slice(y, y + max(round(self.thick[0]), 1))
        beside = (self.rules[rows, max(x - AT_RULE, 0) : x], self.rules[rows, x + w : x + w + AT_RULE])
        return any(part.any() for part in beside) and float(ink[:AT_RULE].any(axis=0).mean()) > KEPT_WIDTH


def _together(pieces: list[Piece], first: int, last: int, at_rule: _AtRule, high: float) -> Hypothesis:
    """Pieces as one glyph; high: row over which a dash lies high."""
    whole = merged(pieces[first:last]) if last > first + 1 else pieces[first]
    x, y, w, h = whole.box
    runs_on = min(x, y) == 0 or x + w == at_rule.rules.shape[1] or y + h == at_rule.rules.shape[0]
    return Hypothesis(
        first,
        last,
        whole.ink,
        whole.box,
        whole.centre,
        **at_rule.losses(whole.ink, whole.box),
        runs_on=runs_on,
        high_dash=h < DASH * w and y + h / 2 < high,
    )


def _meets(rules: Ink, end: Ink) -> bool:
    """Whether the end of a glyph lies at a rule; rules: from there outwards."""
    near = rules[:AT_RULE]
    return bool(near.any() and (near.any(axis=0) & end.any(axis=0)).any())


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
