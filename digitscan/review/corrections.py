"""corrections.csv: what people decided in a report; what is handed in is kept in the output directory."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digitscan.batch.outputs import cell, formula, sync
from digitscan.errors import DigitscanError, UsageError
from digitscan.review.queue import Change, Decision, Key

COLUMNS = ("file", "page", "form", "field", "sha256", "place", "state", "value", "shown", "who", "when")
FOLDER = "corrections"
_LONGEST = 40  # digits, as in report.html
_AHEAD = timedelta(days=1)  # what the clock of the machine with the browser may be


def read(path: Path, who: str = "") -> list[Change]:
    """The decisions in a corrections.csv. who: stands in where the file names nobody.

    Raises:
        UsageError: the file cannot be read, or a row is not as report.html writes it; nothing is taken then.
    """
    return list(_changes(path, who))


def keep(directory: Path, changes: Sequence[Change]) -> None:
    """Keep them in the output directory, once, as a file that is named after its content.

    Raises:
        DigitscanError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for change in changes:
        key, end = change.key, change.decision
        where = (
            cell(change.file),
            key.page,
            cell(key.form),
            cell(key.field),
            cell(key.sha256),
            cell(change.place),
        )
        rows.writerow([*where, end.state, end.value, cell(change.shown), cell(end.who), end.when])
    content = text.getvalue().encode()
    path = directory / FOLDER / f"{hashlib.sha256(content).hexdigest()[:16]}.csv"
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        raise DigitscanError(f"{path}: cannot be written: {error.strerror}") from error


def kept(directory: Path) -> list[Change]:
    """All that was ever handed in; raises as `read` does. What was handed in twice counts once."""
    folder = directory / FOLDER
    try:
        files = sorted(folder.iterdir())  # `glob` finds nothing in a folder that it may not read
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror}") from None
    whole = [path for path in files if path.suffix == ".csv" and not path.name.startswith(".")]
    changes = [change for path in whole for change in read(path)]
    # of one file that names nobody, under the names of two people, one decision does not become two
    return list({(change.key, change.decision.when): change for change in changes}.values())


def _changes(path: Path, who: str) -> Iterator[Change]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise UsageError(f"{path}: column {', '.join(missing)} is missing")
            for row in rows:
                try:
                    yield _change({name: _text(row[name]) for name in COLUMNS}, who)
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


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"when {text!r} is no time: ISO 8601 is expected") from None
    if when > datetime.now(UTC) + _AHEAD:  # it would outrank all that is decided until then
        raise ValueError(f"when {text!r} is still to come: give the time of the decision")
    return when


def _change(row: dict[str, str], who: str) -> Change:
    state, value = row["state"], row["value"]
    match state:
        case "value":
            if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST):
                raise ValueError(f"value {value!r} is no number: digits are expected")
        case "blank" | "unreadable" | "open":
            if value:
                raise ValueError(f"value must be empty where the state is {state}")
        case _:
            raise ValueError(f"state {state!r} is none of value, blank, unreadable, open")
    if not row["page"].isdecimal():
        raise ValueError(f"page {row['page']!r} is no number")
    when = _time(row["when"])
    key = Key(row["sha256"], int(row["page"]), row["form"], row["field"])
    decision = Decision(state, value, "person", row["who"] or who, when.isoformat(timespec="milliseconds"))
    if not re.fullmatch(r"(-?\d{1,9}( -?\d{1,9}){3})?", row["place"], re.ASCII):
        raise ValueError(f"place {row['place']!r} is none: x, y, width and height are expected")
    return Change(key, row["file"], decision, row["shown"], row["place"])
