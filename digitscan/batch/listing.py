"""The files of a run, kept in the journal: memory stays flat however many they are.

A file that lies where it lay, with the same size and times to the nanosecond, is not hashed again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from digitscan.batch.inputs import InputFile
from digitscan.batch.journal import Journal
from digitscan.records import PageFailure, PageRef

_AT_A_TIME = 1000
"""Rows a transaction, and a query: one that stays open would keep SQLite from tidying up its log."""
_REST_NS = 2_000_000_000
"""A file changed less than that before it was hashed may have changed again within a tick of its clock."""

_COLUMNS = "row, path, file, sha256, stamp, stage, reason"
_ADD = (
    "INSERT OR REPLACE INTO inputs (run, path, file, sha256, stamp, rested, stage, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIRST = (
    " AND NOT EXISTS (SELECT 1 FROM inputs AS before"
    " WHERE before.run = inputs.run AND before.sha256 = inputs.sha256 AND before.row < inputs.row)"
)
# asked of SQLite, and not of each file in turn: of a night's files nearly all were read the night before
_UNCOUNTED = (
    " AND NOT EXISTS (SELECT 1 FROM files"
    " WHERE files.sha256 = inputs.sha256 AND version = ? AND files.stage = '')"
)
_UNFINISHED = (
    " AND (SELECT pages FROM files WHERE files.sha256 = inputs.sha256 AND version = ?)"
    " > (SELECT count(*) FROM pages WHERE pages.sha256 = inputs.sha256 AND setup = ? AND pages.stage = '')"
)
# a file that was only moved is none of them
_GONE = (
    "SELECT count(*) FROM listed WHERE page > 0"
    " AND NOT EXISTS (SELECT 1 FROM inputs WHERE run = ? AND inputs.path = listed.path)"
    " AND NOT EXISTS (SELECT 1 FROM inputs WHERE run = ? AND inputs.sha256 = listed.sha256)"
)
_COPIES = (
    "SELECT coalesce(sum(pages * (times - 1)), 0) FROM files JOIN"
    " (SELECT sha256, count(*) AS times FROM inputs WHERE run = ? GROUP BY sha256) USING (sha256)"
    " WHERE version = ?"
)


class Listing:
    """The files that a run found."""

    def __init__(self, book: Journal, run: int) -> None:
        self._connection = book.connection
        self._run = run

    def known(self, path: Path, stamp: tuple[int, ...]) -> str | None:
        """The hash of a file that had that stamp when it was listed before; None where it has to be taken."""
        row = self._connection.execute(
            "SELECT sha256 FROM inputs WHERE path = ? AND stamp = ? AND rested",
            (os.fsencode(path), json.dumps(stamp)),
        ).fetchone()
        return None if row is None else str(row[0])

    def fill(self, found: Iterable[InputFile | PageFailure]) -> None:
        """List what was found, and forget what other runs found."""
        rows = map(self._row, found)
        while some := list(islice(rows, _AT_A_TIME)):
            with self._connection as book:
                book.executemany(_ADD, some)
        with self._connection as book:
            book.execute("DELETE FROM inputs WHERE run <> ?", (self._run,))

    def holds(self, directory: Path) -> bool:
        """Whether anything was found in a directory."""
        first = os.fsencode(directory.resolve()).rstrip(b"/") + b"/"
        query = "SELECT 1 FROM inputs WHERE run = ? AND path >= ? AND path < ? LIMIT 1"
        found = self._connection.execute(query, (self._run, first, first[:-1] + b"0"))  # the sign after `/`
        return found.fetchone() is not None

    def gone(self) -> int:
        """Pages that the outputs as last written hold, and that are no longer in the inputs."""
        (count,) = self._connection.execute(_GONE, (self._run, self._run)).fetchone()
        return int(count)

    def copies(self, version: str) -> int:
        """Pages of files that have the same content as another, but for the first of them."""
        (count,) = self._connection.execute(_COPIES, (self._run, version)).fetchone()
        return int(count)

    def __iter__(self) -> Iterator[InputFile | PageFailure]:
        """All that was found, in its order."""
        return self._listed("")

    def uncounted(self, version: str) -> Iterator[InputFile]:
        """The files of which that version of the program does not know the pages, of copies the first."""
        return self._wanting(_UNCOUNTED, version)

    def unfinished(self, version: str, setup: str) -> Iterator[InputFile]:
        """The files of which not all pages were read well with that setup, of copies the first."""
        return self._wanting(_UNFINISHED, version, setup)

    def _wanting(self, what: str, *values: str) -> Iterator[InputFile]:
        found = self._listed(f" AND stage = ''{_FIRST}{what}", *values)
        return (file for file in found if isinstance(file, InputFile))

    def _listed(self, more: str, *values: str) -> Iterator[InputFile | PageFailure]:
        last = 0
        query = (
            f"SELECT {_COLUMNS} FROM inputs NOT INDEXED"
            f" WHERE run = ? AND row > ?{more} ORDER BY row LIMIT {_AT_A_TIME}"
        )
        while rows := self._connection.execute(query, (self._run, last, *values)).fetchall():
            yield from map(_found, rows)
            last = rows[-1][0]

    def _row(self, found: InputFile | PageFailure) -> tuple[object, ...]:
        if isinstance(found, PageFailure):
            path, file, end = found.ref.path, found.ref.file, ("", "[]", False, found.stage, found.reason)
        else:
            rested = time.time_ns() - max(found.stamp[2:]) > _REST_NS
            path, file, end = found.path, found.file, (found.sha256, json.dumps(found.stamp), rested, "", "")
        return (self._run, os.fsencode(path), os.fsencode(file), *end)


def _found(row: tuple[int, bytes, bytes, str, str, str, str]) -> InputFile | PageFailure:
    _, path, file, sha256, stamp, stage, reason = row
    where, name = Path(os.fsdecode(path)), os.fsdecode(file)
    if stage:
        return PageFailure(PageRef(where, name, 0, ""), stage, reason)
    return InputFile(where, name, sha256, tuple(json.loads(stamp)))
