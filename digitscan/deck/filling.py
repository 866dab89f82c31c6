"""What a page says: values that obey the form's rules and checks, laid into its cells.

A filled page is a dict: field name -> raw, one character a cell (a digit, `X` struck out, `_` blank),
the digits alone for an open box.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from digitscan.errors import UsageError
from digitscan.forms import Check, Form, FormField

Rng = np.random.Generator
Columns = dict[str, str]

COUNTER = "line"
"""A table column of this name counts the rows, as it does on printed schedules."""
TRIES = 2000


@dataclass(frozen=True, slots=True)
class Habits:
    """How often the writers of a deck do what; all are shares from 0 to 1."""

    left_out: float = 0.06
    """Of the values that need not be given."""
    strikers: float = 0.35
    """Of the pages, those whose writer strikes out cells that stay empty."""
    wrong_sums: float = 0.03
    """Of the pages, those on which a sum does not come out."""
    touching: tuple[float, ...] = (0.0, 0.05, 0.2)
    """Of the digits in an open box, those that touch their neighbour; each page's writer has one of these."""


USUAL = Habits()


def fill_page(form: Form, habits: Habits, rng: Rng) -> dict[str, str]:
    """Raw contents of every field of one page, in the form's order.

    Raises `UsageError` where no value can be found that fits a field's rules or the form's checks.
    """
    used = _rows_used(form, rng)
    striker = rng.random() < habits.strikers
    values = _checked_values(form, habits, used, rng)
    if rng.random() < habits.wrong_sums:
        values = _with_a_wrong_sum(form, values, rng)
    fillers: Columns = {}
    raws: dict[str, str] = {}
    for field in form.fields:
        table, row, column = _place(field)
        filler = fillers.setdefault(f"{table}.{column}", _filler(field, striker, rng))
        # beside a gap in use, a striker strikes the first unused row and leaves those below it
        struck = striker and field.crossed == "blank" and (table is None or row <= used[table] + 1)
        empty = "X" if struck and rng.random() < 0.7 else "_"
        raws[field.name] = _laid_out(field, values[field.name], filler, empty)
    return raws


def value_of(raw: str) -> str:
    """The value of a raw content: its digits, leading zeros kept."""
    return "".join(character for character in raw if character.isdigit())


def obeys(field: FormField, value: str) -> bool:
    """Whether a value (digits, empty where nothing is written) keeps the field's own rules."""
    if not value:
        return not field.required
    fewest, most = field.digits
    low = 0 if field.minimum is None else field.minimum
    return (
        fewest <= len(value) <= most
        and low <= int(value)
        and (field.maximum is None or int(value) <= field.maximum)
        and (field.values is None or value in field.values)
        and (field.pattern is None or re.fullmatch(field.pattern, value) is not None)
    )


def holds(check: Check, values: Mapping[str, str]) -> bool:
    """Whether a check comes out; a field left empty counts as 0."""
    rest = _rest(check, values)
    return {"==": rest == 0, "<=": rest <= 0, ">=": rest >= 0}[check.operator]


def _rest(check: Check, values: Mapping[str, str]) -> int:
    return check.constant + sum(factor * int(values[name] or 0) for name, factor in check.terms)


def _place(field: FormField) -> tuple[str | None, int, str]:
    """Table, row (from 1) and column of a field; no table for a field of its own."""
    match = re.fullmatch(r"(\w+)\[(\d+)\]\.(\w+)", field.name)
    return (match[1], int(match[2]), match[3]) if match else (None, 0, field.name)


