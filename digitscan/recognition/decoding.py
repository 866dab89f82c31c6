"""Hypotheses and their probabilities to the values that a field's ink may be, each with its probability.

The best paths through the hypotheses are found by dynamic programming; those with another value than the
best are its alternatives, and what they weigh is what its own probability lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitscan.forms import FormField
from digitscan.records import CLASSES, OTHER, Alternative, Box, DigitReading, FieldInk
from digitscan.vision.segmentation import Piece, Segmentation

Probabilities = NDArray[np.float32]

KEPT_PATHS = 16
NEGLIGIBLE = 1e-4  # an alternative less probable is left out
FLOOR = 1e-6
UNREADABLE = 0.08  # a best class less probable than this is not worth a guess
LAST_RESORT = 1e-3  # weight of calling a glyph unreadable: any other segmentation that reads is better
LEAST_EVIDENCE = 0.4  # of a field's printed rules: below it, it may be read at the wrong place
GOOD_CUT = 0.985  # that a cut between two digits took nothing from either that matters
BLANK = 0.9995  # that a cell without ink is blank
LABELS = tuple("X" if c == "crossed" else "?" if c == "other" else c for c in CLASSES)


@dataclass(frozen=True, slots=True)
class _Mark:
    """One cell or glyph of a path."""

    hypothesis: int | None
    """None for a blank cell."""
    label: str


@dataclass(frozen=True, slots=True)
class _Path:
    score: float
    """Logarithm of the probability that every mark is what it is read as."""
    marks: tuple[_Mark, ...] = ()


def read_field(
    field: FormField,
    segmentation: Segmentation,
    probabilities: Probabilities,
    cells: tuple[Box, ...],
    evidence: float = 1.0,
) -> FieldInk:
    """The values that one field's ink may be, with their probabilities.

    probabilities: (hypotheses, classes), in the order of `segmentation.hypotheses`. cells: crop px.
    evidence: share of the field's printed rules that were found.
    The boxes of the digits are in crop px.
    """
    paths = (
        _cell_paths(segmentation, probabilities, cells)
        if cells
        else _open_paths(segmentation, probabilities, field.digits)
    )
    by_value: dict[str, _Path] = {}
    for path in paths:
        # what is unreadable is no value: nobody can choose it instead
        if path is paths[0] or not _unreadable(path):
            by_value.setdefault("?" if _unreadable(path) else _value(path), path)
    weights = [float(np.exp(path.score)) for path in by_value.values()]
    # One segmentation's readings share a probability of 1 at most; what exceeds it comes from another
    # segmentation that reads as well, and only one of them can be right.
    whole = max(1.0, sum(weights))
    alternatives: list[Alternative] = []
    for path, weight in zip(by_value.values(), weights, strict=True):
        if not alternatives or weight / whole >= NEGLIGIBLE:
            digits = _digits(path, segmentation, probabilities, cells)
            raw = "".join(d.digit for d in digits)
            alternatives.append(Alternative(_value(path), raw, weight / whole, digits))
    return FieldInk(tuple(alternatives), evidence >= LEAST_EVIDENCE)


def _value(path: _Path) -> str:
    return "" if _unreadable(path) else "".join(m.label for m in path.marks if m.label.isdigit())


def _unreadable(path: _Path) -> bool:
    return any(mark.label == "?" for mark in path.marks)


def _options(row: NDArray[np.float32]) -> list[tuple[str, float]]:
    """The three likeliest readings of a glyph with their log-probabilities; never `other` as a reading."""
    order = [int(i) for i in np.argsort(-row[:OTHER])[:3]]
    if row[order[0]] < UNREADABLE:
        return [("?", float(np.log(LAST_RESORT)))]
    return [(LABELS[i], float(np.log(max(row[i], FLOOR)))) for i in order]


def _dirt(piece: Piece, height: float) -> float:
    """Log-probability that a piece left unread was no digit: dirt is small."""
    size = max(piece.box[2:]) / max(height, 1.0)
    return float(np.log(np.clip(1.2 - 2 * size, 1e-4, 0.99)))


def _shape(segmentation: Segmentation, index: int) -> float:
    """Log-probability that ink of this size, with these gaps in it, is one glyph at all."""
    hypothesis, height = segmentation.hypotheses[index], max(segmentation.digit_height, 1.0)
    pieces = segmentation.pieces[hypothesis.first : hypothesis.last]
    size = max(hypothesis.box[2:]) / height
    # a pen leaves small gaps in a digit; what lies farther apart is something else
    right = np.maximum.accumulate([p.box[0] + p.box[2] for p in pieces])
    gaps = [p.box[0] - r for p, r in zip(pieces[1:], right[:-1], strict=True)]
    gap = max([0.0, *gaps]) / height
    cut = np.log(GOOD_CUT) if pieces[0].cut else 0.0
    return float(np.log(np.clip((size - 0.2) / 0.3, 0.005, 1.0)) - 12 * gap + cut)


def _misplaced(segmentation: Segmentation, index: int, cell: Box) -> float:
    """Log-probability that a glyph belongs to a cell: it may lean out of it, its middle is rarely outside."""
    hypothesis = segmentation.hypotheses[index]
    centres = [hypothesis.centre]
    if hypothesis.last > hypothesis.first + 1:
        large = [
            p
            for p in segmentation.pieces[hypothesis.first : hypothesis.last]
            if max(p.box[2:]) > 0.5 * segmentation.digit_height
        ]
        centres += [p.centre for p in large]
    away = max(abs(c - (cell.x + cell.width / 2)) for c in centres) / cell.width
    return min(0.0, -12 * (away - 0.5))


def _best(paths: list[_Path]) -> list[_Path]:
    """The best few, one for each value: a segmentation that reads the same is no rival."""
    kept: dict[str, _Path] = {}
    for path in sorted(paths, key=lambda p: -p.score):
        kept.setdefault("".join(m.label for m in path.marks), path)
        if len(kept) == KEPT_PATHS:
            break
    return list(kept.values())


def _cell_paths(
    segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
) -> list[_Path]:
    """Paths that give every cell one glyph or none, and every piece to a cell or to the dirt."""
    pieces, hypotheses = segmentation.pieces, segmentation.hypotheses
    starting: dict[int, list[int]] = {}
    for index, h in enumerate(hypotheses):
        starting.setdefault(h.first, []).append(index)
    shapes = [_shape(segmentation, index) for index in range(len(hypotheses))]
    # state: pieces used so far -> best paths, after each cell
    states: dict[int, list[_Path]] = _with_dirt({0: [_Path(0.0)]}, pieces, segmentation.digit_height)
    for cell in cells:
        after: dict[int, list[_Path]] = {}
        for used, paths in states.items():
            for path in paths:
                blank = _Path(path.score + float(np.log(BLANK)), (*path.marks, _Mark(None, "_")))
                after.setdefault(used, []).append(blank)
                for index in starting.get(used, ()):
                    h = hypotheses[index]
                    prior = shapes[index] + _misplaced(segmentation, index, cell)
                    for label, score in _options(probabilities[index]):
                        total = path.score + score + prior
                        after.setdefault(h.last, []).append(_Path(total, (*path.marks, _Mark(index, label))))
        states = _with_dirt({k: _best(v) for k, v in after.items()}, pieces, segmentation.digit_height)
    return _best(states[len(pieces)])


def _open_paths(
    segmentation: Segmentation, probabilities: Probabilities, digits: tuple[int, int]
) -> list[_Path]:
    """Paths with a number of glyphs that the field allows; where there is none, with any number."""
    pieces, hypotheses = segmentation.pieces, segmentation.hypotheses
    height = segmentation.digit_height
    shapes = [_shape(segmentation, index) for index in range(len(hypotheses))]
    # state: (pieces used, glyphs) -> best paths
    states: dict[tuple[int, int], list[_Path]] = {(0, 0): [_Path(0.0)]}
    ending: dict[int, list[int]] = {}
    for index, h in enumerate(hypotheses):
        ending.setdefault(h.last, []).append(index)
    for end in range(1, len(pieces) + 1):
        reached: dict[int, list[_Path]] = {}
        dirt = _dirt(pieces[end - 1], height)
        for (used, count), paths in list(states.items()):
            if used == end - 1:
                reached.setdefault(count, []).extend(_Path(p.score + dirt, p.marks) for p in paths)
            for index in ending.get(end, ()):
                if hypotheses[index].first != used:
                    continue
                shape = shapes[index]
                for label, score in _options(probabilities[index]):
                    reached.setdefault(count + 1, []).extend(
                        _Path(p.score + score + shape, (*p.marks, _Mark(index, label))) for p in paths
                    )
        for count, found in reached.items():
            states[end, count] = _best(found)
    final = {count: paths for (used, count), paths in states.items() if used == len(pieces)}
    allowed = [p for count, paths in final.items() if digits[0] <= count <= digits[1] for p in paths]
    if not pieces:
        return [_Path(float(np.log(BLANK)))]
    return _best(allowed or [p for paths in final.values() for p in paths])


def _with_dirt(
    states: dict[int, list[_Path]], pieces: Sequence[Piece], height: float
) -> dict[int, list[_Path]]:
    """The states, and those reached from them by leaving pieces unread."""
    out = {k: list(v) for k, v in states.items()}
    for used in range(len(pieces)):
        if used in out:
            skipped = [_Path(p.score + _dirt(pieces[used], height), p.marks) for p in out[used]]
            out[used + 1] = _best(out.get(used + 1, []) + skipped)
    return out


def _digits(
    path: _Path, segmentation: Segmentation, probabilities: Probabilities, cells: tuple[Box, ...]
) -> tuple[DigitReading, ...]:
    readings = []
    for position, mark in enumerate(path.marks, 1):
        if mark.hypothesis is None:
            x, y, w, h = (round(v) for v in cells[position - 1])
            readings.append(DigitReading(position, "_", BLANK, "", 0.0, (x, y, w, h)))
            continue
        row = probabilities[mark.hypothesis]
        own = OTHER if mark.label == "?" else LABELS.index(mark.label)
        second = next(int(i) for i in np.argsort(-row) if int(i) != own)
        box = segmentation.hypotheses[mark.hypothesis].box
        readings.append(
            DigitReading(position, mark.label, float(row[own]), LABELS[second], float(row[second]), box)
        )
    return tuple(readings)
