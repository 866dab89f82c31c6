"""Outcomes as the journal keeps them: JSON without names, which is shorter, and quicker to read."""

from __future__ import annotations

import json
import re
from typing import Any

from digitscan.forms import Check, Form, Limits
from digitscan.records import Candidate, DigitReading, FieldReading, PageFailure, PageRef, PageResult


def packed(outcome: PageResult | PageFailure) -> str:
    """An outcome without its ref and its views."""
    known: list[Any]
    if isinstance(outcome, PageFailure):
        known = [outcome.stage, outcome.reason]
    else:
        o = outcome
        readings = [_packed(r) for r in o.readings]
        known = [o.form, o.rotation, o.registration_score, o.size, readings, o.negative]
    # measured values may come as numpy scalars
    return json.dumps(known, separators=(",", ":"), default=lambda value: value.item())


def unpacked(ref: PageRef, text: str) -> PageResult | PageFailure:
    """The outcome of a page, with the given `ref`, without views."""
    known = json.loads(text)
    if len(known) == 2:
        return PageFailure(ref, *known)
    form, rotation, score, size, readings, *negative = known  # which older journals do not tell
    said = tuple(map(_unpacked, readings))
    return PageResult(ref, form, rotation, score, said, tuple(size), negative=any(negative))


def packed_limits(form: Form) -> str:
    """What may be written in the fields of a form, a table's column once: `person[].age`."""
    fields = {re.sub(r"\[\d+\]", "[]", field.name): field for field in form.fields}
    return json.dumps(
        {
            name: [f.digits, f.required, f.minimum, f.maximum, f.values and sorted(f.values), f.pattern]
            for name, f in fields.items()
        },
        separators=(",", ":"),
    )


def unpacked_limits(text: str) -> dict[str, Limits]:
    """The same, by the name of the field or column."""
    return {
        name: Limits((fewest, most), required, low, high, None if values is None else frozenset(values), like)
        for name, ((fewest, most), required, low, high, values, like) in json.loads(text).items()
    }


def packed_checks(form: Form) -> str:
    """The checks of a form."""
    return json.dumps([[c.rule, c.terms, c.constant, c.operator] for c in form.checks], separators=(",", ":"))


def unpacked_checks(text: str) -> tuple[Check, ...]:
    """The same."""
    return tuple(
        Check(rule, tuple((name, factor) for name, factor in terms), constant, operator)
        for rule, terms, constant, operator in json.loads(text)
    )


def _packed(r: FieldReading) -> list[Any]:
    digits = [
        [d.position, d.digit, d.confidence, d.alternative, d.alternative_confidence, d.box] for d in r.digits
    ]
    return [r.field, r.value, r.raw, r.confidence, r.status, r.reason, digits, r.candidates, r.corners]


def _unpacked(known: list[Any]) -> FieldReading:
    field, value, raw, confidence, status, reason, digits, candidates, corners = known
    return FieldReading(
        *(field, value, raw, confidence, status, reason),
        tuple(DigitReading(p, d, sure, other, less, tuple(box)) for p, d, sure, other, less, box in digits),
        tuple(Candidate(*candidate) for candidate in candidates),
        tuple((x, y) for x, y in corners),
    )
