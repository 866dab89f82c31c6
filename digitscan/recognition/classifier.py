"""Load a model and its card; glyphs in, calibrated probabilities out.

LiteRT reads digits in the page workers: it starts in a fifth of a second and its answer does not depend on
the batch. The TensorFlow engine runs the .keras file itself, for comparison.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import ModelError
from digitscan.records import CLASSES, Image
from digitscan.vision.glyphs import SIZE

Probabilities = NDArray[np.float32]
"""One row a glyph, one column a class."""
Engine = Literal["litert", "tensorflow"]

BATCH = 256
AT_ONCE = 32
"""Glyphs that LiteRT reads at a time, always: its memory is set up once, and stays in cache."""
REFUSED = {".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"}
"""Kinds of model file that can run code when they are opened, or are no model of ours."""


class Classifier(Protocol):
    """What the stages know of a network."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the columns."""

    def __call__(self, glyphs: Image) -> Probabilities:
        """Calibrated probabilities, n x classes, of uint8 glyphs, n x 28 x 28; n may be 0."""


def default_model() -> Path:
    """The model that comes with the program: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "models" / "digits.keras"
    return (
        installed if installed.with_suffix(".json").exists() else package.parent / "models" / "digits.keras"
    )


def load(model: Path | None = None, engine: Engine = "litert") -> Classifier:
    """The classifier of a model file (.keras or .tflite; its card FILE.json and the file run lie beside it).

    Raises `ModelError` for a missing, damaged or unsafe model.
    """
    path = default_model() if model is None else model
    card = read_card(path)
    classes = tuple(card["classes"])
    if engine == "litert":
        exported = path.with_suffix(".tflite")
        content = _verified(exported, card["sha256"]["tflite"])
        try:
            return _LiteRT(content, classes)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{exported}: LiteRT refuses it ({error}): train the model again") from error
    verified = path.with_suffix(".keras")
    _verified(verified, card["sha256"]["keras"])
    return _TensorFlow(verified, classes)


def fingerprint(model: Path | None = None) -> str:
    """What stands for the model in resume keys and reports: the SHA-256 of its .tflite, from its card."""
    card = read_card(default_model() if model is None else model)
    return str(card["sha256"]["tflite"])


def read_card(model: Path) -> dict[str, Any]:
    """The card that lies beside a model file; `ModelError` where it is missing or says too little."""
    if model.suffix.lower() in REFUSED:
        raise ModelError(f"{model}: {model.suffix} files can run code or are no model: give a .keras file")
    if model.suffix not in (".keras", ".tflite"):
        raise ModelError(f"{model}: not a model file: give a .keras or .tflite file")
    path = model.with_suffix(".json")
    try:
        card = json.loads(path.read_bytes())
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise ModelError(f"{path}: {reason}: a model needs its card; train it again or restore it") from error
    except ValueError as error:
        raise ModelError(f"{path}: the card is damaged: train the model again or restore it") from error
    if not _complete(card):
        raise ModelError(f"{path}: the card lacks classes or hashes: train the model again or restore it")
    return dict(card)


def _complete(card: object) -> bool:
    if not isinstance(card, dict):
        return False
    classes, hashes = card.get("classes"), card.get("sha256")
    return (
        isinstance(classes, list)
        and tuple(classes) in (CLASSES, CLASSES[:10])
        and isinstance(hashes, dict)
        and all(isinstance(hashes.get(kind), str) for kind in ("keras", "tflite"))
    )


def _verified(path: Path, digest: str) -> bytes:
    """The bytes of a file whose hash is the one on the card."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or 'cannot be read'}: train it again or restore it"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: is not the file its card names: train the model again or restore both")
    return content


class _LiteRT:
    def __init__(self, content: bytes, classes: tuple[str, ...]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.classes = classes
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._input = int(self._interpreter.get_input_details()[0]["index"])
        self._output = int(self._interpreter.get_output_details()[0]["index"])
        self._batch = 0
        with no_stderr():
            self._interpreter.resize_tensor_input(self._input, [AT_ONCE, SIZE, SIZE, 1])
            self._interpreter.allocate_tensors()

    def __call__(self, glyphs: Image) -> Probabilities:
        answers = [self._run(glyphs[start : start + AT_ONCE]) for start in range(0, len(glyphs), AT_ONCE)]
        return np.concatenate(answers) if answers else np.zeros((0, len(self.classes)), np.float32)

    def _run(self, glyphs: Image) -> Probabilities:
        pictures = np.zeros((AT_ONCE, SIZE, SIZE, 1), np.float32)
        pictures[: len(glyphs), ..., 0] = glyphs
        self._interpreter.set_tensor(self._input, pictures)
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output)[: len(glyphs)], np.float32)


@contextmanager
def no_stderr() -> Iterator[None]:
    """LiteRT and TensorFlow greet on stderr, from C++ and with no switch for it: cron would mail that."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _TensorFlow:
    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with no_stderr():
            import keras

        self.classes = classes
        try:
            self._model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, OSError) as error:
            raise ModelError(f"{path}: Keras refuses it ({error}): train the model again") from error

    def __call__(self, glyphs: Image) -> Probabilities:
        if not len(glyphs):
            return np.zeros((0, len(self.classes)), np.float32)
        answers = self._model.predict(glyphs[..., None].astype(np.float32), batch_size=BATCH, verbose=0)
        return np.asarray(answers, np.float32)


@dataclass(frozen=True)
class FakeClassifier:
    """For tests: answers by the given function (glyphs n x 28 x 28 -> probabilities n x classes)."""

    answer: Callable[[Image], Probabilities]
    classes: tuple[str, ...] = CLASSES

    def __call__(self, glyphs: Image) -> Probabilities:
        return np.asarray(self.answer(glyphs), np.float32).reshape(len(glyphs), len(self.classes))
