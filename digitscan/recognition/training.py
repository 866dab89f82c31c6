"""Train a network, calibrate it, and write it with its card: FILE.keras, FILE.tflite, FILE.json."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from digitscan.errors import UsageError
from digitscan.recognition import evaluation, string_training
from digitscan.recognition.architectures import Architecture, Builder, find
from digitscan.recognition.augmentation import GENTLE, STEEP, Mix, sample
from digitscan.recognition.calibration import calibrate, predict
from digitscan.recognition.cards import Card, prepare, write_model
from digitscan.recognition.datasets import Digits, Labels, held_back, read_digits
from digitscan.recognition.litert import no_stderr
from digitscan.recognition.plots import plot_confusion, plot_learning
from digitscan.recognition.schedule import Pace, averaged, made_ahead, paced, paces
from digitscan.records import Image

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

CHUNK = 3000
"""Glyphs, about, that one background task makes into training pictures."""
PART_GENTLE = 0.3
PEAK = 3e-3
CYCLE_PEAK = 1.2e-3


def train(
    data: Path | str,
    architecture: str = "digitscan",
    output: Path = Path("models/digits.keras"),
    *,
    seed: int = 1,
    epochs: int | None = None,
    plots: Path | None = None,
    progress: bool = True,
) -> Card:
    """Train the named architecture on MNIST and write `output` (.keras) with its .tflite and .json beside it.

    `data` as for `read_digits`; `epochs` None means the recipe's own; `plots` is a directory for pictures
    of the learning curves and the confusion; `progress` shows a bar where stderr is a terminal. The same
    seed gives the same model on the same machine. Raises `UsageError` for bad arguments or data.
    """
    prepare(output)
    if epochs is not None and epochs < 1:
        raise UsageError(f"{epochs} epochs: at least one is needed")
    recipe = find(architecture)
    digits = read_digits(data)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if recipe.augmented:
        # On so small a network a second thread mostly waits; the pictures are made on the other core.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with no_stderr():
        import keras

    keras.utils.set_random_seed(seed)
    started = time.monotonic()
    held = held_back(digits, recipe.validation, seed)
    model = in_bfloat16(recipe.build) if recipe.augmented else recipe.build()
    rounds = epochs or recipe.epochs
    if recipe.reads_numbers:
        history = string_training.fit(
            model, recipe, digits, held, epochs=rounds, seed=seed, progress=progress
        )
        model = in_float32(model, recipe)
        result, calibration = string_training.measured(model, digits, held, seed)
    else:
        history = _fit(model, recipe, digits, held, epochs=rounds, seed=seed, progress=progress)
        model = in_float32(model, recipe)
        result, calibration = _measured(model, recipe, digits, held, seed)
    training = {
        "data": digits.name,
        "hashes": digits.hashes,
        "pictures": int((~held).sum()),
        "held_back": int(held.sum()),
        "held_back_by": "writer" if digits.writers is not None else "chance",
        "augmentation": [asdict(mix) for mix in (STEEP, GENTLE)]
        if recipe.augmented and not recipe.reads_numbers
        else None,
        "seed": seed,
        "epochs": rounds,
        "batch": recipe.batch,
        "seconds": round(time.monotonic() - started),
    }
    card = write_model(model, recipe, output, training=training, result=result, calibration=calibration)
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
        plot_learning(history, plots / f"{output.stem}-learning.png")
        if not recipe.reads_numbers:
            counts = evaluation.confusion(predict(model, digits.test), digits.test_labels)
            plot_confusion(counts, card.classes, plots / f"{output.stem}-confusion.png")
    return card


def in_bfloat16(build: Builder) -> keras.Model:
    """The network with bfloat16 between its layers, where the processor multiplies that in hardware.

    A third faster. Weights, batch statistics and the last layers keep float32.
    """
    import keras

    flags = Path("/proc/cpuinfo")
    if not (flags.exists() and "avx512_bf16" in flags.read_text()):
        return build()
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(usual)


def in_float32(model: keras.Model, recipe: Architecture) -> keras.Model:
    """The network as it is written to a file: float32 throughout."""
    plain = recipe.build()
    plain.set_weights(model.get_weights())
    return plain


def _measured(
    model: keras.Model, recipe: Architecture, digits: Digits, held: NDArray[np.bool_], seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Calibrate; the share of digits read right, and how far confidences are off."""
    calibration = calibrate(model, recipe, digits.train[held], digits.train_labels[held], seed)
    tested = predict(model, digits.test)
    result = {f"{digits.name} test": evaluation.accuracy(tested, digits.test_labels)}
    if held.any():
        seen = predict(model, digits.train[held])
        result[f"{digits.name} held back"] = evaluation.accuracy(seen, digits.train_labels[held])
    calibration[f"error on {digits.name} test"] = evaluation.calibration_error(tested, digits.test_labels)
    return result, calibration


