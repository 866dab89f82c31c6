"""The files of a finished run: fields.csv, digits.csv, pages.csv and summary.json.

They are written aside, and take their names one after the other when all of them are on the disk.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from digitscan.records import DigitReading, FieldReading, PageFailure, PageRef, PageResult

FIELDS = ("file", "page", "form", "field", "value", "raw", "confidence", "status", "reason")
DIGITS = (
    *("file", "page", "form", "field", "position", "digit", "confidence"),
    *("alternative", "alternative_confidence", "x", "y", "width", "height"),
)
PAGES = (
    *("file", "page", "form", "status", "reason", "rotation"),
    *("registration_score", "fields", "review"),
)
NAMES = ("fields.csv", "digits.csv", "pages.csv", "summary.json")
SKIPPED = "skip"
"""The stage of a failure that is none: a file that is no page, and was never meant to be read."""
LEFT = "left"
"""The stage of a failure that is none: a page, or a file not yet opened, that is left for the next run."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the files written hold: rows of pages.csv, and of fields.csv."""

    ok: int
    failed: int
    skipped: int
    left: int
    """Rows of status `skipped` as well: pages left for the next run, and files that it will open."""
    fields: int
    review: int


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of a page that was read, as they are written, but for the name of the file that begins them.

    The journal keeps them, so that writing the outputs is copying.
    """

    ref: PageRef
    count: int
    """Of its fields, and of those in review."""
    review: int
    page: str
    fields: Sequence[str]
    digits: Sequence[str]


def write(
    directory: Path, outcomes: Iterable[PageRows | PageFailure], about: Callable[[], dict[str, Any]]
) -> Counts:
    """Write the files, rows in the order of `outcomes`.

    Args:
        directory: where; it exists.
        outcomes: one for each row of pages.csv; gone through once.
        about: gives what summary.json says besides the counts; asked when the tables are written.

    Raises:
        OSError: the disk is full or the like; the old files are as they were.
    """
    aside = {name: directory / f".{name}.part" for name in NAMES}
    try:
        with ExitStack() as stack:
            fields, digits, pages = (stack.enter_context(_on_disk(aside[name])) for name in NAMES[:3])
            counts = _write_rows(fields, digits, pages, outcomes)
        with _on_disk(aside["summary.json"]) as file:
            json.dump({**about(), "counts": asdict(counts)}, file, indent=2)
            file.write("\n")
        for name in NAMES:
            aside[name].replace(directory / name)
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)
    sync(directory)
    return counts


def sync(directory: Path) -> None:
    """Have the names of a directory on the disk; raises `OSError`."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def plain(text: str) -> str:
    """Text that can be written anywhere: bytes of a file name that are not UTF-8 become `\\xNN`.

    So does a carriage return, which `csv` would leave without quotes, and readers take for the end of a line.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\r", "\\x0d")


def rendered(result: PageResult) -> PageRows:
    """The rows of a page that was read."""
    page, form = result.ref.page, cell(result.form)
    doubtful = sum(reading.status == "review" for reading in result.readings)
    score = _share(result.registration_score)
    start = [(page, form, cell(reading.field)) for reading in result.readings]
    return PageRows(
        result.ref,
        len(result.readings),
        doubtful,
        _as_csv([(page, form, "ok", "", result.rotation, score, len(result.readings), doubtful)])[0],
        _as_csv((*known, *_field_cells(r)) for known, r in zip(start, result.readings, strict=True)),
        _as_csv(
            (*known, *_digit_cells(digit))
            for known, r in zip(start, result.readings, strict=True)
            for digit in r.digits
        ),
    )


def _write_rows(
    fields: TextIO, digits: TextIO, pages: TextIO, outcomes: Iterable[PageRows | PageFailure]
) -> Counts:
    for file, names in ((fields, FIELDS), (digits, DIGITS), (pages, PAGES)):
        file.writelines(_as_csv([names]))
    ok = failed = skipped = left = read = review = 0
    for outcome in outcomes:
        (first,) = _as_csv([(cell(outcome.ref.file), "")])
        file_cell = first.removesuffix("\n")
        if isinstance(outcome, PageFailure):
            skipped += outcome.stage == SKIPPED
            left += outcome.stage == LEFT
            failed += outcome.stage not in (SKIPPED, LEFT)
            status = "skipped" if outcome.stage in (SKIPPED, LEFT) else "failed"
            rows = _as_csv([(outcome.ref.page, "", status, cell(outcome.reason), "", "", 0, 0)])
            pages.write(file_cell + rows[0])
            continue
        ok += 1
        read += outcome.count
        review += outcome.review
        pages.write(file_cell + outcome.page)
        fields.writelines(file_cell + row for row in outcome.fields)
        digits.writelines(file_cell + row for row in outcome.digits)
    return Counts(ok, failed, skipped, left, read, review)


def _as_csv(rows: Iterable[Sequence[object]]) -> list[str]:
    lines: list[str] = []
    csv.writer(SimpleNamespace(write=lines.append), lineterminator="\n").writerows(rows)
    return lines


def _field_cells(reading: FieldReading) -> list[str]:
    return [
        *(cell(reading.value), cell(reading.raw), _share(reading.confidence)),
        *(cell(reading.status), cell(reading.reason)),
    ]


def _digit_cells(digit: DigitReading) -> list[str | int]:
    return [
        *(digit.position, cell(digit.digit), _share(digit.confidence)),
        *(cell(digit.alternative), _share(digit.alternative_confidence)),
        *digit.box,
    ]


def _share(value: float) -> str:
    return f"{value:.4f}"


def cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run."""
    return plain(f"'{text}" if formula(text) else text)


def undefused(text: str) -> str:
    """The text of which `cell` made this."""
    return text[1:] if text.startswith("'") and formula(text[1:]) else text


def formula(text: str) -> bool:
    """Whether a spreadsheet may run it."""
    return text.startswith(_FORMULA)


@contextmanager
def _on_disk(path: Path) -> Iterator[TextIO]:
    """A file that is on the disk, and not only on its way there, at the end of the block."""
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
