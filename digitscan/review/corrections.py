"""corrections.csv: what people decided in a report, as they hand it in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from digitscan.batch.outputs import formula
from digitscan.errors import UsageError
from digitscan.review.queue import Decision, Key

COLUMNS = ("file", "page", "form", "field", "sha256", "state", "value", "shown", "who", "when")
_LONGEST = 40  # digits, as in report.html


def read(path: Path, who: str = "") -> dict[Key, Decision]:
    """The decisions in a corrections.csv; of several on one field the latest.

    who: stands in where the file names nobody.

    Raises:
        UsageError: the file cannot be read, or a row is not as report.html writes it; nothing is taken then.
    """
    found: dict[Key, Decision] = {}
    for key, decision in _rows(path, who):
        if key not in found or found[key].when <= decision.when:
            found[key] = decision
    return found


def _rows(path: Path, who: str) -> Iterator[tuple[Key, Decision]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise UsageError(f"{path}: column {', '.join(missing)} is missing")
            for row in rows:
                try:
                    yield _decision({name: _text(row[name]) for name in COLUMNS}, who)
                except ValueError as error:
                    raise UsageError(f"{path}: line {rows.line_num}: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as CSV: {error}") from None


def _text(cell: str | None) -> str:
    if cell is None:
        raise ValueError("the line is cut short")
    return cell[1:] if cell.startswith("'") and formula(cell[1:]) else cell


def _decision(row: dict[str, str], who: str) -> tuple[Key, Decision]:
    state, value = row["state"], row["value"]
    match state:
        case "value":
            if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST):
                raise ValueError(f"value {value!r} is no number: digits are expected")
        case "blank" | "unreadable":
            if value:
                raise ValueError(f"value must be empty where the state is {state}")
        case _:
            raise ValueError(f"state {state!r} is none of value, blank, unreadable")
    if not row["page"].isdecimal():
        raise ValueError(f"page {row['page']!r} is no number")
    try:
        when = datetime.fromisoformat(row["when"]).astimezone(UTC)
    except ValueError:
        raise ValueError(f"when {row['when']!r} is no time") from None
    key = Key(row["sha256"], int(row["page"]), row["form"], row["field"])
    return key, Decision(state, value, "person", row["who"] or who, when.isoformat(timespec="milliseconds"))
