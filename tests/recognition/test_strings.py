"""What rows of signs spell: held against adding up every row that there is."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.errors import ModelError
from digitscan.recognition.classifier import default_model
from digitscan.recognition.strings import SIGNS, Columns, load_strings, log_probabilities, spelled, strange
from digitscan.vision.glyphs import fit_string
from tests.recognition.drawn import drawn_digits


def said(seed: int, columns: int) -> Columns:
    logits: NDArray[np.float64] = np.random.default_rng(seed).normal(0, 3.0, (columns, 12))
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.float32)


def added_up(columns: Columns) -> dict[str, float]:
    """Every number with the logarithm of its probability, by brute force."""
    found: dict[str, float] = {}
    for path in itertools.product(range(12), repeat=len(columns)):
        signs = [sign for i, sign in enumerate(path) if i == 0 or sign != path[i - 1]]
        text = "".join(SIGNS[sign - 1] for sign in signs if sign)
        weight = sum(float(columns[i, sign]) for i, sign in enumerate(path))
        found[text] = float(np.logaddexp(found.get(text, -np.inf), weight))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_all_rows_that_spell_a_number_count(seed: int) -> None:
    columns = said(seed, 4)
    whole = added_up(columns)
    assert np.logaddexp.reduce(list(whole.values())) == pytest.approx(0, abs=1e-5)
    texts = ["", "7", "77", "12", "121", "1234", "112", "1?2"]
    expected = [whole.get(text, -np.inf) for text in texts]
    assert log_probabilities(columns, texts).tolist() == pytest.approx(expected, abs=1e-4)
    assert log_probabilities(columns, texts[:1]).tolist() == pytest.approx(expected[:1], abs=1e-4)
    assert not len(log_probabilities(columns, []))


@pytest.mark.parametrize("seed", range(3))
def test_the_likeliest_numbers_are_found(seed: int) -> None:
    columns = said(seed, 4)
    whole = added_up(columns)
    found = spelled(columns, (0, 9))
    best = max((text for text in whole if "?" not in text), key=lambda text: whole[text])
    assert max(found, key=lambda text: found[text]) == best
    assert found[best] == pytest.approx(whole[best], abs=0.1)
    assert all(weight <= whole[text] + 1e-4 for text, weight in found.items())


@pytest.mark.parametrize("seed", range(3))
def test_how_likely_anything_is_no_digit(seed: int) -> None:
    columns = said(seed, 4)
    expected = sum(np.exp(weight) for text, weight in added_up(columns).items() if "?" in text)
    assert strange(columns) == pytest.approx(expected, abs=1e-5)


def test_only_numbers_of_the_field_s_length_unless_there_is_none() -> None:
    # a 1 or nothing, then a 2
    shares = np.full((3, 12), 1e-6)
    shares[0, [0, 2]] = 0.4, 0.6
    shares[1, 0] = shares[2, 3] = 1.0
    columns = np.asarray(np.log(shares), np.float32)
    assert max(spelled(columns, (1, 2)), key=spelled(columns, (1, 2)).__getitem__) == "12"
    assert max(spelled(columns, (1, 1)), key=spelled(columns, (1, 1)).__getitem__) == "2"
    assert "12" in spelled(columns, (7, 8))


def test_what_is_surely_nothing_changes_nothing() -> None:
    columns = said(1, 4)
    nothing = np.full((3, 12), -30.0, np.float32)
    nothing[:, 0] = -1e-6
    padded = np.concatenate([columns, nothing])
    assert spelled(padded, (0, 9)).keys() == spelled(columns, (0, 9)).keys()
    assert log_probabilities(padded, ["12"]) == pytest.approx(log_probabilities(columns, ["12"]), abs=1e-3)


def test_the_network_that_comes_along_reads_digits_side_by_side() -> None:
    glyphs, labels = drawn_digits(60, 3)
    rows = [np.hstack([g[:, 3:25] for g in glyphs[i : i + 4]]) for i in range(0, 60, 4)]
    answers = load_strings()(np.stack([fit_string(row > 100) for row in rows]))
    right = 0
    for i, columns in enumerate(answers):
        found = spelled(columns, (4, 4))
        right += max(found, key=lambda text: found[text]) == "".join(map(str, labels[4 * i : 4 * i + 4]))
    assert right >= 12
    assert len(load_strings()(np.zeros((0, 24, 128), np.uint8))) == 0


def test_a_network_that_learnt_from_other_pictures_is_refused(tmp_path: Path) -> None:
    for kind in ("json", "tflite"):
        (tmp_path / f"old.{kind}").write_bytes(default_model("strings").with_suffix(f".{kind}").read_bytes())
    card = json.loads((tmp_path / "old.json").read_text())
    (tmp_path / "old.json").write_text(json.dumps(card | {"input": "24x128, not stretched"}))
    with pytest.raises(ModelError, match="train it again"):
        load_strings(tmp_path / "old.tflite")
