"""Whole numbers read at once, without cutting them into digits: a second opinion on open boxes.

The network says of each column of a number's picture how likely nothing new or a digit is read there; many
such rows of signs spell the same number (connectionist temporal classification: Graves, Fernandez, Gomez,
Schmidhuber, 2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import ModelError
from digitscan.recognition import classifier as glyphs
from digitscan.recognition.architectures import NUMBER, NUMBER_CLASSES
from digitscan.recognition.beams import added
from digitscan.records import Image
from digitscan.vision.glyphs import Mask, fit_strings, leaning

Columns = NDArray[np.float32]
"""Log-probabilities of one number, seen once or in several ways: looks x columns x 12, of nothing new, of 0-9
and of what is no digit."""

SIGNS = "0123456789?"
"""How a number is spelled; `?` is what is no digit."""

SURE = 0.95  # probability of the likeliest sign of all columns: such a number is looked at but once
LEANS = (0.15, -0.15)  # of their height: so are others made to lean for another look
WIDEST_BEAM = 12
FAINT = 12.0  # natural logarithms under the best at which a beginning is dropped
SURELY_NOTHING = math.log(0.9999)
TINY = 1e-9


class StringNetwork(Protocol):
    """What the stages know of the network."""

    def __call__(self, pictures: Image) -> NDArray[np.float32]:
        """Log-probabilities, n x columns x 12, of pictures made by `glyphs.fit_string`; n may be 0."""


def load_strings(model: Path | None = None) -> StringNetwork:
    """The network of a model file, by default the one that comes along, run by LiteRT.

    Raises `ModelError` for a missing or damaged model, and one that was trained on pictures of another kind.
    """
    path = glyphs.default_model("strings") if model is None else model
    if glyphs.read_card(path, NUMBER_CLASSES).get("input") != NUMBER:
        raise ModelError(f"{path}: it learnt from numbers fitted otherwise: train it again")
    return glyphs.run_by_litert(path, NUMBER_CLASSES)


def fingerprint() -> str:
    """What stands for the network that comes along in resume keys; `ModelError` where it is missing."""
    return glyphs.fingerprint(glyphs.default_model("strings"), NUMBER_CLASSES)


def look_at(inks: Sequence[Mask], network: StringNetwork) -> list[Columns]:
    """What the network says of some numbers, each height x width of its ink; there may be none of them.

    Where it is not sure it is asked again, the number leaning a little more to either side: what it sees
    however a number leans is more likely right, and training has numbers that lean so.
    """
    seen = network(fit_strings(inks))[:, None]
    doubtful = np.flatnonzero(seen.max(axis=3).sum(axis=(1, 2)) < math.log(SURE)).tolist()
    again = network(fit_strings([leaning(inks[i], by) for i in doubtful for by in LEANS]))
    columns = list(seen)
    for place, i in enumerate(doubtful):
        columns[i] = np.concatenate([seen[i], again[len(LEANS) * place : len(LEANS) * (place + 1)]])
    return columns


def spelled(columns: Columns, digits: tuple[int, int]) -> dict[str, float]:
    """The likeliest numbers of `digits[0]` to `digits[1]` digits with the logarithms of their probabilities.

    Of all numbers where none of such a length is likely at all. At the first look, by prefix beam search
    (Graves and Jaitly, 2014).
    """
    rows = columns[0].astype(np.float64).tolist()
    # text -> logarithms of the weight of what ends in nothing new, and in its last digit
    beam = {"": (0.0, -math.inf)}
    for row in rows:
        if row[0] > SURELY_NOTHING:
            beam = {text: (added(*ends) + row[0], -math.inf) for text, ends in beam.items()}
            continue
        after: dict[str, tuple[float, float]] = {}
        for text, (nothing, last) in beam.items():
            either = added(nothing, last)
            _take(after, text, either + row[0], -math.inf)
            if text:
                _take(after, text, -math.inf, last + row[int(text[-1]) + 1])
            for digit in range(10):
                sign = str(digit)
                before = nothing if text.endswith(sign) else either
                _take(after, text + sign, -math.inf, before + row[digit + 1])
        ranked = sorted(after.items(), key=lambda item: -added(*item[1]))[:WIDEST_BEAM]
        least = added(*ranked[0][1]) - FAINT
        beam = {text: ends for text, ends in ranked if added(*ends) >= least}
    found = {text: added(*ends) for text, ends in beam.items()}
    return {text: p for text, p in found.items() if digits[0] <= len(text) <= digits[1]} or found


def log_probabilities(columns: Columns, texts: Sequence[str]) -> NDArray[np.float64]:
    """Of each of some numbers: all rows of signs that spell it summed up, the mean of all looks; there may be
    none of them.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    # nothing new before, between and behind the digits; what stands behind a shorter number is not looked at
    signs = np.zeros((len(texts), 2 * int(lengths.max(initial=0)) + 1), np.int64)
    for row, text in zip(signs, texts, strict=True):
        row[1 : 2 * len(text) : 2] = [SIGNS.index(sign) + 1 for sign in text]
    # a digit may follow another without a gap where it is another one
    leaps = np.zeros(signs.shape, np.bool_)
    leaps[:, 2:] = (signs[:, 2:] != 0) & (signs[:, 2:] != signs[:, :-2])
    # two before the first, for the leaps
    weights = np.full((len(columns), len(texts), signs.shape[1] + 2), -np.inf)
    first, *rows = columns.astype(np.float64).transpose(1, 0, 2)
    weights[:, :, 2:4] = first[:, signs[:, :2]]
    for row in rows:
        stepped = np.logaddexp(weights[:, :, 2:], weights[:, :, 1:-1])
        leapt = np.where(leaps, weights[:, :, :-2], -np.inf)
        weights[:, :, 2:] = np.logaddexp(stepped, leapt) + row[:, signs]
    # it ends in its last digit or in nothing new
    each, last = np.arange(len(texts)), 2 * lengths + 1
    told = np.logaddexp(weights[:, each, last], weights[:, each, last + 1])
    return np.asarray(np.logaddexp.reduce(told, axis=0) - math.log(len(columns)), np.float64)


def strange(columns: Columns) -> float:
    """Probability that something stands there that is no digit: it is read in one of the columns at least.

    The mean of all looks.
    """
    shares = np.minimum(columns[:, :, -1].astype(np.float64), -TINY)
    return float(np.mean(-np.expm1(np.log1p(-np.exp(shares)).sum(axis=1))))


def _take(after: dict[str, tuple[float, float]], text: str, nothing: float, last: float) -> None:
    known = after.get(text)
    after[text] = (nothing, last) if known is None else (added(known[0], nothing), added(known[1], last))
