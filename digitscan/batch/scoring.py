"""A run held against the truth: what is right, what is accepted though wrong, and what thresholds promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from digitscan.batch.outputs import undefused
from digitscan.errors import UsageError
from digitscan.recognition.reliability import Floats, Measured, Share, measure, share_of
from digitscan.recognition.thresholds import Advice, Effect, Threshold, effect, recommend
from digitscan.records import CLASSES, LOW

KEY = ["file", "page", "field"]
PLACE = ["path", "page", "field"]
DIGITS = CLASSES[:10]
SIGNS = (*DIGITS, "X", "_", "?")
"""What may stand in `raw`."""
WRITTEN_TO = 4
"""Decimals of the confidences in the CSV files."""


@dataclass(frozen=True, slots=True)
class FieldScore:
    """Fields of the whole run, or of one name; a field that the run never wrote is wrong and in review."""

    reviewed: Share
    accepted_wrong: Share
    """Of the accepted ones."""
    measured: Measured


@dataclass(frozen=True, slots=True)
class RunScore:
    """What a run is worth."""

    whole: FieldScore
    """Of the fields of the truth whose value anybody can tell."""
    by_field: Mapping[str, FieldScore]
    """A table's column is one: `person[].age`; named `form: field` where the run has several forms."""
    by_digit: Mapping[str, Measured]
    """Of the digits read as this one, in those fields."""
    signs: tuple[str, ...]
    confusion: NDArray[np.int64]
    """Of `signs`, cell by cell: rows are what is written, columns what was read."""
    wrong: pd.DataFrame
    """The fields read wrong, the surest first: file, page, field, truth, raw, confidence, status."""
    advice: Advice | None


def score_run(run: Path, truth: Path, target_error: float | None = None) -> RunScore:
    """Score the fields.csv and digits.csv of an output directory against a truth.csv.

    The truth has file, page, field and raw: one character a cell, a digit, `X` crossed out, `_` blank, `?`
    nobody can tell. Files are matched by their last name; fields with a `?` are left out. target_error:
    wanted of what is accepted, 0-1; without it nothing is recommended. No threshold lets pass what is in
    review for another reason than `low confidence`.

    Raises:
        UsageError: a file cannot be read or lacks a column, or no field is in both.
    """
    fields = matched(run / "fields.csv", truth)
    digits = _digits(run / "digits.csv", fields)
    by_field = {str(name): rows for name, rows in fields.groupby("column", sort=False)}
    by_digit = {digit: digits[digits["digit"] == digit] for digit in DIGITS}
    advice = None
    if target_error is not None:
        advice = Advice(
            target_error,
            whole=_recommended(fields, target_error),
            by_field={name: _recommended(rows, target_error) for name, rows in by_field.items()},
            by_digit={digit: _recommended(rows, target_error) for digit, rows in by_digit.items()},
        )
        advice = replace(advice, together=_together(fields, digits, advice))
    return RunScore(
        whole=_scored(fields),
        by_field={name: _scored(rows) for name, rows in by_field.items()},
        by_digit={digit: _measured(rows) for digit, rows in by_digit.items()},
        signs=SIGNS,
        confusion=_confusion(fields),
        wrong=fields.loc[~fields["right"], [*KEY, "truth", "raw", "confidence", "status"]].sort_values(
            "confidence", ascending=False, na_position="last", kind="stable"
        ),
        advice=advice,
    )


def matched(read_from: Path, truth_from: Path) -> pd.DataFrame:
    """The fields of a truth.csv and what became of them in a fields.csv, in the order of the truth.

    A file of the truth is the one of that path, or else the only one of that name. Columns: those of both
    files, the truth's `raw` as `truth`, and `path` (the file as the run has it), `column`, `right`,
    `accepted`, `free` (not in review for another reason than low confidence). A field with a `?` in its truth
    is left out; one that was never read has NaN for confidence. Raises `UsageError` as `score_run` does.
    """
    read = _table(read_from, [*KEY, "form", "value", "raw", "confidence", "status", "reason"])
    wanted = _table(truth_from, [*KEY, "raw"])
    read = read.rename(columns={"file": "path"})
    wanted["path"] = _paths(wanted["file"], read["path"])
    _check_once(read, read_from)
    _check_once(wanted, truth_from)
    wanted = wanted[~wanted["raw"].str.contains("?", regex=False)].rename(columns={"raw": "truth"})
    both = wanted.merge(read, on=PLACE, how="left", validate="one_to_one")
    if both["status"].isna().all():
        raise UsageError(f"{truth_from}: none of its fields is in {read_from}")
    both["confidence"] = _numbers(both["confidence"], read_from)
    both["right"] = both["value"] == both["truth"].str.replace(r"\D", "", regex=True)
    both["accepted"] = both["status"] == "accepted"
    both["free"] = both["accepted"] | both["reason"].str.fullmatch(rf"{LOW}(: [^;]*)?", na=False)
    both["column"] = both["field"].str.replace(r"\[\d+\]", "[]", regex=True)
    if read["form"].nunique() > 1:
        forms = read.drop_duplicates(["path", "page"])[["path", "page", "form"]]
        form = both[["path", "page"]].merge(forms, on=["path", "page"], how="left")["form"]
        both["column"] = form.fillna("not read") + ": " + both["column"]
    return both


