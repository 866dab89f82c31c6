"""Single digits: every network, every way to bring a picture into 28x28 pixels, on three sets of hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from benchmarks.sets import SETS, Labelled
from benchmarks.tables import Table, percent
from digitscan.recognition.architectures import ARCHITECTURES
from digitscan.recognition.classifier import Classifier, Probabilities, load
from digitscan.recognition.evaluation import calibration_error
from digitscan.recognition.pictures import picture_confidences, read_pictures
from digitscan.recognition.reliability import Share, share_of
from digitscan.records import Image
from digitscan.vision.glyphs import fit, light_on_dark

DEFAULT = "digitscan"
RECIPES = tuple(sorted(n for n, a in ARCHITECTURES.items() if n != DEFAULT and not a.reads_numbers))


def digits_table(classifiers: Mapping[str, Classifier], sets: Mapping[str, Labelled]) -> Table:
    """Part of the pictures whose most probable digit is right, of each network and way."""
    rows = [
        [name, way, *(percent(_right(read(found.pictures, classifier), found)) for found in sets.values())]
        for name, classifier in classifiers.items()
        for way, read in WAYS.items()
    ]
    left_out = [title for title in SETS if title not in sets]
    left_out += [name for name in RECIPES if name not in classifiers]
    return Table(["network", "picture", *sets], rows if sets else [], left_out)


def calibration_table(classifier: Classifier, sets: Mapping[str, Labelled]) -> Table:
    """How far the confidences of our own way lie from the truth, and how often it sees no digit."""
    rows = []
    for title, found in sets.items():
        answers = chain(found.pictures, classifier)
        refused = share_of(int((answers.argmax(axis=1) >= 10).sum()), len(answers))
        error = calibration_error(answers, found.labels, sure=picture_confidences(found.pictures, answers))
        rows.append([title, f"{error:.4f}", percent(refused)])
    head = ["pictures", "expected calibration error", "called no digit"]
    return Table(head, rows, [title for title in SETS if title not in sets])


def networks(models: Path) -> dict[str, Classifier]:
    """The default network and those recipes whose NAME.keras lies in the directory, by name."""
    there = [name for name in RECIPES if (models / f"{name}.json").exists()]
    return {DEFAULT: load()} | {name: load(models / f"{name}.keras") for name in there}


def resized(pictures: list[Image], classifier: Classifier) -> Probabilities:
    """The whole picture squeezed into 28x28."""
    return read_pictures(pictures, classifier, "resize")


def otsu_fitted(pictures: list[Image], classifier: Classifier) -> Probabilities:
    """All that Otsu's level (1979) takes for ink, fitted as MNIST was made."""
    return classifier(np.stack([fit(_otsu(picture)) for picture in pictures]))


def chain(pictures: list[Image], classifier: Classifier) -> Probabilities:
    """As `digitscan classify` reads."""
    return read_pictures(pictures, classifier)


WAYS: dict[str, Callable[[list[Image], Classifier], Probabilities]] = {
    "resized": resized,
    "Otsu, fitted": otsu_fitted,
    "our way": chain,
}


def _otsu(picture: Image) -> Image:
    ink = picture if light_on_dark(picture) else np.asarray(255 - picture, np.uint8)
    return np.asarray(cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)[1], np.uint8)


def _right(answers: Probabilities, found: Labelled) -> Share:
    return share_of(int((answers[:, :10].argmax(axis=1) == found.labels).sum()), len(found.labels))
