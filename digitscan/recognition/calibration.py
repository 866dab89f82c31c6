"""What is done to a trained network so that its confidences are the shares that turn out right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from digitscan.recognition import evaluation
from digitscan.recognition.architectures import BACKGROUND, LOGITS, Architecture
from digitscan.recognition.augmentation import GENTLE, Mix, sample
from digitscan.recognition.classifier import Probabilities
from digitscan.recognition.datasets import Labels
from digitscan.records import OTHER, Image

if TYPE_CHECKING:
    import keras

EXPECTED_OTHER = 0.01
"""Of the glyphs that are read; training shows more, so that the network knows many kinds."""
LEARNT_OTHER = GENTLE.other / (1 + GENTLE.drawn + GENTLE.crossed + GENTLE.other)
LEAST_LOGIT = -1.0
"""Of what is like something that was learnt; hardly a digit has less."""


def calibrate(
    model: keras.Model, recipe: Architecture, glyphs: Image, labels: Labels, seed: int
) -> dict[str, float]:
    """Temperature scaling (Guo et al., 2017) on the pictures held back, put into the last layers' weights.

    A network with its own augmentation is calibrated on plain and changed pictures together, since real
    forms are harder than MNIST. Its prior of `other` is set before to what reading meets rather than training
    (Saerens, Latinne, Decaestecker, 2002), and so is the logit under which all is strange. Nothing held
    back: nothing is changed.
    """
    if not len(glyphs):
        return {"temperature": 1.0}
    expected: dict[str, float] = {}
    weights = np.ones(len(glyphs))
    if recipe.augmented:
        made, answers = sample(glyphs, labels, Mix(untouched=0), [seed, 98])
        glyphs, labels = np.concatenate([glyphs, made]), np.concatenate([labels, answers])
        expected = _expect(model)
        weights = np.where(labels == OTHER, np.exp(_fewer()), 1.0)
    before = predict(model, glyphs)
    temperature = fit_temperature(before, labels, weights)
    for layer in _last(model):
        layer.set_weights([values / temperature for values in layer.get_weights()])
    after = predict(model, glyphs)
    return {
        "temperature": round(temperature, 4),
        "error before": evaluation.calibration_error(before, labels),
        "error after": evaluation.calibration_error(after, labels),
    } | expected


def fit_temperature(
    probabilities: Probabilities, labels: Labels, weights: NDArray[np.float64] | None = None
) -> float:
    """The temperature, 0.25-4, under which these probabilities suit the labels best.

    probabilities: n x classes. weights: how much each row counts; by default all count alike.
    """
    logits = np.log(np.clip(probabilities.astype(np.float64), 1e-12, 1))

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
        return float(np.average(total - scaled[np.arange(len(labels)), labels], weights=weights))

    found = minimize_scalar(
        lambda power: loss(float(np.exp(power))), bounds=np.log([0.25, 4]), method="bounded"
    )
    return float(np.exp(found.x))


def predict(model: keras.Model, glyphs: Image) -> Probabilities:
    """What the Keras model says of uint8 glyphs, n x 28 x 28."""
    return np.asarray(model.predict(glyphs[..., None], batch_size=1024, verbose=0), np.float32)


def _expect(model: keras.Model) -> dict[str, float]:
    """Set how often `other` is expected, and how small the logits of all that is strange are."""
    logits, background = _last(model)
    kernel, bias = logits.get_weights()
    bias[OTHER] += _fewer()
    logits.set_weights([kernel, bias])
    background.set_weights([background.get_weights()[0], np.full(1, LEAST_LOGIT, np.float32)])
    return {"other learnt": LEARNT_OTHER, "other expected": EXPECTED_OTHER, "least logit": LEAST_LOGIT}


def _fewer() -> float:
    """Logarithm of how much rarer `other` is than in training, against all else."""
    return float(np.log(EXPECTED_OTHER / (1 - EXPECTED_OTHER) * (1 - LEARNT_OTHER) / LEARNT_OTHER))


def _last(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers whose weights give the logits."""
    layers = {layer.name: layer for layer in model.layers if layer.get_weights()}
    if BACKGROUND in layers:
        return [layers[LOGITS], layers[BACKGROUND]]
    return [list(layers.values())[-1]]
