"""What people decided on the review server: an append-only store in the output directory.

A decision is on the disk when its method returns, and stays there through kill -9 and power loss. Nothing is
changed or deleted, and triggers see to it: what is taken back is a row more. What follows from the rows is
worked out in `ledger`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from digitscan.batch.database import connected
from digitscan.errors import DigitscanError, UsageError
from digitscan.review.queue import Key, State

FOLDER = "review"
NAME = "decisions.sqlite"
Mode = Literal["doubtful", "carpet", "audit", "keying", "report"]
"""`report`: handed in as corrections.csv; such entries are not in the store."""
_FORMAT = 2
_KEY = "sha256 TEXT NOT NULL, page INTEGER NOT NULL, form TEXT NOT NULL, field TEXT NOT NULL"
_TABLES = {
    "entries": f"""id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, mode TEXT NOT NULL, {_KEY},
        file TEXT NOT NULL, state TEXT NOT NULL, value TEXT NOT NULL, shown TEXT NOT NULL,
        was_state TEXT NOT NULL, was_value TEXT NOT NULL, was_who TEXT NOT NULL, place TEXT NOT NULL,
        carpet INTEGER REFERENCES carpets""",
    "carpets": "id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, digit TEXT NOT NULL",
    "glyphs": f"carpet INTEGER NOT NULL REFERENCES carpets, {_KEY}, position INTEGER NOT NULL",
    "undone": """id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL,
        entry INTEGER UNIQUE REFERENCES entries, carpet INTEGER UNIQUE REFERENCES carpets""",
    "audits": """id INTEGER PRIMARY KEY, at TEXT NOT NULL, seed INTEGER NOT NULL,
        population INTEGER NOT NULL, outputs TEXT NOT NULL""",
    "samples": f"audit INTEGER NOT NULL REFERENCES audits, place INTEGER NOT NULL, {_KEY}",
    "doubled": "id INTEGER PRIMARY KEY, at TEXT NOT NULL, name TEXT NOT NULL, wanted INTEGER NOT NULL",
}
_SCHEMA = "\n".join(
    f"CREATE TABLE {name} ({columns});"
    + "".join(
        f"CREATE TRIGGER {name}_{verb} BEFORE {verb} ON {name}"
        " BEGIN SELECT raise(ABORT, 'nothing is changed here'); END;"
        for verb in ("UPDATE", "DELETE")
    )
    for name, columns in _TABLES.items()
)
_INDEX = "CREATE INDEX glyphs_by_page ON glyphs (sha256, page);"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a person said of a field."""

    id: int
    """In the order of time; 0 for what was handed in as corrections.csv."""
    at: str
    """ISO 8601, UTC."""
    who: str
    mode: Mode
    key: Key
    file: str
    """What the file was called then."""
    state: State
    """`open`: the person doubts what was accepted."""
    value: str
    shown: str
    """What the person saw as read; empty where that was hidden."""
    was_state: State
    was_value: str
    was_who: str
    """What held before; where nobody had decided, the reading of the machine, and an empty name."""
    place: str = ""
    """Where the field lay on the page, as of `queue.Item.place`; empty where that is not known."""
    undone_at: str = ""
    """When it was taken back, by the same person; empty where it holds."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A random sample of the accepted fields of an output directory."""

    id: int
    at: str
    seed: int
    population: int
    """Number of accepted fields that it was drawn from."""
    outputs: str
    """A hash of what the outputs held then."""
    sample: tuple[Key, ...]
    """In random order: each beginning of it is a random sample too."""


Glyph = tuple[Key, int]
"""A digit of an accepted field: the field, and the digit's position in it."""


