"""Probabilities given rules and checks, against going through every combination."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from digitscan.forms import Check, FormField
from digitscan.recognition.belief import (
    CHECK_BROKEN,
    COINCIDENCE,
    RULE_BROKEN,
    Weights,
    own_weights,
    posterior,
)
from digitscan.recognition.rules import holds
from digitscan.records import FieldInk
from tests.recognition.inks import a_field, an_ink, pages


def weighed(fields: list[FormField], inks: list[FieldInk], checks: list[Check]) -> dict[str, Weights]:
    options = {f.name: ink.alternatives for f, ink in zip(fields, inks, strict=True)}
    return posterior({f.name: own_weights(f, options[f.name]) for f in fields}, options, checks)


def enumerated(fields: list[FormField], inks: list[FieldInk], checks: list[Check]) -> dict[str, Weights]:
    own = [own_weights(f, ink.alternatives) for f, ink in zip(fields, inks, strict=True)]
    sums = [np.zeros(len(weights)) for weights in own]
    for choice in itertools.product(*(range(len(weights)) for weights in own)):
        weight = float(np.prod([w[i] for w, i in zip(own, choice, strict=True)]))
        picked = dict(zip((f.name for f in fields), zip(inks, choice, strict=True), strict=True))
        for check in checks:
            exact = check.operator == "=="
            asked = [picked[name] for name, _ in check.terms]
            if any(i == len(ink.alternatives) for ink, i in asked):
                weight *= COINCIDENCE if exact else 1 - CHECK_BROKEN
                continue
            kept = holds(check, {n: picked[n][0].alternatives[picked[n][1]].value for n, _ in check.terms})
            weight *= 1 - CHECK_BROKEN if kept else CHECK_BROKEN * (COINCIDENCE if exact else 1)
        for total, i in zip(sums, choice, strict=True):
            total[i] += weight
    return {f.name: total / total.sum() for f, total in zip(fields, sums, strict=True)}


@settings(deadline=None, max_examples=100)
@given(pages())
def test_one_check_is_weighed_exactly(page: tuple[list[FormField], list[FieldInk], list[Check]]) -> None:
    fields, inks, checks = page
    found = weighed(fields, inks, checks[:1])
    for name, weights in enumerated(fields, inks, checks[:1]).items():
        assert found[name] == pytest.approx(weights, abs=1e-4)  # sums under `TINY` are left out


@settings(deadline=None, max_examples=50)
@given(pages())
def test_probabilities_stay_probabilities(page: tuple[list[FormField], list[FieldInk], list[Check]]) -> None:
    for weights in weighed(*page).values():
        assert np.all(weights >= 0)
        assert weights.sum() == pytest.approx(1)


def test_checks_in_a_row_are_weighed_exactly() -> None:
    names = ["a", "b", "c", "d", "e"]
    fields = [a_field(name) for name in names]
    doubts = [
        {"3": 0.6, "8": 0.3},
        {"4": 0.9, "9": 0.1},
        {"7": 0.5, "12": 0.4},
        {"20": 0.99},
        {"32": 0.7, "27": 0.2},
    ]
    inks = [an_ink(doubt) for doubt in doubts]
    first = Check("a + b == c", (("a", 1), ("b", 1), ("c", -1)), 0, "==")
    second = Check("c + d == e", (("c", 1), ("d", 1), ("e", -1)), 0, "==")
    found = weighed(fields, inks, [first, second])
    for name, weights in enumerated(fields, inks, [first, second]).items():
        assert found[name] == pytest.approx(weights, abs=0.002)


def test_a_rule_is_odds() -> None:
    kept, broken, other = own_weights(a_field(maximum=12), an_ink({"12": 0.3, "13": 0.6}).alternatives)
    assert broken / kept == pytest.approx(0.6 / 0.3 * RULE_BROKEN / (1 - RULE_BROKEN))
    assert other / kept == pytest.approx(0.1 / 0.3)


def test_a_long_column_is_summed() -> None:
    """More ways to sum it up than are kept, and the truth among them."""
    rng = np.random.default_rng(4)
    true = rng.integers(0, 1000, 40)
    fields: list[FormField] = [a_field(f"row{i}") for i in range(40)] + [a_field("total")]
    inks = []
    for value in true:
        near = [int(value) + 10 ** int(rng.integers(0, 3)) * int(rng.integers(1, 9)) for _ in range(12)]
        inks.append(an_ink({str(value): 0.99, **{str(v): 0.0008 for v in near}}))
    inks[7] = an_ink(
        {str(true[7] + 60): 0.6, str(true[7] + 2): 0.2, str(true[7]): 0.15, str(true[7] + 900): 0.04}
    )
    inks.append(an_ink(str(true.sum())))
    terms: Any = (*((f.name, 1) for f in fields[:-1]), ("total", -1))
    found = weighed(fields, inks, [Check("sum", terms, 0, "==")])
    assert found["row7"][2] > 0.9
    assert min(found[f.name][0] for f in fields if f.name != "row7") > 0.98
