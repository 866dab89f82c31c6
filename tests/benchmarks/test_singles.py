"""Sets of single digits are read as their publishers wrote them, and counted by digit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import singles
from benchmarks.sets import Labelled, dida, found, optdigits
from digitscan.recognition.classifier import FakeClassifier
from digitscan.records import Image
from tests.recognition.drawn import drawn_digits


def test_optdigits(tmp_path: Path) -> None:
    bitmaps = np.zeros((3, 32, 32), int)
    bitmaps[:, 8:24, 12:20] = 1
    bitmaps[2, 0, 31] = 1
    text = "".join(
        "\n".join("".join(map(str, row)) for row in one) + f"\n {n}\n" for n, one in enumerate(bitmaps)
    )
    (tmp_path / "optdigits-orig.windep").write_text(f"entwidth = 32\nntot = 3\n{text}", encoding="utf-8")
    read = optdigits(tmp_path / "optdigits-orig.windep")
    assert read.labels.tolist() == [0, 1, 2]
    assert np.array_equal(np.stack(read.pictures), bitmaps * 255)
    assert list(found(tmp_path)) == ["optdigits"]


def test_dida(tmp_path: Path) -> None:
    grey = np.full((30, 20), 200, np.uint8)
    with zipfile.ZipFile(tmp_path / "dida_dev.zip", "w") as archive:
        for name in ("dida/7/a.jpg", "dida/3/b.jpg"):
            archive.writestr(name, cv2.imencode(".jpg", grey)[1].tobytes())
        archive.writestr("dida/readme.txt", "no picture")
    read = dida(tmp_path / "dida_dev.zip")
    assert read.labels.tolist() == [7, 3]
    assert [picture.shape for picture in read.pictures] == [(30, 20)] * 2


def _by_mean(rows: dict[int, list[float]]) -> FakeClassifier:
    """Answers the n-th call with the n-th row, whatever it sees."""

    def answer(glyphs: Image) -> np.ndarray:
        return np.array([rows[index] for index in range(len(glyphs))], np.float32)

    return FakeClassifier(answer)


def _sure(digit: int, sure: float, other: float = 0.0) -> list[float]:
    return [sure if index == digit else 0.0 for index in range(10)] + [0.0, other]


def test_the_most_probable_of_the_ten_digits_counts_and_what_is_refused_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # our way makes several guesses of a picture: here every way answers once
    monkeypatch.setattr(singles, "chain", singles.resized)
    monkeypatch.setitem(singles.WAYS, "our way", singles.resized)
    pictures, _ = drawn_digits(4, 1)
    seen = Labelled([255 - picture for picture in pictures], np.array([1, 2, 3, 4]))
    answers = _by_mean({0: _sure(1, 1.0), 1: _sure(2, 0.4, other=0.6), 2: _sure(3, 1.0), 3: _sure(5, 1.0)})
    table = singles.digits_table({"fake": answers}, {"drawn": seen})
    assert table.head == ["network", "picture", "drawn"]
    assert table.rows == [["fake", way, "75.00%"] for way in singles.WAYS]
    told = singles.calibration_table(answers, {"drawn": seen})
    # called `other` with 0.6 and wrong, 5 with 1 and wrong
    assert told.rows == [["drawn", "0.4000", "25.00%"]]


def test_ways_differ_where_something_stands_beside_the_digit() -> None:
    picture = np.full((60, 60), 230, np.uint8)
    cv2.ellipse(picture, (30, 30), (10, 18), 0, 0, 360, 20, 4)
    picture[:50, :4] = 20
    glyphs: list[Image] = []

    def answer(given: Image) -> np.ndarray:
        glyphs.append(given)
        return np.full((len(given), 12), 1 / 12, np.float32)

    for read in singles.WAYS.values():
        read([picture], FakeClassifier(answer))
    resized, otsu, own = (given[0] for given in glyphs)
    assert resized[14, 0] > 150  # white on black, and the bar is where it was
    assert otsu[:, :8].any() and not np.array_equal(otsu, own)
    columns = np.flatnonzero(own.any(axis=0))
    assert columns[-1] - columns[0] < 14  # the digit alone: higher than wide
