"""How much of what is no digit a network refuses: 5,000 marks of kinds that training does not make.

    python -m benchmarks.nondigits --data DIR [--model FILE] [--sheets DIR]

DIR of `--data` holds `mnist/` (idx files), whose test digits are the material of some kinds. Refused is what
the network calls `other` or `crossed`, and what it calls a digit less surely than 99.5 of 100 test digits
are. `--sheets` draws every kind, to see for oneself that none of them is a digit.

Nothing here may be shown to training: the marks stand for all that nobody thought of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.marks import DRAWN
from benchmarks.tables import Table, percent, thousands
from digitscan.recognition.classifier import Classifier, Probabilities, confidences, load
from digitscan.recognition.datasets import Digits, Labels, read_digits
from digitscan.recognition.reliability import Share, share_of
from digitscan.records import Image
from digitscan.vision.glyphs import SIZE, fit

COUNT = 5000
SEED = 2024
ACCEPTED = 0.995
"""Share of test digits that the threshold lets pass."""
LIKE_TRAINING = ("quarter of a digit",)
"""Not unlike what training makes: corners of digits."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a network does with what is no digit."""

    threshold: float
    """Least probability of a digit that is accepted."""
    whole: Share
    by_kind: dict[str, Share]
    """The worst first."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--model", type=click.Path(path_type=Path), help="By default the one that comes along.")
@click.option("--sheets", type=click.Path(path_type=Path, file_okay=False), help="Where kinds are drawn.")
def main(data: Path, model: Path | None, sheets: Path | None) -> None:
    """Print the share refused, of all and of each kind, as Markdown."""
    if sheets is not None:
        _draw_sheets(*nondigits(read_digits(data / "mnist")), sheets)
    refused = refused_share(load(model), data)
    click.echo(f"digits accepted from {refused.threshold:.4f}\n\n{table(refused).markdown()}")


def table(refused: Refused) -> Table:
    """All marks, then each kind, the worst first."""
    strange = [share for kind, share in refused.by_kind.items() if kind not in LIKE_TRAINING]
    stranger = share_of(sum(share.count for share in strange), sum(share.of for share in strange))
    without = f"all but {' and '.join(LIKE_TRAINING)}"
    shares = [("all", refused.whole), (without, stranger), *refused.by_kind.items()]
    rows = [
        (kind, thousands(share.of), percent(share, 1), f"{share.low:.1%}-{share.high:.1%}")
        for kind, share in shares
    ]
    return Table(("kind", "marks", "refused", "95% interval"), rows)


def refused_share(classifier: Classifier, data: Path) -> Refused:
    """Measure a network on `nondigits`; `data` holds `mnist/`."""
    digits = read_digits(data / "mnist")
    threshold = float(np.quantile(_as_digits(classifier(digits.test)), 1 - ACCEPTED, method="lower"))
    pictures, kinds = nondigits(digits)
    refused = _as_digits(classifier(pictures)) < threshold
    by_kind = {
        kind: share_of(int(refused[kinds == kind].sum()), int((kinds == kind).sum())) for kind in KINDS
    }
    worst = sorted(by_kind.items(), key=lambda item: item[1].count / item[1].of)
    return Refused(threshold, share_of(int(refused.sum()), len(pictures)), dict(worst))


def _as_digits(answers: Probabilities) -> NDArray[np.float64]:
    """How sure it is that each glyph is the digit that is read; 0 where it is read as none."""
    return np.where(answers.argmax(axis=1) < 10, confidences(answers), 0.0)


def nondigits(digits: Digits, count: int = COUNT, seed: int = SEED) -> tuple[Image, NDArray[np.str_]]:
    """Marks, uint8, count x 28 x 28, and their kinds, all kinds equally often; the same for the same seed.

    digits: its test part is the material of some kinds.
    """
    given = Given(digits.test, digits.test_labels)
    names = [KINDS[index % len(KINDS)] for index in range(count)]
    pictures = np.zeros((count, SIZE, SIZE), np.uint8)
    for index, name in enumerate(names):
        rng = np.random.default_rng([seed, index])
        while not pictures[index].any():
            ink = DRAWN[name](rng) if name in DRAWN else BROKEN[name](given, rng)
            pictures[index] = fit(_scanned(ink, rng))
    return pictures, np.array(names)


def _scanned(ink: Image, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Seen a little aslant and wobbly, at some resolution; ink is what is dark enough."""
    left, top, width, height = cv2.boundingRect(ink)
    side = 1.5 * max(width, height, 1)
    middle = np.array([left + width / 2, top + height / 2])
    size = int(rng.integers(40, 130))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
    angle = np.deg2rad(rng.uniform(-9, 9))
    turned = corners @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = turned + middle + rng.uniform(-0.05, 0.05, (4, 2)) * side
    square = (corners / side + 0.5) * size
    matrix = cv2.getPerspectiveTransform(square.astype(np.float32), seen.astype(np.float32))
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float64)
    bend, (first, second) = rng.uniform(0, 0.012) * size, rng.uniform(0, 2 * np.pi, 2)
    pace, other_pace = rng.uniform(1, 2.5, 2) * 2 * np.pi / size
    points = np.stack(
        [xs + bend * np.sin(ys * pace + first), ys + bend * np.sin(xs * other_pace + second)], axis=-1
    )
    there = cv2.perspectiveTransform(points.reshape(-1, 1, 2), matrix).reshape(size, size, 2)
    there = there.astype(np.float32)
    softened = cv2.GaussianBlur(ink, (0, 0), max(0.5, 0.35 * side / size))
    grey = cv2.remap(softened, there[..., 0], there[..., 1], cv2.INTER_LINEAR)
    return np.asarray(grey > rng.uniform(70, 150))


