"""Go on training a network on digits that people decided, and keep the result only if it reads better.

So that nothing is forgotten, MNIST and what is no digit are shown again, with the answers that the network
gave before: "Learning without forgetting" (Li, Hoiem, 2016). That keeps its confidences calibrated, too.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitscan.errors import ModelError, UsageError
from digitscan.recognition import evaluation
from digitscan.recognition.architectures import find
from digitscan.recognition.augmentation import GENTLE, another_hand, sample
from digitscan.recognition.calibration import predict
from digitscan.recognition.cards import prepare, write_model
from digitscan.recognition.classifier import default_model, read_card, verified
from digitscan.recognition.datasets import Digits, Labels
from digitscan.recognition.litert import no_stderr
from digitscan.records import Image

if TYPE_CHECKING:
    import keras

EPOCHS = 8
BATCH = 128
RATE = 3e-4
CHANGED = 0.7
"""Of the decided glyphs, those that are bent a little each time they are shown."""
REPLAYED = 3000
"""Pictures of MNIST that each epoch shows again, changed, with others that are no digits among them."""
REPLAYED_EACH = 2
"""Where this many for each decided glyph is more, so many."""
MOST_LOST = 0.001
"""Of MNIST's test part."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Glyphs that people decided: uint8, n x 28 x 28, and labels 0-11 as `records.CLASSES`."""

    pictures: Image
    labels: Labels


@dataclass(frozen=True, slots=True)
class Figures:
    """How a network reads."""

    right: int
    """Of the decided glyphs that were held back."""
    loss: float
    """Mean log loss on those."""
    test: float
    """Part of MNIST's test part read right, 0-1."""
    calibration_error: float
    """On MNIST's test part."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A network that was written since it reads better."""

    old: Figures
    new: Figures
    held: int
    """Number of decided glyphs that were held back."""


def finetune(
    learnt: Decided,
    held: Decided,
    digits: Digits,
    output: Path,
    *,
    described: dict[str, Any],
    seed: int = 1,
) -> Tuned:
    """Fine-tune the network that comes along, and write `output` (.keras) with its .tflite and .json.

    learnt: what it learns from. held: other pages, by which the old network and the new one are compared.
    digits: MNIST, for repetition and comparison. described: what the card says of the decisions. The same
    arguments give the same model on the same machine.

    Raises:
        UsageError: a wrong name, or too little to learn from.
        ModelError: the new network is not better; nothing is written.
    """
    prepare(output)
    base = default_model()
    if output.exists() and output.samefile(base):
        raise UsageError(f"{output}: is the network that comes along, which would be lost: give another name")
    recipe = find(str(read_card(base)["architecture"]))
    model = _opened(base, seed)
    old = _figures(model, held, digits)
    replayed = _fit(model, learnt, digits, seed)
    new = _figures(model, held, digits)
    if not is_better(old, new):
        raise ModelError(
            f"{output}: not written, since the new network is not better: {told(old, new, len(held.labels))}"
        )
    training = {
        "data": digits.name,
        "hashes": digits.hashes,
        "pictures": replayed,
        "base": {"architecture": recipe.name, "sha256": read_card(base)["sha256"]["keras"]},
        "decisions": described | {"glyphs": len(learnt.labels), "glyphs_held_back": len(held.labels)},
        "augmentation": [asdict(GENTLE)],
        "seed": seed,
        "epochs": EPOCHS,
        "batch": BATCH,
        "rate": RATE,
    }
    count = len(held.labels)
    result = {
        f"{digits.name} test": new.test,
        f"{digits.name} test, before": old.test,
        "decisions held back": new.right / count,
        "decisions held back, before": old.right / count,
    }
    calibration = {
        "log loss on decisions held back": new.loss,
        "log loss on decisions held back, before": old.loss,
        f"error on {digits.name} test": new.calibration_error,
        f"error on {digits.name} test, before": old.calibration_error,
    }
    write_model(model, recipe, output, training=training, result=result, calibration=calibration)
    return Tuned(old, new, count)


def is_better(old: Figures, new: Figures) -> bool:
    """Whether a network reads decided glyphs better, and MNIST hardly worse."""
    return new.right >= old.right and new.loss < old.loss and old.test - new.test <= MOST_LOST


def told(old: Figures, new: Figures, held: int) -> str:
    """The comparison, in words."""
    return (
        f"of {held} digits held back {old.right} were right, now {new.right}; their log loss was"
        f" {old.loss:.4f}, now {new.loss:.4f}; of MNIST's test part {old.test:.2%} were right, now"
        f" {new.test:.2%}"
    )


def _opened(base: Path, seed: int) -> keras.Model:
    verified(base, "keras")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with no_stderr():
        import keras

    keras.utils.set_random_seed(seed)
    return keras.saving.load_model(base, compile=False, safe_mode=True)


def _fit(model: keras.Model, learnt: Decided, digits: Digits, seed: int) -> int:
    """Train the model; how many pictures of MNIST were shown again."""
    import keras

    rng = np.random.default_rng([seed, 1])
    each = min(max(REPLAYED, REPLAYED_EACH * len(learnt.labels)), len(digits.train))
    chosen = [rng.permutation(len(digits.train))[:each] for _ in range(EPOCHS)]
    again = [
        sample(digits.train[c], digits.train_labels[c], GENTLE, [seed, 2, epoch])[0]
        for epoch, c in enumerate(chosen)
    ]
    # at once, and before anything is learnt
    answers = np.split(predict(model, np.concatenate(again)), EPOCHS)
    truth = np.eye(answers[0].shape[1], dtype=np.float32)[learnt.labels]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:  # their statistics are those of all hands
        layer.trainable = False
    steps = EPOCHS * -(-(len(again[0]) + len(truth)) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    for pictures, said in zip(again, answers, strict=True):
        x = np.concatenate([_bent(learnt.pictures, rng), pictures])
        y = np.concatenate([truth, said])
        order = rng.permutation(len(x))
        model.fit(x[order][..., None], y[order], batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    for layer in norms:
        layer.trainable = True
    return EPOCHS * each


def _bent(pictures: Image, rng: np.random.Generator) -> Image:
    return np.stack([another_hand(p, rng) if rng.random() < CHANGED else p for p in pictures])


def _figures(model: keras.Model, held: Decided, digits: Digits) -> Figures:
    answers = predict(model, np.concatenate([held.pictures, digits.test]))
    answers, tested = np.split(answers, [len(held.labels)])
    own = answers[np.arange(len(held.labels)), held.labels].astype(np.float64)
    return Figures(
        right=int((answers.argmax(axis=1) == held.labels).sum()),
        loss=float(-np.log(np.clip(own, 1e-7, 1)).mean()),
        test=evaluation.accuracy(tested, digits.test_labels),
        calibration_error=evaluation.calibration_error(tested, digits.test_labels),
    )
