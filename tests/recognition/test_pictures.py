"""Single picture files: read, or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitscan.errors import PageError
from digitscan.recognition.classifier import Classifier, FakeClassifier, load
from digitscan.recognition.pictures import classify_picture, read_grey, to_glyph
from digitscan.recognition.strokes import draw_digit
from digitscan.records import Image


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load()


def paper(digit: int, seed: int = 5) -> Image:
    """A digit in dark ink on light paper, off the centre."""
    ink = draw_digit(digit, np.random.default_rng(seed)).astype(int)
    return np.pad(235 - ink * 200 // 255, ((11, 20), (30, 12)), constant_values=235).astype(np.uint8)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("inverted", [False, True])
def test_both_polarities(tmp_path: Path, shipped: Classifier, digit: int, inverted: bool) -> None:
    picture = np.asarray(255 - paper(digit), np.uint8) if inverted else paper(digit)
    path = tmp_path / "digit.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    reading = classify_picture(path, shipped)
    assert reading.digit == str(digit)
    assert reading.confidence > reading.alternative_confidence
    assert reading.alternative != reading.digit


def test_resize_takes_the_whole_picture() -> None:
    fitted, squeezed = to_glyph(paper(0), "fit"), to_glyph(paper(0), "resize")
    assert np.nonzero(fitted)[0].min() >= 3
    assert squeezed[0].max() < 60  # paper is dark after inversion
    assert squeezed.max() > 180


def test_first_and_second_choice(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(cv2.imencode(".png", paper(3))[1].tobytes())
    answer = np.array([[0, 0, 0.1, 0.6, 0, 0, 0, 0, 0, 0, 0, 0.3]], np.float32)
    reading = classify_picture(path, FakeClassifier(lambda _: answer))
    assert (reading.digit, reading.alternative) == ("3", "other")
    assert reading.confidence == pytest.approx(0.6)
    assert reading.alternative_confidence == pytest.approx(0.3)


def test_transparent_paper_is_white(tmp_path: Path) -> None:
    ink = np.asarray(235 - paper(4), np.uint8)
    clear = np.dstack([np.zeros((*ink.shape, 3), np.uint8), ink])
    path = tmp_path / "clear.png"
    path.write_bytes(cv2.imencode(".png", clear)[1].tobytes())
    assert np.array_equal(read_grey(path), 255 - ink)


def test_unreadable_files_say_why(tmp_path: Path, shipped: Classifier) -> None:
    def refused(content: bytes) -> str:
        path = tmp_path / "file.png"
        path.write_bytes(content)
        with pytest.raises(PageError) as caught:
            classify_picture(path, shipped)
        return caught.value.reason

    jpeg = cv2.imencode(".jpg", paper(7))[1].tobytes()
    assert refused(b"") == "the file is empty"
    assert "not a readable picture" in refused(b"hello")
    assert "truncated" in refused(jpeg[: len(jpeg) // 2])
    assert (
        refused(cv2.imencode(".png", np.full((40, 40), 255, np.uint8))[1].tobytes()) == "the picture is empty"
    )
    with pytest.raises(PageError, match="no such file"):
        classify_picture(tmp_path / "missing.png", shipped)
    with pytest.raises(PageError, match="is a directory"):
        classify_picture(tmp_path, shipped)


def test_names_that_are_not_utf8(tmp_path: Path, shipped: Classifier) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe9.png"))
    path.write_bytes(cv2.imencode(".png", paper(2))[1].tobytes())
    assert classify_picture(path, shipped).digit == "2"
