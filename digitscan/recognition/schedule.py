"""How fast networks learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    from tqdm import tqdm


CYCLES = 3
"""After the main part, rates rise and fall so many times again; the weights at the ends are averaged."""
CYCLE = 16
"""The part of all epochs that is one cycle: one in so many."""


def parts(epochs: int) -> list[int]:
    """Epochs of the main part and of each cycle; few epochs have no cycles."""
    cycle = epochs // CYCLE
    return [epochs - CYCLES * cycle, *[cycle] * CYCLES] if cycle else [epochs]


def learning_rate(progress: float, epochs: int, peak: float) -> float:
    """At `progress` epochs: a short rise, then half a cosine (Loshchilov and Hutter, 2017)."""
    rise = min(1.0, (progress + 0.01) / (epochs / 20))
    return float(peak * rise * 0.5 * (1 + np.cos(np.pi * progress / epochs)))


def paced(
    model: keras.Model, bar: tqdm[Any], epoch: int, epochs: int, steps: int, peak: float | None
) -> keras.callbacks.Callback:
    """Moves the bar at each of an epoch's `steps` and, where a peak is given, sets the learning rate."""
    import keras

    class Paced(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            if peak is not None:
                model.optimizer.learning_rate = learning_rate(epoch + batch / steps, epochs, peak)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            bar.update()

    return Paced()
