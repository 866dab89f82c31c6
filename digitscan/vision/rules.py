"""Take printed rules out of ink without eating the strokes that touch or cross them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box

Ink = NDArray[np.bool_]

SKEWS = np.arange(-4, 4.5, 0.5)  # px by which a rule may drift from end to end
PLACES = 24  # px within which it lies
REACH_MM = 0.5  # a rule may lie this far from its cell's edge
WIDEST_MM = 1.1
HIDDEN_MM = 2.6  # so far may a stroke vanish in a rule that it runs along
SEEN = 0.4  # of a rule's length inked: less is not a rule, or one too pale to matter


@dataclass(frozen=True, slots=True)
class _Rule:
    """An upright rule; arrays have one element for each of its rows."""

    column: int
    rows: slice
    before: NDArray[np.int64]
    """Ink that reaches left from the column."""
    after: NDArray[np.int64]
    """Ink from the column on to the right."""
    left: NDArray[np.float64]
    """How much of `before` is the rule's own."""
    right: NDArray[np.float64]

    @property
    def width(self) -> float:
        return float((self.left + self.right).mean())

    @property
    def even(self) -> bool:
        """Whether it is as wide all along, corners included: then all of it is print."""
        close = (np.abs(self.before - self.left) <= 1.5) & (np.abs(self.after - self.right) <= 1.5)
        return bool(close.mean() > 0.85)


def remove_rules(ink: Ink, boxes: Sequence[Box], scale: float, stroke: float) -> Ink:
    """The ink without the rules around boxes.

    ink: height x width. boxes: in the same px, good to `REACH_MM`. scale: px/mm. stroke: the pen's usual
    width in px.
    """
    # one rule runs along the tops of all cells in a row, and one between two neighbours
    upright = _edges((e, b.y, b.y + b.height) for b in boxes for e in (b.x, b.x + b.width))
    lying = _edges((e, b.x, b.x + b.width) for b in boxes for e in (b.y, b.y + b.height))
    rules = _find_rules(ink, upright, scale)
    widths = [r.width for r in rules]
    ink = _without(ink, rules, widths, [], scale, stroke)
    rules = _find_rules(ink.T, lying, scale)
    borders = [place for place, _, _ in upright]
    return _without(ink.T, rules, widths + [r.width for r in rules], borders, scale, stroke).T


def _edges(edges: Iterable[tuple[float, float, float]]) -> list[tuple[int, int, int]]:
    """Edges on one line as one: place, start, end."""
    lines: dict[int, tuple[int, int]] = {}
    for place, start, end in edges:
        first, last = lines.get(round(place), (round(start), round(end)))
        lines[round(place)] = min(first, round(start)), max(last, round(end))
    return [(place, *span) for place, span in sorted(lines.items())]


def _find_rules(ink: Ink, edges: list[tuple[int, int, int]], scale: float) -> list[_Rule]:
    """The rules that run along some of the edges (place, start, end), those of one length at a time."""
    reach = round(REACH_MM * scale)
    found: dict[int, _Rule] = {}
    for span in {(start, end) for _, start, end in edges}:
        start, end = span
        seen = [
            (place, column)
            for place, *ends in edges
            if (*ends,) == span and (column := _rule_column(ink, place, start, end, scale)) is not None
        ]
        if not seen:
            continue
        # rules run on beyond the cell's corners
        rows = slice(max(0, start - reach), end + reach)
        runs = [_run_around(ink[rows], column, scale) for _, column in seen]
        # The rule is followed along its length, since it is skewed and its edges are rough.
        lengths = np.array([run for pair in runs for run in pair])
        through = np.repeat([before + after > 0 for before, after in runs], 2, axis=0)
        sides = _rule_sides(lengths, through)
        for (place, column), (before, after), left, right in zip(
            seen, runs, sides[::2], sides[1::2], strict=True
        ):
            found[place] = _Rule(column, rows, before, after, left, right)
    return [found[place] for place, _, _ in edges if place in found]


def _without(
    ink: Ink, rules: list[_Rule], widths: list[float], borders: list[int], scale: float, stroke: float
) -> Ink:
    """The ink without these upright rules, of which the field's are usually so wide.

    borders: rows where one cell ends and another begins.
    """
    usual = _percentile(np.array(widths), 30) if widths else 0.0
    cleaned = ink.copy()
    for rule in rules:
        before, after, left, right = rule.before, rule.after, rule.left, rule.right
        if _percentile(before + after, 50) > 3 * WIDEST_MM * scale:
            # print beside the cell: the writer's ink cannot be told from it
            far = np.where(before > after, before, 2)
            cleaned[rule.rows] &= ~_between(ink.shape[1], rule.column - far, rule.column + right)
            continue
        if rule.width > 1.4 * usual + 1 and not rule.even:
            # a stroke lies along most of the rule
            left, right = np.minimum(left, usual / 2 + 1), np.minimum(right, usual / 2 + 1)
        more = np.stack([before - left, after - right])
        fuzz = max(1.0, 3 * _percentile(np.abs(more).ravel(), 25))
        most = np.maximum(*more)
        crossing, beside = np.minimum(*more) > fuzz, most > fuzz
        # Ink on both sides is a stroke that crosses: it stays whole. On one side it is a stroke that ends
        # here and loses nothing that counts, unless it runs along the rule.
        stays = crossing | _along(beside, most, rule, borders, scale, stroke)
        own_left = np.where(more[0] > fuzz, left, before)
        own_right = np.where(more[1] > fuzz, right, after)
        own = _between(ink.shape[1], rule.column - own_left, rule.column + own_right)
        cleaned[rule.rows] &= ~(own & ~stays[:, None])
    return cleaned


