"""Take printed rules out of ink without eating the strokes that touch or cross them.

All fields of a page at once: rules of one length are followed together, whatever field they are of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Ink
from digitscan.vision.cleaning import percentile
from digitscan.vision.edges import REACH_MM, Edge, merged, ruled, runs, split_bars

SKEWS = np.arange(-4, 4.5, 1.0)  # px by which a rule may drift from end to end
PLACES = 24  # px within which it lies
ASIDE = 6  # px: farther than it may drift and be rough
BINS = PLACES + 3 * ASIDE
WIDEST_MM = 1.1
ROUGH = 0.5  # of a stroke's width: so far at most the sides of a rule may stand out
HIDDEN_MM = 2.6  # so far may a stroke vanish in a rule that it runs along,
HIDDEN = 0.3  # if so much of what it is wider than the rule stands out all the same


@dataclass(frozen=True, slots=True)
class _Rules:
    """Upright rules of one length; arrays are (rules, rows)."""

    places: list[tuple[int, int, int]]
    """Of each: its field, its first row, its column."""
    before: NDArray[np.int64]
    """Ink that reaches left from the column."""
    after: NDArray[np.int64]
    """Ink from the column on to the right."""
    left: NDArray[np.float64]
    """How much of `before` is the rule's own."""
    right: NDArray[np.float64]

    @property
    def width(self) -> NDArray[np.float64]:
        return np.asarray((self.left + self.right).mean(axis=1))

    @property
    def even(self) -> NDArray[np.bool_]:
        """Whether each is as wide all along, corners included: then all of it is print."""
        close = (np.abs(self.before - self.left) <= 1.5) & (np.abs(self.after - self.right) <= 1.5)
        return np.asarray(close.mean(axis=1) > 0.85)


def remove_rules(
    inks: Sequence[Ink],
    boxes: Sequence[Sequence[Box]],
    scale: float,
    stroke: float,
    streaks: Sequence[tuple[Sequence[Edge], Sequence[Edge]]] = (),
) -> list[Ink]:
    """The ink of each field without the rules around its boxes.

    inks: height x width. boxes: of each field, in its px, good to `REACH_MM`. scale: px/mm. stroke: the
    pen's usual width in px. streaks: of each field, other upright and level lines that go the same way.
    """
    upright, lying = ([_edges(tuple(own), axis) for own in boxes] for axis in (0, 1))
    standing, level = ([own[axis] for own in streaks] or [[] for _ in inks] for axis in (0, 1))
    corners = [[place for place, _, _ in (*own, *more)] for own, more in zip(lying, level, strict=True)]
    met = WIDEST_MM * scale
    bars, single = split_bars(inks, upright, met)
    if any(bars):
        rules = _find_rules(inks, bars, scale)
        usual = np.full(len(inks), percentile(np.concatenate([group.width for group in rules]), 30))
        inks = _without(inks, rules, usual, corners, met, scale, stroke)
    widths: list[list[float]] = [[] for _ in inks]
    rules = _find_rules(inks, ruled(inks, single, standing, scale), scale)
    cleaned = _without(inks, rules, _usual(widths, rules), corners, met, scale, stroke)
    turned = [ink.T for ink in cleaned]
    rules = _find_rules(turned, ruled(turned, lying, level, scale), scale)
    # where upright rules met these there is only what was written: nothing is to be passed over
    corners = [[place for place, _, _ in (*own, *more)] for own, more in zip(upright, standing, strict=True)]
    return [ink.T for ink in _without(turned, rules, _usual(widths, rules), corners, 0.0, scale, stroke)]


@lru_cache(maxsize=1024)
def _edges(boxes: tuple[Box, ...], axis: int) -> list[Edge]:
    """The upright (axis 0) or level (axis 1) edges of boxes.

    One rule runs along the tops of all cells in a row, and one between two neighbours.
    """
    sides = ((box, far) for box in boxes for far in (0, 1))
    return merged((b[axis] + far * b[2 + axis], b[1 - axis], b[1 - axis] + b[3 - axis]) for b, far in sides)


def _usual(widths: list[list[float]], rules: Sequence[_Rules]) -> NDArray[np.float64]:
    """The usual width of each field's rules; takes these into `widths`, those of each field so far."""
    for group in rules:
        for (field, _, _), width in zip(group.places, group.width.tolist(), strict=True):
            widths[field].append(width)
    return np.array([float(percentile(np.array(own), 30)) if own else 0.0 for own in widths])


