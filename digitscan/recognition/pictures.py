"""Single pictures of one digit each: what `digitscan classify` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.recognition.classifier import Classifier, Probabilities, confidences
from digitscan.records import OTHER, Image
from digitscan.vision.crops import Guesses, guesses
from digitscan.vision.glyphs import is_fitted, light_on_dark, squeeze
from digitscan.vision.pages import read_file
from digitscan.vision.pictures import decode

Preprocess = Literal["fit", "resize"]

LARGEST = 50_000_000
"""Pixels; a picture of one digit that has more is a mistake or an attack."""
SURENESS = 3
"""A guess weighs as this power of the probability of its likeliest digit."""
LEAST = 1e-3
"""Probability that counts as none."""


@dataclass(frozen=True, slots=True)
class PictureReading:
    """The two most probable classes of a picture: `0`-`9`, `crossed` or `other`."""

    digit: str
    confidence: float
    alternative: str
    alternative_confidence: float


def classify_picture(path: Path, classifier: Classifier, preprocess: Preprocess = "fit") -> PictureReading:
    """Read the digit on a picture file, dark on light or light on dark.

    `fit` finds the digit among what intrudes on it and fits it as MNIST was made; `resize` squeezes the
    whole picture into 28x28, the naive way. Raises `PageError` for a file that is missing, unreadable,
    damaged, or shows nothing.
    """
    picture = read_grey(path)
    answers = read_pictures([picture], classifier, preprocess)
    probabilities = answers[0]
    if not probabilities.any():
        raise PageError("read", "the picture is empty")
    second, best = (int(index) for index in np.argsort(probabilities, kind="stable")[-2:])
    return PictureReading(
        classifier.classes[best],
        float(picture_confidences([picture], answers)[0]),
        classifier.classes[second],
        float(probabilities[second]),
    )


def read_pictures(
    pictures: Sequence[Image], classifier: Classifier, preprocess: Preprocess = "fit"
) -> Probabilities:
    """The probabilities of the classes, float32 n x classes, for grey pictures (uint8, height x width).

    `fit` takes the mean over guesses at which ink is the digit, each weighed by its geometry and by how sure
    the classifier is that it is a digit, or a crossed cell: guesses that agree make a sure answer. A picture
    that is as MNIST has them is read as it is. A row is all 0 where the picture shows nothing.
    """
    if preprocess == "resize":
        inks = [p if light_on_dark(p) else np.asarray(255 - p, np.uint8) for p in pictures]
        return classifier(np.stack([squeeze(ink) for ink in inks]))
    found = [
        Guesses(picture[None], np.zeros(1)) if is_fitted(picture) else guesses(picture)
        for picture in pictures
    ]
    answers = classifier(np.concatenate([guess.glyphs for guess in found]))
    mixed = np.zeros((len(found), answers.shape[1]), np.float32)
    start = 0
    for row, guess in zip(mixed, found, strict=True):
        if len(guess.priors):
            own = answers[start : start + len(guess.priors)]
            start += len(own)
            surest = own[:, :OTHER].max(axis=1).astype(np.float64)
            weights = np.exp(guess.priors - guess.priors.max()) * np.maximum(surest, LEAST) ** SURENESS
            row[:] = weights @ own / weights.sum()
    return mixed


def picture_confidences(pictures: Sequence[Image], answers: Probabilities) -> NDArray[np.float64]:
    """How sure the most probable class of each picture is, 0-1; `answers` are its rows of `read_pictures`.

    Where there are guesses at which ink is the digit, what looks like no digit is mostly ink that intrudes,
    and tells nothing against a digit on which they agree.
    """
    alone = np.array([is_fitted(picture) for picture in pictures], np.bool_)
    return np.where(alone, confidences(answers), answers.max(axis=1))


def read_grey(path: Path) -> Image:
    """The grey levels of a picture file, uint8, height x width; `PageError` says why it cannot be read."""
    # a link that somebody named is followed
    picture, _ = decode(read_file(path.resolve()))
    if picture.size > LARGEST:
        height, width = picture.shape
        raise PageError("decode", f"{width}x{height} pixels are too many for one digit")
    return picture
