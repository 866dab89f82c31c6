"""Where each field really sits: its printed rules, looked for around the place registration gives.

A homography holds for flat paper. Paper stretches, curls and is printed in another run, so each field
is moved by what its own rules show, as far as its neighbours agree. The share of rules found is also
the proof that the page is the form it is taken for, and that it is the right way up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from digitscan.forms import FormField
from digitscan.records import Image, Matrix
from digitscan.vision.reduction import reduced
from digitscan.vision.transforms import crop_transform, px_per_mm

Profile = NDArray[np.float64]

SCALE = 6.0  # px/mm in which rules are looked for: a rule of 0.3 mm is then nearly two pixels
REACHES_MM = (2.5, 0.8)  # how far a field may lie from where registration, and then its neighbours, put it
RULE_MM = 1.2  # printed rules are thinner than this
DASHES_MM = 1.5  # dashes stand apart by less
FULL_CONTRAST = 0.16  # of the paper's brightness: from here on a rule counts in full
BESIDE = 2  # px beside the best place in which the middle of a rule is looked for
FAINT = 0.05  # of a rule in full contrast: less is paper
CONFIRMED, ABSENT = 0.4, 0.15  # of a rule's length seen; less is no broken rule but none
WRITTEN_OVER = 0.7  # of an edge's length dark: a rule under thick strokes, or one of which a fax left dots
BLACK, AROUND = 0.6, 15  # so much dark within so many px of an edge is a cover, and no writing
CORNER_MM = 0.5  # at either end of an edge, where others meet it
ENDS = 2  # edges of a box, upright or level
MARGIN_MM = sum(REACHES_MM) + RULE_MM  # around all fields
TO_EDGES = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from pixel centres at whole numbers
TO_CENTRES = np.linalg.inv(TO_EDGES)


def cut(image: Image, transform: Matrix, size: tuple[int, int], enlarge: int = cv2.INTER_CUBIC) -> Image:
    """The part of a page under a crop: transform is crop px -> page px, size is width, height.

    enlarge: interpolation where the crop has more pixels than the page.
    """
    (a, b), (c, d) = transform[:2, :2].tolist()
    interpolation = enlarge if abs(a * d - b * c) < 1 else cv2.INTER_LINEAR
    # pixel centres, so that a crop at the page's own resolution is the page's own pixels
    centred = TO_CENTRES @ transform @ TO_EDGES
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(image, centred, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def paper_around(image: Image, thick: int) -> Image:
    """The grey of the paper around each pixel of a picture whose rules are at most `thick` px across."""
    around = 8 * thick | 1
    local = cv2.boxFilter(image, -1, (around, around))
    return np.asarray(cv2.max(local, np.full_like(local, 32)), np.uint8)  # ten times as quick as NumPy's


def ruled(image: Image, paper: Image, axis: int, thick: int, run: int, gap: int = 0) -> Image:
    """0-255 for each pixel: how much of an upright (axis 0) or level (axis 1) rule lies there.

    A rule is dark, at most `thick` px across, and runs on for `run` px; letters and digits do not.
    paper: as `paper_around` gives it. gap: px between the dashes of which rules may be made.
    """
    beside, along = ((1, 3), (run, 1)) if axis == 0 else ((3, 1), (1, run))
    seen = thin(image, paper, axis, thick)
    if gap:
        across = (gap + 1, 1) if axis == 0 else (1, gap + 1)
        seen = np.asarray(cv2.morphologyEx(seen, cv2.MORPH_CLOSE, _block(across)), np.uint8)
    wide = cv2.dilate(seen, _block(beside))
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, _block(along))
    return np.asarray(cv2.min(seen, opened), np.uint8)


def thin(image: Image, paper: Image, axis: int, thick: int) -> Image:
    """0-255 for each pixel: how much darker than the paper beside, across an upright or level rule."""
    across = (1, thick) if axis == 0 else (thick, 1)
    hat = cv2.morphologyEx(image, cv2.MORPH_BLACKHAT, _block(across))
    return np.asarray(cv2.divide(hat, paper, scale=255 / FULL_CONTRAST), np.uint8)


@lru_cache(maxsize=256)
def _block(shape: tuple[int, int]) -> Image:
    """A solid kernel, height x width."""
    return np.ones(shape, np.uint8)


class LaidPage:
    """A page laid onto a form: what it shows of the rules around the form's fields.

    It is brought into the form's frame as a whole, and all fields are looked for at once.
    """

    def __init__(self, image: Image, transform: Matrix, fields: tuple[FormField, ...]) -> None:
        """image: grey page as scanned. transform: 3x3 form mm -> page px, good to 2.5 mm."""
        self._transform = transform
        self._kinds = _kinds(fields)
        boxes = np.array([f.box for f in fields], np.float64)
        self._sizes, self._centres = boxes[:, 2:], boxes[:, :2] + boxes[:, 2:] / 2
        smallest = np.array([_smallest(f) for f in fields])
        self._steps = {r: np.rint(np.minimum(r, 0.4 * smallest) * SCALE).astype(int) for r in REACHES_MM}
        left, top = boxes[:, :2].min(axis=0) - MARGIN_MM
        width, height = ((boxes[:, :2] + boxes[:, 2:]).max(axis=0) + MARGIN_MM - (left, top)) * SCALE
        self._origin = np.array([left, top])
        small, scale = reduced(image, 1.1 * px_per_mm(transform) / SCALE)
        to_small = crop_transform(np.diag([scale, scale, 1]) @ transform, (left, top), SCALE)
        # what was made smaller before has pixels enough
        enlarge = cv2.INTER_CUBIC if scale == 1 else cv2.INTER_LINEAR
        crop = cut(small, to_small, (round(width), round(height)), enlarge)
        thick = round(RULE_MM * SCALE)
        paper = paper_around(crop, thick)
        self._dark = crop < cv2.convertScaleAbs(paper, alpha=1 - FULL_CONTRAST)
        self._sums = {
            (kind.run, kind.gap, axis): cv2.integral(ruled(crop, paper, axis, thick, kind.run, kind.gap))
            for kind in self._kinds
            for axis in (0, 1)
        }
        self._coarse = self._found(np.zeros_like(self._centres), REACHES_MM[0])
        self.evidence = float(self._coarse.share.mean())
        """Share of printed rules found near where they should be, without refinement (0-1)."""

    def placed(self) -> tuple[list[Matrix], list[float], list[float]]:
        """Each field's own form mm -> page px, the share of its printed rules found (0-1), and of its upright
        or of its level ones, whichever is less: a field beside its place sees all level ones. The last is 0
        for a field that seems to lie a cell off, to have other cells, or one cell that lacks a side.
        """
        expected = _smoothed(self._centres, self._coarse.shift, self._coarse.share)
        found = self._found(expected, REACHES_MM[1], under_ink=True)
        sure = (found.share >= CONFIRMED)[:, None]
        shift, stretch = np.where(sure, found.shift, expected), np.where(sure, found.stretch, 1.0)
        # stretched about the box's centre, then shifted
        corrections = np.tile(np.eye(3), (len(shift), 1, 1))
        corrections[:, (0, 1), (0, 1)] = stretch
        corrections[:, :2, 2] = self._centres * (1 - stretch) + shift
        elsewhere = found.is_half | self._a_cell_off(found) | self._otherwise_divided(found)
        lesser = np.where(elsewhere, 0.0, found.lesser)
        return list(self._transform @ corrections), found.share.tolist(), lesser.tolist()

    def _a_cell_off(self, found: _Found) -> NDArray[np.bool_]:
        """Of each field whether no rule is seen at one end of its cells, and one a cell beyond the other."""
        off = np.zeros(len(found.share), np.bool_)
        for kind in self._kinds:
            (left, beyond_left), (right, beyond_right) = (
                self._seen_at(kind, *self._where(kind, edges, found)).reshape(-1, 2).T > CONFIRMED
                for edges in kind.ends
            )
            off[kind.fields] = (~left & beyond_right) | (~right & beyond_left)
        return off

    def _otherwise_divided(self, found: _Found) -> NDArray[np.bool_]:
        """Of each field whether both ends of its cells are seen, but no rule between any two of them.

        Unless all of these may lie under the writing.
        """
        divided = np.zeros(len(found.share), np.bool_)
        for kind in self._kinds:
            edges = kind.edges[0]
            columns, spans = self._where(kind, edges, found)
            shares = self._seen_at(kind, columns, spans)
            seen, there = shares > CONFIRMED, self._under_ink(0, shares, columns, spans) > CONFIRMED
            ends = seen[edges.first] & seen[edges.first + edges.counts - 1]
            none = np.add.reduceat(seen, edges.first, dtype=int) == ENDS
            hidden = np.logical_and.reduceat(there, edges.first)
            divided[kind.fields] = (edges.counts > ENDS + 1) & ends & none & ~hidden
        return divided

    def _where(self, kind: _Kind, edges: _Edges, found: _Found) -> tuple[NDArray[np.int64], Profile]:
        """Columns of upright edges of fields, and from where to where they run, mm, as these were found."""
        own = kind.fields[edges.field]
        middle, (across, down) = self._centres[own, 0], found.shift[own].T
        place = middle + (edges.place - middle) * found.stretch[own, 0] + across
        return np.rint((place - self._origin[0]) * SCALE - 0.5).astype(int), edges.spans + down

    def _seen_at(self, kind: _Kind, columns: NDArray[np.int64], spans: Profile) -> NDArray[np.float32]:
        """How much rule (0-1) there is along upright edges."""
        windows = columns[:, None] + np.arange(-BESIDE, BESIDE + 2)
        return np.asarray(self._profiles(kind, 0, spans, windows).max(axis=1), np.float32)

    def _under_ink(
        self, axis: int, seen: NDArray[np.float32], columns: NDArray[np.int64], spans: Profile
    ) -> NDArray[np.float32]:
        """How much rule (0-1) is seen along edges, but all of it where one may lie under the writing."""
        dark = self._dark if axis == 0 else self._dark.T
        ends = np.rint((spans - self._origin[1 - axis] + [[CORNER_MM], [-CORNER_MM]]) * SCALE).astype(int)
        told = seen.copy()
        for edge in np.flatnonzero(seen <= CONFIRMED):
            start, stop = ends[:, edge].clip(0)
            along, around = (
                dark[start:stop, max(columns[edge] - beside, 0) : columns[edge] + beside + 1]
                for beside in (1, AROUND)
            )
            if along.size and along.any(axis=1).mean() > WRITTEN_OVER and around.mean() < BLACK:
                told[edge] = 1.0
        return told

    def _found(self, expected: Profile, reach: float, *, under_ink: bool = False) -> _Found:
        """Each field's rules within `reach` mm of where a shift, mm, is expected to bring them.

        under_ink: whether `lesser` and `is_half` take what may lie under the writing for seen.
        """
        shift, stretch = expected.copy(), np.ones_like(expected)
        seen, edges, lesser = np.zeros(len(expected)), np.zeros(len(expected)), np.ones(len(expected))
        half = np.zeros(len(expected), np.bool_)
        for kind in self._kinds:
            for axis in (0, 1):
                moved, stretched, under, columns = self._aligned(kind, axis, expected[kind.fields], reach)
                shift[kind.fields, axis] += moved / SCALE
                stretch[kind.fields, axis] = stretched
                own = kind.edges[axis]
                seen[kind.fields] += own.counts * own.mean((under > CONFIRMED).astype(float))
                edges[kind.fields] += own.counts
                if under_ink:
                    spans = own.spans + expected[kind.fields][own.field, 1 - axis]
                    under = self._under_ink(axis, under, columns, spans)
                share = own.mean((under > CONFIRMED).astype(float))
                lesser[kind.fields] = np.minimum(lesser[kind.fields], share)
                least = np.minimum.reduceat(under, own.first)
                half[kind.fields] |= (own.counts == ENDS) & (least < ABSENT)
        return _Found(shift, stretch, seen / edges, lesser, half)

    def _aligned(
        self, kind: _Kind, axis: int, expected: Profile, reach: float
    ) -> tuple[Profile, Profile, NDArray[np.float32], NDArray[np.int64]]:
        """Of fields of one kind, along an axis: the shift (px from the expected) and stretch that put most
        rule under their edges; and what each edge then sees, and at which column (row, axis 1).
        """
        edges, fields = kind.edges[axis], kind.fields
        steps, middle = self._steps[reach][fields], self._centres[fields, axis][edges.field]
        # no edge moves by more than half a millimetre through stretch
        slack = np.minimum(0.03, 0.5 / self._sizes[fields, axis])
        stretches = 1 + np.array([0, -0.5, 0.5, -1, 1])[:, None] * slack
        at = middle + (edges.place - middle) * stretches[:, edges.field] + expected[edges.field, axis]
        exact = (at - self._origin[axis]) * SCALE - 0.5
        columns = np.rint(exact).astype(int)
        aside = columns - columns[0]
        most, room = int(steps.max()), int(np.abs(aside).max()) + BESIDE
        windows = columns[0][:, None] + np.arange(-most - room, most + room + 2)
        seen = self._profiles(kind, axis, edges.spans + expected[edges.field, 1 - axis], windows)
        # a rule seen within a pixel of the edge counts: it may lie across two
        wide = np.asarray(cv2.dilate(seen, _block((1, 3))), np.float32)
        edge, shifts = np.arange(len(edges.field)), np.arange(-most, most + 1)
        under = sliding_window_view(wide, len(shifts), axis=1)[edge, aside + room]
        # a hair's preference for the place expected, so that nothing seen means no move
        total = np.add.reduceat(under, edges.first, axis=1) - 0.3 * np.abs(stretches - 1)[:, :, None]
        total = np.where(np.abs(shifts) <= steps[:, None], total - 1e-3 * np.abs(shifts), -np.inf)
        best = total.transpose(1, 0, 2).reshape(len(fields), -1).argmax(axis=1)
        stretch, k = np.divmod(best, len(shifts))
        own, here = stretch[edges.field], k[edges.field]
        place = aside[own, edge] + here + room - BESIDE
        beside = sliding_window_view(seen, 2 * BESIDE + 1, axis=1)[edge, place]
        off = edges.mean(exact[own, edge] - columns[own, edge])
        part = _middle(edges.mean(beside), off)
        stretched = stretches[stretch, np.arange(len(fields))]
        return shifts[k] + part, stretched, under[own, edge, here], columns[own, edge] + shifts[here]

    def _profiles(
        self, kind: _Kind, axis: int, spans: Profile, columns: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """How much rule (0-1) there is along each edge at each of its columns (rows, axis 1) but the last.

        spans: (2, edges): from where to where, mm.
        """
        sums = self._sums[kind.run, kind.gap, axis]
        sums = sums if axis == 0 else sums.T
        ends = np.rint((spans - self._origin[1 - axis]) * SCALE).astype(int)
        start, stop = np.minimum(np.maximum(ends, 0), len(sums) - 1)[:, :, None]
        columns = np.minimum(np.maximum(columns, 0), sums.shape[1] - 1)
        along = np.diff(sums[stop, columns] - sums[start, columns])
        return np.asarray(along / np.maximum(255 * (stop - start), 1), np.float32)


@dataclass(frozen=True, slots=True)
class _Found:
    """Of each field: shift (mm) and stretch that bring its edges onto printed rules; how many are seen."""

    shift: Profile
    stretch: Profile
    share: Profile
    lesser: Profile
    """Of the upright or of the level edges, whichever is less."""
    is_half: NDArray[np.bool_]
    """Whether of two upright, or two level, edges one is not there at all."""


@dataclass(frozen=True, slots=True)
class _Edges:
    """Printed edges of fields, upright or level, those of one field after another's."""

    field: NDArray[np.int64]
    first: NDArray[np.int64]
    """Of each field."""
    counts: NDArray[np.int64]
    place: Profile
    """Across the edge, mm."""
    spans: Profile
    """(2, edges): where each begins and ends, mm."""

    def mean(self, values: Profile) -> Profile:
        """Of each field, of values of its edges."""
        counts = self.counts.reshape(-1, *(1,) * (values.ndim - 1))
        return np.asarray(np.add.reduceat(values, self.first) / counts, np.float64)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Fields with cells of about one size: strokes up to a length are no rules there."""

    run: int
    gap: int
    """Between dashes, px; 0 where rules are whole."""
    fields: NDArray[np.int64]
    edges: tuple[_Edges, _Edges]
    """Upright and level ones."""
    ends: tuple[_Edges, _Edges]
    """The outermost upright ones on the left, each before the place of one a cell beyond; then the right."""


@lru_cache(maxsize=16)
def _kinds(fields: tuple[FormField, ...]) -> tuple[_Kind, ...]:
    alike: dict[tuple[int, int], list[int]] = {}
    for index, field in enumerate(fields):
        run = round(min(2.5, 0.45 * _smallest(field)) * SCALE) | 1
        gap = round(DASHES_MM * SCALE) if field.printed == "dashed" else 0
        alike.setdefault((run, gap), []).append(index)
    return tuple(_kind(*rules, np.array(own), [fields[i] for i in own]) for rules, own in alike.items())


def _kind(run: int, gap: int, own: NDArray[np.int64], fields: Sequence[FormField]) -> _Kind:
    edges = _edges(fields, 0), _edges(fields, 1)
    return _Kind(run, gap, own, edges, (_ends(fields, 0), _ends(fields, 1)))


def _ends(fields: Sequence[FormField], far: int) -> _Edges:
    """Of each field the outermost upright edge on the left (far 0) or right, and the place of one beyond."""
    cells = [(max if far else min)(field.cells or (field.box,)) for field in fields]
    away = 1 if far else -1
    return _listed([[(b.x + (far + k * away) * b.width, b.y, b.y + b.height) for k in (0, 1)] for b in cells])


def _edges(fields: Sequence[FormField], axis: int) -> _Edges:
    return _listed(
        [
            dict.fromkeys(
                (round(b[axis] + far * b[2 + axis], 3), b[1 - axis], b[1 - axis] + b[3 - axis])
                for b in field.cells or (field.box,)
                for far in (0, 1)
            )
            for field in fields
        ]
    )


def _listed(own: Sequence[Collection[tuple[float, float, float]]]) -> _Edges:
    """Edges of each of some fields: place, start and end, mm."""
    counts = np.array([len(edges) for edges in own])
    place, start, stop = np.array([edge for edges in own for edge in edges], np.float64).T
    first = np.cumsum(counts) - counts
    return _Edges(np.repeat(np.arange(len(own)), counts), first, counts, place, np.stack([start, stop]))


def _middle(seen: Profile, off: Profile) -> Profile:
    """Px from the middle of each row to that of the rule seen in it, less `off`; 0 where none is seen."""
    most = seen.max(axis=1, keepdims=True)
    weight = np.maximum(seen - most / 2, 0)
    middle = weight @ np.arange(-BESIDE, BESIDE + 1) / np.maximum(weight.sum(axis=1), 1e-6)
    return np.asarray(np.where(most[:, 0] > FAINT, middle - off, 0.0), np.float64)


def _smallest(field: FormField) -> float:
    return min(min(b.width, b.height) for b in field.cells or (field.box,))


def _smoothed(centres: Profile, shifts: Profile, weights: Profile) -> Profile:
    """The shifts as a smooth bend of the paper: quadratic where they suffice.

    Iteratively reweighted least squares, so that a field that caught the wrong rule is outvoted.
    """
    x, y = (centres - centres.mean(axis=0)).T / 100
    columns = [np.ones_like(x), x, y, x * y, x * x, y * y]
    basis = np.column_stack(columns[: 1 if len(centres) < 4 else 3 if len(centres) < 12 else 6])
    weight = np.where(weights >= CONFIRMED, weights, 1e-3)
    solution: Profile = np.zeros((basis.shape[1], 2))
    for _ in range(8):
        root = np.sqrt(weight)[:, None]
        solution = np.asarray(np.linalg.lstsq(basis * root, shifts * root, rcond=1e-6)[0], np.float64)
        away = np.hypot(*(shifts - basis @ solution).T)
        weight = np.where(weights >= CONFIRMED, weights, 1e-3) / (1 + (away / 0.3) ** 2)
    return np.asarray(basis @ solution, np.float64)
