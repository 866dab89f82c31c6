"""The lattice of hypotheses to the values that a field's ink may be, each with its probability.

A path through the lattice gives every piece of ink to a glyph or to the dirt. Its weight is that of its
shape (sizes, gaps, places in cells) times what the network gives its glyphs. Paths are summed by value from
left to right, so that segmentations which read alike support each other and others are rivals (the forward
algorithm of hidden Markov models; for strings of digits after Matan, Burges, LeCun, Denker: "Multi-digit
recognition using a space displacement neural network", 1992).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition.beams import NOTHING, Beam, Mark, Partial, begun
from digitscan.recognition.strings import Columns, log_probability, spelled
from digitscan.records import CLASSES, CROSSED, OTHER, Box
from digitscan.vision.segmentation import LARGE, Cut, Hypothesis, Segmentation

Probabilities = NDArray[np.float32]

FLOOR = 1e-6
OPTIONS = 4  # readings of a glyph that are followed
HOPELESS = 1e-5  # of the likeliest reading of a glyph: less is not followed
MORE_OTHER = 84.0  # how much more often than expected of a glyph is a guess at one no whole digit
UNREADABLE = 0.05  # a best class less probable than this is not worth a guess
LAST_RESORT = 1e-3  # weight of calling a glyph unreadable: any other segmentation that reads is better
BLANK = 0.9995  # that a cell without ink is blank
SOUND_CUT = 0.995  # that a cut between two digits took nothing from either that matters
NOTHING_HIDDEN = 0.985  # that a printed rule hid no stroke which makes another digit of it
NOTHING_BURIED = 0.5  # the same of a rule that is thicker at the glyph than elsewhere
# What is told as doubt is the sum of many that are not independent: of fields at 0.92, on decks filled in
# with MNIST's test digits, 0.98 were right. The exponent fits that, from 0.3 to 0.99. Where the network of
# whole numbers has a say, it is weighed below, and what is told is so already.
DOUBT = 1.3
STRUCK_CELLS = 3.0  # how much more often than in training a mark in a cell strikes it out
DASH_IN_NUMBER = 0.02  # of the marks in an open box: struck out, and not a piece of a digit
DIRT = 0.3
LEAST_DIRT = math.log(1e-4)
TINY = 1e-9
# How often the lattice is quite wrong though quite sure, where it did not cut between digits and where it
# did; how often the network of whole numbers is; and how often something else is right that both hold
# possible: they would have to mean the same number. Near what fits numbers by writers held back from training
# best, in half of which all digits touch: what is told is then about true.
BLUNDER, CUT_BLUNDER, STRINGS_BLUNDER = 0.01, 0.1, 0.003
ANOTHER = 0.05
STRANGE = 0.05  # of what the lattice cannot read is taken to be no number, whatever the network sees
# Log-weight of a digit where all ink is smaller than digits are in such a field: in forms that people filled
# in, the largest is never under 0.86 of the digit height, and what a rule leaves behind is.
ALL_SMALL, SMALL = math.log(1e-3), 0.8
SHARED = -1.5  # log-weight of two digits that share a piece
SHARED_WIDTH = 0.4  # in heights of a digit: a wider piece is not shared
ONE_OR_SEVERAL = 0.95  # width, in heights of a digit, of ink that is one digit as often as several
LABELS = tuple("X" if c == "crossed" else "?" if c == "other" else c for c in CLASSES)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that the ink may be."""

    value: str
    """Empty also where a glyph is unreadable."""
    marks: tuple[Mark, ...]
    """Of the likeliest path to it."""
    probability: float


def readings(
    segmentation: Segmentation,
    probabilities: Probabilities,
    cells: tuple[Box, ...],
    digits: tuple[int, int],
    columns: Columns | None = None,
) -> list[Reading]:
    """The values that a field's ink may be, the likeliest first; at least one.

    probabilities: (hypotheses, classes), in the order of `segmentation.hypotheses`. cells: crop px; none for
    an open box, which has from `digits[0]` to `digits[1]` digits where that is possible at all. columns: what
    the network of whole numbers says of an open box.
    """
    lattice = _Lattice(segmentation, probabilities, cells)
    end = lattice.through_cells() if cells else lattice.through_box(digits)
    if columns is not None and segmentation.pieces:
        for text in spelled(columns, digits):
            if text not in end.partials and (forced := lattice.through_number(text)) is not None:
                end.partials[text] = forced
    shares = {
        text: min(0.0, partial.weight - end.total) + math.log(lattice.glyphs_whole(partial.marks))
        for text, partial in end.partials.items()
    }
    if columns is not None and segmentation.pieces:
        best = max(shares, key=lambda text: ("?" not in text, shares[text]))
        blunder = CUT_BLUNDER if lattice.cuts(end.partials[best].marks) else BLUNDER
        shares = {
            text: share + math.log(lattice.no_strangers(end.partials[text].marks))
            for text, share in _second_opinion(shares, columns, blunder).items()
        }
    found = [
        (math.exp(share) * lattice.nothing_lost(end.partials[text].marks), text, end.partials[text].marks)
        for text, share in shares.items()
    ]
    found.sort(key=lambda item: -item[0])
    doubt = 1 - found[0][0]
    overrated = doubt**DOUBT / doubt if 0 < doubt < 1 and columns is None else 1.0
    return [
        # the empty value of what is unreadable says nothing of the ink
        Reading(
            "" if "?" in text else text,
            marks,
            0.0 if "?" in text else probability * overrated if i else 1 - doubt * overrated,
        )
        for i, (probability, text, marks) in enumerate(found)
    ]


