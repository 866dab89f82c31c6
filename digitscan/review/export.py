"""The final values: what the program read where it was sure, and what people decided where it was not."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from digitscan.batch.journal import Journal
from digitscan.batch.outputs import NAMES, SKIPPED, plain
from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import Check, Limits
from digitscan.recognition.rules import holds
from digitscan.records import PageResult
from digitscan.review import queue
from digitscan.review.queue import Change, Decision, Item, Key
from digitscan.review.tables import Add, Column, Format, Row, Table, written

FINAL = Table(
    "final",
    "One row a field",
    (
        Column("file", "text", "Input file, relative to the input it came from"),
        Column("page", "whole number", "Page of the file, from 1"),
        Column("form", "text", "Name of the form definition"),
        Column("field", "text", "Name of the field"),
        Column("value", "text", "Digits, leading zeros kept; empty unless the state is value"),
        Column("state", "text", "value, blank, unreadable, or open where nobody has decided yet"),
        Column(
            "source", "text", "machine, person, or agreed where two people keyed the same; empty where open"
        ),
        Column("who", "text", "Who decided; empty for the machine"),
        Column("when", "text", "When that was, ISO 8601, UTC; empty for the machine"),
    ),
)
HISTORY = Table(
    "history",
    "One row a decision, all that were ever taken",
    (
        *FINAL.columns[:6],
        Column("sha256", "text", "Of the file, in hexadecimal"),
        Column("mode", "text", "doubtful, carpet, audit (which changes no value), keying, or report"),
        Column("shown", "text", "What was read, as the person saw it; empty where that was hidden"),
        Column("before", "text", "What held before, and by whom; empty where it was not kept"),
        *FINAL.columns[6:],
    ),
)
_PAGE = FINAL.columns[:2]
_ROW = Column("row", "whole number", "Row of the table on the form, from 1")
Wide = Literal["page", "row"]
_TAKEN = {FINAL.name, HISTORY.name, *(name.removesuffix(".csv") for name in NAMES)}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    fields: int
    open: int
    people: int
    """Fields that people decided."""
    stray: int
    """Decisions on fields that the run does not hold."""
    odd: tuple[str, ...]
    """What people decided although it breaks a rule or a check of the form, or lacks zeros that were read, in
    words."""
    unread: int
    """Pages, and files, that could not be read or are left: none of their fields is in the tables."""
    paths: tuple[Path, ...]


@dataclass(slots=True)
class _Tally:
    fields: int = 0
    open: int = 0
    people: int = 0
    odd: list[str] = field(default_factory=list)

    def count(self, item: Item, end: Decision, limits: Limits | None) -> None:
        """Count a field in."""
        by_people = _by_people(end)
        self.fields += 1
        self.open += end.state == "open"
        self.people += by_people
        if by_people and end.state == "value" and (odd := queue.oddities(end.value, item.reading, limits)):
            where = f"{plain(item.page.ref.file)} page {item.key.page} {item.key.field}"
            self.odd.append(f"{where}: {end.value} ({', '.join(odd)})")

    def compare(self, page: PageResult, ends: Mapping[str, Decision], checks: Sequence[Check]) -> None:
        """Count in the checks that a page breaks by what people decided."""
        for check in checks:
            among = {name: ends[name] for name, _ in check.terms}
            if any(_unknown(end) for end in among.values()) or not any(map(_by_people, among.values())):
                continue
            if not holds(check, {name: end.value for name, end in among.items()}):
                said = ", ".join(f"{name} {end.value}".rstrip() for name, end in among.items())
                where = f"{plain(page.ref.file)} page {page.ref.page}"
                self.odd.append(f"{where}: {check.rule} ({said})")


def write(
    directory: Path,
    target: Path,
    settled: Mapping[Key, Decision],
    *,
    formats: Sequence[Format] = ("csv",),
    wide: Collection[Wide] = (),
    with_open: bool = False,
    reopened: Collection[Key] = (),
    history: Collection[Change] | None = None,
) -> Exported:
    """Write final.* and, if wanted, wide tables, of an output directory.

    Args:
        directory: of a finished run.
        target: where to; made where there is none.
        settled: what people decided.
        formats: of all tables.
        wide: `page` for one row a page, in FORM.*; `row` for one a row of a form's table, with what else
            stands on its page, in FORM.TABLE.*.
        with_open: whether fields in doubt that nobody has decided are told as open, and not refused.
        reopened: accepted fields that have come into doubt since.
        history: all decisions, for a table of them; None for none.

    Raises:
        UsageError: no finished run, fields are open, the target is no directory and cannot be made one, or a
            wide table or one of its columns has a name that is taken.
        DigitscanError: the files cannot be written.
    """
    tally = _Tally()
    stray = set(settled)
    try:
        with queue.opened(directory) as book, written(target, formats) as (begin, paths):
            if next(book.listed(), None) is None:
                raise UsageError(f"{directory}: no run has finished there yet: start it again")
            if not with_open:
                _check_settled(directory, book, settled, reopened)
            final, limits, checks = begin(FINAL), book.limits(), book.checks()
            tables = _WideTables(begin, frozenset(wide))
            for page in (p for p in book.listed() if isinstance(p, PageResult)):
                ends: dict[str, Decision] = {}
                for item in (Item(page, reading) for reading in page.readings):
                    end = settled.get(item.key) or _as_read(item, reopened)
                    final(_row(item, end))
                    stray.discard(item.key)
                    ends[item.key.field] = end
                    tally.count(item, end, limits.get((item.key.form, item.column)))
                tally.compare(page, ends, checks.get(page.form, ()))
                tables.add(page, {name: None if _unknown(end) else end.value for name, end in ends.items()})
            unread = sum(failure.stage != SKIPPED for failure in book.failures())
            if history is not None:
                past = begin(HISTORY)
                for change in sorted(history, key=lambda c: c.decision.when):
                    past(_past(change))
    except OSError as error:
        raise DigitscanError(f"{target}: cannot be written: {error.strerror}") from error
    counts = (tally.fields, tally.open, tally.people, len(stray), tuple(tally.odd), unread)
    return Exported(*counts, tuple(paths))


def _check_settled(
    directory: Path, book: Journal, settled: Collection[Key], reopened: Collection[Key]
) -> None:
    unsettled = {item.key for item in queue.doubtful(book)}.union(reopened).difference(settled)
    if unsettled:
        raise UsageError(
            f"{directory}: {len(unsettled)} fields in doubt are open: settle them in report.html or with"
            " `digitscan review`, or give --with-open"
        )


def _as_read(item: Item, reopened: Collection[Key]) -> Decision:
    """What becomes of a field that nobody has decided."""
    if item.reading.status == "review" or item.key in reopened:
        return Decision("open", "", "", "", "")
    return Decision(*item.said, "machine", "", "")


def _by_people(end: Decision) -> bool:
    return end.source in ("person", "agreed")


def _unknown(end: Decision) -> bool:
    return end.state not in ("value", "blank")


def _row(item: Item, end: Decision) -> Row:
    ref = item.page.ref
    decided = (end.value, end.state, end.source, end.who, end.when)
    return (ref.file, ref.page, item.page.form, item.key.field, *decided)


def _past(change: Change) -> Row:
    key, end = change.key, change.decision
    start = (change.file, key.page, key.form, key.field, end.value, end.state)
    seen = (change.mode, change.shown, change.before)
    return (*start, key.sha256, *seen, end.source, end.who, end.when)


class _WideTables:
    """One table a form, or a table of a form, begun when its first page comes."""

    def __init__(self, begin: Callable[[Table], Add], wanted: Collection[Wide]) -> None:
        self._begin = begin
        self._wanted = wanted
        self._tables: dict[str, Add] = {}

    def add(self, page: PageResult, known: Mapping[str, str | None]) -> None:
        """The rows of a page; known: its fields and their values, None where nobody can tell."""
        start = (page.ref.file, page.ref.page)
        if "page" in self._wanted:
            self._add(page.form, "One row a page", (), list(known), (*start, *known.values()))
        if "row" in self._wanted:
            alone = {name: value for name, value in known.items() if "[" not in name}
            for (table, row), cells in _rows(known).items():
                name, title = f"{page.form}.{table}", f"One row a row of {table}, with the fields of its page"
                columns = [*alone, *(f"{table}.{column}" for column in cells)]
                self._add(name, title, (_ROW,), columns, (*start, row, *alone.values(), *cells.values()))

    def _add(self, name: str, title: str, more: tuple[Column, ...], columns: Sequence[str], row: Row) -> None:
        if name not in self._tables:
            if name.casefold() in _TAKEN:
                raise UsageError(
                    f"form {name}: its wide table would take the place of {name.casefold()}.csv:"
                    " give the form another name, or export without --wide"
                )
            if taken := {column.name for column in (*_PAGE, *more)}.intersection(columns):
                raise UsageError(
                    f"form {name}: a field is called {min(taken)}, as a column of the wide table is: give it"
                    " another name, or export without --wide"
                )
            texts = (Column(column, "text", "Digits, leading zeros kept") for column in columns)
            self._tables[name] = self._begin(Table(name, title, (*_PAGE, *more, *texts)))
        self._tables[name](row)


def _rows(known: Mapping[str, str | None]) -> dict[tuple[str, int], dict[str, str | None]]:
    """The rows of a page's tables: table and row, from 1 -> column -> value."""
    rows: dict[tuple[str, int], dict[str, str | None]] = {}
    for name, value in known.items():
        if found := re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", name):
            rows.setdefault((found[1], int(found[2])), {})[found[3]] = value
    return rows
