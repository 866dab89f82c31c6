"""Loading models: the shipped one reads, anything doubtful is refused with a reason."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.errors import ModelError
from digitscan.recognition import classifier, strokes
from digitscan.recognition.classifier import (
    DOUBTFUL,
    FIELD_CLASSES,
    Classifier,
    FakeClassifier,
    confidences,
    default_model,
    fingerprint,
    load,
)
from digitscan.records import CLASSES, CROSSED, OTHER
from digitscan.vision.glyphs import fit, fit_many
from tests.recognition.drawn import drawn_digits


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped model in a directory of its own."""
    for suffix in (".keras", ".tflite", ".json"):
        shutil.copy(default_model().with_suffix(suffix), tmp_path)
    return tmp_path / "digits.keras"


def test_the_shipped_model_reads_digits_it_never_saw(shipped: Classifier) -> None:
    glyphs, labels = drawn_digits(500, 77)
    probabilities = shipped(glyphs)
    assert shipped.classes == CLASSES
    assert probabilities.shape == (500, 12)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.97


@pytest.mark.parametrize("count", [0, 1, 2, 5, 255, 256, 257, 400])
def test_the_answer_does_not_depend_on_the_batch(shipped: Classifier, count: int) -> None:
    glyphs, _ = drawn_digits(400, 78)
    alone = np.concatenate(
        [np.zeros((0, 12), np.float32), *(shipped(glyphs[i : i + 1]) for i in range(min(count, 5)))]
    )
    assert shipped(glyphs[:count]).shape == (count, 12)
    assert np.array_equal(shipped(glyphs[:count])[:5], alone)


def test_loading_is_quiet_and_needs_no_tensorflow() -> None:
    code = (
        "import sys, numpy as np; from digitscan.recognition.classifier import load;"
        "load()(np.zeros((3, 28, 28), np.uint8));"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_model_files_are_small() -> None:
    for suffix in (".keras", ".tflite"):
        assert default_model().with_suffix(suffix).stat().st_size <= 4_000_000


def test_the_fingerprint_is_the_hash_of_the_exported_file(copied: Path) -> None:
    assert fingerprint() == fingerprint(copied) == fingerprint(copied.with_suffix(".tflite"))
    assert len(fingerprint()) == 64


@pytest.mark.parametrize("name", ["model.h5", "model.pkl", "model.joblib", "model.onnx", "model"])
def test_other_kinds_of_file_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"give a \.keras"):
        load(tmp_path / name)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.json: No such file"):
        load(tmp_path / "nowhere.keras")


@pytest.mark.parametrize(("suffix", "engine"), [(".tflite", "litert"), (".keras", "tensorflow")])
def test_a_file_that_its_card_does_not_name_is_refused(
    copied: Path, suffix: str, engine: classifier.Engine
) -> None:
    path = copied.with_suffix(suffix)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not the file its card names"):
        load(copied, engine)
    path.unlink()
    with pytest.raises(ModelError, match="No such file"):
        load(copied, engine)


@pytest.mark.parametrize("card", [b"", b"{", b"[]", b"{}", b'{"classes": ["0"], "sha256": {}}'])
def test_a_damaged_card_is_refused(copied: Path, card: bytes) -> None:
    copied.with_suffix(".json").write_bytes(card)
    with pytest.raises(ModelError, match="card"):
        load(copied)


def test_a_network_of_digits_alone_reads_pictures_and_no_fields(copied: Path) -> None:
    card = json.loads(copied.with_suffix(".json").read_text())
    card["classes"] = card["classes"][:10]
    copied.with_suffix(".json").write_text(json.dumps(card))
    assert len(load(copied).classes) == 10
    with pytest.raises(ModelError, match="cannot read fields"):
        load(copied, "litert", *FIELD_CLASSES)
    with pytest.raises(ModelError, match="cannot read fields"):
        fingerprint(copied, *FIELD_CLASSES)


def test_a_damaged_model_with_a_right_hash_is_refused(copied: Path) -> None:
    exported = copied.with_suffix(".tflite")
    exported.write_bytes(b"no model at all")
    card = json.loads(copied.with_suffix(".json").read_text())
    card["sha256"]["tflite"] = hashlib.sha256(exported.read_bytes()).hexdigest()
    copied.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="LiteRT refuses it"):
        load(copied)


def test_the_fake_answers_as_told() -> None:
    fake = FakeClassifier(lambda glyphs: np.tile(np.eye(12, dtype=np.float32)[4], (len(glyphs), 1)))
    assert fake(np.zeros((3, 28, 28), np.uint8)).argmax(axis=1).tolist() == [4, 4, 4]
    assert fake(np.zeros((0, 28, 28), np.uint8)).shape == (0, 12)


@pytest.mark.parametrize("lean", [-8, 0, 8, 20])
@pytest.mark.parametrize("thick", [1, 3, 6, 12, 20])
def test_a_bare_bar_is_a_one(shipped: Classifier, lean: int, thick: int) -> None:
    canvas = np.zeros((100, 80), np.uint8)
    cv2.line(canvas, (40 + lean // 2, 15), (40 - lean // 2, 85), 1, thick)
    answer = shipped(fit(canvas)[None])[0]
    assert CLASSES[int(answer.argmax())] == "1"
    assert answer.max() > 0.8


def test_struck_out_cells_and_what_is_no_digit_are_told_apart(shipped: Classifier) -> None:
    rng = np.random.default_rng(123)
    crossed = fit_many([strokes.draw_crossed(rng) > 100 for _ in range(300)])
    assert (shipped(crossed).argmax(axis=1) == CROSSED).mean() > 0.97
    drawn = (strokes.draw_letter, strokes.draw_junk, strokes.draw_scribble)
    answers = shipped(fit_many([drawn[i % 3](rng) > 100 for i in range(300)]))
    sure_digits = (answers.argmax(axis=1) < 10) & (confidences(answers) > 0.95)
    assert sure_digits.mean() < 0.02


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000))
def test_what_may_be_no_digit_is_less_sure(seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(12, 0.3), 200).astype(np.float32)
    sure = confidences(shares)
    best = shares.argmax(axis=1)
    assert ((sure > 0) & (sure <= shares.max(axis=1))).all()
    assert np.allclose(sure[best == OTHER], shares[best == OTHER, OTHER])
    halved = (best != OTHER) & (np.abs(shares[:, OTHER] - DOUBTFUL) < 0.05 * DOUBTFUL)
    assert np.allclose(sure[halved], shares[halved].max(axis=1) / 2, rtol=0.06)
    # a network of digits alone says all it knows
    assert np.array_equal(confidences(shares[:, :10]), shares[:, :10].max(axis=1).astype(np.float64))
