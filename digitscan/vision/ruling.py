"""Single printed rules found on the page, and matched with those of the form.

Boxes that are open at a side, or that the picture cuts, close no frame. What is left are their rules:
an upright one is crossed by level ones, and two of the crossings fix where the form lies along it and
how large it is (hypothesise and verify, as for `constellation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.forms import FormField
from digitscan.records import Box, Matrix
from digitscan.vision.constellation import Match
from digitscan.vision.landmarks import SIZE_RANGE
from digitscan.vision.placement import CONFIRMED
from digitscan.vision.support import Print, RuledPage, printed
from digitscan.vision.transforms import Points

Lines = NDArray[np.float64]
"""(n, 4): x and y of one end, x and y of the other, px; the longest ink first."""

LEAST_MM = 5.0
SLANTS = np.tan(np.radians(np.arange(-6, 6.01, 0.2)))
BAND_MM = 0.35
MOST_LINES = 60
UPRIGHT_TRIED = 6  # of the page's, each with as many of the form's
PAIRS = 60  # of level rules, tried along an upright one
LEAST_CROSSED = 3
NEAR_MM = 1.0  # a level rule that ends as near as this to an upright one meets it
OFF = 0.12  # of the narrowest gap between level rules: how far one may lie from its place
TILT_WEIGHT = 1.0
CLOSER = 288  # placements of which all print is looked at, piece by piece
SETTLED = 24
KEPT = 12  # placements along one upright rule


def find_rules(page: RuledPage) -> tuple[Lines, Lines]:
    """Nearly level and nearly upright rules of a page, whole or broken, up to six degrees askew.

    A Hough transform (Duda and Hart 1972); what a line explains goes before the next is looked for.
    """
    level = _lines(page.level, page.per_mm)
    upright = _lines(page.upright.T, page.per_mm)
    return level / page.scale, upright[:, [1, 0, 3, 2]] / page.scale


def match(rules: Sequence[Box], page: RuledPage, form_size: tuple[float, float]) -> list[Match]:
    """Ways to lay the form onto the page, in any rotation, the best first.

    rules: the form's printed rules, mm, as boxes without width or without height.
    """
    what = printed(rules, form_size)
    level, upright = find_rules(page)
    nominal = page.per_mm / page.scale
    found = []
    for turn in range(4):
        turned = np.linalg.matrix_power(np.array([(0, -1), (1, 0)]), turn)
        rows, columns = (level, upright) if turn % 2 == 0 else (upright, level)
        rows = _sorted(rows.reshape(-1, 2, 2) @ turned, 0)
        columns = _sorted(columns.reshape(-1, 2, 2) @ turned, 1)
        back = np.eye(3)
        back[:2, :2] = turned
        found += [back @ transform for transform in _laid(rules, rows, columns, nominal)]
    if len(found) > CLOSER:
        rough = page.roughly(found, what)
        found = [found[i] for i in np.argsort(-np.array(rough), kind="stable")[:CLOSER]]
    found.sort(key=lambda t: -page.support(t, what))
    settled = [page.settled(t, what) for t in found[:SETTLED]]
    return sorted((Match(t, 0, _share(page, t, what)) for t in settled), key=lambda m: -m.share)


def place_fields(
    page: RuledPage, transform: Matrix, fields: Sequence[FormField], rules: Sequence[Box]
) -> tuple[list[Matrix], list[float]]:
    """Each field between its own rules: form mm -> page px, and the share of these rules found (0-1).

    A side along which no rule is printed stays where the transform puts it.
    """
    placements, found = [], []
    for field in fields:
        correction, seen = np.eye(3), []
        for axis, (start, length) in enumerate(
            ((field.box.x, field.box.width), (field.box.y, field.box.height))
        ):
            sides = [s for s in (start, start + length) if _is_ruled(field.box, axis, s, rules)]
            spans = np.array([_side(field.box, axis, s) for s in sides]).reshape(-1, 3)
            moved, share = page.offsets(transform, spans, 1 - axis)
            seen += share.tolist()
            sure = share > CONFIRMED
            if len(sides) == 2 and sure.all():
                stretch = 1 + (moved[1] - moved[0]) / length
                correction[axis, axis], correction[axis, 2] = stretch, moved[0] + start * (1 - stretch)
            elif sure.any():
                correction[axis, 2] = moved[sure].mean()
        placements.append(transform @ correction)
        found.append(float(np.mean([s > CONFIRMED for s in seen])) if seen else 0.0)
    return placements, found


def _side(box: Box, axis: int, at: float) -> tuple[float, float, float]:
    return (at, box.y, box.y + box.height) if axis == 0 else (at, box.x, box.x + box.width)


def _is_ruled(box: Box, axis: int, at: float, rules: Sequence[Box]) -> bool:
    """Whether a printed rule runs along the side of a box."""
    _, start, stop = _side(box, axis, at)
    return any(
        r[2 + axis] == 0
        and abs(r[axis] - at) < NEAR_MM / 2
        and r[1 - axis] < start + NEAR_MM
        and r[1 - axis] + r[3 - axis] > stop - NEAR_MM
        for r in rules
    )


def _share(page: RuledPage, transform: Matrix, what: Print) -> float:
    return max(0.0, page.support(transform, what) / max(what.pieces, 1))


def _lines(seen: NDArray[np.float32], per_mm: float) -> Lines:
    """The level lines with the most ink."""
    band, least = max(2.5, BAND_MM * per_mm), LEAST_MM * per_mm
    y, x = (at.astype(np.float64) for at in np.nonzero(seen > 0.3))
    weight = seen[seen > 0.3].astype(np.float64)
    height, width = seen.shape
    pad = int(np.ceil(SLANTS[-1] * width / 2)) + 2
    right = x - width / 2
    votes = np.zeros((len(SLANTS), height + 2 * pad))

    def vote(y: Points, right: Points, weight: Points) -> None:
        for k, slant in enumerate(SLANTS):
            rows = np.rint(y - slant * right).astype(int) + pad
            votes[k] += np.bincount(rows, weight, votes.shape[1])

    vote(y, right, weight)
    found = []
    for _ in range(MOST_LINES):
        three = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]  # a rule is up to three pixels thick here
        k, row = np.unravel_index(three.argmax(), three.shape)
        if three[k, row] < least:
            break
        slant, middle = SLANTS[k], float(row + 1 - pad)
        for _ in range(3):  # paper bends: a rule is followed to where it leaves the straight line
            on = np.abs(y - middle - slant * right) <= band
            slant, middle = np.polyfit(right[on], y[on], 1, w=weight[on])
        ends = np.quantile(right[on], (0.01, 0.99))
        found.append([v for e in ends for v in (e + width / 2, middle + slant * e)])
        gone = np.abs(y - middle - slant * right) <= 1.5 * band
        vote(y[gone], right[gone], -weight[gone])
        y, right, weight = y[~gone], right[~gone], weight[~gone]
    return np.array(found, np.float64).reshape(-1, 4) + 0.5


def _sorted(lines: NDArray[np.float64], axis: int) -> Lines:
    """Lines given as (n, 2 ends, 2) with the lesser end first."""
    order = np.argsort(lines[:, :, axis], axis=1)
    return np.take_along_axis(lines, order[:, :, None], axis=1).reshape(-1, 4)


def _laid(rules: Sequence[Box], level: Lines, upright: Lines, nominal: float) -> list[Matrix]:
    """Form mm -> px, the best few."""
    lying, standing = [r for r in rules if r.height == 0], [r for r in rules if r.width == 0]
    left, right = min(r.x for r in lying), max(r.x + r.width for r in lying)
    met = {
        r.x: np.unique([c.y for c in lying if c.x - NEAR_MM < r.x < c.x + c.width + NEAR_MM])
        for r in standing
    }
    tried = sorted(met.items(), key=lambda item: -len(item[1]))[:UPRIGHT_TRIED]
    crossed = [_crossings(line, level, 2 * nominal) for line in upright[:UPRIGHT_TRIED]]
    along: dict[bytes, list[_Rows]] = {}
    for _, rows in tried:
        if (met_by := rows.tobytes()) not in along:  # most uprights of a table meet the same level rules
            along[met_by] = [r for crossings in crossed for r in _along(rows, crossings, nominal)]
    found = [(x, r) for x, rows in tried for r in along[rows.tobytes()]]
    return [rows.transform(x, left if x - left > right - x else right) for x, rows in found]


@dataclass(frozen=True, slots=True)
class _Crossings:
    """Where level rules meet an upright one."""

    start: Points
    along: Points
    """Unit vector down the upright rule."""
    at: Points
    """(n,) px from the start, sorted."""
    slant: Points
    """(n,) of the level rules, radians."""


def _crossings(upright: Points, level: Lines, slack: float) -> _Crossings:
    """Level rules count that reach as far as `slack` px from the upright one."""
    start, along = upright[:2], _unit(upright[2:] - upright[:2])
    begin, across = level[:, :2], _unit(level[:, 2:] - level[:, :2])
    apart = begin - start
    turned = along[0] * across[:, 1] - along[1] * across[:, 0]
    at = (apart[:, 0] * across[:, 1] - apart[:, 1] * across[:, 0]) / turned
    on = (apart[:, 0] * along[1] - apart[:, 1] * along[0]) / turned
    reached = (on > -slack) & (on < np.hypot(*(level[:, 2:] - begin).T) + slack)
    order = np.flatnonzero(reached)[np.argsort(at[reached])]
    return _Crossings(start, along, at[order], np.arctan2(across[order, 1], across[order, 0]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The form's level rules laid along an upright one: `at = (scale * y + start) / (tilt * y + 1)`."""

    share: float
    scale: float
    start: float
    tilt: float
    slant: float
    crossings: _Crossings
    span: tuple[float, float]

    def transform(self, x: float, far: float) -> Matrix:
        """Form mm -> px, where the upright rule is printed at `x` and level ones run to `far`."""
        across = np.array([np.cos(self.slant), np.sin(self.slant)])
        source, target = [], []
        for y in self.span:
            bottom = self.tilt * y + 1
            here = self.crossings.start + (self.scale * y + self.start) / bottom * self.crossings.along
            scale = (self.scale - self.tilt * self.start) / bottom**2
            source += [(x, y), (far, y)]
            target += [here, here + (far - x) * scale * across]
        corners = np.array(source, np.float32), np.array(target, np.float32)
        return np.asarray(cv2.getPerspectiveTransform(*corners), np.float64)