def _fit(
    model: keras.Model,
    recipe: Architecture,
    digits: Digits,
    held: NDArray[np.bool_],
    *,
    epochs: int,
    seed: int,
    progress: bool,
) -> dict[str, list[float]]:
    glyphs, labels = digits.train[~held], digits.train_labels[~held]
    validation = (digits.train[held][..., None], digits.train_labels[held]) if held.any() else None
    history: dict[str, list[float]] = {}
    bar = tqdm(desc=recipe.name, unit="batch", disable=None if progress else True)
    if recipe.augmented:
        pace = paces(epochs, PEAK, CYCLE_PEAK)
    else:
        pace = [Pace(epoch, epochs, None) for epoch in range(epochs)]
    ends = []
    with _pictures(recipe, glyphs, labels, epochs, seed) as rounds, bar:
        for epoch, (pictures, answers) in enumerate(rounds):
            steps = -(-len(pictures) // recipe.batch)
            bar.total = epochs * steps
            fitted = model.fit(
                pictures[..., None], answers, batch_size=recipe.batch, epochs=1, shuffle=False, verbose=0,
                validation_data=validation, validation_batch_size=1024,
                callbacks=[paced(model, bar, pace[epoch], steps)],
            )  # fmt: skip
            for key, values in fitted.history.items():
                history.setdefault(key, []).extend(float(value) for value in values)
            last = {key: f"{values[-1]:.4f}" for key, values in history.items()}
            bar.set_postfix(last)
            log.info("%s epoch %d of %d: %s", recipe.name, epoch + 1, epochs, last)
            if pace[epoch].ends_cycle:
                ends.append(model.get_weights())
    if ends:
        model.set_weights(averaged(ends))
    return history


def mix_of(epoch: int, epochs: int) -> Mix:
    """Strongly changed pictures first, gentler ones in the end."""
    return STEEP if epoch < (1 - PART_GENTLE) * epochs else GENTLE


@contextmanager
def _pictures(
    recipe: Architecture, glyphs: Image, labels: Labels, epochs: int, seed: int
) -> Iterator[Iterator[tuple[Image, Labels]]]:
    """The training pictures of each epoch; augmented ones are made one epoch ahead in another process."""
    if not recipe.augmented:
        yield _shuffled(glyphs, labels, epochs, seed)
        return
    # Not forked: after TensorFlow has run, a forked child hangs.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _keep, (glyphs, labels)) as pool:
        yield _augmented(pool, len(glyphs), epochs, seed)


def _shuffled(glyphs: Image, labels: Labels, epochs: int, seed: int) -> Iterator[tuple[Image, Labels]]:
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(glyphs))
        yield glyphs[order], labels[order]


def _augmented(
    pool: ProcessPoolExecutor, count: int, epochs: int, seed: int
) -> Iterator[tuple[Image, Labels]]:
    def begin(epoch: int) -> list[Future[tuple[Image, Labels]]]:
        mix = mix_of(epoch, epochs)
        order = np.random.default_rng([seed, epoch]).permutation(count)
        chunks = np.array_split(order, max(1, round(count / CHUNK)))
        return [pool.submit(_make, chunk, mix, [seed, epoch, i]) for i, chunk in enumerate(chunks)]

    return made_ahead(begin, epochs)


_kept: tuple[Image, Labels]


def _keep(glyphs: Image, labels: Labels) -> None:
    """In the background process: take the glyphs once, not with every task; leave the other cores alone."""
    import cv2

    global _kept  # noqa: PLW0603
    _kept = (glyphs, labels)
    cv2.setNumThreads(1)


def _make(indices: Labels, mix: Mix, seed: list[int]) -> tuple[Image, Labels]:
    glyphs, labels = _kept
    return sample(glyphs[indices], labels[indices], mix, seed)
