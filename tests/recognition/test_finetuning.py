"""Fine-tuning learns a hand, forgets nothing, and writes nothing that is not better."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitscan.errors import ModelError, UsageError
from digitscan.recognition import finetuning
from digitscan.recognition.classifier import default_model, load
from digitscan.recognition.finetuning import Decided, Figures, finetune, is_better
from digitscan.vision.glyphs import SIZE
from tests.recognition.drawn import data_set, drawn_digits

# Keras 3.15 hands its weights to NumPy 2 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
OLD = Figures(right=90, loss=0.4, test=0.99, calibration_error=0.01)


def odd_hand(count: int, seed: int) -> Decided:
    """Digits in a hand that writes every 7 as a tall box."""
    pictures, labels = drawn_digits(count, seed)
    box = np.zeros((SIZE, SIZE), np.uint8)
    box[4:24, 9:19] = 255
    box[7:21, 12:16] = 0
    return Decided(np.where((labels == 7)[:, None, None], box, pictures), labels)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "REPLAYED", 150)
    monkeypatch.setattr(finetuning, "BATCH", 32)
    monkeypatch.setattr(finetuning, "RATE", 1e-3)


def test_a_hand_is_learnt_and_told_on_the_card(tmp_path: Path) -> None:
    output, digits = tmp_path / "models" / "tuned.keras", data_set()
    tuned = finetune(odd_hand(100, 11), odd_hand(60, 12), digits, output, described={"fields": 40})
    assert tuned.new.right > tuned.old.right
    held = odd_hand(60, 12)
    assert int((load(output)(held.pictures).argmax(axis=1) == held.labels).sum()) == tuned.new.right
    card = json.loads(output.with_suffix(".json").read_text())
    assert card["training"]["decisions"] == {"fields": 40, "glyphs": 100, "glyphs_held_back": 60}
    assert card["accuracy"]["decisions held back"] == pytest.approx(tuned.new.right / 60, abs=1e-4)
    assert card["accuracy"]["drawn test"] >= card["accuracy"]["drawn test, before"] - 0.001


def test_what_is_not_better_is_not_written(tmp_path: Path) -> None:
    learnt, held = Decided(*drawn_digits(100, 11)), Decided(*drawn_digits(60, 12))
    wrong = replace(learnt, labels=(learnt.labels + 1) % 10)
    with pytest.raises(ModelError, match="not written, since the new network is not better: of 60 digits"):
        finetune(wrong, held, data_set(), tmp_path / "tuned.keras", described={})
    with pytest.raises(UsageError, match=r"FILE\.keras"):
        finetune(learnt, held, data_set(), tmp_path / "tuned.h5", described={})
    with pytest.raises(UsageError, match="which would be lost: give another name"):
        finetune(learnt, held, data_set(), default_model(), described={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("new", "better"),
    [
        (replace(OLD, right=91, loss=0.3), True),
        (replace(OLD, loss=0.3, test=0.9891), True),
        (replace(OLD, right=99, loss=0.3, test=0.9889), False),
        (replace(OLD, right=89, loss=0.3), False),
        (replace(OLD, right=91), False),
    ],
)
def test_better_is_more_right_and_surer_of_it_at_hardly_any_cost(new: Figures, better: bool) -> None:
    assert is_better(OLD, new) is better
