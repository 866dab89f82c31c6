"""The runs of an output directory: begun, ended, and how far the last one is."""

from __future__ import annotations

import fcntl
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

LOCK = ".lock"
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
            (str(os.getpid()), setup, version, started, first),
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


def held(directory: Path) -> bool:
    """Whether a run holds an output directory: asked of its lock, since its process may be in a container."""
    try:
        handle = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def state(book: Journal, *, held: bool) -> State | None:
    """How far the last run is; None where there never was one. held: as the function of that name says."""
    row = book.connection.execute(
        "SELECT id, setup, version, started, ended, ending, first_read FROM runs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    number, setup, version, started, ended, ending, first = row
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
        ending = "running" if held else "died"
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
