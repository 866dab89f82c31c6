"""What glyphs may have lost with the printed rules that they touch, and what they may have got of them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from digitscan.records import Box, Ink
from digitscan.vision.cleaning import percentile
from digitscan.vision.edges import REACH_MM, longest

RULE_REMAINS_MM = 1.0
AT_RULE = 3  # px between a stroke and a rule that it was cut off from, and of the stroke's end
BURIED = 0.3  # of what the pen is thicker than a rule, by which a rule with a stroke on it is thicker,
BURIED_PX = 1.0  # and at least by so much,
UNLIKE = 2.0  # times as thick as the other: no rule of a field is
BURIED_STROKES = 1.7  # over more than the width of a stroke that ends there,
BURIED_WIDTH = 0.35  # and over so much of a glyph: it may make another digit of it,
MOST = 0.75  # if in so many of these columns
KEPT_WIDTH = 0.6  # of a glyph's, that is the rule above or a stroke on it
RULE = 0.25  # of the cell's height, without strokes on it, at least
ALONG_STROKES, ALONG = 1.0, 0.15  # of the pen's width, and of a glyph's height, that it runs along one,
SLACK = 2  # px within its width


class Losses(NamedTuple):
    """What the rules around its cell may have done to a glyph."""

    hangs: bool = False
    """Whether it begins at a printed rule that was taken out above, and may have lost a stroke with it."""
    stands: bool = False
    """The same of a rule below."""
    buried_above: bool = False
    """Whether the rule above is so thick there that a stroke must lie on it."""
    buried_below: bool = False
    keeps: bool = False
    """Whether what was taken for a stroke on the rule above, and was left there, may be the rule."""
    along: bool = False
    """The same of the rule to the left or right."""


NO_LOSSES = Losses()


class AtRules:
    """The rules around a field's cells, taken out of its ink."""

    def __init__(self, rules: Ink, box: Box, cells: tuple[Box, ...], scale: float, stroke: float) -> None:
        """rules: of the field, height x width. box, cells: crop px. scale: px/mm. stroke: px."""
        self.height, self.width = rules.shape
        self._rules, self._stroke, self._reach = rules, stroke, round(REACH_MM * scale)
        self._level = _level(rules, box, scale)
        self._box, self._scale = box, scale
        self._rows = slice(max(round(box.y), 0), max(round(box.y + box.height), 0))
        self._edges = sorted({round(x) for c in cells or (box,) for x in (c.x, c.x + c.width)})

    @cached_property
    def _thicknesses(self) -> tuple[float, float]:
        """Usual thickness, px, of the rules above and below a field; 0 where none is."""
        box, reach = self._box, RULE_REMAINS_MM * self._scale
        columns = slice(round(box.x), round(box.x + box.width))
        above, below = (
            _thickness(self._rules[max(0, round(edge - reach)) : round(edge + reach), columns])
            for edge in (box.y, box.y + box.height)
        )
        # a stroke may lie on all of a short rule: then that is far thicker than the other
        return min(above, UNLIKE * below or above), min(below, UNLIKE * above or below)

    def losses(self, ink: Ink, box: tuple[int, int, int, int]) -> Losses:
        """Of a glyph; box: crop px."""
        x, y, w, h = box
        above, below = self._level[:y][::-1], self._level[y + h :]
        hangs = _meets(above[:, x : x + w], ink[:AT_RULE])
        stands = _meets(below[:, x : x + w], ink[-AT_RULE:])
        near = (edge for edge in self._edges if x - self._reach <= edge < x + w + self._reach)
        return Losses(
            hangs,
            stands,
            hangs and self._buries(above, x, w, self._thicknesses[0]),
            stands and self._buries(below, x, w, self._thicknesses[1]),
            not hangs and self._goes_on(ink, box),
            any(self._runs_along(edge, ink, box) for edge in near),
        )

    def _buries(self, rules: Ink, x: int, width: int, thick: float) -> bool:
        """Whether a rule is thicker than usual over much of a glyph; rules: from the glyph outwards."""
        beside = round(BURIED_STROKES * self._stroke)
        near = rules[: round(2 * thick) + 2 * AT_RULE, max(x - beside, 0) : x + width + beside]
        more = max(BURIED_PX, BURIED * (self._stroke - thick))
        thicker = near.sum(axis=0) >= thick + more
        long = max(round(BURIED_WIDTH * width), beside, 1)
        summed = np.concatenate([[0], np.cumsum(thicker)])
        # in most columns: rules are rough
        return thick > 0 and bool((summed[long:] - summed[:-long]).max(initial=0) >= MOST * long)

    def _goes_on(self, ink: Ink, box: tuple[int, int, int, int]) -> bool:
        """Whether the upper end of a glyph is as wide as it and goes on in a rule to one side."""
        x, y, w, _ = box
        if np.count_nonzero(ink[:AT_RULE].any(axis=0)) / w <= KEPT_WIDTH:
            return False
        rows = slice(y, y + max(round(self._thicknesses[0]), 1))
        beside = (self._level[rows, max(x - AT_RULE, 0) : x], self._level[rows, x + w : x + w + AT_RULE])
        return any(part.any() for part in beside)

    def _runs_along(self, edge: int, ink: Ink, box: tuple[int, int, int, int]) -> bool:
        """Whether much of a glyph's height is no wider than the upright rule near an edge, and lies on it."""
        x, _, w, h = box
        long = max(ALONG_STROKES * self._stroke, ALONG * h)
        first, past = max(edge - self._reach, 0), edge + self._reach + 1
        own = ink[:, max(first - x, 0) : max(past - x, 0)]
        if own.sum(axis=0).max() < long:
            return False
        columns = self._rules[self._rows, first:past].sum(axis=0)
        least = max(MOST * columns.max(), RULE * (self._rows.stop - self._rows.start))
        rule = first + np.flatnonzero(columns > least)
        if not len(rule) or rule[0] < x or rule[-1] >= x + w:
            return False
        left, past = rule[0] - x, rule[-1] - x + 1
        whole = np.logical_and.reduce(ink[:, left:past], axis=1)
        beside = ink[:, [max(left - SLACK, 0), min(past - 1 + SLACK, w - 1)]]
        alone = whole & ~((beside[:, 0] & (left >= SLACK)) | (beside[:, 1] & (past - 1 + SLACK < w)))
        return longest(alone) > long


def _level(rules: Ink, box: Box, scale: float) -> Ink:
    """The rules above and below a field, without those upright between them."""
    level, reach = rules.copy(), RULE_REMAINS_MM * scale
    level[round(box.y + reach) : max(round(box.y + box.height - reach), 0)] = False
    return level


def _thickness(rule: Ink) -> float:
    columns = rule.sum(axis=0)
    return float(percentile(columns[columns > 0], 60)) if columns.any() else 0.0


def _meets(rules: Ink, end: Ink) -> bool:
    """Whether the end of a glyph lies at a rule; rules: from there outwards."""
    near = rules[:AT_RULE]
    return bool(near.any() and (near.any(axis=0) & end.any(axis=0)).any())
