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
from digitscan.recognition.strings import (
    LEANS,
    SIGNS,
    Columns,
    load_strings,
    log_probabilities,
    look_at,
    spelled,
    strange,
)
from digitscan.records import Image
from digitscan.vision.glyphs import fit_string, leaning
from tests.recognition.drawn import drawn_digits


def said(seed: int, columns: int, looks: int = 1) -> Columns:
    logits: NDArray[np.float64] = np.random.default_rng(seed).normal(0, 3.0, (looks, columns, 12))
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)), np.float32)


def added_up(columns: Columns) -> dict[str, float]:
    """Every number with the logarithm of its probability at the first look, by brute force."""
    found: dict[str, float] = {}
    for path in itertools.product(range(12), repeat=columns.shape[1]):
        signs = [sign for i, sign in enumerate(path) if i == 0 or sign != path[i - 1]]
        text = "".join(SIGNS[sign - 1] for sign in signs if sign)
        weight = sum(float(columns[0, i, sign]) for i, sign in enumerate(path))
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


def test_of_several_looks_the_mean_counts() -> None:
    columns = said(5, 4, looks=3)
    each = [columns[look : look + 1] for look in range(3)]
    texts = ["7", "12", "1234"]
    mean = np.mean([np.exp(log_probabilities(one, texts)) for one in each], axis=0)
    assert np.exp(log_probabilities(columns, texts)) == pytest.approx(mean, rel=1e-4)
    assert strange(columns) == pytest.approx(np.mean([strange(one) for one in each]))
    assert spelled(columns, (0, 9)) == spelled(each[0], (0, 9))


def test_a_number_that_the_network_is_not_sure_of_is_looked_at_again_as_it_leans() -> None:
    asked: list[Image] = []

    def network(pictures: Image) -> NDArray[np.float32]:
        """Sure of what is no wider than high, and of nothing else."""
        asked.extend(pictures)
        wide = (pictures.any(axis=1).sum(axis=1) > 24)[:, None, None]
        sure, unsure = (np.full(12, (1 - p) / 11) for p in (0.9999, 0.9))
        sure[0], unsure[0] = 0.9999, 0.9
        return np.asarray(np.log(np.where(wide, unsure, sure) * np.ones((1, 4, 1))), np.float32)

    narrow, wide = np.ones((40, 20), bool), np.ones((40, 100), bool)
    columns = look_at([narrow, wide, narrow], network)
    assert [c.shape for c in columns] == [(1, 4, 12), (3, 4, 12), (1, 4, 12)]
    assert np.array_equal(asked[3:], [fit_string(leaning(wide, by)) for by in LEANS])
    assert look_at([], network) == []


def test_only_numbers_of_the_field_s_length_unless_there_is_none() -> None:
    # a 1 or nothing, then a 2
    shares = np.full((3, 12), 1e-6)
    shares[0, [0, 2]] = 0.4, 0.6
    shares[1, 0] = shares[2, 3] = 1.0
    columns = np.asarray(np.log(shares[None]), np.float32)
    assert max(spelled(columns, (1, 2)), key=spelled(columns, (1, 2)).__getitem__) == "12"
    assert max(spelled(columns, (1, 1)), key=spelled(columns, (1, 1)).__getitem__) == "2"
    assert "12" in spelled(columns, (7, 8))


def test_what_is_surely_nothing_changes_nothing() -> None:
    columns = said(1, 4)
    nothing = np.full((1, 3, 12), -30.0, np.float32)
    nothing[:, :, 0] = -1e-6
    padded = np.concatenate([columns, nothing], axis=1)
    assert spelled(padded, (0, 9)).keys() == spelled(columns, (0, 9)).keys()
    assert log_probabilities(padded, ["12"]) == pytest.approx(log_probabilities(columns, ["12"]), abs=1e-3)


def test_the_network_that_comes_along_reads_digits_side_by_side() -> None:
    glyphs, labels = drawn_digits(60, 3)
    rows = [np.hstack([g[:, 3:25] for g in glyphs[i : i + 4]]) for i in range(0, 60, 4)]
    right = 0
    for i, columns in enumerate(look_at([row > 100 for row in rows], load_strings())):
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
