from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from digitscan.deck.given import enlarged, given_digit, load_given_digits, pick_writer
from digitscan.errors import UsageError


def idx(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], kind: int) -> bytes:
    head = bytes([0, 0, kind, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty digits of two writers: a bar, left for writer 7 and right for writer 9, as long as the digit."""
    images = np.zeros((40, 28, 28), np.uint8)
    labels = np.zeros((40, 3), ">i4")
    for i in range(40):
        writer = 7 if i < 20 else 9
        labels[i] = i % 10, 0, writer
        images[i, 4 : 14 + i % 10, 6 if writer == 7 else 18] = 255
        images[i, 4, 6 if writer == 7 else 14 : 10 if writer == 7 else 19] = 255
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(images, 8))
    (tmp_path / "qmnist-test-labels-idx2-int.gz").write_bytes(gzip.compress(idx(labels, 12)))
    return tmp_path


def test_a_writer_gives_only_own_digits(folder: Path) -> None:
    given = load_given_digits(folder)
    assert given.images.shape == (40, 28, 28)
    rng = np.random.default_rng(0)
    assert {pick_writer(given, rng) for _ in range(50)} == {7, 9}
    for writer, stem_at_left in ((7, True), (9, False)):
        draw = given_digit(given, writer)
        for digit in range(10):
            foot = draw(digit, 60, rng)[-3]
            assert bool(foot[: len(foot) // 2].max() > 200) == stem_at_left
            assert bool(foot[len(foot) // 2 :].max() > 200) != stem_at_left


def test_plain_labels_do_for_unknown_writers(folder: Path) -> None:
    (folder / "qmnist-test-labels-idx2-int.gz").unlink()
    labels = (np.arange(40) % 10).astype(np.uint8)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels, 8)))
    given = load_given_digits(folder)
    assert given.labels.tolist() == labels.tolist()
    assert set(given.writers.tolist()) == {0}


def test_enlarging_keeps_the_shape_and_makes_the_edge_crisp() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 8:20] = 255
    large = enlarged(image, 3.0)
    assert large.shape == pytest.approx((60, 36), abs=3)
    assert ((large < 30) | (large > 225)).mean() > 0.85


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "t10k-images-idx3-ubyte").unlink(), "no MNIST images found"),
        (lambda folder: (folder / "qmnist-test-labels-idx2-int.gz").unlink(), "but not t10k-labels"),
        (
            lambda folder: (folder / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0"),
            "not a readable idx file",
        ),
        (
            lambda folder: (folder / "qmnist-test-labels-idx2-int.gz").write_bytes(b"no gzip"),
            "not a readable idx file",
        ),
    ],
)
def test_files_that_cannot_be_used_are_told(folder: Path, spoil: object, complaint: str) -> None:
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(UsageError, match=complaint):
        load_given_digits(folder)
