"""Digits a second: the default network against the two convolutions that everybody begins with."""

# ruff: noqa: PLC0415 - TensorFlow costs seconds and 650 MB: only where a network is built

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.tables import Table, thousands
from digitscan.recognition.classifier import BATCH, default_model, no_stderr, read_card
from digitscan.vision.glyphs import SIZE

if TYPE_CHECKING:
    import keras

ROUNDS = 12
CALLS = 3
"""In a row each round."""


def networks_table() -> Table:
    """Weights, size and speed of both; how many times as fast as the plain network."""
    shipped = default_model()
    parameters = int(read_card(shipped)["parameters"])
    with tempfile.TemporaryDirectory() as aside:
        exported = Path(aside) / "plain.tflite"
        plain = plain_network()
        with no_stderr():
            plain.export(exported, format="litert", verbose=False)
        contents = [exported.read_bytes(), shipped.with_suffix(".tflite").read_bytes()]
    rates = digits_per_second(contents)
    names, weights = ("two convolutions", "digitscan"), (plain.count_params(), parameters)
    rows = [
        [
            name,
            thousands(count),
            f"{len(content) / 1e6:.2f} MB",
            thousands(int(rate)),
            f"{rate / rates[0]:.2f}",
        ]
        for name, count, content, rate in zip(names, weights, contents, rates, strict=True)
    ]
    return Table(["network", "weights", ".tflite", "digits a second", "times as fast"], rows)


def plain_network() -> keras.Model:
    """Untrained: 3x3 convolutions of 32 and 64 filters, each pooled, and a hidden layer of 128."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with no_stderr():
        import keras
        from keras import layers

    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def digits_per_second(contents: Sequence[bytes], rounds: int = ROUNDS) -> list[float]:
    """Of each exported network, on one thread, by batches of 256: the best of the rounds.

    They run in turn, so that whatever else the machine does slows all of them.
    """
    from ai_edge_litert.interpreter import Interpreter

    pictures = np.random.default_rng(1).uniform(0, 255, (BATCH, SIZE, SIZE, 1)).astype(np.float32)
    interpreters = []
    with no_stderr():
        for content in contents:
            interpreter = Interpreter(model_content=content, num_threads=1)
            place = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(place, list(pictures.shape))
            interpreter.allocate_tensors()
            interpreter.set_tensor(place, pictures)
            interpreter.invoke()  # the first call prepares
            interpreters.append(interpreter)
    best = [float("inf")] * len(contents)
    for _ in range(rounds):
        for index, interpreter in enumerate(interpreters):
            started = time.perf_counter()
            for _ in range(CALLS):
                interpreter.invoke()
            best[index] = min(best[index], time.perf_counter() - started)
    return [CALLS * BATCH / seconds for seconds in best]
