"""Pictures are written, of little and of much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from digitscan.recognition.plots import PANELS, plot_confusion, plot_learning, plot_measured
from digitscan.recognition.reliability import Measured, measure


def measured(count: int) -> Measured:
    rng = np.random.default_rng(count)
    sure = rng.random(count)
    return measure(sure, rng.random(count) < sure)


def test_confusion_and_learning(tmp_path: Path) -> None:
    plot_confusion(np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1]]), ["a", "b", "c"], tmp_path / "confusion.png")
    plot_learning({"loss": [2, 1], "accuracy": [0.5, 0.8], "val_loss": [2, 2]}, tmp_path / "learning.png")
    for name in ("confusion.png", "learning.png"):
        path = tmp_path / name
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5000


@pytest.mark.parametrize(("groups", "rows"), [(1, 1), (6, 2), (PANELS + 10, PANELS // 4)])
def test_a_panel_for_each_group_up_to_a_limit(tmp_path: Path, groups: int, rows: int) -> None:
    path = tmp_path / "groups.png"
    plot_measured({f"field {i}": measured(i) for i in range(groups)}, path)  # the first has no answers
    with Pillow.open(path) as picture:
        assert picture.height == rows * 280
