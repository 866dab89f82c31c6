"""The journal of an output directory: what was read, with what, and what became of it.

SQLite keeps it whole through kill -9 and power loss. A page is known by the hash of its file, its number and
a setup: a hash of everything else that its reading depends on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from digitscan.errors import UsageError
from digitscan.records import DigitReading, FieldReading, PageFailure, PageRef, PageResult

NAME = "journal.sqlite"
_FORMAT = 1
_SCHEMA = """
CREATE TABLE files (
    sha256 TEXT NOT NULL, version TEXT NOT NULL, pages INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (sha256, version)
) WITHOUT ROWID;
CREATE TABLE pages (
    sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL, outcome TEXT NOT NULL,
    PRIMARY KEY (sha256, page, setup)
) WITHOUT ROWID;
CREATE TABLE reads (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL
);
"""


class Journal:
    """One open journal; each record is on the disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def pages_in(self, sha256: str, version: str) -> int | PageFailure | None:
        """Pages of a file as that version of the program counts them, why it has none, or None if unknown."""
        row = self._connection.execute(
            "SELECT pages, reason FROM files WHERE sha256 = ? AND version = ?", (sha256, version)
        ).fetchone()
        if row is None:
            return None
        pages, reason = row
        return int(pages) if pages else PageFailure(PageRef(Path(), "", 0, sha256), "open", reason)

    def record_file(self, sha256: str, version: str, pages: int | PageFailure) -> None:
        """Keep what `pages_in` gives."""
        row = (0, pages.reason) if isinstance(pages, PageFailure) else (pages, "")
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (sha256, version, *row)
            )

    def has_page(self, ref: PageRef, setup: str) -> bool:
        """Whether that page was read with that setup, well or badly."""
        return self._row("1", ref, setup) is not None

    def outcome(self, ref: PageRef, setup: str) -> PageResult | PageFailure | None:
        """What became of a page, with the given `ref`; None where it was not read."""
        row = self._row("outcome", ref, setup)
        return None if row is None else _unpacked(ref, json.loads(row[0]))

    def record_page(self, setup: str, outcome: PageResult | PageFailure) -> None:
        """Keep what became of a page, and that it was read."""
        key = (outcome.ref.sha256, outcome.ref.page, setup)
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?)", (*key, _packed(outcome))
            )
            self._connection.execute("INSERT INTO reads (sha256, page, setup) VALUES (?, ?, ?)", key)

    def _row(self, columns: str, ref: PageRef, setup: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(
            f"SELECT {columns} FROM pages WHERE sha256 = ? AND page = ? AND setup = ?",
            (ref.sha256, ref.page, setup),
        ).fetchone()
        return row


@contextmanager
def opened(directory: Path) -> Iterator[Journal]:
    """The journal of a directory, made where there is none.

    Raises:
        UsageError: it is damaged, or of another version of the program.
    """
    path = directory / NAME
    connection = sqlite3.connect(path)
    try:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_FORMAT}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"{path}: not a journal, or damaged ({error}): move it away to begin anew"
            ) from None
        if found not in (0, _FORMAT):
            raise UsageError(f"{path}: written by another version of digitscan: choose another --output")
        yield Journal(connection)
    finally:
        connection.close()


def _packed(outcome: PageResult | PageFailure) -> str:
    known = asdict(outcome)
    del known["ref"]
    # measured values may come as numpy scalars
    return json.dumps(known, separators=(",", ":"), default=lambda value: value.item())


def _unpacked(ref: PageRef, known: dict[str, Any]) -> PageResult | PageFailure:
    if "stage" in known:
        return PageFailure(ref, **known)
    readings = tuple(
        FieldReading(
            **{
                **reading,
                "digits": tuple(
                    DigitReading(**{**digit, "box": tuple(digit["box"])}) for digit in reading["digits"]
                ),
            }
        )
        for reading in known["readings"]
    )
    return PageResult(ref, **{**known, "readings": readings})
