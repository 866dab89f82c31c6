"""Training of the network that reads whole numbers."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from digitscan.recognition.architectures import Architecture
from digitscan.recognition.datasets import Digits, Labels
from digitscan.recognition.schedule import averaged, made_ahead, paced, paces
from digitscan.recognition.string_pictures import numbers
from digitscan.recognition.strings import SIGNS, log_probabilities
from digitscan.records import Image

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

PICTURES = 12_000
"""New numbers in each epoch: what is seen again is learnt by heart, and making takes less than learning."""
TASKS = 4
PEAK, CYCLE_PEAK = 2e-3, 8e-4
HELD = 2000
"""Numbers made of the writers held back."""


def fit(
    model: keras.Model,
    recipe: Architecture,
    digits: Digits,
    held: NDArray[np.bool_],
    *,
    epochs: int,
    seed: int,
    progress: bool,
) -> dict[str, list[float]]:
    """Train; after each epoch the loss, and the share of numbers by writers held back that are read right."""
    test = _held_numbers(digits, held, seed) if held.any() else None
    history: dict[str, list[float]] = {"loss": []}
    steps = -(-PICTURES // recipe.batch)
    bar = tqdm(desc=recipe.name, total=epochs * steps, unit="batch", disable=None if progress else True)
    pace, ends = paces(epochs, PEAK, CYCLE_PEAK), []
    with _pictures(digits, ~held, epochs, seed) as each, bar:
        for epoch, (pictures, labels) in enumerate(each):
            fitted = model.fit(
                pictures[..., None], labels + 1, batch_size=recipe.batch, epochs=1, shuffle=False, verbose=0,
                callbacks=[paced(model, bar, pace[epoch], steps)],
            )  # fmt: skip
            history["loss"].append(float(fitted.history["loss"][0]))
            if test is not None:
                history.setdefault("val_accuracy", []).append(_right(_columns(model, test[0]), test[1]))
            last = {key: f"{values[-1]:.4f}" for key, values in history.items()}
            bar.set_postfix(last)
            log.info("%s epoch %d of %d: %s", recipe.name, epoch + 1, epochs, last)
            if pace[epoch].ends_cycle:
                ends.append(model.get_weights())
    if ends:
        model.set_weights(averaged(ends))
    return history


def measured(
    model: keras.Model, digits: Digits, held: NDArray[np.bool_], seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The share of numbers by writers held back that are read right, and the loss."""
    if not held.any():
        return {}, {}
    test, answers = _held_numbers(digits, held, seed)
    columns = _columns(model, test)
    loss = -np.mean([log_probabilities(c[None], [_text(a)]) for c, a in zip(columns, answers, strict=True)])
    return {f"numbers of {digits.name} held back": _right(columns, answers)}, {"loss": float(loss)}


def _held_numbers(digits: Digits, held: NDArray[np.bool_], seed: int) -> tuple[Image, Labels]:
    return numbers(*_part(digits, held), HELD, [seed, 999])


def _part(digits: Digits, used: NDArray[np.bool_]) -> tuple[Image, Labels, Labels | None]:
    writers = None if digits.writers is None else digits.writers[used]
    return digits.train[used], digits.train_labels[used], writers


def _columns(model: keras.Model, pictures: Image) -> NDArray[np.float32]:
    return np.asarray(model.predict(pictures[..., None], batch_size=500, verbose=0), np.float32)


def _right(columns: NDArray[np.float32], answers: Labels) -> float:
    return float(np.mean([g == _text(a) for g, a in zip(_greedy(columns), answers, strict=True)]))


def _text(digits: Labels) -> str:
    return "".join(SIGNS[d] for d in digits if d >= 0)


def _greedy(columns: NDArray[np.float32]) -> list[str]:
    """The number of the likeliest sign of each column."""
    found = []
    for row in columns.argmax(axis=2):
        kept = row[np.flatnonzero(np.diff(row, prepend=0))]
        found.append("".join(SIGNS[k - 1] for k in kept if k))
    return found


@contextmanager
def _pictures(
    digits: Digits, used: NDArray[np.bool_], epochs: int, seed: int
) -> Iterator[Iterator[tuple[Image, Labels]]]:
    """The training pictures of each epoch, made one ahead in another process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _keep, _part(digits, used)) as pool:
        yield _made(pool, epochs, seed)


def _made(pool: ProcessPoolExecutor, epochs: int, seed: int) -> Iterator[tuple[Image, Labels]]:
    def begin(epoch: int) -> list[Future[tuple[Image, Labels]]]:
        return [pool.submit(_make, PICTURES // TASKS, [seed, epoch, part]) for part in range(TASKS)]

    return made_ahead(begin, epochs)


_kept: tuple[Image, Labels, Labels | None]


def _keep(glyphs: Image, labels: Labels, writers: Labels | None) -> None:
    import cv2

    global _kept  # noqa: PLW0603
    _kept = (glyphs, labels, writers)
    cv2.setNumThreads(1)


def _make(count: int, seed: list[int]) -> tuple[Image, Labels]:
    return numbers(*_kept, count, seed)