def _rows_used(form: Form, rng: Rng) -> dict[str, int]:
    rows: dict[str, int] = {}
    for field in form.fields:
        table, row, _ = _place(field)
        if table is not None:
            rows[table] = max(row, rows.get(table, 0))
    return {table: int(rng.integers(-(-last // 3), last + 1)) for table, last in rows.items()}


def _checked_values(form: Form, habits: Habits, used: Mapping[str, int], rng: Rng) -> dict[str, str]:
    summed = {name for check in form.checks for name, _ in check.terms}
    fields = {field.name: field for field in form.fields}

    def wanted(field: FormField) -> bool:
        table, row, _ = _place(field)
        if field.required or (table is None and field.name in summed):
            return True
        return (table is None or row <= used[table]) and rng.random() >= habits.left_out

    given = {name: wanted(field) for name, field in fields.items()}
    values = {name: _value(form, field, 1.0, rng) if given[name] else "" for name, field in fields.items()}
    for attempt in range(TRIES):
        for check in form.checks:
            _balance(check, values, fields, rng)
        if all(holds(check, values) for check in form.checks):
            return values
        # smaller parts leave room for their sum
        size = 1 / (1 + attempt % 100)
        values |= {name: _value(form, fields[name], size, rng) for name in sorted(summed) if given[name]}
    raise UsageError(f"{form.path}: no page found that keeps its checks in {TRIES} tries; loosen a [[check]]")


def _balance(check: Check, values: dict[str, str], fields: Mapping[str, FormField], rng: Rng) -> None:
    """Change one value so that the check holds, the lone one of a side if it can be."""
    if holds(check, values):
        return
    rest = _rest(check, values)
    signs = [factor > 0 for _, factor in check.terms]
    order = sorted(
        rng.permutation(len(check.terms)).tolist(), key=lambda i: signs.count(signs[i]) > 1
    )  # a stable sort: chance decides among equals
    for name, factor in (check.terms[i] for i in order):
        field = fields[name]
        wanted = str(int(values[name] or 0) - rest * factor) if abs(factor) == 1 else ""
        wanted = wanted.zfill(field.digits[0]) if wanted.isdigit() else ""
        if values[name] and wanted and obeys(field, wanted):
            values[name] = wanted
            return


def _with_a_wrong_sum(form: Form, values: dict[str, str], rng: Rng) -> dict[str, str]:
    """The same page with one value of a sum changed for another allowed one."""
    fields = {field.name: field for field in form.fields}
    sums = [check for check in form.checks if check.operator == "=="]
    if not sums:
        return values
    check = sums[int(rng.integers(len(sums)))]
    names = [name for name, _ in check.terms if values[name]]
    for _ in range(TRIES if names else 0):
        name = names[int(rng.integers(len(names)))]
        changed = values | {name: _value(form, fields[name], 1.0, rng)}
        if not holds(check, changed):
            return changed
    return values


def _value(form: Form, field: FormField, size: float, rng: Rng) -> str:
    """A value that obeys the field's rules; `size` below 1 asks for smaller numbers."""
    _, row, column = _place(field)
    if row and column == COUNTER and obeys(field, str(row)):
        return str(row)
    draw = _drawer(field, size, rng)
    for _ in range(TRIES):
        value = draw()
        if obeys(field, value):
            return value
    raise UsageError(
        f"{form.path}: no value found for field '{field.name}' in {TRIES} tries; "
        "give its 'values' or widen its rules"
    )


def _drawer(field: FormField, size: float, rng: Rng) -> Callable[[], str]:
    fewest, most = max(field.digits[0], 1), field.digits[1]
    if field.cells:
        fewest = 1
    if field.values is not None:
        choices = sorted(field.values)
        return lambda: str(rng.choice(choices))
    if field.pattern is not None:
        return lambda: "".join(
            str(d) for d in rng.integers(0, 10, int(rng.integers(fewest, most, endpoint=True)))
        )

    def number() -> str:
        low = max(field.minimum or 0, 0)
        high = 10**most - 1 if field.maximum is None else min(field.maximum, 10**most - 1)
        # one number in five is short where the rules let it, so that cells in front stay empty
        shorter = 10 ** int(rng.integers(fewest, most, endpoint=True)) - 1
        if rng.random() < 0.2 and shorter > low:
            high = min(high, shorter)
        high = low + int(max(high - low, 0) * size)
        return str(int(rng.integers(low, high, endpoint=True))).zfill(0 if field.cells else fewest)

    return number


def _filler(field: FormField, striker: bool, rng: Rng) -> str:
    """What a writer puts into the cells in front of a short number: 0, `X` or `_` for nothing."""
    chance = rng.random()
    if striker and field.crossed == "blank" and chance < 0.5:
        return "X"
    plain_number = field.values is None and field.pattern is None
    return "0" if plain_number and chance < 0.7 else "_"


def _laid_out(field: FormField, value: str, filler: str, empty: str) -> str:
    if not field.cells:
        return value
    return value.rjust(len(field.cells), filler) if value else empty * len(field.cells)
