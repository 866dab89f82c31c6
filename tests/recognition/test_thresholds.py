"""Thresholds: the lowest that keeps a promise, told as lines that a form definition takes."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from digitscan.definition import FieldSection, FormSection
from digitscan.recognition.reliability import Bools, Floats
from digitscan.recognition.thresholds import Advice, as_toml, needed, recommend


def answers(rng: np.random.Generator, count: int, exponent: float) -> tuple[Floats, Bools]:
    """Confidences, and whether they are right; the wrong ones are rarely sure ones."""
    sure = rng.random(count)
    return sure, rng.random(count) > 0.5 * (1 - sure) ** exponent


def test_the_lowest_threshold_that_keeps_the_promise() -> None:
    sure = np.linspace(1, 0, 1001)[:1000]
    right = np.ones(1000, bool)
    right[600:] = np.arange(400) % 2 == 0
    found = recommend(sure, right, np.ones(1000, bool), 0.01)
    assert found.kept
    assert (found.effect.error.count, found.effect.error.of) == (1, 603)  # two would be 1.2% at most
    assert found.effect.error.high <= 0.01
    assert found.confidence == pytest.approx(sure[602], abs=1e-5)
    assert found.effect.review.count == 397


def test_too_few_promise_nothing_and_tell_the_best_they_can() -> None:
    assert (
        needed(0.001) == 3838
    )  # a little more than the 3,000 of the rule of three: the interval has two ends
    sure, right = np.linspace(0.5, 1, needed(0.01)), np.ones(needed(0.01), bool)
    assert recommend(sure, right, right, 0.01).kept
    fewer = recommend(sure[1:], right[1:], right[1:], 0.01)
    assert not fewer.kept
    assert fewer.effect.error.high == pytest.approx(0.01, abs=1e-4)
    nothing = recommend(sure, right, ~right, 0.01)
    assert (nothing.kept, nothing.confidence, nothing.effect.review.share) == (False, None, 1.0)


def test_the_written_number_lets_pass_what_was_counted() -> None:
    rng = np.random.default_rng(1)
    sure, right = answers(rng, 3000, 4)
    found = recommend(sure, right, np.ones(3000, bool), 0.02)
    accepted = sure >= float(f"{found.confidence}")
    assert (int(accepted.sum()), int((accepted & ~right).sum())) == (
        found.effect.error.of, found.effect.error.count,
    )  # fmt: skip


@pytest.mark.parametrize(("exponent", "target"), [(4, 0.02), (20, 0.005)])
def test_promises_are_kept_on_other_answers(exponent: float, target: float) -> None:
    rng = np.random.default_rng(2)
    broken = 0
    for _ in range(200):
        sure, right = answers(rng, 2000, exponent)
        found = recommend(sure, right, np.ones(2000, bool), target)
        if found.kept and found.confidence is not None:
            # the mean of 0.5 * x ** exponent over the accepted, x = 1 - confidence
            broken += 0.5 * (1 - found.confidence) ** exponent / (exponent + 1) > target
    assert broken <= 10  # 5%


def test_the_advice_can_be_pasted_into_a_definition() -> None:
    rng = np.random.default_rng(3)
    sure, right = answers(rng, 5000, 8)
    good = recommend(sure, right, np.ones(5000, bool), 0.01)
    bad = recommend(sure[:100], right[:100], np.ones(100, bool), 0.01)
    advice = Advice(
        0.01, good, {"age": good, "person[].age": bad}, {"1": good, "2": bad, "7": good}, good.effect
    )
    text = as_toml(advice, "accept_confidence")
    head, section = text.split("# in the section of age:")
    form = tomllib.loads(head)
    FormSection.model_validate({"name": "f", "page": {"size": [100, 100]}, **form})
    assert form == {
        "accept_confidence": good.confidence,
        "accept_digit_confidence": {"1": good.confidence, "7": good.confidence},
    }
    field = tomllib.loads(section)
    FieldSection.model_validate({"name": "age", "box": [0, 0, 9, 9], "cells": 1, **field})
    assert field == {"accept_confidence": good.confidence}
    assert "# too few: 381 accepted without an error are needed" in text
    assert "read as 2 (100), person[].age (100)" in text.replace("\n# ", " ")
    poor = recommend(sure, np.zeros(5000, bool), np.ones(5000, bool), 0.01)
    assert "# all: no threshold promises it; from " in as_toml(Advice(0.01, poor, {}, {}), None)
    assert "promise it: all (100)" in as_toml(Advice(0.01, bad, {}, {}), None)
    assert f"{good.effect.review.share:.1%} of 5,000 for review" in text
    assert "accept_confidence" not in as_toml(Advice(0.01, good, {}, {}), None)