def _find_rules(inks: Sequence[Ink], edges: Sequence[Sequence[Edge]], scale: float) -> list[_Rules]:
    """The rules that run along these columns of each field."""
    reach = round(REACH_MM * scale)
    of_length: dict[int, list[tuple[int, int, int]]] = {}
    for field, (ink, own) in enumerate(zip(inks, edges, strict=True)):
        for column, start, end in own:
            # rules run on beyond the cell's corners
            top, bottom = max(0, start - reach), min(len(ink), end + reach)
            of_length.setdefault(bottom - top, []).append((field, top, column))
    return [_followed(inks, places, length, scale) for length, places in of_length.items()]


def _followed(inks: Sequence[Ink], places: list[tuple[int, int, int]], length: int, scale: float) -> _Rules:
    """Rules at places (field, first row, column), followed along their length: they are skewed and rough."""
    reach = 4 * round(WIDEST_MM * scale)  # a run longer than that is solid print, however long
    # paper lies beyond both ends, so the first that is not ink is always found
    near = np.zeros((len(places), length, 2 * reach + 3), np.bool_)
    middle = reach + 1
    for own, (field, top, column) in zip(near, places, strict=True):
        first = max(0, column - reach)
        part = inks[field][top : top + length, first : column + reach + 1]
        start = middle - (column - first)
        own[:, start : start + part.shape[1]] = part
    # a row where the rule leaves its column by a pixel still counts
    here, left, right = near[:, :, middle], near[:, :, middle - 1], near[:, :, middle + 1]
    leftward = near[:, :, middle - 1 :: -1].argmin(axis=2)
    rightward = near[:, :, middle + 1 :].argmin(axis=2)
    before = np.where(here | left, leftward, -(right.astype(np.int64)))
    after = np.where(here | (right & ~left), 1 + rightward, 0)
    through = before + after > 0
    both = np.concatenate([before, after])
    sides = _rule_sides(both, np.concatenate([through, through]))
    return _Rules(places, before, after, *np.split(sides, 2))


@dataclass(frozen=True, slots=True)
class _Drifts:
    """How rules of so many rows drift at each skew; arrays are (skews, rows)."""

    drift: NDArray[np.float64]
    """Px."""
    lowest: NDArray[np.int64]
    """Of each row the least that taking its drift away adds to it, at any skew."""
    begins: NDArray[np.int64]
    """The first bin that a row at 0 agrees with; each skew has `BINS` of its own."""
    ends: NDArray[np.int64]
    """Past the last."""


@lru_cache(maxsize=256)
def _drifts(rows: int) -> _Drifts:
    drift = np.round(SKEWS[:, None] / max(rows, 1) * np.arange(rows), 9)
    down, up = np.floor(-drift).astype(np.int64), np.ceil(-drift).astype(np.int64)
    # a row agrees with all places not farther than a pixel
    first = BINS * np.arange(len(SKEWS))[:, None] + ASIDE
    return _Drifts(drift, down.min(axis=0), first + up - 1, first + down + 2)


