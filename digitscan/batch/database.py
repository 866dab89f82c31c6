"""SQLite files that outlive kill -9 and power loss."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitscan.errors import UsageError


@contextmanager
def connected(path: Path, schema: str, layout: int, otherwise: str) -> Iterator[sqlite3.Connection]:
    """A database of that schema, made where there is none; each commit is on the disk when it returns.

    layout: number of the schema, from 1. Raises `UsageError` where the file has another one, with what to do
    `otherwise`, and `sqlite3.DatabaseError` where it is damaged or the disk fails.
    """
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            connection.executescript(f"BEGIN; {schema} PRAGMA user_version = {layout}; COMMIT;")
        elif found != layout:
            raise UsageError(f"{path}: written by another version of digitscan: {otherwise}")
        yield connection
    finally:
        connection.close()
