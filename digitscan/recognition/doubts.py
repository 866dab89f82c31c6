"""What no path through the lattice stands for: strokes lost, letters taken for digits, ink left unread.

Each is a factor of the probability of a reading, told from the glyphs on its likeliest path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from digitscan.recognition.beams import Mark
from digitscan.recognition.lattice import BLANK, TINY, Probabilities
from digitscan.records import CROSSED, OTHER, Box
from digitscan.vision.segmentation import Hypothesis, Segmentation
from digitscan.vision.slashes import lean

SOUND_CUT = 0.995  # that a cut between two digits took nothing from either that matters
NOTHING_HIDDEN = 0.985  # that a printed rule hid no stroke which makes another digit of it
NOTHING_BURIED = 0.5  # the same of a rule that is thicker at the glyph than elsewhere
POINT = 0.5  # that a mark between two digits, or a dot, is none that makes of them what is no number
LEANING, LEANS = 0.5, (-25, 50)  # that a stroke is a 1 that leans more: of MNIST's 1s, three in a thousand do
FROM_RULE_TO_RULE, UPRIGHT = 0.5, 2.0  # that a stroke is a 1 which runs so, and leans by fewer degrees
BESIDE_FIELD = 0.5  # that what stands beside a field does not belong to its number
COVERED = 0.5  # that what lies over a part of a field hid no digit of it
SLASHED = 0.5  # that strokes are 1s, where others on the page look like slashes or 1s lean less
DITTO, DITTO_HEIGHT = 0.5, 0.65  # that 1s and 7s so low, of the page's tall digits, are no ditto marks
RUNS_ON = 0.5  # that what runs on beyond the picture of its field is a digit all the same, and this one
UNTOLD = 0.95  # what is surer is not told as a reason
BESIDE = 4  # px from a line to what it touched before it was taken out
ONES_JOINED = 0.5  # that two 1s which hang together, or stand in one cell, are no single one, nor a tally
REPEATED = 0.5  # that ink which stands just so in many fields is a digit and no print
PALER = 0.5  # that ink much paler than the page's was written there, and is meant
STREAKED = 0.8  # that a line across a glyph neither made it another digit nor hid what does

Marks = tuple[Mark, ...]


def glyphs_whole(segmentation: Segmentation, probabilities: Probabilities, marks: Marks) -> float:
    """Probability that each glyph is a digit and no cut took too much."""
    sound = 1.0
    for mark in marks:
        if mark.hypothesis is not None:
            if mark.label != "?":
                sound *= 1 - float(probabilities[mark.hypothesis, OTHER])
            if segmentation.pieces[segmentation.hypotheses[mark.hypothesis].first].cut is not None:
                sound *= SOUND_CUT
    return max(sound, TINY)


def cut_apart(segmentation: Segmentation, marks: Marks) -> bool:
    """Whether there is a cut through ink between two glyphs."""
    glyphs = (segmentation.hypotheses[m.hypothesis] for m in marks if m.hypothesis is not None)
    return any(_cut_off(segmentation, glyph) for glyph in glyphs)


def no_strangers(segmentation: Segmentation, probabilities: Probabilities, marks: Marks) -> float:
    """Probability that each glyph that hangs together with no other is a digit.

    Both networks have to take it for one: each overlooks some of what is none.
    """
    sound = 1.0
    for mark in marks:
        index = mark.hypothesis
        if index is None or not mark.label.isdigit():
            continue
        if not _cut_off(segmentation, segmentation.hypotheses[index]):
            sound *= 1 - float(probabilities[index, [CROSSED, OTHER]].sum())
    return max(sound, TINY)


def nothing_lost(segmentation: Segmentation, marks: Marks, cells: tuple[Box, ...]) -> float:
    """Probability that all that was written is in the glyphs.

    No digit was taken for dirt, is not among the pieces or lies in a cell that looks blank, and no stroke
    went with a printed rule or with a line across the page, nor came of it.
    """
    return math.prod(sound for sound, _ in _losses(segmentation, marks, cells))


def told(segmentation: Segmentation, marks: Marks, cells: tuple[Box, ...]) -> str:
    """What makes it least likely that nothing was lost, in words; empty where nothing much does."""
    sound, words = min(_losses(segmentation, marks, cells))
    return words if sound < UNTOLD else ""


def _losses(segmentation: Segmentation, marks: Marks, cells: tuple[Box, ...]) -> Iterator[tuple[float, str]]:
    """The probability that this or that took or added nothing, and what it is."""
    pieces, height = segmentation.pieces, max(segmentation.digit_height, 1.0)
    if not (pieces or marks):
        yield BLANK, ""
    yield _harmless(segmentation.left_out / height), "ink left unread"
    if segmentation.point and any(mark.label.isdigit() for mark in marks):
        yield POINT, "mark between digits"
    if segmentation.covered:
        yield COVERED, "a part of the field covered"
    if segmentation.beside:
        yield BESIDE_FIELD, ""  # a reason of its own
    if segmentation.slashed and "".join(mark.label for mark in marks).lstrip("_").startswith("1"):
        yield SLASHED, "1s like slashes"
    labels = {mark.label for mark in marks} - {"_"}
    if segmentation.tallness < DITTO_HEIGHT and labels and labels <= {"1", "7"}:
        yield DITTO, "1s like ditto marks"
    unread = [True] * len(pieces)
    for mark in marks:
        if mark.hypothesis is None:
            yield BLANK, ""
            continue
        glyph = segmentation.hypotheses[mark.hypothesis]
        unread[glyph.first : glyph.last] = [False] * (glyph.last - glyph.first)
        yield from _losses_of(glyph, mark.label)
        yield from _losses_at(segmentation, glyph, mark.label)
    if any(_joined_ones(segmentation, cells, *pair) for pair in pairwise(marks)):
        yield ONES_JOINED, "1s that touch, or stand in one cell"
    for piece, left in zip(pieces, unread, strict=True):
        if left:
            yield _harmless(max(piece.box[2:]) / height), "ink left unread"


def _losses_at(segmentation: Segmentation, glyph: Hypothesis, label: str) -> Iterator[tuple[float, str]]:
    """The same of a glyph that is read so, by where on the page it stands."""
    if any(_meets(streak, glyph.box) for streak in segmentation.streaks):
        yield STREAKED, "line across the page"
    if label.isdigit() and any(_is_in(printed, glyph.box) for printed in segmentation.repeated):
        yield REPEATED, "the same in many fields"
    if label.isdigit() and any(_is_in(pale, glyph.box) for pale in segmentation.pale):
        yield PALER, "paler than the page's ink"


def _losses_of(glyph: Hypothesis, label: str) -> Iterator[tuple[float, str]]:
    """The same, by what it is itself."""
    if label == "1" and _falls_over(glyph):
        yield LEANING, "1 that falls over"
    if label == "1" and glyph.at_rules.hangs and glyph.at_rules.stands and _is_upright(glyph):
        yield FROM_RULE_TO_RULE, "1 like a printed line"
    if glyph.runs_on and label.isdigit():
        yield RUNS_ON, "ink runs on beyond the field"
    if glyph.high_dash and label == "X":
        yield NOTHING_BURIED, "stroke on a printed line"
    # the foot of a 2 on the rule below; on the rule above the bar of a 7 or 5, the bow of a 3 or 9
    if glyph.at_rules.stands and label == "7":
        yield (NOTHING_BURIED if glyph.at_rules.buried_below else NOTHING_HIDDEN), "stroke on a printed line"
    if glyph.at_rules.buried_above and label in ("1", "4", "5", "7"):
        yield NOTHING_BURIED, "stroke on a printed line"
    elif glyph.at_rules.hangs and label in ("1", "4"):
        yield NOTHING_HIDDEN, "stroke on a printed line"
    if glyph.at_rules.keeps and label == "9":  # or a 4 that reaches up to the rule
        yield NOTHING_BURIED, "stroke on a printed line"
    # or what a piece of the rule has closed, as it does a barred 7
    if glyph.at_rules.along and label in ("0", "2", "6", "8", "9"):
        yield NOTHING_BURIED, "stroke on a printed line"


def _joined_ones(segmentation: Segmentation, cells: tuple[Box, ...], one: Mark, other: Mark) -> bool:
    """Whether two 1s side by side were cut out of ink that hangs together, or stand in the same cell."""
    if not one.label == other.label == "1" or one.hypothesis is None or other.hypothesis is None:
        return False
    left, right = segmentation.hypotheses[one.hypothesis], segmentation.hypotheses[other.hypothesis]
    shared = any(cell.x <= left.centre and right.centre < cell.x + cell.width for cell in cells)
    return shared or segmentation.pieces[right.first].cut is not None


def _cut_off(segmentation: Segmentation, glyph: Hypothesis) -> bool:
    """Whether a glyph hangs together with a neighbour."""
    ends = (segmentation.pieces[glyph.first], *segmentation.pieces[glyph.last : glyph.last + 1])
    return any(piece.cut is not None for piece in ends)


def _falls_over(glyph: Hypothesis) -> bool:
    """Whether a stroke leans as no 1 does."""
    leans = lean(glyph.ink)
    return leans.is_stroke and not LEANS[0] < leans.degrees < LEANS[1]


def _is_upright(glyph: Hypothesis) -> bool:
    leans = lean(glyph.ink)
    return leans.is_stroke and abs(leans.degrees) < UPRIGHT


def _meets(streak: Box, box: tuple[int, int, int, int]) -> bool:
    x, y, w, h = box
    across = x - BESIDE <= streak.x + streak.width and streak.x <= x + w + BESIDE
    return across and y - BESIDE <= streak.y + streak.height and streak.y <= y + h + BESIDE


def _is_in(piece: Box, box: tuple[int, int, int, int]) -> bool:
    """Whether the middle of one of two lies in the other: of a piece that was cut, its parts'."""
    (x, y, w, h), (left, top, wide, high) = box, piece
    apart = abs(2 * (x - left) + w - wide), abs(2 * (y - top) + h - high)
    return apart[0] <= max(w, wide) and apart[1] <= max(h, high)


def _harmless(size: float) -> float:
    """Probability that unread ink of a size, in heights of a digit, was no digit nor a part that matters."""
    return 1 / (1 + math.exp((min(size, 2.0) - 0.5) / 0.06))
