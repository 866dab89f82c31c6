"""Tables as CSV, JSON lines and Parquet, and what tells other programs that their digits are text.

A table is written row by row, aside, and takes its name with the others when all are on the disk.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from digitscan.batch.outputs import cell, plain
from digitscan.errors import UsageError

Format = Literal["csv", "jsonl", "parquet"]
Row = Sequence[str | int | None]
Add = Callable[[Row], None]
MISSING = "?"
"""In a CSV, where nobody can tell, or has told yet, what is written; an empty cell is a blank field."""
_BATCH = 20_000  # rows of a Parquet row group


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    kind: Literal["text", "whole number"]
    title: str


@dataclass(frozen=True, slots=True)
class Table:
    """What a table is called and has in its columns."""

    name: str
    title: str
    columns: tuple[Column, ...]


@contextmanager
def written(
    directory: Path, formats: Sequence[Format]
) -> Iterator[tuple[Callable[[Table], Add], list[Path]]]:
    """Gives what begins a table and returns what adds a row to it, and the list of files, as it grows.

    With the CSVs comes datapackage.json, a Table Schema, and csv-metadata.json, CSV on the Web. After an
    exception all files are as they were; OSError where they cannot be written, UsageError where there can be
    no such directory.
    """
    begun: list[Table] = []
    paths: list[Path] = []

    def part(name: str) -> Path:
        paths.append(directory / name)
        return _aside(paths[-1])

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{directory}: cannot be used as output directory: {error.strerror}") from None
    try:
        with ExitStack() as stack:

            def begin(table: Table) -> Add:
                begun.append(table)
                adds = [
                    stack.enter_context(_WRITERS[form](part(f"{table.name}.{form}"), table))
                    for form in formats
                ]

                def add(row: Row) -> None:
                    for each in adds:
                        each(row)

                return add

            yield begin, paths
        if "csv" in formats:
            part("datapackage.json").write_text(_json(_table_schema(begun)), encoding="utf-8")
            part("csv-metadata.json").write_text(_json(_csv_on_the_web(begun)), encoding="utf-8")
        for path in paths:
            _to_disk(_aside(path))
        for path in paths:
            _aside(path).replace(path)
        _to_disk(directory)
    finally:
        for path in paths:
            _aside(path).unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _csv(path: Path, table: Table) -> Iterator[Add]:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([column.name for column in table.columns])
        yield lambda row: rows.writerow(
            [MISSING if v is None else cell(v) if isinstance(v, str) else v for v in row]
        )


@contextmanager
def _jsonl(path: Path, table: Table) -> Iterator[Add]:
    names = [column.name for column in table.columns]
    with path.open("w", encoding="utf-8") as file:

        def add(row: Row) -> None:
            said = {name: _plain(value) for name, value in zip(names, row, strict=True)}
            file.write(json.dumps(said, ensure_ascii=False) + "\n")

        yield add


@contextmanager
def _parquet(path: Path, table: Table) -> Iterator[Add]:
    import pyarrow as pa  # noqa: PLC0415 (half a second, for those who want it)
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = {"text": pa.string(), "whole number": pa.int32()}
    schema = pa.schema([pa.field(c.name, kinds[c.kind], metadata={"title": c.title}) for c in table.columns])
    with pq.ParquetWriter(path, schema) as file:
        rows: list[list[Any]] = []

        def flush() -> None:
            columns = zip(zip(*rows, strict=True), schema.types, strict=True)
            file.write_table(pa.table([pa.array(values, kind) for values, kind in columns], schema))
            rows.clear()

        def add(row: Row) -> None:
            rows.append([_plain(value) for value in row])
            if len(rows) == _BATCH:
                flush()

        yield add
        if rows:
            flush()


_WRITERS: dict[Format, Callable[[Path, Table], AbstractContextManager[Add]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}


def _plain(value: str | int | None) -> str | int | None:
    return plain(value) if isinstance(value, str) else value


def _table_schema(tables: Sequence[Table]) -> dict[str, Any]:
    """https://specs.frictionlessdata.io: text stays text."""
    types = {"text": "string", "whole number": "integer"}
    return {
        "profile": "tabular-data-package",
        "name": "digitscan-export",
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": table.name.lower(),
                "title": table.title,
                "path": f"{table.name}.csv",
                "encoding": "utf-8",
                "dialect": {"lineTerminator": "\n"},
                "schema": {
                    "fields": [
                        {"name": c.name, "type": types[c.kind], "title": c.title} for c in table.columns
                    ],
                    "missingValues": [MISSING],
                },
            }
            for table in tables
        ],
    }


def _csv_on_the_web(tables: Sequence[Table]) -> dict[str, Any]:
    """https://www.w3.org/TR/tabular-metadata: the same."""
    types = {"text": "string", "whole number": "integer"}
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "tables": [
            {
                "url": f"{table.name}.csv",
                "dc:title": table.title,
                "tableSchema": {
                    "columns": [
                        {
                            "name": quote(c.name),
                            "titles": c.name,
                            "datatype": types[c.kind],
                            "dc:description": c.title,
                        }
                        | ({"null": MISSING} if c.kind == "text" else {})
                        for c in table.columns
                    ]
                },
            }
            for table in tables
        ],
    }


def _json(known: dict[str, Any]) -> str:
    return json.dumps(known, indent=2) + "\n"
