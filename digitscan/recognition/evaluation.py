"""How good a classifier is: accuracy, confusion, calibration, and the thresholds it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition import reliability
from digitscan.recognition.classifier import Classifier, Probabilities, confidences
from digitscan.recognition.datasets import Digits, Labels
from digitscan.recognition.reliability import Measured, Share
from digitscan.recognition.thresholds import Advice, recommend
from digitscan.records import CLASSES, OTHER

DIGITS = CLASSES[:10]


@dataclass(frozen=True, slots=True)
class DigitScore:
    """One class of digit."""

    written: Share
    """Of the digits that are this one, those read so."""
    read: Measured
    """Of what was read as this one."""


@dataclass(frozen=True, slots=True)
class ModelScore:
    """What a classifier is worth on the test part of some data. An answer `other` is never accepted."""

    data: str
    whole: Measured
    by_digit: Mapping[str, DigitScore]
    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    """Classes x classes: rows are what is written, columns what was read."""
    advice: Advice | None


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Part of the pictures whose most probable class is right, 0-1; nan for no pictures."""
    if not len(labels):
        return float("nan")
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def confusion(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Counts, classes x classes: rows are the truth, columns what was read."""
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    bins: int = 15,
    sure: NDArray[np.float64] | None = None,
) -> float:
    """Expected calibration error of the most probable classes, 0-1; nan for no pictures.

    sure: their confidences, where they are not those of single glyphs.
    """
    sure = confidences(probabilities) if sure is None else sure
    right = probabilities.argmax(axis=1) == labels
    error = reliability.calibration_error(reliability.reliability(sure, right, bins))
    return float("nan") if error is None else error


def evaluate_model(classifier: Classifier, digits: Digits, target_error: float | None = None) -> ModelScore:
    """How a classifier reads the test part of MNIST-like data.

    target_error: wanted of the accepted digits, 0-1; without it nothing is recommended.
    """
    probabilities, labels = classifier(digits.test), digits.test_labels
    sure = confidences(probabilities)
    answer = probabilities.argmax(axis=1)
    right = answer == labels
    acceptable = answer != OTHER
    by_digit = {
        digit: DigitScore(
            reliability.share_of(int(right[labels == index].sum()), int((labels == index).sum())),
            reliability.measure(sure[answer == index], right[answer == index]),
        )
        for index, digit in enumerate(DIGITS)
    }
    advice = None
    if target_error is not None:
        chosen = {digit: answer == index for index, digit in enumerate(DIGITS)}
        advice = Advice(
            target_error,
            whole=recommend(sure, right, acceptable, target_error),
            by_field={},
            by_digit={
                d: recommend(sure[c], right[c], acceptable[c], target_error) for d, c in chosen.items()
            },
        )
    return ModelScore(
        data=digits.name,
        whole=reliability.measure(sure, right, acceptable),
        by_digit=by_digit,
        classes=classifier.classes,
        confusion=confusion(probabilities, labels),
        advice=advice,
    )
