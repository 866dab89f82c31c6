"""How well confidence tells right from wrong: shares with their intervals, error-reject curve, reliability.

Intervals are Wilson's ("Probable inference, the law of succession, and statistical inference", 1927), 95%.
They take the answers for independent: those of one hand err together, so many hands tell more than many
fields of a few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Z = 1.96
POINTS = 100
"""Of an error-reject curve, at most."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and the 95% interval of the share behind it, 0-1."""

    count: int
    of: int
    share: float | None
    """None where `of` is 0."""
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """What accepting from a confidence up means."""

    confidence: float
    review: float
    """Share of all answers that is not accepted."""
    error: Share
    """The accepted ones that are wrong."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence."""

    confidence: float
    """Their mean."""
    right: Share


@dataclass(frozen=True, slots=True)
class Measured:
    """How right answers are, and how well their confidence says so."""

    right: Share
    calibration_error: float | None
    """Expected calibration error (Naeini et al., 2015), 0-1; None for no answers."""
    error_reject: tuple[Point, ...]
    """Chow: "On optimum recognition error and reject tradeoff", 1970. The strictest first."""
    reliability: tuple[Bin, ...]


def wilson(count: Ints, of: Ints) -> tuple[Floats, Floats]:
    """Lower and upper ends of the 95% interval of each count / of; 0 and 1 where `of` is 0."""
    trials = np.maximum(of, 1).astype(np.float64)
    share = count / trials
    middle = share + Z * Z / (2 * trials)
    spread = Z * np.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2)
    scale = 1 + Z * Z / trials
    # the ends are 0 and 1 where nothing or all is counted, but for rounding
    low = np.where(count == 0, 0.0, (middle - spread) / scale)
    high = np.where(count >= of, 1.0, (middle + spread) / scale)
    return low, high


def share_of(count: int, of: int) -> Share:
    """The share with its interval."""
    low, high = wilson(np.array(count), np.array(of))
    return Share(int(count), int(of), count / of if of else None, float(low), float(high))


def measure(confidence: Floats, right: Bools, acceptable: Bools | None = None) -> Measured:
    """Measure answers: all three are of length n; those not `acceptable` no confidence lets pass."""
    free = np.ones(len(right), np.bool_) if acceptable is None else acceptable
    bins = reliability(confidence, right)
    return Measured(
        right=share_of(int(right.sum()), len(right)),
        calibration_error=calibration_error(bins),
        error_reject=error_reject(confidence, right, free),
        reliability=bins,
    )


def steps(confidence: Floats, right: Bools, acceptable: Bools) -> tuple[Floats, Ints, Ints]:
    """The confidences that occur, the highest first; how many are accepted from each up; how many wrong."""
    levels, level = np.unique(-confidence[acceptable], return_inverse=True)
    accepted = np.cumsum(np.bincount(level, minlength=len(levels)))
    wrong = np.cumsum(np.bincount(level[~right[acceptable]], minlength=len(levels)))
    return np.asarray(-levels, np.float64), accepted, wrong


def error_reject(confidence: Floats, right: Bools, acceptable: Bools) -> tuple[Point, ...]:
    """Error against review share; where little is left for review, the points lie closer."""
    levels, accepted, wrong = steps(confidence, right, acceptable)
    if not len(levels):
        return ()
    spread = (len(levels) - 1) * (1 - np.linspace(1, 0, POINTS) ** 2)
    return tuple(
        Point(
            float(levels[i]),
            float(1 - accepted[i] / len(right)),
            share_of(int(wrong[i]), int(accepted[i])),
        )
        for i in np.unique(np.rint(spread).astype(np.int64))
    )


def reliability(confidence: Floats, right: Bools, bins: int = 15) -> tuple[Bin, ...]:
    """The bins of a reliability diagram, of rising confidence.

    They hold equally many answers: of equally wide ones nearly all answers would fall into the last.
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order))) if len(order) else []
    return tuple(
        Bin(float(confidence[part].mean()), share_of(int(right[part].sum()), len(part))) for part in parts
    )


def calibration_error(bins: tuple[Bin, ...]) -> float | None:
    """How far confidence and accuracy lie apart, on average; None for no bins."""
    if not bins:
        return None
    apart = sum(abs(b.confidence * b.right.of - b.right.count) for b in bins)
    return float(apart / sum(b.right.of for b in bins))
