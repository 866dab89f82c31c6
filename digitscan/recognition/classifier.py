"""Load a model and its card; glyphs in, calibrated probabilities out.

LiteRT reads digits in the page workers: it starts in a fifth of a second and its answer does not depend on
the batch. The TensorFlow engine runs the .keras file itself, for comparison.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import ModelError
from digitscan.recognition.litert import LiteRT, no_stderr
from digitscan.records import CLASSES, OTHER, Image

Probabilities = NDArray[np.float32]
"""One row a glyph, one column a class."""
Engine = Literal["litert", "tensorflow"]

BATCH = 256
DOUBTFUL = 0.04
"""Of `other`: with this probability of it, what was read instead is believed half as much."""
FIELD_CLASSES = (CLASSES,)
"""Of networks that read fields: these have to tell what is no digit."""
GLYPH_CLASSES = (*FIELD_CLASSES, CLASSES[:10])
REFUSED = {".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"}
"""Kinds of model file that can run code when they are opened, or are no model of ours."""


class Classifier(Protocol):
    """What the stages know of a network."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the columns."""

    def __call__(self, glyphs: Image) -> Probabilities:
        """Calibrated probabilities, n x classes, of uint8 glyphs, n x 28 x 28; n may be 0."""


def confidences(probabilities: Probabilities) -> NDArray[np.float64]:
    """How sure each row's most probable class is, 0-1.

    People write more kinds of what is no digit than training shows. So what may be `other` is believed less
    than its probability says, and a digit that may be another digit is not.
    """
    sure: NDArray[np.float64] = probabilities.max(axis=1).astype(np.float64)
    if probabilities.shape[1] <= OTHER:
        return sure
    strange = probabilities[:, OTHER].astype(np.float64) / DOUBTFUL
    strange[probabilities.argmax(axis=1) == OTHER] = 0
    return np.asarray(sure / (1 + strange**2), np.float64)


def default_model(name: str = "digits") -> Path:
    """The model that comes with the program: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "models" / f"{name}.keras"
    return (
        installed if installed.with_suffix(".json").exists() else package.parent / "models" / f"{name}.keras"
    )


def load(model: Path | None = None, engine: Engine = "litert", *known: tuple[str, ...]) -> Classifier:
    """The classifier of a model file (.keras or .tflite; its card FILE.json and the file run lie beside it).

    known: the classes that it may have, by default those of glyphs. Raises `ModelError` for a missing,
    damaged or unsafe model, and for one of other classes.
    """
    path = default_model() if model is None else model
    classes = tuple(read_card(path, *known)["classes"])
    if engine == "litert":
        return _Glyphs(run_by_litert(path), classes)
    verified(path, "keras")
    return _TensorFlow(path.with_suffix(".keras"), classes)


def run_by_litert(path: Path, *known: tuple[str, ...]) -> LiteRT:
    """The network of a model file whose card tells one of the `known` classes; `ModelError` as for `load`."""
    try:
        return LiteRT(verified(path, "tflite", *known))
    except (ValueError, RuntimeError) as error:
        exported = path.with_suffix(".tflite")
        raise ModelError(f"{exported}: LiteRT refuses it ({error}): train the model again") from error


def fingerprint(model: Path | None = None, *known: tuple[str, ...]) -> str:
    """What stands for a model in resume keys and reports: the SHA-256 of its .tflite, from its card."""
    card = read_card(default_model() if model is None else model, *known)
    return str(card["sha256"]["tflite"])


def read_card(model: Path, *known: tuple[str, ...]) -> dict[str, Any]:
    """The card that lies beside a model file; `ModelError` where it is missing or says too little.

    known: the classes that it may have, by default those of glyphs.
    """
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
    if known == FIELD_CLASSES and not _complete(card, known) and _complete(card, GLYPH_CLASSES):
        raise ModelError(
            f"{path}: a network of digits alone, which cannot read fields: give one that also tells `crossed`"
            " and `other`, as the architecture `digitscan` does"
        )
    if not _complete(card, known or GLYPH_CLASSES):
        raise ModelError(f"{path}: the card lacks classes or hashes: train the model again or restore it")
    return dict(card)


def _complete(card: object, known: tuple[tuple[str, ...], ...]) -> bool:
    if not isinstance(card, dict):
        return False
    classes, hashes = card.get("classes"), card.get("sha256")
    return (
        isinstance(classes, list)
        and tuple(classes) in known
        and isinstance(hashes, dict)
        and all(isinstance(hashes.get(kind), str) for kind in ("keras", "tflite"))
    )


def verified(model: Path, kind: str, *known: tuple[str, ...]) -> bytes:
    """The bytes of a model's `keras` or `tflite` file, whose hash must be the one on the card."""
    digest = read_card(model, *known)["sha256"][kind]
    path = model.with_suffix(f".{kind}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or 'cannot be read'}: train it again or restore it"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: is not the file its card names: train the model again or restore both")
    return content


@dataclass(frozen=True, slots=True)
class _Glyphs:
    network: LiteRT
    classes: tuple[str, ...]

    def __call__(self, glyphs: Image) -> Probabilities:
        return self.network(glyphs)


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
