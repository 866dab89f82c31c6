"""The runs of an output directory: begun, ended, and how far the last one is."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from digitscan.batch.journal import Journal
from digitscan.batch.outputs import LEFT, SKIPPED

Ending = Literal["running", "done", "stopped", "interrupted", "failed", "died"]
"""`stopped` where a limit was reached, `died` where the process is gone and nobody wrote down why."""

_PACE_SECONDS = 600.0
"""The pace is that of the pages read within so long before the last one."""


@dataclass(frozen=True, slots=True)
class State:
    """How far the last run of an output directory is."""

    ending: Ending
    started: float
    """Unix time, as are the others."""
    ended: float | None
    pages: int
    """Of the files opened so far; copies count, as they do in pages.csv."""
    unopened: int
    """Files whose pages were not counted yet, or that were still being written."""
    done: int
    """Pages read, well or badly, by this run or before."""
    failed: int
    """Pages, and files that cannot be opened."""
    skipped: int
    fields: int
    review: int
    pace: float | None
    """Pages a second; None where this run has read too few."""

    @property
    def left(self) -> int:
        """Pages that are not read yet."""
        return self.pages - self.done


@contextmanager
def begun(book: Journal, setup: str, version: str) -> Iterator[Run]:
    """A run, written down with its ending."""
    started = time.time()
    with book.connection as connection:
        (first,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM reads").fetchone()
        number = connection.execute(
            "INSERT INTO runs (process, setup, version, started, first_read) VALUES (?, ?, ?, ?, ?)",
            (_process(os.getpid()), setup, version, started, first),
        ).lastrowid
    assert number is not None
    run = Run(book, number, started)
    try:
        yield run
    except BaseException as error:
        with suppress(sqlite3.Error):
            run.end("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise


class Run:
    """One run, in the journal under its number."""

    def __init__(self, book: Journal, number: int, started: float) -> None:
        self.number = number
        self.started = started
        self._book = book

    def end(self, ending: Ending) -> None:
        """Write down how it ended."""
        with self._book.connection as connection:
            connection.execute(
                "UPDATE runs SET ended = ?, ending = ? WHERE id = ?", (time.time(), ending, self.number)
            )


def state(book: Journal) -> State | None:
    """How far the last run is; None where there never was one."""
    row = book.connection.execute(
        "SELECT id, process, setup, version, started, ended, ending, first_read"
        " FROM runs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, process, setup, version, started, ended, ending, first = row
    one = book.connection.execute
    pages, unopened, unreadable = one(
        "SELECT coalesce(sum(pages), 0), coalesce(sum(pages IS NULL), 0), coalesce(sum(pages = 0), 0)"
        " FROM inputs LEFT JOIN files ON files.sha256 = inputs.sha256 AND version = ?"
        " WHERE run = ? AND inputs.stage = ''",
        (version, number),
    ).fetchone()
    skipped, waiting, unfit = one(
        "SELECT coalesce(sum(stage = ?), 0), coalesce(sum(stage = ?), 0),"
        " coalesce(sum(stage NOT IN (?, ?)), 0) FROM inputs WHERE run = ? AND stage <> ''",
        (SKIPPED, LEFT, SKIPPED, LEFT, number),
    ).fetchone()
    done, failed, fields, review = one(
        "SELECT count(*), coalesce(sum(pages.stage <> ''), 0), coalesce(sum(fields), 0),"
        " coalesce(sum(review), 0) FROM inputs JOIN pages USING (sha256) WHERE run = ? AND setup = ?",
        (number, setup),
    ).fetchone()
    if ending is None:
        ending = "running" if process == _process(int(process.split()[0])) else "died"
    failed += unreadable + unfit
    unopened += waiting
    pace = _pace(book, first)
    return State(ending, started, ended, pages, unopened, done, failed, skipped, fields, review, pace)


def _pace(book: Journal, first: int) -> float | None:
    one = book.connection.execute
    (last,) = one("SELECT max(at) FROM reads WHERE id >= ?", (first,)).fetchone()
    if last is None:
        return None
    count, begin = one(
        "SELECT count(*), min(at) FROM reads WHERE id >= ? AND at >= ?", (first, last - _PACE_SECONDS)
    ).fetchone()
    return None if last <= begin else float((count - 1) / (last - begin))


def _process(number: int) -> str:
    """A process, told from later ones that get the same number by when it started."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{number} gone"
    return f"{number} {stat.rpartition(')')[2].split()[19]}"
