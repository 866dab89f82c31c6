"""The values that a field's ink may be, by the lattice and, in open boxes, the network of whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from digitscan.recognition import doubts
from digitscan.recognition.beams import Mark
from digitscan.recognition.lattice import TINY, Lattice, Probabilities
from digitscan.recognition.strings import Columns, log_probabilities, spelled, strange
from digitscan.records import Box
from digitscan.vision.segmentation import Segmentation

# What is told as doubt is the sum of many that are not independent: of fields at 0.92, on decks filled in
# with MNIST's test digits, 0.98 were right. The exponent fits that, from 0.3 to 0.99. Where the network of
# whole numbers has a say, it is weighed below, and what is told is so already.
DOUBT = 1.3
# How often the lattice is quite wrong though quite sure, where it did not cut between digits and where it
# did; how often the network of whole numbers is; and how often something else is right that both hold
# possible: they would have to mean the same number. Near what fits numbers by writers held back from training
# best, in most of which all digits touch; less of STRINGS_BLUNDER would fit better still, and accept more, of
# what is odd too: what is told is rather too low.
BLUNDER, CUT_BLUNDER, STRINGS_BLUNDER = 0.01, 0.1, 0.002
ANOTHER = 0.05
# How often what is no number looks like one to the lattice, and to the network of whole numbers, in whose
# training it is some twenty times as frequent as in fields: the former is that much less.
OVERLOOKED, STRINGS_OVERLOOKED = 0.02, 0.0005


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
    lattice = Lattice(segmentation, probabilities, cells)
    end = lattice.through_cells() if cells else lattice.through_box(digits)
    if columns is not None and segmentation.pieces:
        missing = [text for text in spelled(columns, digits) if text not in end.partials]
        if missing:
            end.partials.update(lattice.through_numbers(missing))
    marks = {text: partial.marks for text, partial in end.partials.items()}
    shares = {
        text: min(0.0, partial.weight - end.total)
        + math.log(doubts.glyphs_whole(segmentation, probabilities, partial.marks))
        for text, partial in end.partials.items()
    }
    if columns is not None and segmentation.pieces:
        cut = doubts.cut_apart(segmentation, marks[_likeliest(shares)])
        blunder = CUT_BLUNDER if cut else BLUNDER
        shares = _together(shares, columns, blunder)
        # A lattice may have no good path to what the other reads well: its marks tell little against that.
        best = marks[_likeliest(shares)]
        sound = doubts.no_strangers(segmentation, probabilities, best)
        kept = dict.fromkeys(shares, sound * doubts.nothing_lost(segmentation, best, cells))
    else:
        kept = {text: doubts.nothing_lost(segmentation, marks[text], cells) for text in shares}
    found = [(math.exp(share) * kept[text], text) for text, share in shares.items()]
    found.sort(key=lambda item: -item[0])
    doubt = 1 - found[0][0]
    overrated = doubt**DOUBT / doubt if 0 < doubt < 1 and columns is None else 1.0
    return [
        # the empty value of what is unreadable says nothing of the ink
        Reading(
            "" if "?" in text else text,
            marks[text],
            0.0 if "?" in text else probability * overrated if i else 1 - doubt * overrated,
        )
        for i, (probability, text) in enumerate(found)
    ]


def _likeliest(shares: dict[str, float]) -> str:
    """What can be read whole, if anything can."""
    return max(shares, key=lambda text: ("?" not in text, shares[text]))


def _together(shares: dict[str, float], columns: Columns, blunder: float) -> dict[str, float]:
    """What the lattice and the network of whole numbers say together: logarithms of probabilities.

    blunder: how often the lattice is wrong. What it calls unreadable is left out where anything can be read.
    """
    first = {text: math.exp(share) for text, share in shares.items() if "?" not in text}
    if not first:
        return shares
    numbers = [text for text in first if text.isdigit()]
    told = log_probabilities(columns, numbers).tolist()
    second = {text: math.exp(share) for text, share in zip(numbers, told, strict=True)}
    no_number = strange(columns)

    def together(one: float, other: float) -> float:
        return (one + blunder) * (other + STRINGS_BLUNDER)

    weights = {text: together(one, second[text]) if text in second else one for text, one in first.items()}
    unreadable = sum(math.exp(share) for text, share in shares.items() if "?" in text)
    # what is struck out is no number to both
    overlooked = OVERLOOKED * (1 - sum(one for text, one in first.items() if text not in second))
    rest = max(1 - sum(first.values()), 0.0), max(1 - sum(second.values()) - no_number, 0.0)
    neither = (unreadable + max(overlooked, 0.0)) * (no_number + STRINGS_OVERLOOKED)
    total = sum(weights.values()) + ANOTHER * together(*rest) + neither
    return {text: math.log(max(weight, TINY) / total) for text, weight in weights.items()}
