"""How good a classifier is: accuracy, confusion, calibration; and the plots of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition.classifier import Probabilities, load
from digitscan.recognition.datasets import Labels, read_digits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error, 0-1: how far confidence and accuracy lie apart (Naeini et al., 2015).

    Bins hold equally many pictures: with equally wide ones nearly all of a good network's fall into the last.
    """
    if not len(labels):
        return float("nan")
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(sure, kind="stable"), min(bins, len(labels)))
    return float(sum(abs(sure[part].sum() - right[part].sum()) for part in parts) / len(labels))


def evaluate_model(model: Path | None, data: Path | str, plots: Path | None = None) -> dict[str, float]:
    """How a model file (None: the shipped one) reads the test part of MNIST-like data (see `read_digits`).

    Returns `pictures`, `accuracy` and `calibration error`; writes the confusion into the directory `plots`.
    """
    classifier = load(model)
    digits = read_digits(data)
    probabilities = classifier(digits.test)
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
        counts = confusion(probabilities, digits.test_labels)
        plot_confusion(counts, classifier.classes, plots / "confusion.png")
    return {
        "pictures": float(len(digits.test)),
        "accuracy": accuracy(probabilities, digits.test_labels),
        "calibration error": calibration_error(probabilities, digits.test_labels),
    }


def plot_confusion(counts: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """The confusion as a picture; the right answers are left out of its shading."""
    figure, axes = _figure(6, 6)
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    axes.imshow(wrong, cmap="Reds")
    axes.set_xticks(range(len(classes)), classes, rotation=45)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7)
    figure.savefig(path, dpi=120)


def plot_learning(history: dict[str, list[float]], path: Path) -> None:
    """Loss and accuracy by epoch, of training and, where there is one, of validation."""
    figure, _ = _figure(9, 4)
    figure.clear()
    for column, name in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, column)
        for key, words in ((name, "training"), (f"val_{name}", "validation")):
            if history.get(key):
                axes.plot(range(1, len(history[key]) + 1), history[key], marker=".", label=words)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.legend()
    figure.savefig(path, dpi=120)


def _figure(width: float, height: float):  # type: ignore[no-untyped-def]
    """A figure that needs no screen and leaves no state behind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
