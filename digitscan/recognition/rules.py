"""What may be written: the rules of a field, and the checks between fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from digitscan.forms import Check, FormField, Limits
from digitscan.records import Alternative

BROKEN_UP = "blank between digits"


def faults(field: FormField, reading: Alternative) -> Iterator[str]:
    """Why somebody must look at what was read in a field, whatever the other fields say."""
    if "?" in reading.raw:
        yield "unreadable"
    # where no cell is struck out, an X beside digits is a sign, or a digit that was
    struck = field.crossed == "review" or (not field.cells and reading.value and not broken_up(reading))
    if broken_up(reading):
        yield BROKEN_UP
    if "X" in reading.raw and struck:
        yield "crossed out"
    yield from broken_rules(field, reading.value)


def broken_up(reading: Alternative) -> bool:
    """Whether a cell between two digits is blank or struck out, which no number is."""
    return re.search(r"\d[_X]+\d", reading.raw) is not None


def broken_rules(field: Limits, value: str) -> Iterator[str]:
    """The rules of its field that a value breaks; an empty field breaks none but `required`."""
    if not value:
        if field.required:
            yield "rule: required"
        return
    fewest, most = field.digits
    if not fewest <= len(value) <= most:
        yield f"rule: {fewest} to {most} digits"
    if field.minimum is not None and int(value) < field.minimum:
        yield f"rule: minimum {field.minimum}"
    if field.maximum is not None and int(value) > field.maximum:
        yield f"rule: maximum {field.maximum}"
    if field.values is not None and value not in field.values:
        yield "rule: not a listed value"
    if field.pattern is not None and not re.fullmatch(field.pattern, value):
        yield f"rule: pattern {field.pattern}"


def holds(check: Check, values: Mapping[str, str]) -> bool:
    """Whether a check holds: an empty field counts as 0, and where all are empty nothing is asked."""
    total = check.constant + sum(int(values[name] or 0) * factor for name, factor in check.terms)
    return comes_out(check, total) or not any(values[name] for name, _ in check.terms)


def comes_out(check: Check, total: int) -> bool:
    """Whether a check holds if its constant and terms sum up to `total`."""
    return {"==": total == 0, "<=": total <= 0, ">=": total >= 0}[check.operator]


def factors(check: Check) -> dict[str, int]:
    """A check's fields, each once, and how many times their values count."""
    times: dict[str, int] = {}
    for name, factor in check.terms:
        times[name] = times.get(name, 0) + factor
    return times
