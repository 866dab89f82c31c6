"""How fast networks learn, and from what: the pictures of an epoch are made during the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras
    from tqdm import tqdm


CYCLES = 5
CYCLE = 17
"""The part of all epochs that is one cycle: one in so many."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How an epoch is trained: its place in a part of the training that begins at a rate and ends at none."""

    place: int
    length: int
    """Epochs of the part."""
    peak: float | None
    """None leaves the rate to the optimizer."""
    ends_cycle: bool = False


def paces(epochs: int, peak: float, cycle_peak: float) -> list[Pace]:
    """The main part of a training, and short ones whose last weights are to be averaged.

    Averaged weights lie flatter and read better than any of them (Izmailov, Podoprikhin, Garipov, Vetrov,
    Wilson: "Averaging weights leads to wider optima and better generalization", 2018). Few epochs have no
    cycles.
    """
    cycle = epochs // CYCLE
    main = epochs - CYCLES * cycle
    return [Pace(place, main, peak) for place in range(main)] + [
        Pace(place, cycle, cycle_peak, ends_cycle=place == cycle - 1)
        for _ in range(CYCLES)
        for place in range(cycle)
    ]


Examples = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Pictures and their labels."""


def made_ahead(begin: Callable[[int], list[Future[Examples]]], epochs: int) -> Iterator[Examples]:
    """Of each epoch what `begin`, which is told its number, has made for it in parts."""
    coming = begin(0)
    for epoch in range(epochs):
        made = [future.result() for future in coming]
        coming = begin(epoch + 1) if epoch + 1 < epochs else []
        pictures, labels = (np.concatenate(parts) for parts in zip(*made, strict=True))
        yield pictures, labels


def averaged(ends: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """The means of a network's weights at several times."""
    return [np.mean(weights, axis=0) for weights in zip(*ends, strict=True)]


def learning_rate(progress: float, epochs: int, peak: float) -> float:
    """At `progress` epochs: a short rise, then half a cosine (Loshchilov and Hutter, 2017)."""
    rise = min(1.0, (progress + 0.01) / (epochs / 20))
    return float(peak * rise * 0.5 * (1 + np.cos(np.pi * progress / epochs)))


def paced(model: keras.Model, bar: tqdm[Any], pace: Pace, steps: int) -> keras.callbacks.Callback:
    """Moves the bar at each of an epoch's `steps` and, where a peak is given, sets the learning rate."""
    import keras

    class Paced(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            if pace.peak is not None:
                progress = pace.place + batch / steps
                model.optimizer.learning_rate = learning_rate(progress, pace.length, pace.peak)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            bar.update()

    return Paced()
