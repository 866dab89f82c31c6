"""Accuracy, confusion and calibration, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.recognition.classifier import FakeClassifier, load
from digitscan.recognition.evaluation import (
    accuracy,
    calibration_error,
    confusion,
    evaluate_model,
)
from tests.recognition.drawn import data_set

SURE = np.array([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0, 0, 1]], np.float32)
TRUE = np.array([0, 1, 2, 2])


def test_by_hand() -> None:
    assert accuracy(SURE, TRUE) == 0.75
    assert confusion(SURE, TRUE).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    assert calibration_error(SURE, TRUE, bins=1) == pytest.approx(abs(3.2 - 3) / 4, abs=1e-6)
    assert calibration_error(SURE, TRUE, bins=4) == pytest.approx((0.1 + 0.3 + 0.6 + 0.0) / 4, abs=1e-6)


def test_no_pictures() -> None:
    nothing = np.zeros((0, 12), np.float32)
    assert np.isnan(accuracy(nothing, np.zeros(0, np.int64)))
    assert confusion(nothing, np.zeros(0, np.int64)).sum() == 0


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(2, 12), st.integers(0, 1000))
def test_the_diagonal_of_the_confusion_is_the_accuracy(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    labels = rng.integers(0, classes, count)
    counts = confusion(probabilities, labels)
    assert counts.sum() == count
    assert np.trace(counts) / count == pytest.approx(accuracy(probabilities, labels))
    assert 0 <= calibration_error(probabilities, labels) <= 1


def test_honest_confidence_has_no_calibration_error() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(3) * 0.5, 20_000).astype(np.float32)
    labels = np.array([rng.choice(3, p=row / row.sum()) for row in probabilities.astype(np.float64)])
    assert calibration_error(probabilities, labels) < 0.015
    boasting = np.eye(3, dtype=np.float32)[probabilities.argmax(axis=1)]
    assert calibration_error(boasting, labels) > 0.15


def test_a_model_is_measured_by_what_is_written_and_by_what_is_read() -> None:
    shares = np.full((6, 12), 0.01, np.float32)
    for row, (read, sure) in enumerate([(1, 0.9), (1, 0.8), (7, 0.7), (1, 0.6), (11, 0.9), (7, 0.85)]):
        shares[row, read] = sure
    labels = np.array([1, 1, 1, 7, 7, 7])
    digits = replace(data_set(1, 6), test_labels=labels)
    score = evaluate_model(FakeClassifier(lambda _: shares), digits, target_error=0.5)
    assert score.whole.right.count == 3
    one, seven = score.by_digit["1"], score.by_digit["7"]
    assert (one.written.count, one.written.of, one.read.right.count, one.read.right.of) == (2, 3, 2, 3)
    assert (seven.written.count, seven.written.of, seven.read.right.of) == (1, 3, 2)
    assert score.confusion[7].tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert score.whole.error_reject[-1].review == pytest.approx(1 / 6)  # `other` is never accepted
    assert score.advice is not None
    assert score.advice.whole.effect.error.of < 6
    assert evaluate_model(FakeClassifier(lambda _: shares), digits).advice is None


def test_the_shipped_model_on_drawn_digits() -> None:
    score = evaluate_model(load(), data_set(20, 200))
    assert score.whole.right.of == 200
    assert score.whole.right.share is not None
    assert score.whole.right.share > 0.97
    assert score.whole.calibration_error is not None
    assert score.whole.calibration_error < 0.05
