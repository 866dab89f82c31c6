"""A trained network as files: the master, what workers run, and the card that vouches for both."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitscan.errors import ModelError, UsageError
from digitscan.recognition.architectures import Architecture
from digitscan.recognition.litert import LiteRT

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model file; FILE.json holds the same."""

    architecture: str
    classes: list[str]
    parameters: int
    input: str
    training: dict[str, Any]
    """data, hashes of its files, pictures, held back, seed, epochs, batch, seconds."""
    versions: dict[str, str]
    accuracy: dict[str, float]
    """Name of the data -> part read right, 0-1."""
    calibration: dict[str, float]
    """temperature (already in the weights), expected calibration error before and after."""
    sha256: dict[str, str]
    """Of the `keras` and the `tflite` file, in hexadecimal."""


def prepare(output: Path) -> None:
    """See before the training that a model can be written there; raises `UsageError`."""
    if output.suffix != ".keras":
        raise UsageError(f"{output}: a model is written as FILE.keras: give a name that ends so")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}: choose another --output") from None


def write_model(
    model: keras.Model,
    recipe: Architecture,
    output: Path,
    *,
    training: dict[str, Any],
    result: dict[str, float],
    calibration: dict[str, float],
) -> Card:
    """The three files, each written aside and renamed, the card last: it vouches for the other two.

    Raises `ModelError` where LiteRT does not read what Keras does.
    """
    import keras

    bare = keras.Model(model.inputs, model.outputs, name=model.name)  # without the optimiser's state
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".training-") as aside:
        master, exported = Path(aside) / "model.keras", Path(aside) / "model.tflite"
        bare.save(master)
        bare.export(exported, format="litert", verbose=False)
        card = Card(
            architecture=recipe.name,
            classes=list(recipe.classes),
            parameters=int(bare.count_params()),
            input=recipe.input,
            training=training,
            versions={
                name: version(name) for name in ("keras", "tensorflow", "numpy", "opencv-python-headless")
            },
            accuracy={name: round(value, 5) for name, value in result.items()},
            calibration={name: round(value, 5) for name, value in calibration.items()},
            sha256={
                "keras": hashlib.sha256(master.read_bytes()).hexdigest(),
                "tflite": hashlib.sha256(exported.read_bytes()).hexdigest(),
            },
        )
        described = Path(aside) / "model.json"
        described.write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
        check_export(bare, exported)
        master.replace(output)
        exported.replace(output.with_suffix(".tflite"))
        described.replace(output.with_suffix(".json"))
    return card


def check_export(model: keras.Model, exported: Path) -> None:
    """What LiteRT reads must be what Keras reads: not every layer survives the export."""
    shape = model.input_shape[1:]
    noise = np.random.default_rng(0).integers(0, 256, (64, *shape)).astype(np.float32)
    noise[:, ::3] = noise[:, :, ::3] = 0
    ours = np.asarray(model.predict(noise, verbose=0))
    apart = float(np.abs(LiteRT(exported.read_bytes())(noise[..., 0]) - ours).max())
    if not apart < 1e-4 * max(1.0, float(np.abs(ours).max())):
        raise ModelError(
            f"{model.name}: LiteRT and Keras differ by {apart:.2g}: use layers that can be exported"
        )
