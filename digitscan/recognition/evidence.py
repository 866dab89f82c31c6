"""The values of a page's fields, chosen among what their ink may say with the help of rules and checks.

What is clear in the ink is never changed. Where the values chosen break a check all the same, its fields go
to review as the ink alone reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from digitscan.forms import Check, FormField
from digitscan.recognition.belief import Alternatives, Weights, own_weights, posterior
from digitscan.recognition.rules import BROKEN_UP, broken_rules, broken_up, factors, faults, holds
from digitscan.records import LOW, NOT_FOUND, Alternative, Candidate, FieldInk, FieldReading

# That two fields are misread alike if one is: a 7 that looks like a 1 does so in a part and in its sum.
SAME_SLIP = 0.5
LEAST_INK = 0.02  # that the ink gives a value at least, if it is accepted in place of the likeliest
UNFOUND = 0.9  # of values whose printed box is not found, about, that are right if they look right
TINY = 1e-9
CANDIDATES = 4  # that people are shown besides the value, at most
LEAST_CANDIDATE = 0.002  # the probability of one


def settle(
    fields: Sequence[FormField], inks: Sequence[FieldInk], checks: Sequence[Check]
) -> tuple[FieldReading, ...]:
    """Value, confidence, status and reason of every field of a page.

    fields, inks: in the same order; checks: between these fields.
    """
    by_name = {field.name: field for field in fields}
    options = {field.name: ink.alternatives for field, ink in zip(fields, inks, strict=True)}
    own = {name: own_weights(field, options[name]) for name, field in by_name.items()}
    known = posterior(own, options, checks)
    causes = _causes(by_name, options, checks)
    chosen = {name: alternatives[0] for name, alternatives in options.items()}
    for name, field in by_name.items():
        if causes[name] and _in_doubt(field, chosen[name]):
            chosen[name] = options[name][int(np.argmax(known[name][:-1]))]
    _take_back(chosen, options, checks)
    broken = [check for check in checks if not _holds(check, chosen)]
    slips = _same_slips(chosen, options, checks)
    readings = []
    for field, ink in zip(fields, inks, strict=True):
        name, read = field.name, chosen[field.name]
        place = ink.alternatives.index(read)
        surer = _as_checks_tell(read, ink.alternatives, float(known[name][place]), slips[name])
        confidence = min(float(known[name][place]), max(float(own[name][place]), surer))
        confidence *= 1.0 if ink.found else UNFOUND
        why = [f"check: {check.rule}" for check in broken if name in factors(check)]
        status, reason = _judged(field, ink, read, confidence, causes[name], why)
        others = _candidates(ink.alternatives, place, known[name], confidence)
        readings.append(
            FieldReading(name, read.value, read.raw, confidence, status, reason, read.digits, others)
        )
    return tuple(readings)


def _candidates(
    options: Alternatives, chosen: int, known: Weights, confidence: float
) -> tuple[Candidate, ...]:
    """What else a field may be: what its value's confidence lacks of 1 is shared out as `known` has it."""
    rest = known.copy()
    rest[chosen] = 0.0
    left = float(rest.sum())
    scale = (1 - confidence) / left if left > TINY else 0.0
    order = [int(i) for i in np.argsort(-rest[:-1], kind="stable")[:CANDIDATES]]
    likely = [
        (options[i], float(rest[i]) * scale) for i in order if i != chosen and "?" not in options[i].raw
    ]
    return tuple(Candidate(o.value, p) for o, p in likely if p >= LEAST_CANDIDATE)


def _holds(check: Check, read: Mapping[str, Alternative]) -> bool:
    return holds(check, {name: read[name].value for name, _ in check.terms})


def _in_doubt(field: FormField, ink: Alternative) -> bool:
    return "?" not in ink.raw and ink.probability < field.accept_confidence


def _causes(
    fields: Mapping[str, FormField], options: Mapping[str, Alternatives], checks: Sequence[Check]
) -> dict[str, str]:
    """The first rule or check that each field's likeliest ink breaks; empty where it keeps them all."""
    ink = {name: alternatives[0] for name, alternatives in options.items()}
    causes = {
        name: BROKEN_UP if broken_up(ink[name]) else next(broken_rules(field, ink[name].value), "")
        for name, field in fields.items()
    }
    for check in checks:
        if not _holds(check, ink):
            causes |= {name: causes[name] or f"check: {check.rule}" for name in factors(check)}
    return causes


def _take_back(
    chosen: dict[str, Alternative], options: Mapping[str, Alternatives], checks: Sequence[Check]
) -> None:
    """Go back to the ink in every check that does not hold, until nothing is left to take back."""
    before: dict[str, Alternative] = {}
    while chosen != before:
        before = dict(chosen)
        for check in checks:
            if not _holds(check, chosen):
                chosen |= {name: options[name][0] for name in factors(check)}


def _same_slips(
    chosen: Mapping[str, Alternative], options: Mapping[str, Alternatives], checks: Sequence[Check]
) -> dict[str, float]:
    """The odds that a field and another are both misread, and the sums that both are in come out for it."""
    found: dict[str, float] = {}
    for check in (c for c in checks if c.operator == "=="):
        # how far the sum would be off with another alternative of a field -> its odds beside the one chosen
        off: dict[int, dict[str, float]] = {}
        for name, times in factors(check).items():
            read = chosen[name]
            for other in options[name]:
                odds = off.setdefault(times * (int(other.value or 0) - int(read.value or 0)), {})
                odds[name] = odds.get(name, 0) + other.probability / max(read.probability, TINY)
        del off[0]
        slips = dict.fromkeys(factors(check), 0.0)
        for distance, odds in off.items():
            for name, alone in odds.items():
                others = (o for n, o in off.get(-distance, {}).items() if n != name)
                slips[name] += SAME_SLIP * min(alone, max(others, default=0.0))
        found |= {name: min(slip, found.get(name, slip)) for name, slip in slips.items()}
    return dict.fromkeys(chosen, 0.0) | found


def _as_checks_tell(read: Alternative, options: Alternatives, known: float, slip: float) -> float:
    """The most that checks may make of a value's probability, which they make `known` as they stand."""
    # a sum does not tell 07 from 7: what leads a number is as doubtful as its ink
    leading = re.match("[0_]*", read.raw.replace("X", "_"))
    lead = leading[0] if leading else ""
    otherwise = sum(a.probability for a in options if not a.raw.replace("X", "_").startswith(lead))
    return min(known / (1 + known * slip), 1 - otherwise)


def _judged(
    field: FormField, ink: FieldInk, read: Alternative, confidence: float, cause: str, broken: list[str]
) -> tuple[str, str]:
    """Status of a field's value, and what changed it and why somebody must look at it."""
    likeliest = ink.alternatives[0]
    changed = read is not likeliest
    told = [] if ink.found else [NOT_FOUND]
    told += ["ink beside the field"] if ink.beside else []
    told += faults(field, read)
    # clear ink that breaks a rule is hardly right, but not hard to read
    doubtful = confidence < field.accept_confidence and (_in_doubt(field, read) or not (told or broken))
    doubtful |= any(
        d.digit.isdigit() and d.confidence < field.accept_digit_confidence[int(d.digit)] for d in read.digits
    )
    if doubtful or (changed and read.probability < LEAST_INK):
        told.append(f"{LOW}: {ink.lost}" if ink.lost and not changed else LOW)
    told += broken
    status = "review" if told else "accepted"
    if changed:
        told.insert(0, f"read {likeliest.value or 'nothing'}, {cause}")
    return status, "; ".join(told)
