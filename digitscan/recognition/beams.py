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


NOTHING = Mark(None, "")
"""For dirt: no glyph, and no cell either."""


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

    def extend(self, before: Beam, total: float, options: Sequence[tuple[Mark, float]]) -> None:
        """Take in the paths of `before` with one more mark, or none: marks and logarithms of weights."""
        self.total = added(self.total, before.total + total)
        labelled = [
            (mark.label if mark.label not in "_X" else "", (mark,) if mark.label else (), weight)
            for mark, weight in options
        ]
        for text, partial in before.partials.items():
            for label, marks, weight in labelled:
                self._take(text + label, partial, weight, marks)

    def merge(self, other: Beam) -> None:
        self.total = added(self.total, other.total)
        for text, partial in other.partials.items():
            self._take(text, partial, 0.0, ())

    def _take(self, text: str, before: Partial, weight: float, marks: tuple[Mark, ...]) -> None:
        """One more way to read as `text`: `before` and these marks after it."""
        new, best = before.weight + weight, before.best + weight
        known = self.partials.get(text)
        if known is None:
            self.partials[text] = Partial(new, best, before.marks + marks)
            return
        known.weight = added(known.weight, new)
        if best > known.best:
            known.best, known.marks = best, before.marks + marks

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
