"""The confidences from which on to accept, for a wanted error; told as keys of a form definition.

A threshold is the lowest from which on the upper end of the 95% interval of the error is within the wanted
one: not what the error was, but what it can be promised to be. That it is chosen on the very answers that it
is measured on costs little: in simulated runs the promise was broken in 0 to 3 of 100, and in 11 where no
threshold could have kept it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from digitscan.recognition.reliability import Bools, Floats, Share, Z, share_of, steps, wilson

DECIMALS = 5
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Effect:
    """What accepting so costs, and what it lets pass."""

    review: Share
    error: Share
    """The accepted ones that are wrong."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where to accept from; where no threshold keeps the promise, the one that promises most."""

    kept: bool
    """Whether the upper end of the error's interval is within the wanted error."""
    confidence: float | None
    """None where nothing can be accepted at any confidence."""
    effect: Effect


@dataclass(frozen=True, slots=True)
class Advice:
    """Thresholds for a wanted error (0-1)."""

    target_error: float
    whole: Threshold
    by_field: Mapping[str, Threshold]
    by_digit: Mapping[str, Threshold]
    together: Effect | None = None
    """What becomes of the fields by all thresholds that keep the promise; None where there are no fields."""


def recommend(confidence: Floats, right: Bools, acceptable: Bools, target: float) -> Threshold:
    """The lowest threshold that keeps the promise; arguments as in `reliability.measure`."""
    scale = 10**DECIMALS
    # rounded down here, so that what the written number lets pass is what was counted
    levels, accepted, wrong = steps(np.floor(confidence * scale + 1e-6) / scale, right, acceptable)
    count = len(right)
    if not len(levels):
        return Threshold(False, None, effect(0, 0, count))
    _, high = wilson(wrong, accepted)
    kept = np.flatnonzero(high <= target)
    at = kept[-1] if len(kept) else np.argmin(high)
    return Threshold(
        bool(len(kept)),
        round(float(levels[at]), DECIMALS),
        effect(int(wrong[at]), int(accepted[at]), count),
    )


def effect(wrong: int, accepted: int, count: int) -> Effect:
    """Of `count` answers so many are accepted, of which so many are wrong."""
    return Effect(share_of(count - accepted, count), share_of(wrong, accepted))


def needed(target: float) -> int:
    """How many answers have to be accepted, none of them wrong, to promise an error."""
    return math.ceil(Z * Z * (1 - target) / target)


def as_toml(advice: Advice, whole_key: str | None) -> str:
    """The thresholds as lines for a form definition, each with its cost; what cannot be promised is told.

    whole_key: the key that the threshold of the whole becomes; None where no key stands for it.
    """
    return "\n".join(_lines(advice, whole_key))


def _lines(advice: Advice, whole_key: str | None) -> Iterator[str]:
    target, least = advice.target_error, needed(advice.target_error)
    yield f"# wanted: at most {target:.3%} of what is accepted is wrong, with 95% confidence"
    if advice.together is not None:
        yield f"# all that follows together: {_told(advice.together)}"
    yield "# at the head of the form definition:"
    yield _line("all", advice.whole, whole_key)
    digits = {digit: t.confidence for digit, t in advice.by_digit.items() if t.kept}
    if digits:
        pairs = ", ".join(f"{digit} = {confidence}" for digit, confidence in digits.items())
        yield f"accept_digit_confidence = {{ {pairs} }}"
    parts: list[tuple[str, Threshold, str | None]]
    parts = [(f"read as {digit}", t, None) for digit, t in advice.by_digit.items()]
    parts += [(name, t, "accept_confidence") for name, t in advice.by_field.items()]
    for name, threshold, key in parts:
        if threshold.kept and key:
            yield f"# in the section of {name}:"
        if threshold.effect.review.of >= least:
            yield _line(name, threshold, key)
    counts = [(name, t.effect.review.of) for name, t, _ in [("all", advice.whole, None), *parts]]
    few = [f"{name} ({count:,})" for name, count in counts if count < least]
    if few:
        told = f"too few: {least:,} accepted without an error are needed to promise it: {', '.join(few)}"
        yield textwrap.fill(told, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _line(name: str, threshold: Threshold, key: str | None) -> str:
    told = _told(threshold.effect)
    if not threshold.kept:
        best = "" if threshold.confidence is None else f"; from {threshold.confidence}: {told}"
        return f"# {name}: no threshold promises it{best}"
    if key is None:
        return f"# {name}, from {threshold.confidence}: {told}"
    return f"{key} = {threshold.confidence}  # {told}"


def _told(effect: Effect) -> str:
    review, error = effect.review, effect.error
    share = 0.0 if review.share is None else review.share
    return (
        f"{share:.1%} of {review.of:,} for review,"
        f" {error.count} of {error.of:,} accepted wrong, at most {error.high:.2%}"
    )
