"""The probabilities of what stands in a page's fields, given their ink, their rules and their checks.

Every field has alternatives with the probabilities that its ink gives them; what these lack of 1 is something
else that nobody thought of. Rules and checks say what is likely to be written at all. People do write values
out of range and sums that do not come out: a rule is odds, not a law. The probabilities given all of it are
found by the sum-product algorithm (Kschischang, Frey and Loeliger, 2001): each check tells each of its fields
how well every alternative goes with what its other fields may be. That is exact where no two checks are
joined in more than one way, and near it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from digitscan.forms import Check, FormField
from digitscan.recognition.rules import broken_rules, broken_up, comes_out, factors
from digitscan.records import Alternative

Alternatives = tuple[Alternative, ...]
Weights = NDArray[np.float64]
"""Of a field's alternatives and, last, of something else; their sum is 1."""
Sums = tuple[NDArray[np.int64], NDArray[np.float64]]
"""What some of a check's fields may sum up to, each sum once and in order, and its weight."""

RULE_BROKEN = 0.01  # of the values written: not what the field's own rules ask for
CHECK_BROKEN = 0.02  # of the checks: people forget to carry, or mend a part and not its sum
# Of wrong sums, those that are off by one given amount; and that a value nobody thought of is the very one
# that a sum wants. Slips of head, hand and eye mostly change one digit, by any amount.
COINCIDENCE = 0.05
ROUNDS = 10  # at most, where checks are joined in a ring
SETTLED = 1e-4
KEPT_SUMS = 200  # the likeliest
TINY = 1e-7
LARGE = 10**15  # sums of smaller numbers fit into 64 bits


def own_weights(field: FormField, alternatives: Alternatives) -> Weights:
    """What ink and the field's own rules say; whether something else keeps them nobody knows."""
    weights = [0.0 if "?" in a.raw else a.probability for a in alternatives]
    weights.append(max(1 - sum(weights), 0.0))
    odds = RULE_BROKEN / (1 - RULE_BROKEN)
    for i, alternative in enumerate(alternatives):
        if broken_up(alternative) or any(broken_rules(field, alternative.value)):
            weights[i] *= odds
    return _shares(np.array(weights))


def posterior(
    own: Mapping[str, Weights], options: Mapping[str, Alternatives], checks: Sequence[Check]
) -> dict[str, Weights]:
    """The fields' weights given all checks; `own` are those without them, in the order of `options`."""
    belief = dict(own)
    told = [{name: np.ones(len(own[name])) for name in factors(check)} for check in checks]
    heard: list[dict[str, Weights]] = [{} for _ in checks]
    for _ in range(ROUNDS):
        quiet = True
        for check, messages, last in zip(checks, told, heard, strict=True):
            incoming = {name: _shares(belief[name] / message) for name, message in messages.items()}
            if last and all(np.abs(incoming[name] - last[name]).max() < SETTLED for name in incoming):
                continue
            quiet = False
            last.update(incoming)
            messages.update(_messages(check, options, incoming))
            belief |= {name: _shares(incoming[name] * message) for name, message in messages.items()}
        if quiet:
            break
    return belief


def _shares(weights: Weights) -> Weights:
    return np.asarray(weights / weights.sum())


def _messages(
    check: Check, options: Mapping[str, Alternatives], incoming: Mapping[str, Weights]
) -> dict[str, Weights]:
    """How well each alternative of each field goes with what the check's other fields may be."""
    times = factors(check)
    values = [[times[name] * int(a.value or 0) for a in options[name]] for name in times]
    small = all(abs(v) < LARGE for several in ([check.constant], *values) for v in several)
    amounts = [np.array(several, np.int64 if small else object) for several in values]
    weights = [incoming[name][:-1] for name in times]
    none = np.zeros(1, amounts[0].dtype)
    before: list[Sums] = [(none + check.constant, np.ones(1))]
    after: list[Sums] = [(none, np.ones(1))]
    for i in range(len(values) - 1):
        before.append(_added(before[-1], amounts[i], weights[i]))
        after.append(_added(after[-1], amounts[-1 - i], weights[-1 - i]))
    known = _of_others(np.array([w.sum() for w in weights]))
    empty = [np.array([not a.value for a in options[name]]) for name in times]
    all_empty = _of_others(np.array([w @ e for w, e in zip(weights, empty, strict=True)]))
    exact = check.operator == "=="
    broken = CHECK_BROKEN * COINCIDENCE if exact else CHECK_BROKEN
    unknown = COINCIDENCE if exact else 1 - CHECK_BROKEN
    messages = {}
    for i, name in enumerate(times):
        keeping = _keeping(check, before[i], amounts[i], after[-1 - i])
        if not comes_out(check, check.constant):  # yet nothing is asked where all are empty
            keeping += empty[i] * all_empty[i]
        keeping = np.clip(keeping, 0, known[i])
        message = (1 - CHECK_BROKEN) * keeping + broken * (known[i] - keeping) + unknown * (1 - known[i])
        messages[name] = np.append(message, unknown)
    return messages


def _of_others(shares: Weights) -> Weights:
    """For each, the product of all the others."""
    before = np.cumprod(np.append(1.0, shares[:-1]))
    after = np.cumprod(np.append(1.0, shares[:0:-1]))[::-1]
    return np.asarray(before * after)


def _added(sums: Sums, amounts: NDArray[np.int64], weights: Weights) -> Sums:
    totals, place = np.unique(np.add.outer(sums[0], amounts), return_inverse=True)
    merged = np.bincount(place.ravel(), np.outer(sums[1], weights).ravel()).astype(np.float64)
    if len(totals) > KEPT_SUMS:
        merged[np.argpartition(-merged, KEPT_SUMS)[KEPT_SUMS:]] = 0
    likely = merged > TINY * merged.max(initial=0.0)
    return totals[likely], merged[likely]


def _keeping(check: Check, before: Sums, amounts: NDArray[np.int64], after: Sums) -> Weights:
    """For each amount of a field, the weight of those sums of all others with which the check holds."""
    wanted = -np.add.outer(amounts, before[0])
    summed = np.concatenate([[0.0], np.cumsum(after[1])])
    below = summed[np.searchsorted(after[0], wanted, "left")]
    up_to = summed[np.searchsorted(after[0], wanted, "right")]
    if check.operator == "==":
        return np.asarray((up_to - below) @ before[1])
    return np.asarray((up_to if check.operator == "<=" else summed[-1] - below) @ before[1])
