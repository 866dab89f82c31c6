"""The journal of an output directory: what was read, with what, and what became of it.

SQLite keeps it whole through kill -9 and power loss. A page is known by the hash of its file, its number and
a setup: a hash of everything else that its reading depends on.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from digitscan.errors import UsageError
from digitscan.records import Candidate, DigitReading, FieldReading, PageFailure, PageRef, PageResult

NAME = "journal.sqlite"
_FORMAT = 2
_SCHEMA = """
CREATE TABLE files (
    sha256 TEXT NOT NULL, version TEXT NOT NULL, pages INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (sha256, version)
) WITHOUT ROWID;
CREATE TABLE pages (
    sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL, outcome TEXT NOT NULL,
    view BLOB NOT NULL,
    PRIMARY KEY (sha256, page, setup)
);
CREATE TABLE doubts (
    sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL, field TEXT NOT NULL,
    position INTEGER NOT NULL, confidence REAL NOT NULL, outcome TEXT NOT NULL, view BLOB NOT NULL,
    PRIMARY KEY (sha256, page, setup, field)
);
CREATE TABLE listed (
    row INTEGER PRIMARY KEY, path BLOB NOT NULL, file BLOB NOT NULL, page INTEGER NOT NULL,
    sha256 TEXT NOT NULL, setup TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL
);
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
        """Keep what became of a page, views for people, and that it was read."""
        key = (outcome.ref.sha256, outcome.ref.page, setup)
        view, doubts = b"", []
        if isinstance(outcome, PageResult):
            view = outcome.view
            doubts = [
                (*key, r.field, i, float(r.confidence), _packed(replace(outcome, readings=(r,))), r.view)
                for i, r in enumerate(outcome.readings)
                if r.status == "review"
            ]
        with self._connection as book:
            book.execute(
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?)", (*key, _packed(outcome), view)
            )
            book.execute("DELETE FROM doubts WHERE sha256 = ? AND page = ? AND setup = ?", key)
            book.executemany("INSERT INTO doubts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", doubts)
            book.execute("INSERT INTO reads (sha256, page, setup) VALUES (?, ?, ?)", key)

    def listing(
        self, setup: str, outcomes: Iterable[PageResult | PageFailure]
    ) -> Iterator[PageResult | PageFailure]:
        """Passes the rows of the outputs on; once all are through, they are what `listed` gives."""
        with self._connection:
            self._connection.execute("DELETE FROM listed")
            for row, outcome in enumerate(outcomes):
                ref = outcome.ref
                said = (outcome.stage, outcome.reason) if isinstance(outcome, PageFailure) else ("", "")
                names = os.fsencode(ref.path), os.fsencode(ref.file)
                self._connection.execute(
                    "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (row, *names, ref.page, ref.sha256, setup, *said),
                )
                yield outcome

    def listed(self) -> Iterator[PageResult | PageFailure]:
        """What the outputs hold, in their order, without views."""
        yield from self._joined(
            "SELECT path, file, page, sha256, listed.stage, listed.reason, outcome"
            " FROM listed LEFT JOIN pages USING (sha256, page, setup) ORDER BY row"
        )

    def failures(self) -> Iterator[PageFailure]:
        """The pages and files that the outputs hold as failed or skipped, in their order."""
        found = self._joined(
            "SELECT path, file, page, sha256, stage, reason, NULL FROM listed WHERE stage <> '' ORDER BY row"
        )
        return (outcome for outcome in found if isinstance(outcome, PageFailure))

    def doubts(self) -> Iterator[PageResult]:
        """Each field in review that the outputs hold, as its page's result with that one reading.

        The least confident first, without views; of copies of a file only the first.
        """
        found = self._joined(
            "SELECT path, file, page, sha256, '', '', outcome FROM doubts JOIN"
            " (SELECT min(row) AS row, path, file, page, sha256, setup FROM listed GROUP BY sha256, page)"
            " USING (sha256, page, setup) ORDER BY confidence, row, position"
        )
        return (outcome for outcome in found if isinstance(outcome, PageResult))

    def view_of_page(self, sha256: str, page: int) -> bytes:
        """JPEG of a page that the outputs hold; empty where all of its fields were accepted."""
        return self._picture("SELECT view FROM pages", "", (sha256, page))

    def view_of_field(self, sha256: str, page: int, field: str) -> bytes:
        """JPEG of a field in review and its surroundings; empty where there is none."""
        return self._picture("SELECT view FROM doubts", " AND field = ?", (sha256, page, field))

    def _picture(self, select: str, more: str, values: tuple[object, ...]) -> bytes:
        where = " WHERE setup = (SELECT setup FROM listed LIMIT 1) AND sha256 = ? AND page = ?"
        row = self._connection.execute(f"{select}{where}{more}", values).fetchone()
        return b"" if row is None else bytes(row[0])

    def _joined(self, query: str) -> Iterator[PageResult | PageFailure]:
        for path, file, page, sha256, stage, reason, outcome in self._connection.execute(query):
            ref = PageRef(Path(os.fsdecode(path)), os.fsdecode(file), page, sha256)
            if stage or outcome is None:
                yield PageFailure(ref, stage, reason)
            else:
                yield _unpacked(ref, json.loads(outcome))

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
    for part in (known, *known.get("readings", ())):
        part.pop("view", None)
    # measured values may come as numpy scalars
    return json.dumps(known, separators=(",", ":"), default=lambda value: value.item())


def _unpacked(ref: PageRef, known: dict[str, Any]) -> PageResult | PageFailure:
    if "stage" in known:
        return PageFailure(ref, **known)
    readings = tuple(_reading(reading) for reading in known["readings"])
    return PageResult(ref, **{**known, "readings": readings, "size": tuple(known["size"])})


def _reading(known: dict[str, Any]) -> FieldReading:
    digits = tuple(DigitReading(**{**digit, "box": tuple(digit["box"])}) for digit in known["digits"])
    candidates = tuple(Candidate(*candidate) for candidate in known["candidates"])
    corners = tuple((x, y) for x, y in known["corners"])
    return FieldReading(**{**known, "digits": digits, "candidates": candidates, "corners": corners})
