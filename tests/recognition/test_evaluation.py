"""Accuracy, confusion and calibration, against counts made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.recognition.evaluation import (
    accuracy,
    calibration_error,
    confusion,
    evaluate_model,
    plot_confusion,
    plot_learning,
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


def test_plots(tmp_path: Path) -> None:
    plot_confusion(confusion(SURE, TRUE), ["a", "b", "c"], tmp_path / "confusion.png")
    plot_learning({"loss": [2, 1], "accuracy": [0.5, 0.8], "val_loss": [2, 2]}, tmp_path / "learning.png")
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5000


def test_the_shipped_model_on_a_file_of_digits(tmp_path: Path) -> None:
    digits = data_set(20, 200)
    np.savez(
        tmp_path / "drawn.npz",
        x_train=digits.train, y_train=digits.train_labels, x_test=digits.test, y_test=digits.test_labels,
    )  # fmt: skip
    result = evaluate_model(None, tmp_path / "drawn.npz", tmp_path / "plots")
    assert result["pictures"] == 200
    assert result["accuracy"] > 0.97
    assert result["calibration error"] < 0.05
    assert (tmp_path / "plots" / "confusion.png").stat().st_size > 5000