_Options = tuple[float, list[tuple[Mark, float]]]
"""Logarithm of the weight of all readings of a glyph, and the likeliest with theirs."""


class _Lattice:
    def __init__(
        self, segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
    ) -> None:
        self.segmentation, self.probabilities, self.cells = segmentation, probabilities, cells
        self.pieces, self.hypotheses = segmentation.pieces, segmentation.hypotheses
        self.height = max(segmentation.digit_height, 1.0)
        largest = max((max(piece.box[2:]) for piece in self.pieces), default=0)
        self.all_small = ALL_SMALL if largest < SMALL * self.height else 0.0
        self.starting: dict[int, list[int]] = {}
        for index, h in enumerate(self.hypotheses):
            self.starting.setdefault(h.first, []).append(index)
        self.shapes = [self._shape(index) for index in range(len(self.hypotheses))]
        self.options = [self._options(index) for index in range(len(self.hypotheses))]
        self.dirt = [self._dirt(index) for index in range(len(self.pieces))]
        self.centres = [self._centres(index) for index in range(len(self.hypotheses))]

    def through_cells(self) -> Beam:
        """Every cell has one glyph or none."""
        if not self.pieces:
            return Beam(0.0, {"": Partial(0.0, 0.0, (Mark(None, "_"),) * len(self.cells))})
        beams = {0: begun()}
        self._skip_dirt(beams)
        for cell in self.cells:
            after: dict[int, Beam] = {}
            for used, beam in beams.items():
                blank = math.log(BLANK)
                after.setdefault(used, Beam()).extend(beam, blank, [(Mark(None, "_"), blank)])
                for index, shape in self._glyphs_from(used):
                    prior = shape + self._misplaced(index, cell)
                    _read(
                        after.setdefault(self.hypotheses[index].last, Beam()),
                        beam,
                        self.options[index],
                        prior,
                    )
            beams = {used: after[used] for used in sorted(after)}
            self._skip_dirt(beams)
        return beams[len(self.pieces)]

    def through_box(self, digits: tuple[int, int]) -> Beam:
        """Any number of glyphs that the field allows; where there is none, any number."""
        final = self._through_open(lambda index, _: self.options[index])
        end = Beam()
        allowed = [count for count in final if digits[0] <= count <= digits[1]]
        for count in allowed or final:
            end.merge(final[count])
        end.prune()
        return end

    def through_number(self, text: str) -> Partial | None:
        """All paths that read as this number, however badly; None where there is none."""

        def forced(index: int, count: int) -> _Options | None:
            if count == len(text):
                return None
            weight = self._as_digit(index, int(text[count]))
            return weight, [(Mark(index, text[count]), weight)]

        final = self._through_open(forced)
        return final[len(text)].partials[text] if len(text) in final else None

    def _through_open(self, options: Callable[[int, int], _Options | None]) -> dict[int, Beam]:
        """What was read at the end of an open box, by the number of glyphs.

        options: of a hypothesis after so many glyphs; None where there is to be no other.
        """
        # (pieces used, glyphs)
        beams = {(0, 0): begun()}
        for used in range(len(self.pieces)):
            for count in [c for u, c in beams if u == used]:
                beam = beams[used, count]
                beam.prune()
                dirt = self.dirt[used]
                beams.setdefault((used + 1, count), Beam()).extend(beam, dirt, [(NOTHING, dirt)])
                for index, shape in self._glyphs_from(used):
                    if (read := options(index, count)) is not None:
                        after = beams.setdefault((self.hypotheses[index].last, count + 1), Beam())
                        _read(after, beam, read, shape)
        return {count: beam for (used, count), beam in beams.items() if used == len(self.pieces)}

    def glyphs_whole(self, marks: tuple[Mark, ...]) -> float:
        """Probability that each glyph of a path is a digit and no cut took too much; no path tells."""
        sound = 1.0
        for mark in marks:
            if mark.hypothesis is not None:
                if mark.label != "?":
                    sound *= 1 - float(self.probabilities[mark.hypothesis, OTHER])
                if self.pieces[self.hypotheses[mark.hypothesis].first].cut is not None:
                    sound *= SOUND_CUT
        return max(sound, TINY)

    def cuts(self, marks: tuple[Mark, ...]) -> bool:
        """Whether a path cuts through ink between two glyphs."""
        return any(m.hypothesis is not None and self._cut_off(self.hypotheses[m.hypothesis]) for m in marks)

    def _cut_off(self, glyph: Hypothesis) -> bool:
        """Whether a glyph hangs together with a neighbour."""
        ends = (self.pieces[glyph.first], *self.pieces[glyph.last : glyph.last + 1])
        return any(piece.cut is not None for piece in ends)

    def no_strangers(self, marks: tuple[Mark, ...]) -> float:
        """Probability that each glyph that hangs together with no other is a digit.

        The network of whole numbers knows nothing else, and is sure of letters too.
        """
        sound = 1.0
        for mark in marks:
            index = mark.hypothesis
            if index is not None and mark.label.isdigit() and not self._cut_off(self.hypotheses[index]):
                sound *= 1 - float(self.probabilities[index, [CROSSED, OTHER]].sum())
        return max(sound, TINY)

    def nothing_lost(self, marks: tuple[Mark, ...]) -> float:
        """Probability that all that was written is in a path's glyphs: no path stands for it either.

        No digit was taken for dirt, is not among the pieces or lies in a cell that looks blank, and no stroke
        went with a printed rule.
        """
        sound = _harmless(self.segmentation.left_out / self.height)
        unread = [True] * len(self.pieces)
        for mark in marks:
            if mark.hypothesis is None:
                sound *= BLANK
                continue
            h = self.hypotheses[mark.hypothesis]
            unread[h.first : h.last] = [False] * (h.last - h.first)
            # the foot of a 2 on the rule below; on the rule above the bar of a 7, be it crossed or not
            if h.stands and mark.label == "7":
                sound *= NOTHING_BURIED if h.buried_below else NOTHING_HIDDEN
            if h.hangs and mark.label in ("1", "4"):
                sound *= NOTHING_BURIED if h.buried_above else NOTHING_HIDDEN
        for piece, left in zip(self.pieces, unread, strict=True):
            if left:
                sound *= _harmless(max(piece.box[2:]) / self.height)
        return sound if self.pieces or marks else BLANK * sound

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

    def _skip_dirt(self, beams: dict[int, Beam]) -> None:
        """The beams, and those reached from them by leaving pieces unread."""
        for used in range(len(self.pieces)):
            if used in beams:
                beams[used].prune()
                dirt = self.dirt[used]
                beams.setdefault(used + 1, Beam()).extend(beams[used], dirt, [(NOTHING, dirt)])
        if len(self.pieces) in beams:
            beams[len(self.pieces)].prune()

    def _options(self, index: int) -> _Options:
        """Logarithm of the weight of all readings of a glyph, and the likeliest with theirs."""
        row = self.probabilities[index, :OTHER].astype(np.float64)
        row /= 1 + (MORE_OTHER - 1) * float(self.probabilities[index, OTHER])
        row[CROSSED] *= STRUCK_CELLS if self.cells else DASH_IN_NUMBER
        order = np.argsort(-row, kind="stable")[:OPTIONS].tolist()
        if self.probabilities[index, order[0]] < UNREADABLE:
            unreadable = math.log(LAST_RESORT)
            return unreadable, [(Mark(index, "?"), unreadable)]
        least = HOPELESS * float(row[order[0]])
        weights = [
            (Mark(index, LABELS[i]), math.log(max(float(row[i]), FLOOR))) for i in order if row[i] >= least
        ]
        return math.log(max(float(row.sum()), FLOOR)), weights

    def _as_digit(self, index: int, digit: int) -> float:
        """Logarithm of the weight of a glyph as this digit."""
        row = self.probabilities[index]
        return math.log(max(float(row[digit]) / (1 + (MORE_OTHER - 1) * float(row[OTHER])), FLOOR))

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