class Store:
    """One open store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._book = connection
        self._after = datetime.min.replace(tzinfo=UTC)

    def follow(self, entries: Iterable[Entry]) -> None:
        """Date all that comes later than these: some were handed in, and are not in the store."""
        self._after = max((datetime.fromisoformat(e.at) for e in entries), default=self._after)

    def decide(self, entry: Entry) -> Entry:
        """Keep what a person said; the entry with its number and time."""
        with self._book:
            return self._enter(entry, None)

    def look_over(self, who: str, digit: str, glyphs: Sequence[Glyph], odd: Sequence[Entry]) -> list[Entry]:
        """Keep that a carpet of glyphs was looked over, and which fields are in doubt by that."""
        with self._book:
            carpet = self._add("carpets", self._now(), who, digit)
            rows = [(carpet, *key, position) for key, position in glyphs]
            self._book.executemany("INSERT INTO glyphs VALUES (?, ?, ?, ?, ?, ?)", rows)
            return [self._enter(entry, carpet) for entry in odd]

    def take_back(self, who: str, mode: Mode) -> list[Entry] | None:
        """Take back the person's last entry, or carpet, in a mode; what it held, None where there is none."""
        carpet = mode == "carpet"
        table, column = ("carpets", "carpet") if carpet else ("entries", "entry")
        wanted = "? = 'carpet'" if carpet else "mode = ?"
        with self._book:
            (last,) = self._book.execute(
                f"SELECT max(id) FROM {table} WHERE who = ? AND {wanted} AND id NOT IN"
                f" (SELECT {column} FROM undone WHERE {column} IS NOT NULL)",
                (who, mode),
            ).fetchone()
            if last is None:
                return None
            self._add("undone", self._now(), who, *((None, last) if carpet else (last, None)))
        return list(self._entries(f" WHERE entries.{'carpet' if carpet else 'id'} = ?", last))

    def entries(self) -> list[Entry]:
        """All that people said, in the order of time; also what was taken back."""
        return list(self._entries(""))

    def looked_over(self, sha256: str, page: int) -> set[tuple[str, int]]:
        """Field and position of the digits of a page that were seen on carpets."""
        found = self._book.execute(
            "SELECT field, position FROM glyphs WHERE sha256 = ? AND page = ? AND carpet NOT IN"
            " (SELECT carpet FROM undone WHERE carpet IS NOT NULL)",
            (sha256, page),
        )
        return set(found.fetchall())

    def draw(self, seed: int, population: int, outputs: str, sample: Sequence[Key]) -> None:
        """Keep a sample that was drawn."""
        with self._book:
            audit = self._add("audits", self._now(), seed, population, outputs)
            rows = [(audit, place, *key) for place, key in enumerate(sample)]
            self._book.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)", rows)

    def audit(self) -> Audit | None:
        """The sample that was drawn last; None where there is none."""
        row = self._book.execute(
            "SELECT id, at, seed, population, outputs FROM audits ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        keys = self._book.execute(
            "SELECT sha256, page, form, field FROM samples WHERE audit = ? ORDER BY place", (row[0],)
        )
        number, at, seed, population, outputs = row
        return Audit(number, at, seed, population, outputs, tuple(Key(*key) for key in keys))

    def double(self, name: str, wanted: bool) -> None:
        """Keep that two people key the fields of that name, or no longer do."""
        with self._book:
            self._add("doubled", self._now(), name, wanted)

    def doubled(self) -> frozenset[str]:
        """Names of the fields that two people key."""
        rows = self._book.execute("SELECT name, wanted FROM doubled ORDER BY id").fetchall()
        return frozenset(name for name, wanted in dict(rows).items() if wanted)

    def _enter(self, entry: Entry, carpet: int | None) -> Entry:
        e, at = entry, self._now()
        was = (e.was_state, e.was_value, e.was_who)
        row = (at, e.who, e.mode, *e.key, e.file, e.state, e.value, e.shown, *was, e.place, carpet)
        number = self._add("entries", *row)
        return replace(entry, id=number, at=at)

    def _add(self, table: str, *values: object) -> int:
        marks = ", ".join("?" * len(values))
        done = self._book.execute(f"INSERT INTO {table} VALUES (NULL, {marks})", values)
        assert done.lastrowid is not None
        return done.lastrowid

    def _entries(self, where: str, *values: object) -> Iterator[Entry]:
        rows = self._book.execute(
            "SELECT entries.id, entries.at, entries.who, mode, sha256, page, form, field, file, state, value,"
            " shown, was_state, was_value, was_who, place, coalesce(undone.at, '')"
            " FROM entries LEFT JOIN undone"
            f" ON undone.entry = entries.id OR undone.carpet = entries.carpet{where} ORDER BY entries.id",
            values,
        )
        for number, at, who, mode, *rest in rows:
            yield Entry(number, at, who, mode, Key(*rest[:4]), *rest[4:])

    def _now(self) -> str:
        """The time, later than that of all rows and what they follow, even where the clock was set back."""
        latest = [
            self._book.execute(f"SELECT at FROM {name} ORDER BY id DESC LIMIT 1").fetchone()
            for name in ("entries", "carpets", "undone", "audits")
        ]
        last = max([self._after, *(datetime.fromisoformat(row[0]) for row in latest if row)])
        return max(datetime.now(UTC), last + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


@contextmanager
def opened(directory: Path) -> Iterator[Store]:
    """The store of an output directory, made where there is none, for nobody else to read.

    Raises:
        UsageError: it is damaged, of another version of the program, or cannot be written.
        DigitscanError: the disk failed.
    """
    path = directory / FOLDER / NAME
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened or written: {error.strerror}") from None
    try:
        with connected(path, _SCHEMA + _INDEX, _FORMAT, "use that one") as connection:
            yield Store(connection)
    except sqlite3.DatabaseError as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise UsageError(f"{path}: damaged ({error}): keep a copy of it, and ask for help") from error
        raise DigitscanError(f"{path}: cannot be written ({error}): what was decided is kept") from error


@contextmanager
def found(directory: Path) -> Iterator[Store | None]:
    """The store of an output directory, None where nobody has reviewed yet; raises as `opened`."""
    path = directory / FOLDER / NAME
    try:
        path.stat()
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    with opened(directory) as store:
        yield store
