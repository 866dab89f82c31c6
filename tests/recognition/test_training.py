"""Training writes a model that both engines read alike; calibration and the held-back writers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.errors import ModelError, UsageError
from digitscan.recognition import schedule, string_training
from digitscan.recognition.architectures import find
from digitscan.recognition.augmentation import GENTLE, STEEP
from digitscan.recognition.calibration import fit_temperature
from digitscan.recognition.cards import check_export
from digitscan.recognition.classifier import Engine, load
from digitscan.recognition.datasets import held_back
from digitscan.recognition.schedule import learning_rate, paces
from digitscan.recognition.strings import load_strings
from digitscan.recognition.training import PEAK, mix_of, train
from tests.recognition.drawn import data_set, drawn_digits

# Keras 3.15 hands its weights to NumPy 2 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ENGINES: tuple[Engine, ...] = ("litert", "tensorflow")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "drawn.npz"
    digits = data_set(400, 100)
    np.savez(
        path, x_train=digits.train, y_train=digits.train_labels, x_test=digits.test, y_test=digits.test_labels
    )
    return path


def test_training_writes_a_model_that_both_engines_read_alike(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "models" / "small.keras"
    card = train(data, "digitscan", output, seed=3, epochs=1, plots=tmp_path / "plots", progress=False)
    assert json.loads(output.with_suffix(".json").read_text())["sha256"] == card.sha256
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "small.json",
        "small.keras",
        "small.tflite",
    ]
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "small-confusion.png",
        "small-learning.png",
    }
    assert card.training["held_back"] == 20
    glyphs, labels = drawn_digits(100, 2)
    answers = load(output)(glyphs)
    assert np.abs(answers - load(output, "tensorflow")(glyphs)).max() < 1e-4
    assert card.accuracy["mnist test"] == pytest.approx((answers.argmax(axis=1) == labels).mean(), abs=0.011)


@pytest.mark.parametrize("architecture", ["conv2-adam", "conv3-64"])
def test_every_architecture_can_be_exported(data: Path, tmp_path: Path, architecture: str) -> None:
    train(data, architecture, tmp_path / "small.keras", epochs=1, progress=False)
    glyphs, _ = drawn_digits(100, 2)
    answers = [load(tmp_path / "small.keras", engine)(glyphs) for engine in ENGINES]
    assert np.abs(answers[0] - answers[1]).max() < 1e-4
    with pytest.raises(ModelError, match="LiteRT and Keras differ"):
        check_export(find(architecture).build(), tmp_path / "small.tflite")


def test_a_network_of_whole_numbers_is_trained_and_exported(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(string_training, "PICTURES", 128)
    monkeypatch.setattr(string_training, "HELD", 40)
    card = train(data, "strings", tmp_path / "small.keras", epochs=1, progress=False)
    assert card.classes == ["", *"0123456789", "other"]
    assert set(card.accuracy) == {"numbers of mnist held back"}
    assert load_strings(tmp_path / "small.keras")(np.zeros((2, 24, 128), np.uint8)).shape == (2, 64, 12)
    with pytest.raises(ModelError, match="lacks classes"):
        load(tmp_path / "small.keras")


def test_a_classic_recipe_learns_and_the_seed_decides(data: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.keras" for name in "ab"]
    cards = [train(data, "conv3-sgd", path, seed=4, epochs=6, progress=False) for path in paths]
    assert cards[0].accuracy["mnist test"] > 0.6  # chance is 0.1
    glyphs, _ = drawn_digits(50, 5)
    assert np.allclose(load(paths[0])(glyphs), load(paths[1])(glyphs), atol=1e-3)


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 16])
def test_the_learning_rate_rises_once_and_falls_to_nothing(epochs: int) -> None:
    rates = [
        learning_rate(progress, epochs, PEAK) for progress in np.linspace(0, epochs, 400, endpoint=False)
    ]
    assert min(rates) > 0
    assert max(rates) == pytest.approx(PEAK, rel=0.05)
    assert (np.diff(rates[rates.index(max(rates)) :]) <= 0).all()
    assert rates[-1] < 0.01 * PEAK


@pytest.mark.parametrize(
    ("epochs", "lengths"), [(1, [1]), (16, [16]), (17, [12, *[1] * 5]), (102, [72, *[6] * 5])]
)
def test_the_last_epochs_are_cycles(epochs: int, lengths: list[int]) -> None:
    pace = paces(epochs, 3e-3, 1e-3)
    assert len(pace) == epochs
    assert [p.length for p in pace if p.place == 0] == lengths
    assert [i + 1 for i, p in enumerate(pace) if p.ends_cycle] == np.cumsum(lengths)[1:].tolist()
    assert {p.peak for p in pace if p.length == lengths[0]} >= {3e-3}


def test_weights_of_the_cycles_are_averaged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "CYCLES", 3)
    monkeypatch.setattr(schedule, "CYCLE", 4)
    card = train(data, "digitscan", tmp_path / "small.keras", epochs=4, progress=False)
    assert card.training["epochs"] == 4
    assert load(tmp_path / "small.keras")(drawn_digits(10, 2)[0]).shape == (10, 12)


def test_pictures_become_gentler() -> None:
    assert [mix_of(epoch, 10) for epoch in range(10)] == [STEEP] * 7 + [GENTLE] * 3
    assert mix_of(0, 1) == STEEP


def test_bad_arguments(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"FILE\.keras"):
        train(data, "conv3-sgd", tmp_path / "model.h5")
    with pytest.raises(UsageError, match="at least one"):
        train(data, "conv3-sgd", tmp_path / "model.keras", epochs=0)
    with pytest.raises(UsageError, match="no architecture"):
        train(data, "conv9", tmp_path / "model.keras")
    with pytest.raises(UsageError, match=r"npz/model\.keras: cannot be written: .*choose another --output"):
        train(tmp_path / "nowhere", output=data / "model.keras")  # before anything else takes long
    assert not list(tmp_path.iterdir())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.5), st.integers(8, 60))
def test_no_writer_is_on_both_sides(seed: int, part: float, writers: int) -> None:
    digits = data_set(300, 10, writers)
    held = held_back(digits, part, seed)
    assert digits.writers is not None
    assert not set(digits.writers[held]) & set(digits.writers[~held])
    assert part - 1 / writers - 0.01 <= held.mean() <= part


def test_without_writers_single_pictures_are_held_back() -> None:
    assert held_back(data_set(300, 10, None), 0.1, 1).sum() == 30
    assert held_back(data_set(300, 10, None), 0.0, 1).sum() == 0


@settings(max_examples=10, deadline=None)
@given(st.floats(0.4, 2.5), st.integers(0, 1000))
def test_the_temperature_is_found_again(temperature: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (8000, 5))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (right.cumsum(axis=1) > rng.random((8000, 1))).argmax(axis=1)
    boasting = np.exp(logits * temperature)
    boasting /= boasting.sum(axis=1, keepdims=True)
    assert fit_temperature(boasting.astype(np.float32), labels) == pytest.approx(temperature, rel=0.1)
