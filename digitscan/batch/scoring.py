"""A run held against the truth: how many fields are right, and how many of the accepted ones are wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from digitscan.errors import UsageError

KEY = ["file", "page", "field"]


@dataclass(frozen=True, slots=True)
class Score:
    """What a run is worth; shares lie between 0 and 1."""

    fields: int
    """Fields of the truth whose value anybody can tell."""
    right: float
    reviewed: float
    accepted_wrong: int
    accepted_wrong_upper: float
    """Upper end of the 95% interval of the share of accepted fields that are wrong (Wilson 1927)."""
    by_field: pd.DataFrame
    """One row a field (a table's column is one): fields, right, reviewed, accepted_wrong."""
    wrong: pd.DataFrame
    """The fields read wrong, the surest first: file, page, field, truth, raw, confidence, status."""


def score_run(run: Path, truth: Path) -> Score:
    """Score the fields.csv of an output directory against a truth.csv.

    The truth has file, page, field and raw: one character a cell, a digit, `X` crossed out, `_` blank, `?`
    nobody can tell. Files are matched by their last name; fields with a `?` are left out, and a field that
    the run never wrote is wrong and in review.

    Raises:
        UsageError: a file cannot be read or lacks a column, or no field is in both.
    """
    read = _table(run / "fields.csv", [*KEY, "value", "raw", "confidence", "status"])
    wanted = _table(truth, [*KEY, "raw"])
    wanted = wanted[~wanted["raw"].str.contains("?", regex=False)].rename(columns={"raw": "truth"})
    both = wanted.merge(read, on=KEY, how="left", validate="one_to_one", indicator="found")
    if not (both["found"] == "both").any():
        raise UsageError(f"{truth}: none of its fields is in {run / 'fields.csv'}")
    both["right"] = both["value"] == both["truth"].str.replace(r"\D", "", regex=True)
    both["accepted"] = both["status"] == "accepted"
    both["accepted_wrong"] = both["accepted"] & ~both["right"]
    both["column"] = both["field"].str.replace(r"\[\d+\]", "[]", regex=True)
    groups = both.groupby("column", sort=False)
    by_field = pd.DataFrame(
        {
            "fields": groups.size(),
            "right": groups["right"].mean(),
            "reviewed": 1 - groups["accepted"].mean(),
            "accepted_wrong": groups["accepted_wrong"].sum(),
        }
    )
    wrong = both[~both["right"]].sort_values("confidence", ascending=False, na_position="last")
    return Score(
        fields=len(both),
        right=float(both["right"].mean()),
        reviewed=float(1 - both["accepted"].mean()),
        accepted_wrong=int(both["accepted_wrong"].sum()),
        accepted_wrong_upper=wilson_upper(int(both["accepted_wrong"].sum()), int(both["accepted"].sum())),
        by_field=by_field,
        wrong=wrong[[*KEY, "truth", "raw", "confidence", "status"]],
    )


def wilson_upper(errors: int, trials: int, z: float = 1.96) -> float:
    """Upper end of the Wilson interval of errors / trials; 1 for no trials."""
    if trials == 0:
        return 1.0
    share = errors / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (share + z * z / (2 * trials) + spread) / (1 + z * z / trials)


def _table(path: Path, columns: list[str]) -> pd.DataFrame:
    """The columns as text: `007` stays `007`."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as CSV: {error}") from None
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise UsageError(f"{path}: column {', '.join(missing)} is missing")
    table["file"] = table["file"].str.rsplit("/", n=1).str[-1]
    doubled = table.duplicated(KEY)
    if doubled.any():
        first = table[doubled].iloc[0]
        raise UsageError(f"{path}: {first['file']} page {first['page']} {first['field']} is there twice")
    return table[columns]
