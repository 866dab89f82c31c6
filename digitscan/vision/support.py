"""How much of a form's print a placement finds, and what print it leaves unexplained.

A table looks much the same a row further on, and many a form does upside down. What tells such places
apart is little: a rule too few at one side, one too many at the other. So every printed rule is looked
at, piece by piece, and the paper beyond its ends too, where none may run on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Image, Matrix
from digitscan.vision.placement import RULE_MM, paper_around, ruled
from digitscan.vision.transforms import apply

Spans = NDArray[np.float64]
"""(n, 3): place of a rule across it, and from where to where it runs, mm."""

LONG_SIDE = 1800  # px, in which rules are looked for
SLACK_MM = 0.6  # how far a rule may lie from its place
RUN_MM = 2.0  # a rule runs on for longer than this; letters and digits do not
STEP_MM = 0.8  # between the points looked at
ROUGHLY = np.array([0.2, 0.5, 0.8])  # of a span: those looked at first, where places are many
NEAR_MM = 1.0  # how far a rule that is found may be off its place still
FAR_MM = 2.0  # how far it is looked for
BEYOND_MM = 8.0  # as far as this, paper is looked at beyond the end of a rule
CLEAR_MM = 1.0  # pens and printers run over by less than this
SHORTEST_MM = 2.0
NOISE, FAINT = 0.1, 0.35  # of a rule's full contrast: what paper shows, and a pale rule
RULED = np.clip((np.arange(256) / 255 - NOISE) / (FAINT - NOISE), 0, 1).astype(np.float32)
"""0-1: whether there is a rule, by what `ruled` gives."""
END = (
    3  # a printed rule is often pale or broken, but hardly ever runs on: it weighs as much as so many pieces
)
UNKNOWN = 0.5  # what counts for a rule beyond the edge of the picture
UNKNOWN_END = 0.33  # and for where there should be none


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """The printed rules of a form, cut where they cross, and the paper beyond their ends."""

    level: Spans
    upright: Spans
    level_ends: Spans
    upright_ends: Spans

    @property
    def pieces(self) -> int:
        return len(self.level) + len(self.upright)


def printed(rules: Iterable[Box], size: tuple[float, float]) -> Print:
    """What to look for on a sheet of a size, mm; a rule is a box without width or without height."""
    rules = list(rules)
    level = _joined((r.y, r.x, r.x + r.width) for r in rules if r.height == 0)
    upright = _joined((r.x, r.y, r.y + r.height) for r in rules if r.width == 0)
    pieces = _cut(level, upright), _cut(upright, level)
    ends = _ends(level, pieces[0], size[0]), _ends(upright, pieces[1], size[1])
    return Print(*(np.array(spans, np.float64).reshape(-1, 3) for spans in (*pieces, *ends)))


def sides(boxes: Iterable[Box]) -> list[Box]:
    """The rules of printed boxes."""
    return [
        side
        for x, y, w, h in boxes
        for side in (Box(x, y, w, 0), Box(x, y + h, w, 0), Box(x, y, 0, h), Box(x + w, y, 0, h))
    ]


class RuledPage:
    """What on a page may be printed rules, whichever form it is and whichever way up."""

    def __init__(self, image: Image, form_size: tuple[float, float]) -> None:
        """image: grey, height x width. form_size: mm, of a form that about fills the picture."""
        self.scale = min(1.0, LONG_SIDE / max(image.shape))
        small = image
        if self.scale < 1:
            size = {"fx": self.scale, "fy": self.scale, "interpolation": cv2.INTER_AREA}
            small = np.asarray(cv2.resize(image, None, **size), np.uint8)
        self.per_mm = max(small.shape) / max(form_size)
        thick, run = max(3, round(RULE_MM * self.per_mm) | 1), max(5, round(RUN_MM * self.per_mm) | 1)
        paper = paper_around(small, thick)
        self.level, self.upright = (RULED[ruled(small, paper, axis, thick, run)] for axis in (1, 0))
        """0-1: whether a level, or upright, rule lies at each pixel of the page made smaller by `scale`."""

    def support(self, transform: Matrix, what: Print) -> float:
        """Pieces seen, less the ends beyond which a rule runs on.

        transform: 3x3, form mm -> page px.
        """
        seen, running_on = self.counted(transform, what)
        return seen - END * running_on

    def roughly(self, transforms: Sequence[Matrix], what: Print) -> list[float]:
        """About what `support` gives, for many places at once: by a few points of each piece and end."""
        reach = 2 * round(SLACK_MM * self.per_mm) + 1
        near = [
            np.asarray(cv2.dilate(seen, np.ones(across, np.uint8)), np.float32)
            for seen, across in ((self.level, (reach, 1)), (self.upright, (1, reach)))
        ]
        supports = np.zeros(len(transforms))
        for spans, axis, weight, beyond in (
            (what.level, 0, 1, UNKNOWN),
            (what.upright, 1, 1, UNKNOWN),
            (what.level_ends, 0, -END, 0.0),
            (what.upright_ends, 1, -END, 0.0),
        ):
            along = (spans[:, 1:2] + (spans[:, 2:] - spans[:, 1:2]) * ROUGHLY).ravel()
            across = np.repeat(spans[:, 0], len(ROUGHLY))
            points = np.column_stack([along, across] if axis == 0 else [across, along])
            for i, transform in enumerate(transforms):
                map_ = near[axis ^ _is_turned(transform)]
                x, y = np.floor(apply(transform, points) * self.scale).astype(int).T
                supports[i] += weight * float(_at(map_, x, y, beyond).sum()) / len(ROUGHLY)
        return [float(s) for s in supports]

    def balance(self, transform: Matrix, what: Print) -> float:
        """The same, less the pieces that are not seen: of two forms that fit, the page's own has more."""
        seen, running_on = self.counted(transform, what)
        return 2 * seen - what.pieces - END * running_on

    def counted(self, transform: Matrix, what: Print) -> tuple[float, float]:
        """How many pieces are seen, and beyond how many ends a rule runs on."""
        pieces, ends = (
            np.concatenate(
                [self._seen(transform, s, axis, beyond=b).max(axis=1) for axis, s in enumerate(both)]
            )
            for both, b in (
                ((what.level, what.upright), UNKNOWN),
                ((what.level_ends, what.upright_ends), UNKNOWN_END),
            )
        )
        # a stroke that happens to stand there is not yet a rule that runs on
        return float(pieces.sum()), float(np.clip((ends - 0.3) / 0.5, 0, 1).sum())

    def settled(self, transform: Matrix, what: Print) -> Matrix:
        """The transform with what the rules near it correct: shift, size, turn and slant.

        Iteratively reweighted least squares, so that a piece that caught the wrong rule is outvoted.
        """
        for _ in range(2):
            fit = np.eye(3)
            for spans, axis in ((what.level, 0), (what.upright, 1)):
                if not len(spans):
                    continue  # the sides of slim cells are too short to be looked at
                away, seen = self.offsets(transform, spans, axis, FAR_MM)
                middle = spans[:, 1:].mean(axis=1)
                x, y = (middle, spans[:, 0]) if axis == 0 else (spans[:, 0], middle)
                centre = x.mean(), y.mean()
                basis = np.column_stack([np.ones_like(x), (x - centre[0]) / 100, (y - centre[1]) / 100])
                weight = sure = seen**2
                for _ in range(6):
                    root = np.sqrt(weight)[:, None]
                    bend, *_ = np.linalg.lstsq(basis * root, away * root[:, 0], rcond=1e-3)
                    weight = sure / (1 + ((basis @ bend - away) / 0.3) ** 2)
                row = 1 - axis
                fit[row] += (*(bend[1:] / 100), bend[0] - (bend[1] * centre[0] + bend[2] * centre[1]) / 100)
            transform = transform @ fit
        return transform

    def offsets(
        self, transform: Matrix, spans: Spans, axis: int, reach: float = NEAR_MM
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far (mm) level (axis 0) or upright spans lie from their rule; how much of it is seen (0-1)."""
        seen = self._seen(transform, spans, axis, reach)
        off = (np.arange(seen.shape[1]) - seen.shape[1] // 2) * STEP_MM / 4
        # a hair's preference for the place expected, so that nothing seen means no move
        best = (seen - 0.05 * np.abs(off)).argmax(axis=1)
        near = np.abs(off - off[best][:, None]) <= RULE_MM / 2
        weight = np.where(near, np.maximum(0, seen - 0.7 * seen.max(axis=1, keepdims=True)), 0) + 1e-9 * near
        return (weight * off).sum(axis=1) / weight.sum(axis=1), seen.max(axis=1)

    def _seen(
        self,
        transform: Matrix,
        spans: Spans,
        axis: int,
        reach: float = SLACK_MM,
        beyond: float = UNKNOWN,
    ) -> NDArray[np.float64]:
        """0-1 for each level (axis 0) or upright span, and each offset across it: how much of it is ruled."""
        counts = np.maximum(2, np.rint((spans[:, 2] - spans[:, 1]) / STEP_MM)).astype(int)
        seen = np.zeros((len(spans), 2 * round(reach * 4 / STEP_MM) + 1))
        # those of about one length together: one long frame must not have all cells looked at as closely
        sizes = np.ceil(np.log2(counts))
        for size in np.unique(sizes):
            own = sizes == size
            seen[own] = self._ruled(transform, spans[own], axis, reach, beyond, int(counts[own].max()))
        return seen

    def _ruled(
        self, transform: Matrix, spans: Spans, axis: int, reach: float, beyond: float, points: int
    ) -> NDArray[np.float64]:
        """The same, by so many points along each span."""
        map_ = (self.level, self.upright)[axis ^ _is_turned(transform)]
        steps = round(reach * 4 / STEP_MM)
        share = np.linspace(0.02, 0.98, points)
        to_map = np.diag([self.scale, self.scale, 1]) @ transform
        along = spans[:, 1:2] + (spans[:, 2:] - spans[:, 1:2]) * share
        across = spans[:, :1] + np.arange(-steps, steps + 1) * STEP_MM / 4
        at = (along[:, None, :], across[:, :, None]) if axis == 0 else (across[:, :, None], along[:, None, :])
        # as `apply` has it of all these points, without a table of them
        x, y, depth = (row[0] * at[0] + (row[1] * at[1] + row[2]) for row in to_map.tolist())
        x, y = (np.floor(v / depth).astype(int) for v in (x, y))
        return np.asarray(_at(map_, x, y, beyond).mean(axis=2), np.float64)


def _is_turned(transform: Matrix) -> bool:
    """Whether what is level on the form stands upright on the page."""
    return bool(abs(transform[1, 0]) > abs(transform[0, 0]))


def _at(
    map_: NDArray[np.float32], x: NDArray[np.int64], y: NDArray[np.int64], beyond: float
) -> NDArray[np.float32]:
    """What a map has at places, and `beyond` where they are not on it."""
    inside = (x >= 0) & (y >= 0) & (x < map_.shape[1]) & (y < map_.shape[0])
    return np.where(inside, map_[y * inside, x * inside], beyond)


def _joined(spans: Iterable[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Spans on one line that touch, as one."""
    joined: list[tuple[float, float, float]] = []
    for place, start, stop in sorted((round(p, 1), a, b) for p, a, b in spans):
        if joined and joined[-1][0] == place and start <= joined[-1][2] + 0.1:
            joined[-1] = (place, joined[-1][1], max(stop, joined[-1][2]))
        else:
            joined.append((place, start, stop))
    return joined


def _cut(
    spans: list[tuple[float, float, float]], others: list[tuple[float, float, float]]
) -> list[tuple[float, float, float]]:
    pieces = []
    for place, start, stop in spans:
        crossed = [at for at, a, b in others if a - 0.1 <= place <= b + 0.1 and start < at < stop]
        bounds = sorted({start, *crossed, stop})
        pieces += [(place, a, b) for a, b in pairwise(bounds) if b - a >= SHORTEST_MM]
    return pieces


def _ends(
    spans: list[tuple[float, float, float]], pieces: list[tuple[float, float, float]], size: float
) -> list[tuple[float, float, float]]:
    """Where nothing may be: from the end of a rule on, as long as the piece before it, and room for it."""
    ends = []
    for place, start, stop in spans:
        own = [(a, b) for at, a, b in pieces if at == place and start <= a and b <= stop]
        if not own:
            continue
        before = max([0.0, *(b for at, _, b in spans if at == place and b < start)])
        after = min([size, *(a for at, a, _ in spans if at == place and a > stop)])
        first, last = (min(BEYOND_MM, b - a) for a, b in (own[0], own[-1]))
        ends.append((place, max(before + CLEAR_MM, start - CLEAR_MM - first), start - CLEAR_MM))
        ends.append((place, stop + CLEAR_MM, min(after - CLEAR_MM, stop + CLEAR_MM + last)))
    return [e for e in ends if e[2] - e[1] >= SHORTEST_MM]
