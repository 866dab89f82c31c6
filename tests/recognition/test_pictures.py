"""Single picture files: read, or refused with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.recognition.classifier import Classifier, FakeClassifier, load
from digitscan.recognition.pictures import classify_picture, read_grey, read_pictures
from digitscan.recognition.strokes import draw_digit
from digitscan.records import Image
from digitscan.vision.glyphs import fit


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
    seen = []

    def answer(glyphs: Image) -> NDArray[np.float32]:
        seen.append(glyphs)
        return np.full((len(glyphs), 12), 1 / 12, np.float32)

    read_pictures([paper(0)], FakeClassifier(answer), "fit")
    read_pictures([paper(0)], FakeClassifier(answer), "resize")
    assert all(np.nonzero(glyph)[0].min() >= 3 for glyph in seen[0])
    assert len(seen[1]) == 1
    assert seen[1][0][0].max() < 60  # paper is dark after inversion
    assert seen[1].max() > 180


def test_many_pictures_are_read_as_each_alone(shipped: Classifier) -> None:
    pictures = [paper(3), np.full((40, 40), 200, np.uint8), paper(8, seed=2)]
    together = read_pictures(pictures, shipped)
    assert not together[1].any()
    assert together[[0, 2]].sum(axis=1) == pytest.approx(1)
    for row, picture in zip(together, pictures, strict=True):
        assert read_pictures([picture], shipped)[0] == pytest.approx(row, abs=1e-6)


def test_a_sure_guess_outweighs_unsure_ones() -> None:
    def answer(glyphs: Image) -> NDArray[np.float32]:
        shares = np.full((len(glyphs), 12), 0.01, np.float32)
        shares[:, 11] = 0.89
        shares[0] = 0
        shares[0, 4] = 1
        return shares

    crop = with_neighbour(paper(4))
    assert read_pictures([crop], FakeClassifier(answer))[0].argmax() == 4


@pytest.mark.parametrize("digit", [2, 3, 4, 5, 6, 7, 8, 9])
def test_intruders_are_left_out(shipped: Classifier, digit: int) -> None:
    plain = paper(digit)[:, 24:]
    ruled = plain.copy()
    ruled[:, 3:6] = 60
    ruled[-6:-4] = 60
    faint = np.asarray(215 + (plain.astype(int) - 235) // 7, np.uint8)
    crops = [plain, with_neighbour(plain), ruled, faint]
    answers = read_pictures(crops, shipped)[:, :10].argmax(axis=1)
    assert answers.tolist() == [digit] * len(crops)


def test_a_fine_gap_across_a_digit_rarely_matters(shipped: Classifier) -> None:
    plain, broken, answers = [], [], []
    for seed in range(20):
        for digit in range(2, 10):
            whole = paper(digit, seed)[:, 24:]
            gap = whole.copy()
            gap[whole.shape[0] // 2 - 6] = 235
            plain.append(whole)
            broken.append(gap)
            answers.append(digit)
    right, still = (read_pictures(p, shipped)[:, :10].argmax(axis=1) == answers for p in (plain, broken))
    # a ring and a stick that lie apart are a 0 and a 1, or a 9
    assert (right & ~still).sum() <= 0.05 * right.sum()


def with_neighbour(crop: Image) -> Image:
    """The crop with the right half of a 4 at its left edge, a full stop at its right."""
    out = crop.copy()
    left = paper(4, seed=9)
    middle = left.shape[1] // 2
    part = left[:, middle + 10 : middle + 18]
    rows = min(len(out), len(part))
    out[:rows, : part.shape[1]] = np.minimum(out[:rows, : part.shape[1]], part[:rows])
    out[-20:-15, -6:-2] = 40
    return out


def test_first_and_second_choice(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(cv2.imencode(".png", paper(3))[1].tobytes())
    answer = np.array([[0, 0, 0.1, 0.6, 0, 0, 0, 0, 0, 0, 0, 0.3]], np.float32)
    reading = classify_picture(path, FakeClassifier(lambda glyphs: answer.repeat(len(glyphs), axis=0)))
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
    assert refused(b"") == "empty file"
    assert "not a picture" in refused(b"hello")
    assert "not a picture" in refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "truncated" in refused(jpeg[: len(jpeg) // 2])
    assert (
        refused(cv2.imencode(".png", np.full((40, 40), 255, np.uint8))[1].tobytes()) == "the picture is empty"
    )
    with pytest.raises(PageError, match="No such file"):
        classify_picture(tmp_path / "missing.png", shipped)
    os.mkfifo(tmp_path / "pipe.png")
    for other in (tmp_path, tmp_path / "pipe.png"):
        with pytest.raises(PageError, match=r"not a regular file|Is a directory"):
            classify_picture(other, shipped)


def test_a_link_that_was_named_is_followed(tmp_path: Path, shipped: Classifier) -> None:
    (tmp_path / "digit.png").write_bytes(cv2.imencode(".png", paper(2))[1].tobytes())
    (tmp_path / "link.png").symlink_to(tmp_path / "digit.png")
    assert classify_picture(tmp_path / "link.png", shipped).digit == "2"


def test_names_that_are_not_utf8(tmp_path: Path, shipped: Classifier) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe9.png"))
    path.write_bytes(cv2.imencode(".png", paper(2))[1].tobytes())
    assert classify_picture(path, shipped).digit == "2"


def test_a_picture_as_mnist_has_them_is_read_as_it_is() -> None:
    seen = []

    def answer(glyphs: Image) -> NDArray[np.float32]:
        seen.append(glyphs)
        return np.full((len(glyphs), 12), 1 / 12, np.float32)

    fitted = fit(draw_digit(7, np.random.default_rng(3)) > 100)
    moved = np.roll(fitted, 3, axis=1)
    read_pictures([fitted], FakeClassifier(answer))
    read_pictures([moved], FakeClassifier(answer))
    assert np.array_equal(seen[0], fitted[None])
    assert len(seen[1]) > 1
