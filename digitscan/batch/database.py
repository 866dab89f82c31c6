"""SQLite files that outlive kill -9 and power loss."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitscan.errors import UsageError


@contextmanager
def connected(path: Path, schema: str, layout: int, otherwise: str) -> Iterator[sqlite3.Connection]:
    """A database of that schema, made where there is none; each commit is on the disk when it returns.

    layout: number of the schema, from 1. Raises `UsageError` where the file has another one, with what to do
    `otherwise`, and `sqlite3.DatabaseError` where it is damaged or the disk fails. Who may not write it may
    read it all the same.
    """
    readonly = path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
    connection = sqlite3.connect(_for_reading(path), uri=True) if readonly else sqlite3.connect(path)
    try:
        if not readonly:
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


def _for_reading(path: Path) -> str:
    # where nobody writes there is no log beside it, and SQLite would have to make one
    still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return f"{path.resolve().as_uri()}?mode=ro{still}"