def _along(
    touched: NDArray[np.bool_],
    more: NDArray[np.float64],
    rule: _Rule,
    borders: list[int],
    scale: float,
    stroke: float,
) -> NDArray[np.bool_]:
    """Rows where a stroke runs along the rule, half hidden by it, wholly for a stretch.

    touched: rows with ink beside the rule; more: how much, px.
    """
    runs = _runs(touched)
    sliver = [_percentile(more[a:b], 50) < 1.5 * stroke for a, b in runs]
    joined: list[tuple[int, int, bool]] = []
    for (a, b), thin in zip(runs, sliver, strict=True):
        if joined:
            start, end, was_thin = joined[-1]
            border = any(end <= row - rule.rows.start <= a for row in borders)
            if a - end <= HIDDEN_MM * scale and (thin or was_thin) and not border:
                joined[-1] = (start, b, True)
                continue
        joined.append((a, b, thin))
    along = np.zeros(len(touched), bool)
    for a, b, thin in joined:
        along[a:b] = thin and b - a > 2 * stroke
    return along


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and past-last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _rule_column(ink: Ink, edge: int, start: int, end: int, scale: float) -> int | None:
    """The column near `edge` where a rule runs; None where none is seen."""
    reach = round(REACH_MM * scale)
    first, last = max(0, edge - reach), min(ink.shape[1], edge + reach + 1)
    near = ink[start:end, first:last].mean(axis=0)
    if near.size == 0 or near.max() < SEEN:
        return None
    peaks = first + np.flatnonzero(near >= 0.95 * near.max())
    return int(peaks[np.abs(peaks - edge).argmin()])


def _run_around(ink: Ink, column: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row, ink that reaches left from `column` and right from it on (itself counted right).

    A row where the rule leaves `column` by a pixel still counts.
    """
    reach = 4 * round(WIDEST_MM * scale)  # a run longer than that is solid print, however long
    first = max(0, column - reach)
    seen = ink[:, first : column + reach + 1]
    near = np.zeros((len(seen), seen.shape[1] + 2), bool)
    near[:, 1:-1] = seen
    middle = column - first + 1
    here, left, right = near[:, middle], near[:, middle - 1], near[:, middle + 1]
    # paper lies beyond both ends, so the first that is not ink is always found
    leftward = near[:, middle - 1 :: -1].argmin(axis=1)
    rightward = near[:, middle + 1 :].argmin(axis=1)
    before = np.where(here | left, leftward, -(right.astype(np.int64)))
    return before, np.where(here | (right & ~left), 1 + rightward, 0)


def _rule_sides(lengths: NDArray[np.int64], counted: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """How far rules themselves reach on one side, for each row: a straight line, level or a little askew.

    lengths, counted: (sides, rows). Of the lines that many rows agree on, the one nearest to the rule's
    middle: a stroke that lies along the rule only ever adds to it.
    """
    count, height = lengths.shape
    rows = np.arange(height)
    drifts = SKEWS / max(height, 1)
    levels = lengths[:, None, :] - drifts[:, None] * rows
    where = np.broadcast_to(counted[:, None, :], levels.shape)
    lowest = np.floor(levels.min(axis=(1, 2), where=where, initial=np.inf))
    # a row agrees with all places not farther than a pixel: counted where they begin and end
    line = np.arange(count * len(drifts)).reshape(count, len(drifts), 1) * (PLACES + 1)
    above = levels - lowest[:, None, None]
    steps = np.zeros(line.size * (PLACES + 1), np.int64)
    for ends, sign in ((np.ceil(above) - 1, 1), (np.floor(above) + 2, -1)):
        at = np.minimum(np.maximum(ends, 0), PLACES).astype(np.int64) + line
        steps += sign * np.bincount(at[where], minlength=steps.size)
    agreeing = steps.reshape(count, len(drifts), PLACES + 1).cumsum(axis=2)[:, :, :PLACES]
    most = agreeing.max(axis=2) - 0.01 * np.abs(SKEWS)
    sides = []
    for side, drift in enumerate(most.argmax(axis=1).tolist()):
        nearest = int((agreeing[side, drift] >= 0.2 * most[side, drift]).argmax())
        place = int(agreeing[side, drift, nearest : nearest + 4].argmax())
        sides.append(lowest[side] + nearest + place + drifts[drift] * rows)
    return sides


def _percentile(values: NDArray[np.float64] | NDArray[np.int64], share: float) -> float:
    """As `np.percentile` has it, which takes ten times as long over a few values."""
    ordered = np.sort(values)
    at = share / 100 * (len(ordered) - 1)
    low = int(at)
    below, above = float(ordered[low]), float(ordered[min(low + 1, len(ordered) - 1)])
    part = at - low
    return above - (above - below) * (1 - part) if part >= 0.5 else below + (above - below) * part


def _between(width: int, left: NDArray[np.float64], right: NDArray[np.float64]) -> Ink:
    columns = np.arange(width)[None, :]
    return (columns >= left[:, None]) & (columns < right[:, None])
