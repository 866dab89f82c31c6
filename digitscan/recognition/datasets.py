"""Reading labelled digits: MNIST as idx files (also gzipped), as an npz file, or fetched by Keras."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import UsageError
from digitscan.records import Image
from digitscan.vision.glyphs import SIZE

Labels = NDArray[np.int64]

IMAGES = {"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}
LABELS = {"train": "train-labels-idx1-ubyte", "test": "t10k-labels-idx1-ubyte"}
WRITERS = "qmnist-train-labels-idx2-int"
"""Extended labels of MNIST's training part (Yadav and Bottou, 2019); the third column is the writer."""


@dataclass(frozen=True, slots=True)
class Digits:
    """MNIST: pictures uint8, n x 28 x 28, white on black; labels 0-9."""

    name: str
    train: Image
    train_labels: Labels
    test: Image
    test_labels: Labels
    writers: Labels | None
    """Of the training pictures, where the data name them."""
    hashes: dict[str, str]
    """File name -> SHA-256 of every file read."""


def read_digits(data: Path | str) -> Digits:
    """MNIST from a directory of idx files, an .npz file, or by the word `keras` (needs the network).

    Raises `UsageError` where something is missing, damaged or of another shape.
    """
    if str(data) == "keras":
        return _from_keras()
    path = Path(data)
    if path.is_dir():
        return _from_idx(path)
    if path.suffix == ".npz" and path.is_file():
        return _from_npz(path)
    raise UsageError(
        f"{path}: no training data here: give a directory of MNIST idx files, an .npz file, or `keras`"
    )


def held_back(digits: Digits, part: float, seed: int) -> NDArray[np.bool_]:
    """Which training pictures are held back for validation: about that part, whole writers where known."""
    count = len(digits.train)
    rng = np.random.default_rng([seed, 99])
    groups = np.arange(count) if digits.writers is None else digits.writers
    names, sizes = np.unique(groups, return_counts=True)
    order = rng.permutation(len(names))
    enough = np.cumsum(sizes[order]) <= part * count
    return np.asarray(np.isin(groups, names[order[enough]]), np.bool_)


def read_idx(path: Path) -> NDArray[np.generic]:
    """An idx file, gzipped or not, as LeCun's MNIST page describes it; `UsageError` if it is damaged."""
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be read ({error}): fetch the file again") from error
    types: dict[int, str] = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in types:
        raise UsageError(f"{path}: not an idx file: give MNIST's own files")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UsageError(f"{path}: the file ends too early: fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    kind = np.dtype(types[content[2]])
    if len(content) - header != int(np.prod(shape, dtype=np.int64)) * kind.itemsize:
        raise UsageError(f"{path}: holds fewer or more values than it says: fetch it again")
    return np.frombuffer(content, kind, offset=header).reshape(shape)


def _from_idx(directory: Path) -> Digits:
    hashes: dict[str, str] = {}

    def read(name: str) -> NDArray[np.generic]:
        path = _find(directory, name)
        if path is None:
            raise UsageError(f"{directory}: {name}(.gz) is missing: put MNIST's four files there")
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return read_idx(path)

    arrays = {part: (read(IMAGES[part]), read(LABELS[part])) for part in ("train", "test")}
    writers = read(WRITERS)[:, 2].astype(np.int64) if _find(directory, WRITERS) else None
    return _checked(
        "mnist", arrays["train"], arrays["test"], writers=writers, hashes=hashes, where=str(directory)
    )


def _find(directory: Path, name: str) -> Path | None:
    candidates = (directory / name, directory / f"{name}.gz", directory / name.replace("-idx", ".idx"))
    return next((path for path in candidates if path.is_file()), None)


def _from_npz(path: Path) -> Digits:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        with np.load(path, allow_pickle=False) as file:
            train, test = (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: needs the arrays x_train, y_train, x_test, y_test ({error})") from error
    return _checked("mnist", train, test, writers=None, hashes={path.name: digest}, where=str(path))


def _from_keras() -> Digits:
    import keras

    try:
        train, test = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras lets through whatever the network library raises
        raise UsageError(f"Keras could not fetch MNIST ({error}): give a directory with --data") from error
    digest = hashlib.sha256(train[0].tobytes() + test[0].tobytes()).hexdigest()
    return _checked("mnist", train, test, writers=None, hashes={"pictures": digest}, where="keras")


def _checked(
    name: str,
    train: tuple[NDArray[np.generic], NDArray[np.generic]],
    test: tuple[NDArray[np.generic], NDArray[np.generic]],
    *,
    writers: Labels | None,
    hashes: dict[str, str],
    where: str,
) -> Digits:
    for pictures, labels in (train, test):
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (SIZE, SIZE):
            raise UsageError(f"{where}: pictures must be 28x28 bytes: give MNIST's own files")
        if labels.shape != (len(pictures),) or not len(labels):
            raise UsageError(
                f"{where}: there must be one label for each picture: give files that belong together"
            )
        if int(np.min(labels)) < 0 or int(np.max(labels)) > 9:
            raise UsageError(f"{where}: labels must be digits 0 to 9")
    if writers is not None and writers.shape != (len(train[1]),):
        raise UsageError(f"{where}: {WRITERS} belongs to other pictures: remove it or give its own")
    return Digits(
        name,
        np.asarray(train[0], np.uint8),
        np.asarray(train[1], np.int64),
        np.asarray(test[0], np.uint8),
        np.asarray(test[1], np.int64),
        writers,
        hashes,
    )