@dataclass(frozen=True, slots=True)
class Given:
    """Digits to make marks of: uint8 n x 28 x 28, labels 0-9."""

    pictures: Image
    labels: Labels

    def pick(self, rng: np.random.Generator, wanted: Iterable[int] = range(10)) -> Image:
        """The tight ink of one of the digits wanted, 100 px high or wide."""
        among = np.flatnonzero(np.isin(self.labels, list(wanted)))
        picture = self.pictures[among[int(rng.integers(len(among)))]]
        x, y, width, height = cv2.boundingRect(picture)
        scale = 100 / max(width, height)
        tight = picture[y : y + height, x : x + width]
        return np.asarray(cv2.resize(tight, None, fx=scale, fy=scale), np.uint8)


def _above(given: Given, rng: np.random.Generator) -> Image:
    digits = [given.pick(rng, range(2, 10)) for _ in range(2)]  # a 0 on a 0 is an 8, a 1 on a 1 is a 1
    wide = max(d.shape[1] for d in digits)
    gap = np.zeros((int(rng.integers(2, 14)), wide), np.uint8)
    upper, lower = (np.pad(d, ((0, 0), (0, wide - d.shape[1]))) for d in digits)
    return np.vstack([np.roll(upper, (wide - digits[0].shape[1]) // 2, axis=1), gap, lower])


def _four(given: Given, rng: np.random.Generator) -> Image:
    digits = [given.pick(rng) for _ in range(4)]
    return np.hstack([np.pad(d, ((0, 100 - d.shape[0]), (2, int(rng.integers(2, 10))))) for d in digits])


def _ringed(given: Given, rng: np.random.Generator) -> Image:
    canvas = _centred(given.pick(rng), 200)
    if rng.random() < 0.5:
        axes = rng.integers(72, 92, 2).tolist()
        cv2.ellipse(canvas, (100, 100), axes, 0, 0, 360, 255, int(rng.integers(5, 11)))
    else:
        x, y = rng.integers(70, 90, 2).tolist()
        cv2.rectangle(canvas, (100 - x, 100 - y), (100 + x, 100 + y), 255, int(rng.integers(4, 10)))
    return canvas


def _struck(given: Given, rng: np.random.Generator) -> Image:
    canvas = _centred(given.pick(rng, (2, 3, 5, 6, 8, 9)), 200)
    tilt = int(rng.integers(20, 60))
    if rng.random() < 0.5:
        cv2.line(canvas, (20, 100 + tilt), (180, 100 - tilt), 255, int(rng.integers(14, 26)))
        return canvas
    x = np.linspace(35, 165, int(rng.integers(7, 11)))
    points = np.stack([x, 100 + 45 * (-1.0) ** np.arange(len(x))], 1)
    cv2.polylines(canvas, [points.astype(np.int32)], False, 255, int(rng.integers(7, 12)))
    return canvas


def _centred(ink: Image, side: int) -> Image:
    canvas = np.zeros((side, side), np.uint8)
    y, x = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return canvas


def _quarter(given: Given, rng: np.random.Generator) -> Image:
    """One that is a corner or a hook: no bar, no ring."""
    while True:
        label, down = QUARTERS[int(rng.integers(len(QUARTERS)))]
        ink = given.pick(rng, (label,))
        height, width = ink.shape[0] // 2, ink.shape[1] // 2
        part = np.ascontiguousarray(ink[down * height :][: height + 4, : width + 4])
        mask = np.asarray(part > 100).astype(np.uint8)
        _, _, wide, high = cv2.boundingRect(mask)
        outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        bent = cv2.contourArea(outlines[0]) < 0.6 * cv2.contourArea(cv2.convexHull(outlines[0]))
        if len(outlines) == 1 and min(wide, high) > 0.6 * max(wide, high) and bent:
            return part


QUARTERS = ((0, 1), (2, 1), (4, 0))
"""Label, and whether it is the lower or the upper quarter on the left; others may be a 1, 5, 7 or 0."""

BROKEN: dict[str, Callable[[Given, np.random.Generator], Image]] = {
    "one digit above another": _above,
    "four digits": _four,
    "digit in a ring or box": _ringed,
    "digit struck through": _struck,
    "quarter of a digit": _quarter,
}
KINDS = (*DRAWN, *BROKEN)


def _draw_sheets(pictures: Image, kinds: NDArray[np.str_], directory: Path) -> None:
    """A contact sheet a kind."""
    directory.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        found = np.pad(255 - pictures[kinds == kind][:128], ((0, 0), (2, 2), (2, 2)), constant_values=200)
        found = np.pad(found, ((0, -len(found) % 16), (0, 0), (0, 0)), constant_values=200)
        sheet = found.reshape(-1, 16, 32, 32).transpose(0, 2, 1, 3).reshape(-1, 512)
        cv2.imwrite(str(directory / f"{kind.replace(' ', '-')}.png"), cv2.resize(sheet, None, fx=2, fy=2))


if __name__ == "__main__":
    main()
