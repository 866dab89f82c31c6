"""Fields and what their ink may say, for the tests of rules and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from digitscan.forms import Check, FormField
from digitscan.records import Alternative, Box, DigitReading, FieldInk


def a_field(name: str = "count", **rules: Any) -> FormField:
    """An open box for up to nine digits."""
    plain = FormField(
        name=name,
        box=Box(0, 0, 40, 10),
        cells=(),
        digits=(0, 9),
        required=False,
        minimum=None,
        maximum=None,
        values=None,
        pattern=None,
        crossed="blank",
        accept_confidence=0.95,
    )
    return replace(plain, **rules)


def an_ink(said: str | Mapping[str, float]) -> FieldInk:
    """What the ink of a field may say, as raw readings with their probabilities; one alone is clear."""
    likely = {said: 0.998} if isinstance(said, str) else said
    return FieldInk(tuple(an_alternative(raw, p) for raw, p in likely.items()))


def an_alternative(raw: str, probability: float = 0.998) -> Alternative:
    value = "" if "?" in raw else "".join(c for c in raw if c.isdigit())
    digits = (DigitReading(i, c, probability, "", 0.0, (0, 0, 1, 1)) for i, c in enumerate(raw, 1))
    return Alternative(value, raw, probability, tuple(digits))


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[FormField], list[FieldInk], list[Check]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(2, 5))
    names = [f"f{i}" for i in range(count)]
    fields = [
        a_field(n, maximum=draw(st.sampled_from([None, 8])), required=bool(rng.random() < 0.2)) for n in names
    ]
    inks = []
    for _ in names:
        raws = list(
            dict.fromkeys(rng.choice(["", "0", "1", "2", "3", "7", "X5", "9", "12", "4?"], 4).tolist())
        )
        raws = raws[:1] + [raw for raw in raws[1:] if "?" not in raw]
        shares = np.sort(rng.dirichlet(np.full(len(raws) + 1, draw(st.sampled_from([0.1, 1.0])))))[::-1]
        inks.append(an_ink(dict(zip(raws, map(float, shares[:-1]), strict=True))))
    checks: list[Check] = []
    for _ in range(draw(st.integers(0, 3))):
        chosen = rng.choice(names, int(rng.integers(2, count + 1)), replace=False)
        terms = tuple((str(name), int(rng.choice([1, -1]))) for name in chosen)
        operator: Any = rng.choice(["==", "==", "<=", ">="])
        checks.append(Check(f"rule {len(checks)}", terms, int(rng.integers(-2, 3)), operator))
    return fields, inks, checks
