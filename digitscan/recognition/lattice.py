"""Paths through the lattice of hypotheses of what a field's ink may be, and what each weighs.

A path through the lattice gives every piece of ink to a glyph or to the dirt. Its weight is that of its
shape (sizes, gaps, places in cells) times what the network gives its glyphs. Paths are summed by value from
left to right, so that segmentations which read alike support each other and others are rivals (the forward
algorithm of hidden Markov models; for strings of digits after Matan, Burges, LeCun, Denker: "Multi-digit
recognition using a space displacement neural network", 1992).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition.beams import BLANK_CELL, Beam, Mark, Options, Partial, begun, options
from digitscan.records import CLASSES, CROSSED, OTHER, Box
from digitscan.vision.pieces import Cut
from digitscan.vision.segmentation import LARGE, Segmentation

Probabilities = NDArray[np.float32]

FLOOR = 1e-6
OPTIONS = 4  # readings of a glyph that are followed
HOPELESS = 1e-5  # of the likeliest reading of a glyph: less is not followed
MORE_OTHER = 84.0  # how much more often than expected of a glyph is a guess at one no whole digit
UNREADABLE = 0.05  # a best class less probable than this is not worth a guess
LAST_RESORT = 1e-3  # weight of calling a glyph unreadable: any other segmentation that reads is better
BLANK = 0.9995  # that a cell without ink is blank
STRUCK_CELLS = 3.0  # how much more often than in training a mark in a cell strikes it out
DASH_IN_NUMBER = 0.02  # of the marks in an open box: struck out, and not a piece of a digit
DIRT = 0.3
LEAST_DIRT = math.log(1e-4)
TINY = 1e-9
# Log-weight of a digit where all ink is smaller than digits are in such a field: in forms that people filled
# in, the largest is never under 0.86 of the digit height, and what a rule leaves behind is.
ALL_SMALL, SMALL = math.log(1e-3), 0.8
SHARED = -1.5  # log-weight of two digits that share a piece
SHARED_WIDTH = 0.4  # in heights of a digit: a wider piece is not shared
ONE_OR_SEVERAL = 0.95  # width, in heights of a digit, of ink that is one digit as often as several
LABELS = tuple("X" if c == "crossed" else "?" if c == "other" else c for c in CLASSES)


class Lattice:
    """The hypotheses of a field, and what the network says of them."""

    def __init__(
        self, segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
    ) -> None:
        self.segmentation, self.probabilities, self.cells = segmentation, probabilities, cells
        self.pieces, self.hypotheses = segmentation.pieces, segmentation.hypotheses
        self.height = max(segmentation.digit_height, 1.0)
        largest = max((max(piece.box[2:]) for piece in segmentation.uncut), default=0)
        self.all_small = ALL_SMALL if largest < SMALL * self.height else 0.0
        self.starting: dict[int, list[int]] = {}
        for index, h in enumerate(self.hypotheses):
            self.starting.setdefault(h.first, []).append(index)
        self.shapes = [self._shape(index) for index in range(len(self.hypotheses))]
        rows = self.probabilities.astype(np.float64)
        self.whole = rows[:, :OTHER] / (1 + (MORE_OTHER - 1) * rows[:, OTHER:])
        self.options = self._options()
        self.dirt = [self._dirt(index) for index in range(len(self.pieces))]
        self.centres = [self._centres(index) for index in range(len(self.hypotheses))]
        self.glyphs_from = [self._glyphs_from(used) for used in range(len(self.pieces) + 1)]

    @cached_property
    def as_digits(self) -> NDArray[np.float64]:
        """Logarithms of the weights of each hypothesis as a digit, hypotheses x 10."""
        return np.asarray(np.log(np.maximum(self.whole[:, :10], FLOOR)), np.float64)

    def through_cells(self) -> Beam:
        """Every cell has one glyph or none."""
        if not self.pieces:
            return Beam(0.0, {"": Partial(0.0, 0.0, (Mark(None, "_"),) * len(self.cells))})
        blank = math.log(BLANK)
        beams = defaultdict(Beam, {0: begun()})
        self._skip_dirt(beams)
        for cell in self.cells:
            after = defaultdict[int, Beam](Beam)
            for used, beam in beams.items():
                after[used].extend(beam, blank, BLANK_CELL)
                for index, shape in self.glyphs_from[used]:
                    prior = shape + self._misplaced(index, cell)
                    after[self.hypotheses[index].last].extend(beam, prior, self.options[index])
            beams = defaultdict(Beam, sorted(after.items()))
            self._skip_dirt(beams)
        return beams[len(self.pieces)]

    def through_box(self, digits: tuple[int, int]) -> Beam:
        """Any number of glyphs that the field allows; where there is none, any number."""
        final = self._through_open(digits[1])
        allowed = [beam for count, beam in final.items() if count >= digits[0]]
        end = Beam()
        for beam in allowed or self._through_open(len(self.pieces)).values():
            end.extend(beam, 0.0)
        end.prune()
        return end

    def _through_open(self, most: int) -> dict[int, Beam]:
        """What was read at the end of an open box, by the number of glyphs; there are `most` at most."""
        # for each number of pieces used, by the number of glyphs
        beams = [defaultdict[int, Beam](Beam) for _ in range(len(self.pieces) + 1)]
        beams[0][0] = begun()
        for used, dirt in enumerate(self.dirt):
            for count, beam in beams[used].items():
                beam.prune()
                beams[used + 1][count].extend(beam, dirt)
                if count < most:
                    for index, shape in self.glyphs_from[used]:
                        after = beams[self.hypotheses[index].last][count + 1]
                        after.extend(beam, shape, self.options[index])
        return beams[-1]

    def through_numbers(self, texts: Sequence[str]) -> dict[str, Partial]:
        """All paths that read as each of some numbers, however badly; without those that have none."""
        longest = max(map(len, texts), default=0)
        # beyond a number's end anything may stand: nothing there is looked at
        signs = np.array([[int(sign) for sign in text.ljust(longest, "0")] for text in texts], np.int64).T
        shape = len(self.pieces) + 1, longest + 1, len(texts)
        weight, best = np.full(shape, -np.inf), np.full(shape, -np.inf)
        weight[0, 0] = best[0, 0] = 0.0
        came = np.zeros(shape, np.int64)  # on the best path: the last of these steps
        steps: list[tuple[int, int | None]] = []  # pieces used before, and the glyph; None for dirt

        def step(used: int, index: int | None, gain: NDArray[np.float64] | float) -> None:
            last, glyphs = (used + 1, 0) if index is None else (self.hypotheses[index].last, 1)
            before, after = slice(0, longest + 1 - glyphs), slice(glyphs, longest + 1)
            weight[last, after] = np.logaddexp(weight[last, after], weight[used, before] + gain)
            reached = best[used, before] + gain
            better = reached > best[last, after]
            best[last, after] = np.where(better, reached, best[last, after])
            came[last, after] = np.where(better, len(steps), came[last, after])
            steps.append((used, index))

        for used, dirt in enumerate(self.dirt):
            step(used, None, dirt)
            for index, prior in self.glyphs_from[used]:
                step(used, index, prior + self.as_digits[index][signs])
        found: dict[str, Partial] = {}
        for k, text in enumerate(texts):
            used, count, marks = len(self.pieces), len(text), list[Mark]()
            if weight[used, count, k] == -np.inf:
                continue
            ends = float(weight[used, count, k]), float(best[used, count, k])
            while used:
                used, index = steps[came[used, count, k]]
                if index is not None:
                    count -= 1
                    marks.append(Mark(index, text[count]))
            found[text] = Partial(*ends, tuple(reversed(marks)))
        return found

    def _glyphs_from(self, used: int) -> list[tuple[int, float]]:
        """The hypotheses that can follow where so many pieces are used, with the log-weights of their shapes.

        Where digits overlap, the piece between two cuts is ink of both.
        """
        found = [(index, self.shapes[index]) for index in self.starting.get(used, ())]
        if 0 < used < len(self.pieces) and self.pieces[used].cut is not None:
            width = self.pieces[used - 1].box[2] / self.height
            if width < SHARED_WIDTH:
                found += [
                    (index, self.shapes[index] + SHARED)
                    for index in self.starting.get(used - 1, ())
                    if self.hypotheses[index].last > used
                ]
        return found

    def _skip_dirt(self, beams: defaultdict[int, Beam]) -> None:
        """The beams, and those reached from them by leaving pieces unread."""
        for used, dirt in enumerate(self.dirt):
            if used in beams:
                beams[used].prune()
                beams[used + 1].extend(beams[used], dirt)
        if len(self.pieces) in beams:
            beams[len(self.pieces)].prune()

    def _options(self) -> list[Options]:
        """Of each hypothesis the likeliest readings."""
        weights = self.whole.copy()
        weights[:, CROSSED] *= STRUCK_CELLS if self.cells else DASH_IN_NUMBER
        ranked = np.argsort(-weights, axis=1, kind="stable")[:, :OPTIONS].tolist()
        totals = weights.sum(axis=1).tolist()
        found = []
        for index, (row, order, total) in enumerate(zip(weights.tolist(), ranked, totals, strict=True)):
            if self.probabilities[index, order[0]] < UNREADABLE:
                unreadable = math.log(LAST_RESORT)
                found.append(options(unreadable, [(Mark(index, "?"), unreadable)]))
                continue
            least = HOPELESS * row[order[0]]
            marks = [(Mark(index, LABELS[i]), math.log(max(row[i], FLOOR))) for i in order if row[i] >= least]
            found.append(options(math.log(max(total, FLOOR)), marks))
        return found

    def _shape(self, index: int) -> float:
        """Log-weight of ink of this size, with these gaps in it, as one glyph."""
        hypothesis = self.hypotheses[index]
        pieces = self.pieces[hypothesis.first : hypothesis.last]
        _, _, width, height = hypothesis.box
        size = max(width, height) / self.height
        # a pen leaves small gaps in a digit; what lies farther apart is something else
        right = accumulate((p.box[0] + p.box[2] for p in pieces), max)
        gap = max([0.0, *(p.box[0] - r for p, r in zip(pieces[1:], right, strict=False))]) / self.height
        # the flag of a 5 may reach far over its neighbour
        wide = max(0.0, width / max(height, 0.8 * self.height) - 1.3)
        cut = 0.0 if pieces[0].cut is None else self._cut(pieces[0].cut)
        usual = math.log(min(max((size - 0.2) / 0.3, 0.005), 1.0)) + self.all_small
        return float(usual - 8 * gap - 4 * wide * wide + cut)

    def _dirt(self, index: int) -> float:
        """Log-weight of a piece as dirt: it is small, rarer than broken strokes, and looks like no digit."""
        size = max(self.pieces[index].box[2:]) / self.height
        if any(piece.cut is not None for piece in self.pieces[index : index + 2]):
            return LEAST_DIRT  # what hangs together is no dirt in part
        looks = 0.2 + 0.8 * float(self.probabilities[self._alone(index), OTHER])
        return max(math.log(max(DIRT * looks * (1.2 - 2 * size), TINY)), LEAST_DIRT)

    def _cut(self, cut: Cut) -> float:
        """Log-weight of a cut: only ink that is wide is several digits that touch, and they touch lightly."""
        several = -math.log1p(math.exp((ONE_OR_SEVERAL - cut.across / self.height) / 0.1))
        return max(several, -5.0) - 0.4 * max(0.0, cut.through - 1)

    def _misplaced(self, index: int, cell: Box) -> float:
        """Log-weight of a glyph in a cell: it may lean out of it, its middle is rarely outside."""
        middle = cell.x + cell.width / 2
        away = max(abs(c - middle) for c in self.centres[index]) / cell.width
        return float(min(0.0, -12 * (away - 0.5)))

    def _centres(self, index: int) -> list[float]:
        """Of a glyph, and of its pieces that may be digits by themselves."""
        hypothesis = self.hypotheses[index]
        pieces = range(hypothesis.first, hypothesis.last)
        if len(pieces) == 1:
            return [hypothesis.centre]
        large = [p for p in pieces if max(self.pieces[p].box[2:]) > LARGE * self.height]
        return [hypothesis.centre, *(self.hypotheses[self._alone(p)].centre for p in large)]

    def _alone(self, piece: int) -> int:
        """The hypothesis that a piece is a glyph by itself."""
        return next(i for i in self.starting[piece] if self.hypotheses[i].last == piece + 1)