def _digits(read_from: Path, fields: pd.DataFrame) -> pd.DataFrame:
    """The digits read in these fields: `digit`, `confidence`, `right`, `free` (as their field is)."""
    read = _table(read_from, [*KEY, "position", "digit", "confidence"]).rename(columns={"file": "path"})
    known = fields[[*KEY, "path", "truth", "raw", "free"]]
    read = read[read["digit"].isin(DIGITS)].merge(known, on=PLACE)
    read["confidence"] = _numbers(read["confidence"], read_from)
    places = _numbers(read["position"], read_from).astype(int)
    right = [
        place in _right_places(truth, raw)
        for truth, raw, place in zip(read["truth"], read["raw"], places, strict=True)
    ]
    read["right"] = np.array(right, np.bool_)  # of that type even where no digit was read
    return read


def _right_places(truth: str, raw: str) -> set[int]:
    """Positions, from 1, of what is read right; where a glyph is missed, those beside it may still be."""
    if len(truth) == len(raw):
        return {i for i, (written, read) in enumerate(zip(truth, raw, strict=True), 1) if written == read}
    blocks = SequenceMatcher(None, truth, raw, autojunk=False).get_matching_blocks()
    return {b.b + i + 1 for b in blocks for i in range(b.size)}


def _confusion(fields: pd.DataFrame) -> NDArray[np.int64]:
    """Of the fields in which as many cells or glyphs are read as written."""
    counts = np.zeros((len(SIGNS), len(SIGNS)), np.int64)
    for truth, raw in zip(fields["truth"], fields["raw"].fillna(""), strict=True):
        if len(truth) == len(raw):
            for written, read in zip(truth, raw, strict=True):
                if written in SIGNS and read in SIGNS:
                    counts[SIGNS.index(written), SIGNS.index(read)] += 1
    return counts


def _scored(fields: pd.DataFrame) -> FieldScore:
    accepted = int(fields["accepted"].sum())
    return FieldScore(
        reviewed=share_of(len(fields) - accepted, len(fields)),
        accepted_wrong=share_of(int((fields["accepted"] & ~fields["right"]).sum()), accepted),
        measured=_measured(fields),
    )


def _measured(rows: pd.DataFrame) -> Measured:
    """Of fields or digits; what was never read counts as read with confidence 0."""
    sure, right, free = (rows[name].to_numpy() for name in ("confidence", "right", "free"))
    return measure(np.nan_to_num(sure), right, free)


def _recommended(rows: pd.DataFrame, target: float) -> Threshold:
    return recommend(_least(rows), rows["right"].to_numpy(), rows["free"].to_numpy(), target)


def _least(rows: pd.DataFrame) -> Floats:
    """The least confidences that are written as these are; 0 where nothing was read."""
    sure = np.nan_to_num(rows["confidence"].to_numpy(np.float64))
    return np.asarray(np.clip(np.round(sure - 0.5 * 10.0**-WRITTEN_TO, WRITTEN_TO + 1), 0, 1))


def _together(fields: pd.DataFrame, digits: pd.DataFrame, advice: Advice) -> Effect:
    """What all kept thresholds do, a field's own before the whole's; without either, what the run did."""

    def wanted(names: pd.Series, kept: Mapping[str, Threshold], otherwise: float) -> Floats:
        return names.map({n: t.confidence for n, t in kept.items() if t.kept}).fillna(otherwise).to_numpy()

    whole = advice.whole.confidence if advice.whole.kept else None
    own = wanted(fields["column"], advice.by_field, -1.0 if whole is None else whole)
    passed = np.where(own < 0, fields["accepted"], fields["free"] & (_least(fields) >= own))
    doubted = digits.loc[_least(digits) < wanted(digits["digit"], advice.by_digit, 0.0), KEY]
    accepted = passed & ~pd.MultiIndex.from_frame(fields[KEY]).isin(pd.MultiIndex.from_frame(doubted))
    return effect(int((accepted & ~fields["right"]).sum()), int(accepted.sum()), len(fields))


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    try:
        return pd.to_numeric(column)
    except ValueError as error:
        raise UsageError(f"{path}: {column.name} must be a number: {error}") from None


def _table(path: Path, columns: list[str]) -> pd.DataFrame:
    """The columns as text: `007` stays `007`."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as CSV: {error}") from None
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise UsageError(f"{path}: column {', '.join(missing)} is missing")
    table = table[columns].copy()
    table["file"] = table["file"].map(undefused)  # the truth need not come from where names are defused
    return table


def _paths(files: pd.Series, read: pd.Series) -> pd.Series:
    """The paths in a run of files as a truth calls them; a file that is not there keeps its own."""
    paths = read.drop_duplicates()
    names = paths.str.rsplit("/", n=1).str[-1]
    known = dict(zip(names[~names.duplicated(keep=False)], paths[~names.duplicated(keep=False)], strict=True))
    found = files.str.rsplit("/", n=1).str[-1].map(known)
    return files.where(files.isin(paths) | found.isna(), found)


def _check_once(table: pd.DataFrame, path: Path) -> None:
    doubled = table.duplicated(PLACE)
    if doubled.any():
        first = table[doubled].iloc[0]
        raise UsageError(f"{path}: {first['path']} page {first['page']} {first['field']} is there twice")