def _along(rows: Points, crossings: _Crossings, nominal: float) -> list[_Rows]:
    """The best few ways to lay level rules, at `rows` mm, onto the crossings."""
    at = crossings.at
    if len(at) < LEAST_CROSSED or len(rows) < LEAST_CROSSED:
        return []
    first, second = np.triu_indices(len(rows), 1)
    some = np.unique(np.linspace(0, len(first) - 1, PAIRS).round().astype(int))
    i, k = first[some], second[some]
    j, m = np.triu_indices(len(at), 1)
    scale = ((at[m] - at[j])[:, None] / (rows[k] - rows[i])).ravel()
    start = (at[j][:, None] - scale.reshape(len(j), -1) * rows[i]).ravel()
    fits = (scale > SIZE_RANGE[0] * nominal) & (scale < SIZE_RANGE[1] * nominal)
    scale, start = scale[fits], start[fits]
    off = OFF * float(np.diff(rows).min())
    _, distance = _nearest(at, scale[:, None] * rows + start[:, None])
    share = np.maximum(0, 1 - distance / (off * scale[:, None])).mean(axis=1)
    kept: list[_Rows] = []
    for h in np.argsort(-share, kind="stable"):
        same = any(
            abs(scale[h] * y + start[h] - (r.scale * y + r.start)) < 2 * off * scale[h]
            for r in kept
            for y in (rows.mean(),)
        )
        if not same:
            kept.append(_fitted(rows, crossings, float(scale[h]), float(start[h]), off))
        if len(kept) == KEPT:
            break
    return kept


