"""The journal of an output directory: what was read, with what, and what became of it.

SQLite keeps it whole through kill -9 and power loss. A page is known by the hash of its file, its number and
a setup: a hash of everything else that its reading depends on.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from digitscan.batch.database import connected
from digitscan.batch.outputs import PageRows, rendered
from digitscan.batch.packing import (
    packed,
    packed_checks,
    packed_limits,
    unpacked,
    unpacked_checks,
    unpacked_limits,
)
from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import Check, Form, Limits
from digitscan.records import PageFailure, PageRef, PageResult

NAME = "journal.sqlite"
_FORMAT = 2
_SCHEMA = """
CREATE TABLE files (
    sha256 TEXT NOT NULL, version TEXT NOT NULL, pages INTEGER NOT NULL, stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (sha256, version)
) WITHOUT ROWID;
CREATE TABLE pages (
    sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL, stage TEXT NOT NULL,
    fields INTEGER NOT NULL, review INTEGER NOT NULL, rows TEXT NOT NULL, outcome TEXT NOT NULL,
    view BLOB NOT NULL,
    PRIMARY KEY (sha256, page, setup)
);
CREATE TABLE doubts (
    sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL, field TEXT NOT NULL,
    position INTEGER NOT NULL, confidence REAL NOT NULL, outcome TEXT NOT NULL, view BLOB NOT NULL,
    PRIMARY KEY (sha256, page, setup, field)
);
CREATE TABLE reads (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, page INTEGER NOT NULL, setup TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE inputs (
    row INTEGER PRIMARY KEY, run INTEGER NOT NULL, path BLOB NOT NULL UNIQUE, file BLOB NOT NULL,
    sha256 TEXT NOT NULL, stamp TEXT NOT NULL, rested INTEGER NOT NULL, stage TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX inputs_by_content ON inputs (run, sha256, row);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, process TEXT NOT NULL, setup TEXT NOT NULL, version TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, ending TEXT, first_read INTEGER NOT NULL
);
CREATE TABLE listed (
    row INTEGER PRIMARY KEY, path BLOB NOT NULL, file BLOB NOT NULL, page INTEGER NOT NULL,
    sha256 TEXT NOT NULL, setup TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX listed_by_page ON listed (sha256, page);
"""
"""inputs: the files found by a run, in order of rows; listed: the rows of the outputs as last written."""
_RULES = """CREATE TABLE IF NOT EXISTS {} (
    setup TEXT NOT NULL, form TEXT NOT NULL, rules TEXT NOT NULL, PRIMARY KEY (setup, form)
)"""
"""limits: what may be written in the fields of a form; checks: those between them. Made by a run, since older
journals lack them."""

_Outcome = TypeVar("_Outcome", bound=PageResult | PageRows | PageFailure)
_LISTED = (
    "SELECT path, file, page, sha256, listed.stage, listed.reason, outcome"
    " FROM listed LEFT JOIN pages USING (sha256, page, setup)"
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: other tables
_UNUSABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_FAILED = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
)


class Journal:
    """One open journal; each record is on the disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def pages_in(self, sha256: str, version: str) -> int | PageFailure | None:
        """Pages of a file as that version of the program counts them, why it has none, or None if unknown."""
        row = self.connection.execute(
            "SELECT pages, stage, reason FROM files WHERE sha256 = ? AND version = ?", (sha256, version)
        ).fetchone()
        if row is None:
            return None
        pages, stage, reason = row
        return int(pages) if pages else PageFailure(PageRef(Path(), "", 0, sha256), stage, reason)

    def record_file(self, sha256: str, version: str, pages: int | PageFailure) -> None:
        """Keep what `pages_in` gives."""
        row = (0, pages.stage, pages.reason) if isinstance(pages, PageFailure) else (pages, "", "")
        with self.connection as book:
            book.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (sha256, version, *row))

    def stages(self, sha256: str, setup: str) -> dict[int, str]:
        """Of the pages of a file that were read with that setup: the stage at which they failed, or none."""
        found = self.connection.execute(
            "SELECT page, stage FROM pages WHERE sha256 = ? AND setup = ?", (sha256, setup)
        )
        return dict(found.fetchall())

    def outcome(self, ref: PageRef, setup: str) -> PageResult | PageFailure | None:
        """What became of a page, with the given `ref`, without views; None where it was not read."""
        row = self._row("outcome", ref, setup)
        return None if row is None else unpacked(ref, row[0])

    def rows(self, ref: PageRef, setup: str) -> PageRows | PageFailure | None:
        """What the outputs say of a page, with the given `ref`; None where it was not read."""
        row = self._row("stage, fields, review, rows", ref, setup)
        if row is None:
            return None
        stage, fields, review, rows = row
        known = json.loads(rows)
        return PageFailure(ref, stage, *known) if stage else PageRows(ref, fields, review, *known)

    def _row(self, columns: str, ref: PageRef, setup: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.connection.execute(
            f"SELECT {columns} FROM pages WHERE sha256 = ? AND page = ? AND setup = ?",
            (ref.sha256, ref.page, setup),
        ).fetchone()
        return row

    def record_page(self, setup: str, outcome: PageResult | PageFailure) -> None:
        """Keep what became of a page, views for people, and that it was read."""
        key = (outcome.ref.sha256, outcome.ref.page, setup)
        stage, fields, view, doubts = "", 0, b"", []
        rows: list[object]
        if isinstance(outcome, PageFailure):
            stage, rows = outcome.stage, [outcome.reason]
        else:
            fields, view, written = len(outcome.readings), outcome.view, rendered(outcome)
            rows = [written.page, written.fields, written.digits]
            doubts = [
                (*key, r.field, i, float(r.confidence), packed(replace(outcome, readings=(r,))), r.view)
                for i, r in enumerate(outcome.readings)
                if r.status == "review"
            ]
        with self.connection as book:
            book.execute(
                "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, stage, fields, len(doubts), json.dumps(rows), packed(outcome), view),
            )
            book.execute("DELETE FROM doubts WHERE sha256 = ? AND page = ? AND setup = ?", key)
            book.executemany("INSERT INTO doubts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", doubts)
            book.execute(
                "INSERT INTO reads (sha256, page, setup, at) VALUES (?, ?, ?, ?)", (*key, time.time())
            )

    def keep_rules(self, setup: str, forms: Iterable[Form]) -> None:
        """Keep what `limits` and `checks` give."""
        with self.connection as book:
            for table, pack in (("limits", packed_limits), ("checks", packed_checks)):
                book.execute(_RULES.format(table))
                rows = [(setup, form.name, pack(form)) for form in forms]
                book.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", rows)

    def limits(self) -> dict[tuple[str, str], Limits]:
        """What may be written in what the outputs hold, by form and column: `person[].age`."""
        kept = self._rules("limits")
        return {(form, name): of for form, text in kept for name, of in unpacked_limits(text).items()}

    def checks(self) -> dict[str, tuple[Check, ...]]:
        """The checks between the fields that the outputs hold, by form."""
        return {form: unpacked_checks(text) for form, text in self._rules("checks")}

    def _rules(self, table: str) -> list[tuple[str, str]]:
        one = self.connection.execute
        if one("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
            return []
        found = one(f"SELECT * FROM {table} WHERE setup = (SELECT setup FROM listed LIMIT 1)")
        return [(form, text) for _, form, text in found]

    @contextmanager
    def listing(self, setup: str, outcomes: Iterable[_Outcome]) -> Iterator[Iterator[_Outcome]]:
        """Passes the rows of the outputs on; from the end of the block on they are what `listed` gives.

        After an exception that is what it was: the outputs and what is told of them are of the same run.
        """

        def passed() -> Iterator[_Outcome]:
            for row, outcome in enumerate(outcomes):
                ref = outcome.ref
                said = (outcome.stage, outcome.reason) if isinstance(outcome, PageFailure) else ("", "")
                names = os.fsencode(ref.path), os.fsencode(ref.file)
                self.connection.execute(
                    "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (row, *names, ref.page, ref.sha256, setup, *said),
                )
                yield outcome

        with self.connection:
            self.connection.execute("DELETE FROM listed")
            yield passed()

    def listed(self) -> Iterator[PageResult | PageFailure]:
        """What the outputs hold, in their order, without views."""
        yield from self._joined(f"{_LISTED} ORDER BY row")

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

    def page(self, sha256: str, page: int) -> PageResult | None:
        """What the outputs hold of a page, without views; None where they do not, or it failed."""
        found = self._joined(f"{_LISTED} WHERE sha256 = ? AND page = ? ORDER BY row LIMIT 1", sha256, page)
        outcome = next(found, None)
        return outcome if isinstance(outcome, PageResult) else None

    def pages(self) -> list[tuple[str, int, int, int]]:
        """Of all pages that the outputs hold as read: hash, page, fields, and fields in review.

        In the order of the outputs; of copies of a file only the first.
        """
        return self.connection.execute(
            "SELECT sha256, page, fields, review FROM pages JOIN"
            " (SELECT min(row) AS row, sha256, page, setup FROM listed GROUP BY sha256, page)"
            " USING (sha256, page, setup) WHERE pages.stage = '' ORDER BY row"
        ).fetchall()

    def view_of_page(self, sha256: str, page: int) -> bytes:
        """JPEG of a page that the outputs hold; empty where all of its fields were accepted."""
        return self._picture("SELECT view FROM pages", "", (sha256, page))

    def view_of_field(self, sha256: str, page: int, field: str) -> bytes:
        """JPEG of a field in review and its surroundings; empty where there is none."""
        return self._picture("SELECT view FROM doubts", " AND field = ?", (sha256, page, field))

    def _picture(self, select: str, more: str, values: tuple[object, ...]) -> bytes:
        where = " WHERE setup = (SELECT setup FROM listed LIMIT 1) AND sha256 = ? AND page = ?"
        row = self.connection.execute(f"{select}{where}{more}", values).fetchone()
        return b"" if row is None else bytes(row[0])

    def _joined(self, query: str, *values: object) -> Iterator[PageResult | PageFailure]:
        for path, file, page, sha256, stage, reason, outcome in self.connection.execute(query, values):
            ref = PageRef(Path(os.fsdecode(path)), os.fsdecode(file), page, sha256)
            if stage or outcome is None:
                yield PageFailure(ref, stage, reason)
            else:
                yield unpacked(ref, outcome)


@contextmanager
def opened(directory: Path) -> Iterator[Journal]:
    """The journal of a directory, made where there is none.

    Raises:
        UsageError: it is damaged, of another version of the program, or cannot be written.
        DigitscanError: the disk failed, now or while it was in use.
    """
    path = directory / NAME
    try:
        with connected(path, _SCHEMA, _FORMAT, "choose another --output") as connection:
            yield Journal(connection)
    except sqlite3.DatabaseError as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: sqlite3.DatabaseError) -> Exception:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind in _DAMAGED:
        return UsageError(f"{path}: not a journal, or damaged ({error}): move it away to begin anew")
    if kind in _UNUSABLE:
        return UsageError(f"{path}: cannot be opened or written ({error})")
    if kind in _FAILED:
        return DigitscanError(
            f"{path}: cannot be written ({error}): what was read is kept, start again when that is mended"
        )
    return error
