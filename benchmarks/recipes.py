"""The accuracy table of the README: every architecture, on MNIST and on other hands, naive and fitted.

    python -m benchmarks.recipes --data DIR [--models DIR] [--train NAME ...]

DIR of `--data` holds `mnist/` (idx files) and, where at hand, `optdigits-orig.windep` (UCI) and
`dida_dev.zip` (crops in class/NAME.jpg). Models are looked for in `--models` as NAME.keras; those named by
`--train` are trained there first. The shipped model is always in the table, as `shipped`.

Only digits are asked for in the other data sets, so there the most probable of the ten digits is counted;
how often the default model would have said `crossed` or `other` instead stands in brackets.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import click
import cv2
import numpy as np

from digitscan.recognition.architectures import ARCHITECTURES
from digitscan.recognition.classifier import Classifier, load
from digitscan.recognition.datasets import Labels, read_digits
from digitscan.recognition.pictures import Preprocess, read_pictures
from digitscan.recognition.training import train
from digitscan.records import Image

Labelled = tuple[list[Image], Labels]
WAYS: tuple[Preprocess, ...] = ("resize", "fit")


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--models", type=click.Path(path_type=Path, file_okay=False), default=Path("out/recipes"))
@click.option("--train", "names", multiple=True, type=click.Choice(sorted(ARCHITECTURES)))
@click.option("--seed", default=1)
def main(data: Path, models: Path, names: tuple[str, ...], seed: int) -> None:
    """Print the accuracy table of the architectures as Markdown."""
    for name in names:
        train(data / "mnist", name, models / f"{name}.keras", seed=seed, plots=models / "plots")
    known = [name for name in sorted(ARCHITECTURES) if (models / f"{name}.json").exists()]
    classifiers = {"shipped": load()} | {name: load(models / f"{name}.keras") for name in known}
    sets = {"optdigits": optdigits(data), "DIDA": dida(data)}
    columns = ["MNIST test", *(f"{title}, {way}" for title, found in sets.items() if found for way in WAYS)]
    click.echo("| model | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for name, classifier in classifiers.items():
        cells = [mnist_accuracy(classifier, data)]
        cells += [accuracy(classifier, found, way) for found in sets.values() if found for way in WAYS]
        click.echo(f"| {name} | " + " | ".join(cells) + " |")


def mnist_accuracy(classifier: Classifier, data: Path) -> str:
    """Of all classes, on MNIST's own pictures as they are."""
    digits = read_digits(data / "mnist")
    return f"{100 * float(np.mean(classifier(digits.test).argmax(axis=1) == digits.test_labels)):.2f}%"


def accuracy(classifier: Classifier, found: Labelled, way: Preprocess) -> str:
    """Of the ten digits, and how many a model with `crossed` and `other` would rather have declined."""
    pictures, labels = found
    answers = read_pictures(pictures, classifier, way)
    right = float(np.mean(answers[:, :10].argmax(axis=1) == labels))
    declined = float(np.mean(answers.argmax(axis=1) >= 10))
    return f"{100 * right:.1f}%" + (f" (declined {100 * declined:.1f}%)" if declined else "")


def optdigits(data: Path) -> Labelled | None:
    """1,797 bitmaps of 32x32 by 13 writers; ink is 1."""
    path = data / "optdigits-orig.windep"
    if not path.exists():
        return None
    lines = [line.strip() for line in path.read_text().splitlines()]
    start = next(i for i, line in enumerate(lines) if len(line) == 32 and line.isdigit())
    words = [line for line in lines[start:] if line.isdigit()]
    rows = range(0, len(words) - 32, 33)
    pictures = [np.array([[int(c) for c in row] for row in words[i : i + 32]], np.uint8) * 255 for i in rows]
    return [picture.astype(np.uint8) for picture in pictures], np.array([int(words[i + 32]) for i in rows])


def dida(data: Path) -> Labelled | None:
    """Crops from Swedish registers of 1800-1940; neighbours intrude."""
    path = data / "dida_dev.zip"
    if not path.exists():
        return None
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".jpg")]
        raw = [np.frombuffer(archive.read(name), np.uint8) for name in names]
    pictures = [np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8) for content in raw]
    return pictures, np.array([int(name.split("/")[-2]) for name in names])


if __name__ == "__main__":
    main()