def _fitted(rows: Points, crossings: _Crossings, scale: float, start: float, off: float) -> _Rows:
    """Grown from a scale and a start to what perspective makes of them."""
    at, tilt = crossings.at, 0.0
    middle = float(rows.mean())
    for _ in range(3):
        expected = (scale * rows + start) / (tilt * rows + 1)
        nearest, distance = _nearest(at, expected)
        hit = distance < 2 * off * scale
        if hit.sum() < LEAST_CROSSED:
            break
        y, t = rows[hit], at[nearest[hit]]
        # the paper's own unevenness must not pass for perspective
        weak = TILT_WEIGHT * len(y)
        equations = np.vstack([np.column_stack([y, np.ones_like(y), -y * t]), (0, 0, weak * scale * middle)])
        (scale, start, tilt), *_ = np.linalg.lstsq(equations, np.append(t, 0.0), rcond=None)
    expected = (scale * rows + start) / (tilt * rows + 1)
    nearest, distance = _nearest(at, expected)
    share = float(np.maximum(0, 1 - distance / (2 * off * scale)).mean())
    hit = distance < 2 * off * scale
    slant = float(np.median(crossings.slant[nearest[hit]])) if hit.any() else 0.0
    return _Rows(share, scale, start, tilt, slant, crossings, (float(rows[0]), float(rows[-1])))


def _nearest(at: Points, places: Points) -> tuple[NDArray[np.int64], Points]:
    """Index of the nearest of sorted `at` for each place, and how far it is."""
    after = np.clip(np.searchsorted(at, places), 1, len(at) - 1)
    index = np.where(places - at[after - 1] < at[after] - places, after - 1, after)
    return index, np.abs(at[index] - places)


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float64)
