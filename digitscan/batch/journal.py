"""The journal of an output directory: what was read, with what, and what became of it.

SQLite keeps it whole through kill -9 and power loss. A page is known by the hash of its file, its number and
a setup: a hash of everything else that its reading depends on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from digitscan.errors import UsageError
from digitscan.records import DigitReading, FieldReading, PageFailure, PageRef, PageResult

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
