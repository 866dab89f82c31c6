"""What was measured of a run or a model: as tables and pictures for people, as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from digitscan.batch.scoring import RunScore
from digitscan.recognition.evaluation import ModelScore
from digitscan.recognition.plots import plot_confusion, plot_measured
from digitscan.recognition.reliability import Measured, Share
from digitscan.recognition.thresholds import Advice, as_toml

REVIEW = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares for review at which the error is told."""
MISREAD = 8
"""Confusions that are told, at most."""


def as_json(score: RunScore | ModelScore) -> str:
    """All that was measured, one object; `toml` is the advice as lines for a form definition."""
    return json.dumps({**asdict(score), "toml": _toml(score)}, default=_plain, allow_nan=False, indent=2)


def as_text(score: RunScore | ModelScore) -> str:
    """What is worth knowing, for people."""
    lines = _of_run(score) if isinstance(score, RunScore) else _of_model(score)
    toml = _toml(score)
    return "\n".join(lines if toml is None else [*lines, "", toml])


def write_plots(score: RunScore | ModelScore, directory: Path, name: str) -> list[Path]:
    """Write confusion, and curves of the whole and of its parts, as NAME-*.png; raises `OSError`."""
    if isinstance(score, RunScore):
        signs, groups = score.signs, {"whole": {"all fields": score.whole.measured}}
        groups["fields"] = {field: s.measured for field, s in score.by_field.items()}
        groups["digits"] = dict(score.by_digit)
    else:
        signs, groups = score.classes, {"whole": {score.data: score.whole}}
        groups["digits"] = {digit: s.read for digit, s in score.by_digit.items()}
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}-{what}.png" for what in ("confusion", *groups)]
    plot_confusion(score.confusion, signs, paths[0])
    for path, measured in zip(paths[1:], groups.values(), strict=True):
        plot_measured(measured, path)
    return paths


def _of_run(score: RunScore) -> list[str]:
    whole = score.whole
    rows = [
        (name, s.measured.right.of, _percent(s.measured.right), _percent(s.reviewed), s.accepted_wrong.count,
         f"{s.accepted_wrong.high:.2%}")
        for name, s in score.by_field.items()
    ]  # fmt: skip
    lines = [
        f"{whole.measured.right.of} fields: {_percent(whole.measured.right)} right"
        f" {_interval(whole.measured.right)}, {_percent(whole.reviewed)} for review",
        f"accepted and wrong: {whole.accepted_wrong.count}"
        f" (with 95% confidence at most {whole.accepted_wrong.high:.2%} of what is accepted)",
        *_curve(whole.measured),
        *_table(("field", "fields", "right", "reviewed", "accepted wrong", "at most"), rows),
        *_table(("digit", "read", "right", "95% interval", "calibration error"), _digit_rows(score.by_digit)),
        *_misread(score.confusion, score.signs),
    ]
    if len(score.wrong):
        lines += ["", "read wrong:", score.wrong.to_string(index=False)]
    return lines


def _of_model(score: ModelScore) -> list[str]:
    right = score.whole.right
    told = _digit_rows({digit: s.read for digit, s in score.by_digit.items()})
    rows = [
        (digit, s.written.of, _percent(s.written), _interval(s.written), *row[1:])
        for (digit, s), row in zip(score.by_digit.items(), told, strict=True)
    ]
    written, read = ["written", "read so", "95% interval"], ["read", "right", "95% interval"]
    return [
        f"{score.data} test: {_percent(right)} of {right.of} {_interval(right)}",
        *_curve(score.whole),
        *_table(["digit", *written, *read, "calibration error"], rows),
        *_misread(score.confusion, score.classes),
    ]


def _digit_rows(by_digit: Mapping[str, Measured]) -> list[tuple[object, ...]]:
    return [
        (digit, m.right.of, _percent(m.right), _interval(m.right), _number(m.calibration_error))
        for digit, m in by_digit.items()
    ]


def _curve(measured: Measured) -> Iterator[str]:
    """Calibration error, and the error that is left at some shares for review."""
    yield f"calibration error: {_number(measured.calibration_error)}"
    rows: dict[tuple[object, ...], None] = {}
    for wanted in REVIEW:
        point = next((p for p in reversed(measured.error_reject) if p.review >= wanted), None)
        if point is not None:
            row = (
                f"{point.review:.2%}",
                f"{point.confidence:.4f}",
                point.error.count,
                f"{point.error.high:.2%}",
            )
            rows[row] = None
    yield from _table(("for review", "accepted from", "accepted wrong", "at most"), list(rows))


def _misread(confusion: NDArray[np.int64], signs: Sequence[str]) -> Iterator[str]:
    wrong = confusion * (1 - np.eye(len(confusion), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISREAD]
    pairs = [np.unravel_index(i, wrong.shape) for i in order]
    told = [f"{signs[a]} as {signs[b]} ({wrong[a, b]})" for a, b in pairs if wrong[a, b]]
    if told:
        yield from ("", "read wrong most often: " + ", ".join(told))


def _toml(score: RunScore | ModelScore) -> str | None:
    advice: Advice | None = score.advice
    if advice is None:
        return None
    # a form's fields have more than one digit: one of single digits is no measure of theirs
    return as_toml(advice, "accept_confidence" if isinstance(score, RunScore) else None)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """An empty line, and the columns aligned: the first to the left, numbers to the right."""
    cells = [head, *([str(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield ""
    for first, *rest in cells:
        yield "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]).rstrip()


def _percent(share: Share) -> str:
    return "-" if share.share is None else f"{share.share:.2%}"


def _interval(share: Share) -> str:
    return f"({share.low:.2%} to {share.high:.2%})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _plain(value: object) -> object:
    if isinstance(value, pd.DataFrame):
        return json.loads(value.to_json(orient="records"))
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value)} has no JSON")
