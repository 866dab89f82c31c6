"""Where along the edges of boxes rules run in ink: single, double, melted into bars, or too pale to be there.

What is told of upright rules goes for level ones, of pictures turned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median, median_low
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Ink

Edge = tuple[int, int, int]
"""Place, start, end; px."""

REACH_MM = 0.5  # a rule may lie this far from its cell's edge
SEEN = 0.4  # of a rule's length inked: less is not a rule, or one too pale to matter
PALE = 0.35  # of a page's rules seen, or less: the others were too pale for ink
ONE_RULE = 0.25  # of the widest bar: edges as near as that have one rule
ENDS = 2
FIRST, LAST, BETWEEN = range(3)  # of a field's edges, which a rule is near
DOUBLE_MM = 1.5  # from a rule another may run along it,
BESIDE = 0.3  # of the way to the next edge: farther in there are strokes
WHOLE = 0.65  # of its length inked
APART = 2  # px by which its distance may vary
DOUBLE = 0.8  # of the rules have such another: they are double; where fewer have, strokes lie along them
FEWEST = 4  # rules tell whether they are
SOME = 8  # fields at most are looked at for that
GOLDEN = 0.618
TICK = 0.33  # of the height of a comb's cells: its ticks are as high at least
BROKEN_MM = 0.3  # a tick may be gone for so long


def merged(edges: Iterable[tuple[float, float, float]]) -> list[Edge]:
    """Edges on one line as one."""
    lines: dict[int, tuple[int, int]] = {}
    for place, start, end in edges:
        first, last = lines.get(round(place), (round(start), round(end)))
        lines[round(place)] = min(first, round(start)), max(last, round(end))
    return [(place, *span) for place, span in sorted(lines.items())]


def split_bars(
    inks: Sequence[Ink], edges: Sequence[list[Edge]], widest: float
) -> tuple[list[list[Edge]], list[list[Edge]]]:
    """Of each field the bars into which rules of cells melted that hardly stand apart, and its other edges.

    widest: px between two such rules.
    """
    apart = range(round(ONE_RULE * widest) + 1, round(widest) + 1)
    close = [[pair for pair in pairwise(own) if pair[1][0] - pair[0][0] in apart] for own in edges]
    found = [
        [(bar, pair) for pair in pairs if (bar := _bar(ink, *pair))]
        for ink, pairs in zip(inks, close, strict=True)
    ]
    if 2 * sum(map(len, found)) <= sum(map(len, close)):  # as of most pairs: others have strokes between
        return [[] for _ in edges], list(edges)
    gone = [{edge for _, pair in melted for edge in pair} for melted in found]
    left = [[edge for edge in own if edge not in part] for own, part in zip(edges, gone, strict=True)]
    return [[bar for bar, _ in melted] for melted in found], left


def ruled(
    inks: Sequence[Ink], edges: Sequence[list[Edge]], streaks: Sequence[Sequence[Edge]], scale: float
) -> list[list[Edge]]:
    """Of each field the rules that are seen near its edges, and near streaks: columns, from and to where.

    scale: px/mm.
    """
    seen = [_near(ink, own, scale) for ink, own in zip(inks, edges, strict=True)]
    if sum(map(len, seen)) > PALE * sum(map(len, edges)):
        printed = _with_second(inks, edges, seen, scale)
    else:  # a stroke along a rule that is too pale for ink is not to be taken for it
        outer = [_near(ink, own[:1] + own[-1:], scale) for ink, own in zip(inks, edges, strict=True)]
        printed = [
            own if 2 * len(own) > len(all_) else ends if len(ends) == ENDS else []
            for own, ends, all_ in zip(seen, outer, edges, strict=True)
        ]
    return [own + _near(ink, more, scale) for ink, own, more in zip(inks, printed, streaks, strict=True)]


def _with_second(
    inks: Sequence[Ink], edges: Sequence[list[Edge]], rules: list[list[Edge]], scale: float
) -> list[list[Edge]]:
    """The rules of each field, and where the page's are double the second ones too.

    Strokes may lie along the rules on one side of many fields; those on both have to be double alike.
    """
    # spread by the golden ratio, so that columns of a table are not passed over
    some = sorted({int(len(inks) * (GOLDEN * i % 1)) for i in range(SOME)})

    def double(part: int) -> _Double | None:
        return _double([rule for i in some for rule in _pairs(inks[i], edges[i], rules[i], part, scale)])

    first = double(FIRST)
    last = double(LAST) if first else None
    if not first or not last or abs(first.apart - last.apart) > APART:
        return rules
    doubles = {FIRST: first, LAST: last, BETWEEN: double(BETWEEN)}
    seconds = [
        [
            pair.second
            for part, like in doubles.items()
            if like
            for pair in like.of(_pairs(ink, all_, own, part, scale))
        ]
        for ink, all_, own in zip(inks, edges, rules, strict=True)
    ]
    return [own + more for own, more in zip(rules, seconds, strict=True)]


def _near(ink: Ink, edges: Iterable[Edge], scale: float) -> list[Edge]:
    """Where near some edges rules run: the same with the columns of these."""
    reach = round(REACH_MM * scale)
    found = ((_rule_column(ink, place, start, end, reach), start, end) for place, start, end in edges)
    return [(column, start, end) for column, start, end in found if column is not None]


def _rule_column(ink: Ink, edge: int, start: int, end: int, reach: int) -> int | None:
    """The column near `edge` where a rule runs; None where none is seen."""
    first, last = max(0, edge - reach), min(ink.shape[1], edge + reach + 1)
    part = ink[start:end, first:last]
    if part.size == 0:
        return None
    inked = np.add.reduce(part, axis=0, dtype=np.int64).tolist()
    most = max(inked)
    if most < SEEN * len(part):
        return None
    peaks = (column for column, count in enumerate(inked, first) if count >= 0.95 * most)
    return min(peaks, key=lambda column: abs(column - edge))


def _bar(ink: Ink, one: Edge, other: Edge) -> Edge | None:
    """The bar of two rules between which no paper shows."""
    apart, start, end = other[0] - one[0], min(one[1], other[1]), max(one[2], other[2])
    first = max(one[0] - apart, 0)
    part = ink[start:end, first : other[0] + apart + 1]
    inked = np.add.reduce(part, axis=0, dtype=np.int64) >= SEEN * len(part)
    left, past = max(_runs_of_one(inked), key=lambda run: run[1] - run[0], default=(0, 0))
    return (first + (left + past - 1) // 2, start, end) if past - left > apart else None


class _Pair(NamedTuple):
    """A rule, and what is about as long and lies along it."""

    apart: int
    middle: float
    """Between them, px to the right of the edge that was told."""
    second: Edge


class _Double(NamedTuple):
    """How rules are double that lie alike, as the first ones of fields do."""

    apart: float
    middle: float
    others: int
    """Beside each, one or, between cells with double rules of their own, two."""

    def of(self, rules: Sequence[list[_Pair]]) -> list[_Pair]:
        """Which of the pairs are double rules; a stroke may lie as far off on the other side."""
        like = ([pair for pair in pairs if abs(pair.apart - self.apart) <= APART] for pairs in rules)
        nearest = (sorted(pairs, key=lambda pair: abs(pair.middle - self.middle)) for pairs in like)
        return [pair for pairs in nearest for pair in pairs[: self.others]]


def _double(rules: Sequence[list[_Pair]]) -> _Double | None:
    """How rules are double, by the pairs that each of them makes; None where many make none."""
    found = [pairs for pairs in rules if pairs]
    if len(rules) < FEWEST or len(found) <= DOUBLE * len(rules):
        return None
    apart = median(pair.apart for pairs in found for pair in pairs)
    like = [[pair for pair in pairs if abs(pair.apart - apart) <= APART] for pairs in found]
    if sum(map(bool, like)) <= DOUBLE * len(rules):
        return None
    middle = median(pair.middle for pairs in like for pair in pairs)
    return _Double(apart, middle, median_low(len(pairs) for pairs in like))


def _pairs(
    ink: Ink, edges: Sequence[Edge], rules: Sequence[Edge], part: int, scale: float
) -> list[list[_Pair]]:
    """Those that each rule makes near the `FIRST` of a field's edges, or near its `LAST`, or `BETWEEN`."""
    found = []
    columns, places = (np.array([place for place, _, _ in lines]) for lines in (rules, edges))
    between = (edges[-1][0] - edges[0][0]) / max(len(edges) - 1, 1) if edges else 0
    farther = round(min(DOUBLE_MM * scale, BESIDE * between))
    for column, start, end in rules:
        edge = int(np.abs(places - column).argmin())
        if part != (FIRST if edge == 0 else LAST if edge == len(edges) - 1 else BETWEEN):
            continue
        left = max(0, column - farther)
        near = ink[start:end, left : column + farther + 1]
        inked = np.add.reduce(near, axis=0, dtype=np.int64) / max(len(near), 1)
        pairs = []
        for begin, past in _runs_of_one(inked > WHOLE):
            if not ((columns - left >= begin) & (columns - left < past)).any():
                place = left + (begin + past - 1) // 2
                middle = (column + place) / 2 - float(places[edge])
                pairs.append(_Pair(abs(place - column), middle, (place, start, end)))
        found.append(pairs)
    return found


