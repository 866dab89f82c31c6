"""Pictures of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition.reliability import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
PANELS = 48
"""Of a picture with a panel for each field, at most: those with most errors."""


def plot_confusion(counts: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """The confusion as a picture; the right answers are left out of its shading."""
    figure = _figure(6, 6)
    axes = figure.add_subplot()
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
    figure = _figure(9, 4)
    for column, name in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, column)
        for key, words in ((name, "training"), (f"val_{name}", "validation")):
            if history.get(key):
                axes.plot(range(1, len(history[key]) + 1), history[key], marker=".", label=words)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.legend()
    figure.savefig(path, dpi=120)


def plot_measured(groups: Mapping[str, Measured], path: Path) -> None:
    """For each group (at least one) its error-reject curve and its reliability, with 95% intervals."""
    worst = sorted(groups, key=lambda name: groups[name].right.count - groups[name].right.of)[:PANELS]
    shown = {name: measured for name, measured in groups.items() if name in worst}
    columns = min(COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = _figure(2 * 2.8 * columns, 2.8 * rows)
    for index, (name, measured) in enumerate(shown.items()):
        row, column = divmod(index, columns)
        first = 2 * columns * row + 2 * column + 1
        _draw_error_reject(figure.add_subplot(rows, 2 * columns, first), name, measured)
        _draw_reliability(figure.add_subplot(rows, 2 * columns, first + 1), name, measured)
    figure.savefig(path, dpi=100)


def _draw_error_reject(axes: Axes, name: str, measured: Measured) -> None:
    points = [p for p in measured.error_reject if p.error.of]
    review = [p.review for p in points]
    axes.fill_between(review, [p.error.low for p in points], [p.error.high for p in points], alpha=0.25)
    axes.plot(review, [p.error.count / p.error.of for p in points])
    # small errors and shares are what counts, and many are 0
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(name, fontsize=8)
    axes.set_xlabel("for review", fontsize=7)
    axes.set_ylabel("accepted wrong", fontsize=7)
    axes.tick_params(labelsize=6)


def _draw_reliability(axes: Axes, name: str, measured: Measured) -> None:
    bins = measured.reliability
    right = [b.right.count / b.right.of for b in bins]
    spread = [
        [max(0.0, r - b.right.low) for r, b in zip(right, bins, strict=True)],
        [max(0.0, b.right.high - r) for r, b in zip(right, bins, strict=True)],
    ]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.errorbar([b.confidence for b in bins], right, yerr=spread, fmt=".", elinewidth=0.8)
    least = min([0.95, *(b.confidence for b in bins), *right]) - 0.02
    axes.set_xlim(least, 1.005)
    axes.set_ylim(least, 1.005)
    error = measured.calibration_error
    axes.set_title(name if error is None else f"{name}, calibration error {error:.4f}", fontsize=8)
    axes.set_xlabel("confidence", fontsize=7)
    axes.set_ylabel("right", fontsize=7)
    axes.tick_params(labelsize=6)


def _figure(width: float, height: float) -> Figure:
    """A figure that needs no screen and leaves no state behind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
