"""The files of a finished run: fields.csv, digits.csv, pages.csv and summary.json.

They are written aside, and take their names one after the other when all of them are on the disk.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from digitscan.records import DigitReading, FieldReading, PageFailure, PageResult

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


def write(
    directory: Path, outcomes: Iterable[PageResult | PageFailure], about: Callable[[], dict[str, Any]]
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
            fields, digits, pages = (
                csv.writer(stack.enter_context(_on_disk(aside[name])), lineterminator="\n")
                for name in NAMES[:3]
            )
            counts = _write_rows(fields, digits, pages, outcomes)
        with _on_disk(aside["summary.json"]) as file:
            json.dump({**about(), "counts": asdict(counts)}, file, indent=2)
            file.write("\n")
        for name in NAMES:
            aside[name].replace(directory / name)
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return counts


def plain(text: str) -> str:
    """Text that can be written anywhere: bytes of a file name that are not UTF-8 become `\\xNN`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _write_rows(fields: Any, digits: Any, pages: Any, outcomes: Iterable[PageResult | PageFailure]) -> Counts:
    fields.writerow(FIELDS)
    digits.writerow(DIGITS)
    pages.writerow(PAGES)
    ok = failed = skipped = left = read = review = 0
    for outcome in outcomes:
        file, page = cell(outcome.ref.file), outcome.ref.page
        if isinstance(outcome, PageFailure):
            skipped += outcome.stage == SKIPPED
            left += outcome.stage == LEFT
            failed += outcome.stage not in (SKIPPED, LEFT)
            status = "skipped" if outcome.stage in (SKIPPED, LEFT) else "failed"
            pages.writerow([file, page, "", status, cell(outcome.reason), "", "", 0, 0])
            continue
        form = cell(outcome.form)
        doubtful = sum(reading.status == "review" for reading in outcome.readings)
        ok += 1
        read += len(outcome.readings)
        review += doubtful
        score = _share(outcome.registration_score)
        pages.writerow([file, page, form, "ok", "", outcome.rotation, score, len(outcome.readings), doubtful])
        for reading in outcome.readings:
            start = [file, page, form, cell(reading.field)]
            fields.writerow([*start, *_field_cells(reading)])
            digits.writerows([*start, *_digit_cells(digit)] for digit in reading.digits)
    return Counts(ok, failed, skipped, left, read, review)


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
