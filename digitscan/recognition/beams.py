"""Paths that are followed from left to right through a field's ink, those that read alike as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 16  # values at each step
FAINT = 14.0  # natural logarithms under the best at which a value is dropped


class Mark(NamedTuple):
    """One cell or glyph of a path."""

    hypothesis: int | None
    """None for a blank cell."""
    label: str


class Options(NamedTuple):
    """What a path may go on with."""

    total: float
    """Logarithm of the weight of all of it."""
    likeliest: Sequence[tuple[str, tuple[Mark, ...], float]]
    """What each adds to the value and to the marks, and the logarithm of its weight."""


def options(total: float, marks: Sequence[tuple[Mark, float]]) -> Options:
    """Of marks with the logarithms of their weights."""
    return Options(total, [(m.label if m.label not in "_X" else "", (m,), weight) for m, weight in marks])


BLANK_CELL = options(0.0, [(Mark(None, "_"), 0.0)])
NOTHING = Options(0.0, [("", (), 0.0)])
"""Dirt: no glyph, and no cell either."""


@dataclass(slots=True)
class Partial:
    """All paths up to some place that read alike."""

    weight: float
    """Logarithm of their summed weight."""
    best: float
    """That of the heaviest of them, whose marks are kept."""
    marks: tuple[Mark, ...]


@dataclass(slots=True)
class Beam:
    """What was read up to some place of the lattice."""

    total: float = -math.inf
    """Logarithm of the weight of all paths, of those no longer followed too."""
    partials: dict[str, Partial] = field(default_factory=dict)

    def extend(self, before: Beam, prior: float, options: Options = NOTHING) -> None:
        """Take in the paths of `before` with one more mark, or none, all with a weight whose logarithm is
        `prior`.
        """
        self.total = added(self.total, before.total + (prior + options.total))
        partials = self.partials
        for text, partial in before.partials.items():
            for sign, marks, own in options.likeliest:
                longer, gain = text + sign, prior + own
                weight, best = partial.weight + gain, partial.best + gain
                known = partials.get(longer)
                if known is None:
                    partials[longer] = Partial(weight, best, partial.marks + marks)
                    continue
                known.weight = added(known.weight, weight)
                if best > known.best:
                    known.best, known.marks = best, partial.marks + marks

    def prune(self) -> None:
        if len(self.partials) > 1:
            ranked = sorted(self.partials.items(), key=lambda item: -item[1].weight)
            least = ranked[0][1].weight - FAINT
            self.partials = {text: p for text, p in ranked[:KEPT] if p.weight >= least}


def begun() -> Beam:
    """Nothing read yet."""
    return Beam(0.0, {"": Partial(0.0, 0.0, ())})


def added(a: float, b: float) -> float:
    """log(exp(a) + exp(b))"""
    high, low = (a, b) if a >= b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