def _rule_sides(lengths: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far rules themselves reach on one side, for each row: a straight line, level or a little askew.

    lengths, counted: (rules, rows). Of the lines that many rows agree on, the one nearest to the rule's
    middle: a stroke that lies along the rule only ever adds to it.
    """
    drifts = _drifts(lengths.shape[1])
    lowest = np.where(counted, lengths + drifts.lowest, np.iinfo(np.int64).max).min(axis=1)
    # what is not counted lies beyond all places
    beyond = PLACES + ASIDE
    above = np.where(counted, np.minimum(lengths - lowest[:, None], beyond), beyond)
    rule = np.arange(len(lengths))
    bins = (len(lengths), len(SKEWS), BINS)
    at = (above + rule[:, None] * len(SKEWS) * BINS)[:, None]
    begin, end = (
        np.bincount((at + steps).ravel(), minlength=math.prod(bins)) for steps in (drifts.begins, drifts.ends)
    )
    agreeing = (begin - end).reshape(bins).cumsum(axis=2)[:, :, ASIDE : ASIDE + PLACES]
    most = agreeing.max(axis=2) - 0.01 * np.abs(SKEWS)
    best = most.argmax(axis=1)
    agreeing = agreeing[rule, best]
    nearest = (agreeing >= 0.2 * most[rule, best, None]).argmax(axis=1)
    four = agreeing[rule[:, None], np.minimum(nearest[:, None] + range(4), PLACES - 1)]
    return np.asarray((lowest + nearest + four.argmax(axis=1))[:, None] + drifts.drift[best], np.float64)


def _without(
    inks: Sequence[Ink],
    rules: Sequence[_Rules],
    usual: NDArray[np.float64],
    corners: Sequence[list[int]],
    met: float,
    scale: float,
    stroke: float,
) -> list[Ink]:
    """The ink of each field without these upright rules; they are usually as wide as `usual` says of each.

    corners: of each field, rows where rules meet these, or met them; met: how wide those may be that do, px.
    """
    cleaned = [ink.copy() for ink in inks]
    for group in rules:
        width = group.width
        left, right = _sides(group, width, usual)
        more = np.stack([group.before - left, group.after - right], axis=1)
        # how rough a rule is; what stands out by half a stroke is one, along however much of the rule
        rough = 3 * percentile(np.abs(more).reshape(len(more), -1), 25)
        fuzz = np.clip(rough, 1.0, max(1.0, ROUGH * stroke))[:, None]
        # Ink on both sides is a stroke that crosses: it stays whole. On one side it is a stroke that ends
        # here and loses nothing that counts, unless it runs along the rule.
        stays = more.min(axis=1) > fuzz
        beside, spare = more.max(axis=1), stroke - width[:, None]
        wider = np.where(spare > 1, more.sum(axis=1) / np.maximum(spare, 1), 1.0)
        for k, stretches in runs(beside > fuzz).items():
            field, top, _ = group.places[k]
            ends = [row - top for row in corners[field]]
            for start, end in _along(stretches, beside[k], wider[k], ends, met, scale, stroke):
                stays[k, start:end] = True
        own_left = np.where(more[:, 0] > fuzz, left, group.before)
        own_right = np.where(more[:, 1] > fuzz, right, group.after)
        # print beside the cell: the writer's ink cannot be told from it
        solid = (percentile(group.before + group.after, 50) > 3 * WIDEST_MM * scale)[:, None]
        own_left = np.where(solid, np.where(group.before > group.after, group.before, 2), own_left)
        own_right = np.where(solid, group.right, own_right)
        _take_out(cleaned, group.places, own_left, own_right, stays & ~solid)
    return cleaned


def _sides(
    group: _Rules, width: NDArray[np.float64], usual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far rules themselves reach to the left and right: where one is much wider than its field's are
    usually, a stroke lies along most of it.
    """
    limit = usual[[field for field, _, _ in group.places]]
    swollen = ((width > 1.4 * limit + 1) & ~group.even)[:, None]
    slim = limit[:, None] / 2 + 1
    left, right = (np.where(swollen, np.minimum(side, slim), side) for side in (group.left, group.right))
    return left, right


def _take_out(
    inks: Sequence[Ink],
    places: Sequence[tuple[int, int, int]],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    stays: NDArray[np.bool_],
) -> None:
    """Take rules out of the ink of their fields, so many px to the left and right of their columns.

    left, right, stays: (rules, rows); what stays is a stroke.
    """
    # from the first to past the last of the columns that any rule takes
    first, past = math.ceil(-left.max()), math.ceil(right.max())
    columns = np.arange(first, past)
    written = (columns < -left[:, :, None]) | (columns >= right[:, :, None]) | stays[:, :, None]
    for own, (field, top, column) in zip(written, places, strict=True):
        hidden = max(-(column + first), 0)
        part = inks[field][top : top + left.shape[1], max(column + first, 0) : max(column + past, 0)]
        part &= own[:, hidden : hidden + part.shape[1]]


def _along(
    stretches: list[tuple[int, int]],
    more: NDArray[np.float64],
    wider: NDArray[np.float64],
    corners: list[int],
    met: float,
    scale: float,
    stroke: float,
) -> list[tuple[int, int]]:
    """Rows, from and up to, where a stroke runs along a rule, half hidden by it, wholly for a stretch.

    stretches: of rows with ink beside the rule; more: how much, px, in each row. wider: by how much in each
    the rule is wider than elsewhere, of what a stroke has to stand out that lies along it. corners, met: rows
    where other rules meet it, and how wide these are at most.
    """
    reach = REACH_MM * scale
    joined: list[tuple[int, int, bool, int]] = []
    for a, b in stretches:
        if b - a <= met and any(a - reach <= row < b + reach for row in corners):
            continue  # the other rule itself
        thin, seen = median(more[a:b].tolist()) < 1.5 * stroke, b - a
        if joined:
            start, end, was_thin, seen_before = joined[-1]
            border = any(end <= row <= a for row in corners)
            hidden = a - end <= HIDDEN_MM * scale and sum(wider[end:a].tolist()) > HIDDEN * (a - end)
            if hidden and (thin or was_thin) and not border:
                joined[-1] = (start, b, True, seen_before + seen)
                continue
        joined.append((a, b, thin, seen))
    return [(a, b) for a, b, thin, seen in joined if thin and b - a > 2 * stroke and seen > stroke]