def _read(after: Beam, before: Beam, options: _Options, prior: float) -> None:
    """Take the paths of `before`, with one more glyph, into `after`."""
    total, marks = options
    after.extend(before, prior + total, [(mark, prior + weight) for mark, weight in marks])


def _second_opinion(shares: dict[str, float], columns: Columns, blunder: float) -> dict[str, float]:
    """What the lattice and the network of whole numbers say together: logarithms of probabilities.

    blunder: how often the lattice is wrong. What it calls unreadable is left out where anything can be read.
    """
    first = {text: math.exp(share) for text, share in shares.items() if "?" not in text}
    if not first:
        return shares
    # of what is struck out the network has no opinion
    second = {text: math.exp(log_probability(columns, text)) for text in first if text.isdigit()}

    def together(one: float, other: float) -> float:
        return (one + blunder) * (other + STRINGS_BLUNDER)

    weights = {text: together(one, second[text]) if text in second else one for text, one in first.items()}
    unreadable = sum(math.exp(share) for text, share in shares.items() if "?" in text)
    rest = [max(1 - sum(known.values()), 0.0) for known in (first, second)]
    total = sum(weights.values()) + ANOTHER * together(*rest) + STRANGE * blunder * unreadable
    return {text: math.log(max(weight, TINY) / total) for text, weight in weights.items()}


def _harmless(size: float) -> float:
    """Probability that unread ink of a size, in heights of a digit, was no digit nor a part that matters."""
    return 1 / (1 + math.exp((min(size, 2.0) - 0.5) / 0.06))
