"""MNIST from files: read right, or refused with a reason."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.errors import UsageError
from digitscan.recognition.datasets import read_digits, read_idx
from tests.recognition.drawn import drawn_digits


def idx(array: NDArray[np.generic]) -> bytes:
    kind = {"|u1": 0x08, ">i4": 0x0C}[array.dtype.str]
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A directory laid out as MNIST's, some of it gzipped."""
    for part, count, seed in (("train", 40, 1), ("t10k", 20, 2)):
        pictures, labels = drawn_digits(count, seed)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels.astype(np.uint8)))
    return tmp_path


def test_idx_files(mnist: Path) -> None:
    digits = read_digits(mnist)
    assert np.array_equal(digits.train, drawn_digits(40, 1)[0])
    assert np.array_equal(digits.test_labels, drawn_digits(20, 2)[1])
    assert digits.writers is None
    name = "train-images-idx3-ubyte.gz"
    assert digits.hashes[name] == hashlib.sha256((mnist / name).read_bytes()).hexdigest()


def test_writers(mnist: Path) -> None:
    extended = np.arange(40 * 8).reshape(40, 8).astype(">i4")
    (mnist / "qmnist-train-labels-idx2-int.gz").write_bytes(gzip.compress(idx(extended)))
    writers = read_digits(mnist).writers
    assert writers is not None
    assert writers[:3].tolist() == [2, 10, 18]


def test_npz(tmp_path: Path) -> None:
    (x, y), (u, v) = drawn_digits(40, 1), drawn_digits(20, 2)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=u, y_test=v)
    digits = read_digits(tmp_path / "mnist.npz")
    assert np.array_equal(digits.test, u)
    assert digits.train_labels.dtype == np.int64


def test_what_is_missing_is_named(mnist: Path) -> None:
    (mnist / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match="t10k-labels-idx1-ubyte"):
        read_digits(mnist)
    with pytest.raises(UsageError, match="no training data"):
        read_digits(mnist / "nowhere")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an idx file"),
        (b"\x89PNG\r\n", "not an idx file"),
        (b"\0\0\x08\x03\0\0", "too early"),
        (idx(np.zeros((3, 2), np.uint8))[:-1], "fewer or more"),
        (idx(np.zeros((3, 2), np.uint8)) + b"\0", "fewer or more"),
        (gzip.compress(idx(np.zeros((30, 20), np.uint8)))[:-9], "cannot be read"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        read_idx(path)


def test_labels_of_other_pictures_are_refused(mnist: Path) -> None:
    (mnist / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(39, np.uint8)))
    with pytest.raises(UsageError, match="one label for each"):
        read_digits(mnist)


def test_labels_must_be_digits(tmp_path: Path) -> None:
    x, y = drawn_digits(20, 1)
    np.savez(tmp_path / "wrong.npz", x_train=x, y_train=y + 1, x_test=x, y_test=y)
    with pytest.raises(UsageError, match="digits 0 to 9"):
        read_digits(tmp_path / "wrong.npz")


def test_npz_without_the_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "wrong.npz", a=np.zeros(3))
    with pytest.raises(UsageError, match="x_train"):
        read_digits(tmp_path / "wrong.npz")