def ticks(inks: Sequence[Ink], combs: Sequence[tuple[list[int], int, int]], scale: float) -> list[list[Edge]]:
    """The ticks of combs, each as high as on this page most are, which a stroke may lengthen; those at the
    ends of a comb may have another height.

    combs: of each field the columns of its ticks, and the rows of its cells' top and base line.
    """
    seen: dict[bool, list[float]] = {False: [], True: []}
    for ink, (columns, top, bottom) in zip(inks, combs, strict=True):
        low = round(bottom - TICK * (bottom - top))
        for at, place in enumerate(columns):
            column = _rule_column(ink, place, low, bottom, round(REACH_MM * scale))
            if column is not None:
                above = _followed_up(ink[:low, max(column - 1, 0) : column + 2], round(BROKEN_MM * scale))
                seen[_is_end(at, columns)].append((bottom - low + above) / (bottom - top))
    heights = {is_end: min(max(TICK, median(own)), 1.0) if own else TICK for is_end, own in seen.items()}
    return [
        [
            (place, round(bottom - heights[_is_end(at, columns)] * (bottom - top)), bottom)
            for at, place in enumerate(columns)
        ]
        for columns, top, bottom in combs
    ]


def _is_end(at: int, columns: Sequence[int]) -> bool:
    return at in (0, len(columns) - 1)


def _followed_up(ink: Ink, gap: int) -> int:
    """Rows from the last one up to where ink ends, for longer than `gap` rows."""
    rows = np.flatnonzero(np.any(ink[::-1], axis=1))
    apart = np.flatnonzero(np.diff(rows, prepend=-1) > gap + 1)
    followed = rows[: apart[0]] if len(apart) else rows
    return int(followed[-1]) + 1 if len(followed) else 0


def runs(flags: NDArray[np.bool_]) -> dict[int, list[tuple[int, int]]]:
    """First and past-last index of each run of True, by the row that it is in."""
    rows, ends = np.nonzero(np.diff(flags, axis=1, prepend=False, append=False))
    found: dict[int, list[tuple[int, int]]] = {}
    for row, first, past in zip(rows[::2].tolist(), ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        found.setdefault(row, []).append((first, past))
    return found


def longest(flags: NDArray[np.bool_]) -> int:
    """Length of the longest run of True; 0 for none."""
    return max((past - first for first, past in _runs_of_one(flags)), default=0)


def _runs_of_one(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    framed = np.concatenate([[False], flags, [False]])
    ends = np.flatnonzero(framed[1:] != framed[:-1]).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))
