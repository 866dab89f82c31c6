"""The bench of what is no digit: the same marks each time, and what counts as refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import marks, nondigits
from digitscan.recognition.classifier import FakeClassifier
from digitscan.records import Image
from tests.recognition.drawn import data_set


def test_marks_are_the_same_for_the_same_seed_and_each_kind_is_there() -> None:
    count = 2 * len(nondigits.KINDS)
    pictures, kinds = nondigits.nondigits(data_set(), count)
    again, _ = nondigits.nondigits(data_set(), count)
    others, _ = nondigits.nondigits(data_set(), count, seed=1)
    assert pictures.shape == (count, 28, 28)
    assert np.array_equal(pictures, again)
    assert (pictures != others).any(axis=(1, 2)).all()
    assert pictures.any(axis=(1, 2)).all()
    assert {kind: int((kinds == kind).sum()) for kind in nondigits.KINDS} == dict.fromkeys(nondigits.KINDS, 2)


def test_what_is_unsure_or_called_no_digit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = data_set(test=200)
    ready, kinds = nondigits.nondigits(digits, 4 * len(nondigits.KINDS))
    monkeypatch.setattr(nondigits, "read_digits", lambda _: digits)
    monkeypatch.setattr(nondigits, "nondigits", lambda _: (ready, kinds))

    def answer(glyphs: Image) -> np.ndarray:
        shares = np.zeros((len(glyphs), 12), np.float32)
        if len(glyphs) == len(digits.test):
            shares[:, 3] = np.linspace(0.5, 1, len(glyphs))
            return shares
        shares[:, 3] = 0.9
        shares[kinds == "star", 3] = 0.49
        shares[kinds == "tick", 3] = 0.51
        shares[kinds == "hash", 11] = 0.95
        return shares

    refused = nondigits.refused_share(FakeClassifier(answer), Path("anywhere"))
    assert refused.threshold == 0.5  # the least of 200: 99.5% is 199
    assert [kind for kind, share in refused.by_kind.items() if share.count] == ["star", "hash"]
    assert list(refused.by_kind)[-2:] == ["star", "hash"]
    assert (refused.whole.count, refused.whole.of) == (8, len(ready))


def test_nothing_of_training_is_in_it() -> None:
    for module in (marks, nondigits):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        for name in ("strokes", "augmentation", "training", "deck"):
            assert not re.search(rf"^(from|import) .*\b{name}\b", source, re.M)
