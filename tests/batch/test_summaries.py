"""What was measured, told: tables, JSON and pictures."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digitscan.batch.scoring import RunScore, score_run
from digitscan.batch.summaries import as_json, as_text, write_plots
from digitscan.recognition.classifier import FakeClassifier
from digitscan.recognition.evaluation import ModelScore, evaluate_model
from tests.batch.test_scoring import DIGITS, FIELDS, TRUTH
from tests.recognition.drawn import data_set


@pytest.fixture
def run(tmp_path: Path) -> RunScore:
    for name, text in (("fields", FIELDS), ("digits", DIGITS), ("truth", TRUTH)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return score_run(tmp_path, tmp_path / "truth.csv", target_error=0.6)


@pytest.fixture
def model() -> ModelScore:
    digits = replace(data_set(1, 100), test_labels=np.arange(100) % 10)
    shares = np.eye(12, dtype=np.float32)[np.arange(100) % 10] * 0.9 + np.float32(0.01)
    shares[3] = np.roll(shares[3], 1)
    return evaluate_model(FakeClassifier(lambda _: shares), digits, target_error=0.1)


def test_a_run_as_text(run: RunScore) -> None:
    text = as_text(run)
    assert text.startswith("5 fields: 60.00% right (23.07% to 88.24%), 40.00% for review\n")
    assert "accepted and wrong: 1 (with 95% confidence at most" in text
    assert "read wrong most often: 7 as 1 (1)" in text
    assert "read wrong:" in text
    assert "\nrow[].n" in text


def test_a_model_as_text(model: ModelScore) -> None:
    text = as_text(model)
    assert text.startswith("drawn test: 99.00% of 100 (")
    assert "3 as 4 (1)" in text
    assert "accept_confidence" not in text  # a single digit is no measure of a field


def test_the_lines_of_the_advice_are_toml(run: RunScore, model: ModelScore) -> None:
    for score in (run, model):
        text = as_text(score)
        toml = json.loads(as_json(score))["toml"]
        assert text.endswith(toml)
        tomllib.loads(toml.split("# in the section of")[0])
        assert as_text(replace(score, advice=None)) in text


def test_json_is_one_object_with_all_there_is(run: RunScore, model: ModelScore) -> None:
    told = json.loads(as_json(run))
    assert told["whole"]["measured"]["right"] == {
        "count": 3, "of": 5, "share": 0.6, "low": pytest.approx(0.2307, abs=1e-4),
        "high": pytest.approx(0.8824, abs=1e-4),
    }  # fmt: skip
    assert told["wrong"][1] == {
        "file": "a.png", "page": "1", "field": "row[3].n", "truth": "12", "raw": None, "confidence": None,
        "status": None,
    }  # fmt: skip
    assert len(told["confusion"]) == len(told["signs"])
    assert told["by_digit"]["2"]["right"]["share"] is None
    assert json.loads(as_json(model))["by_digit"]["3"]["written"]["count"] == 9
    assert json.loads(as_json(replace(model, advice=None)))["toml"] is None


def test_pictures_of_the_whole_and_of_its_parts(run: RunScore, model: ModelScore, tmp_path: Path) -> None:
    paths = write_plots(run, tmp_path / "plots", "run") + write_plots(model, tmp_path / "plots", "m")
    assert [path.name for path in paths] == [
        "run-confusion.png", "run-whole.png", "run-fields.png", "run-digits.png",
        "m-confusion.png", "m-whole.png", "m-digits.png",
    ]  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
