"""The same page read at rival places: which is the right one, and what holds at all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitscan.records import LOW, NOT_FOUND, FieldReading

LEAST = 0.05  # no field says more than this against a place: one may be illegible anywhere
SURE = 2.0  # by so much more must the right place have, of print and writing together


def settle(
    support: Sequence[float], readings: Sequence[tuple[FieldReading, ...]]
) -> tuple[int, tuple[FieldReading, ...]]:
    """Index of the likeliest place, and its readings; in review is what other likely places read otherwise.

    support: pieces of print found at each place. readings: all fields of the page, at each place.
    What print leaves open writing may tell: numbers upside down, or a required field that is empty, are
    less likely right. Where it does not either, the place with most print is named. What is in review for it
    is as sure as the places are likely that read it so.
    """
    most = support.index(max(support))
    weights = [
        s - support[most] + _more_legible(r, readings[most]) for s, r in zip(support, readings, strict=True)
    ]
    likely = [i for i, w in enumerate(weights) if w > max(weights) - SURE]
    best = max(likely, key=support.__getitem__)
    rivals = [i for i in likely if i != best]
    chances = np.exp(np.array([weights[i] for i in (best, *rivals)]) - max(weights))
    chances /= chances.sum()
    settled = []
    for reading, *others in zip(readings[best], *(readings[i] for i in rivals), strict=True):
        otherwise = np.array([o.value != reading.value or _breaks_rule(o) for o in others], np.bool_)
        if otherwise.any():
            reason = f"{reading.reason}; place uncertain" if reading.reason else "place uncertain"
            sure = reading.confidence * float(1 - chances[1:] @ otherwise)
            settled.append(replace(reading, confidence=sure, status="review", reason=reason))
        else:
            settled.append(reading)
    return best, tuple(settled)


def _more_legible(readings: Sequence[FieldReading], others: Sequence[FieldReading]) -> float:
    """Logarithm of how much likelier fields are right as read here than at another place.

    A field that is not found at one of them tells nothing: its print does.
    """
    return sum(
        _legibility(one) - _legibility(other)
        for one, other in zip(readings, others, strict=True)
        if NOT_FOUND not in one.reason + other.reason
    )


def _legibility(reading: FieldReading) -> float:
    return math.log(max(LEAST, LEAST if _breaks_rule(reading) else reading.confidence))


def _breaks_rule(reading: FieldReading) -> bool:
    told = (reason for reason in reading.reason.split("; ") if not reason.startswith(LOW))
    return any(reason not in ("", "ink beside the field") for reason in told)
