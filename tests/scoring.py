"""Runs of the program itself, scored against what the pages say."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Key = tuple[str, int, str]
"""Base name of the file, page, field."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the fields that the truth knows."""

    fields: int
    wrong: dict[Key, tuple[str, str]]
    """Fields read wrong: the true value and what was read; `-` where nothing was."""
    accepted_wrong: tuple[Key, ...]

    @property
    def accuracy(self) -> float:
        return 1 - len(self.wrong) / self.fields


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digitscan_run(inputs: Path, forms: Sequence[Path], output: Path) -> subprocess.CompletedProcess[str]:
    """`digitscan run` of a directory of pages."""
    command = [sys.executable, "-m", "digitscan", "run", str(inputs), "--output", str(output), "--quiet"]
    for form in forms:
        command += ["--form", str(form)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])


def score(fields: Path, truth: Path) -> Score:
    """Score a fields.csv; truth.csv has file, page, field, raw, with `?` for what nobody can tell."""
    read = {_key(row): row for row in rows(fields)}
    said = {_key(row): row["raw"] for row in rows(truth) if "?" not in row["raw"]}
    values = {key: "".join(c for c in raw if c.isdigit()) for key, raw in said.items()}
    found = {key: read[key]["value"] if key in read else "-" for key in values}
    wrong = {key: (value, found[key]) for key, value in values.items() if found[key] != value}
    accepted = tuple(key for key in wrong if key in read and read[key]["status"] == "accepted")
    return Score(len(values), wrong, accepted)


def _key(row: dict[str, str]) -> Key:
    return Path(row["file"]).name, int(row["page"]), row["field"]
