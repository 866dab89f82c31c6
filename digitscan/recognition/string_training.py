"""Training of the network that reads whole numbers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitscan.recognition.architectures import strings
from digitscan.recognition.classifier import no_stderr
from digitscan.recognition.datasets import Digits, read_digits
from digitscan.recognition.string_pictures import numbers
from digitscan.recognition.training import held_back, learning_rate
from digitscan.records import Image

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

ROUNDS = 24
PASSES = 2
"""Times that the network goes through each round's pictures."""
PICTURES = 12_000
"""Numbers made for a round."""
TASKS = 4
BATCH = 128
PEAK = 2e-3
VALIDATION = 0.05
HELD = 2000
"""Numbers made of the writers held back."""

Labels = NDArray[np.int64]


def fit(model: keras.Model, digits: Digits, held: NDArray[np.bool_], seed: int, rounds: int) -> list[float]:
    """Train; the share of held-back numbers that are read right after each round."""
    import keras

    model.compile(keras.optimizers.AdamW(weight_decay=0.01), loss=keras.losses.CTC())
    writers = digits.writers
    test, answers = numbers(
        digits.train[held], digits.train_labels[held], None if writers is None else writers[held], HELD,
        [seed, 999],
    )  # fmt: skip
    right = []
    with _pictures(digits, ~held, seed, rounds) as each:
        for number, (pictures, labels) in enumerate(each):
            steps = -(-len(pictures) // BATCH)

            class Rate(keras.callbacks.Callback):  # type: ignore[misc]
                def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
                    done = number + batch / steps  # noqa: B023
                    model.optimizer.learning_rate = learning_rate(done, rounds * PASSES) * PEAK / 3e-3

            fitted = model.fit(
                pictures[..., None], labels + 1, batch_size=BATCH, epochs=1, shuffle=False, verbose=0,
                callbacks=[Rate()],
            )  # fmt: skip
            read = greedy(np.asarray(model.predict(test[..., None], batch_size=500, verbose=0)))
            right.append(float(np.mean([r == text(a) for r, a in zip(read, answers, strict=True)])))
            log.info("round %d: loss %.4f, right %.4f", number + 1, fitted.history["loss"][0], right[-1])
    return right


def text(digits: Labels) -> str:
    return "".join(str(d) for d in digits if d >= 0)


def greedy(columns: NDArray[np.float32]) -> list[str]:
    """The number of the likeliest sign of each column."""
    found = []
    for row in columns.argmax(axis=2):
        kept = row[np.flatnonzero(np.diff(row, prepend=0))]
        found.append("".join(str(k - 1) for k in kept if k))
    return found


@contextmanager
def _pictures(
    digits: Digits, used: NDArray[np.bool_], seed: int, rounds: int
) -> Iterator[Iterator[tuple[Image, Labels]]]:
    context = multiprocessing.get_context("spawn")
    kept = (
        digits.train[used], digits.train_labels[used], None if digits.writers is None else digits.writers[used]
    )  # fmt: skip
    with ProcessPoolExecutor(1, context, _keep, kept) as pool:
        yield _made(pool, seed, rounds)


def _made(pool: ProcessPoolExecutor, seed: int, rounds: int) -> Iterator[tuple[Image, Labels]]:
    def begin(number: int) -> list[Future[tuple[Image, Labels]]]:
        return [pool.submit(_make, PICTURES // TASKS, [seed, number, part]) for part in range(TASKS)]

    coming = begin(0)
    for number in range(rounds):
        made = [future.result() for future in coming]
        coming = begin(number + 1) if number + 1 < rounds else []
        pictures, labels = (np.concatenate(parts) for parts in zip(*made, strict=True))
        for again in range(PASSES):
            order = np.random.default_rng([seed, number, again]).permutation(len(pictures))
            yield pictures[order], labels[order]


_kept: tuple[Image, Labels, Labels | None]


def _keep(glyphs: Image, labels: Labels, writers: Labels | None) -> None:
    import cv2

    global _kept  # noqa: PLW0603
    _kept = (glyphs, labels, writers)
    cv2.setNumThreads(1)


def _make(count: int, seed: list[int]) -> tuple[Image, Labels]:
    return numbers(*_kept, count, seed)
