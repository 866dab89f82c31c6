"""A test deck: scans of filled-in forms of any definition, with the truth beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np

from digitscan.deck.degrade import PRESETS, streaked
from digitscan.deck.drawing import Writer, draw_form, on_paper, punch_holes, write_page
from digitscan.deck.files import write_g4_pdf, write_g4_tiff, write_jpeg, write_jpeg_pdf, write_png
from digitscan.deck.filling import USUAL, Habits, fill_page
from digitscan.deck.given import GivenDigits, given_digit, load_given_digits, pick_writer
from digitscan.deck.handwriting import draw_digit, make_hand
from digitscan.errors import UsageError
from digitscan.forms import Form
from digitscan.records import Image

TURNED = 0.12
"""Share of scanned pages that lie sideways or upside down."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file in a deck."""

    name: str
    suffix: Literal[".pdf", ".tif", ".png", ".jpg"]
    preset: str
    dpi: float
    pages: int
    """Most pages in one file."""


KINDS = (
    FileKind("office", ".pdf", "scanner_grey", 200, 5),
    FileKind("archive", ".pdf", "scanner_bilevel", 300, 5),
    FileKind("fax", ".tif", "fax", 200, 3),
    FileKind("flatbed", ".png", "clean", 200, 1),
    FileKind("photo", ".jpg", "phone", 220, 1),
    FileKind("single", ".jpg", "scanner_grey", 200, 1),
)
"""The files of a deck, again and again in this order."""


def make_deck(
    form: Form,
    pages: int,
    seed: int,
    output: Path,
    *,
    digits: Path | None = None,
    presets: Sequence[str] = tuple(PRESETS),
    kinds: Sequence[FileKind] = KINDS,
    habits: Habits = USUAL,
    hand: int | None = None,
    streaks: bool = False,
) -> list[Path]:
    """Write `pages` pages in mixed files and truth.csv into `output`; returns the files of pages.

    The same form, seed and settings give the same bytes. Digits are drawn, or taken from the MNIST files
    in the directory `digits`, each page by one writer; `hand`, a number of 0 or more, names the writer of
    all pages. `kinds` are the files, again and again in this order; `presets` limits them to these ways of
    scanning; `streaks` draws lines across each page. Raises `UsageError` for settings that cannot be used.
    """
    if pages < 1 or seed < 0:
        raise UsageError(
            f"deck: {pages} pages with seed {seed} cannot be made; give 1 or more, seed 0 or more"
        )
    unknown = sorted(set(presets) - set(PRESETS))
    if unknown or not presets:
        raise UsageError(f"deck: unknown presets {unknown}; choose from {', '.join(PRESETS)}")
    given = None if digits is None else load_given_digits(digits)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: cannot be used as output directory: {error.strerror}") from None
    kinds = [kind for kind in kinds if kind.preset in presets]
    blanks = {dpi: draw_form(form, dpi) for dpi in {kind.dpi for kind in kinds}}
    written = []
    with (output / "truth.csv").open("w", encoding="utf-8", newline="") as truth_file:
        truth = csv.writer(truth_file, lineterminator="\n")
        truth.writerow(["file", "page", "field", "raw"])
        for number, (kind, rngs) in enumerate(_planned(kinds, pages, seed), 1):
            path = output / f"{number:03d}_{kind.name}{kind.suffix}"
            images = []
            for page, rng in enumerate(rngs, 1):
                # apart, so that what is written does not hang on how it is drawn, nor that on the scanner
                saying, writing, scanning = rng.spawn(3)
                raws = fill_page(form, habits, saying)
                writer = make_writer(given, habits, writing if hand is None else np.random.default_rng(hand))
                ink = write_page(form, raws, writer, kind.dpi, writing)
                filled = on_paper(blanks[kind.dpi], ink, writing.uniform(0.62, 0.96), writing)
                if streaks:
                    filled = streaked(filled, kind.dpi, scanning.spawn(1)[0])
                images.append(_scanned(form, filled, kind, scanning))
                truth.writerows((path.name, page, name, raw) for name, raw in raws.items())
            _write(path, kind, images, rngs[0])
            written.append(path)
    return written


def _planned(
    kinds: Sequence[FileKind], pages: int, seed: int
) -> Iterator[tuple[FileKind, list[np.random.Generator]]]:
    """The files, each with the generators of its pages; a page's own does not depend on the others."""
    done = 0
    for kind in cycle(kinds):
        numbers = range(done, min(done + kind.pages, pages))
        yield kind, [np.random.default_rng([seed, number]) for number in numbers]
        done = numbers.stop
        if done == pages:
            return


def _scanned(form: Form, page: Image, kind: FileKind, rng: np.random.Generator) -> Image:
    """A filled page as the scanner gives it: punched, degraded, turned."""
    if kind.preset == "phone":
        return PRESETS["phone"](page, kind.dpi, rng)
    if rng.random() < 0.3:
        page = punch_holes(page, form, kind.dpi)
    scan = PRESETS[kind.preset](page, kind.dpi, rng)
    if rng.random() < TURNED:
        scan = np.rot90(scan, int(rng.choice([1, 2, 2, 3]))).copy()
    return scan


def make_writer(given: GivenDigits | None, habits: Habits, rng: np.random.Generator) -> Writer:
    """Somebody with these habits, whose digits are drawn or one writer's of those given."""
    hand = make_hand(rng)
    return Writer(
        hand=hand,
        draw_digit=partial(draw_digit, hand)
        if given is None
        else given_digit(given, pick_writer(given, rng)),
        size=rng.uniform(0.58, 0.92),
        untidiness=rng.choice([0.02, 0.04, 0.06, 0.09]),
        lift=rng.normal(0, 0.03),
        gap=rng.uniform(0.08, 0.3),
        touching=rng.choice(habits.touching),
        dashes=rng.random() < 0.3,
    )


def _write(path: Path, kind: FileKind, images: list[Image], rng: np.random.Generator) -> None:
    if kind.suffix == ".pdf":
        write = write_g4_pdf if kind.preset == "scanner_bilevel" else write_jpeg_pdf
        write(path, images, kind.dpi)
    elif kind.suffix == ".tif":
        write_g4_tiff(path, images, kind.dpi)
    elif kind.suffix == ".png":
        write_png(path, images[0], kind.dpi)
    elif kind.preset == "phone":  # phones know no dpi, but how they were held
        write_jpeg(path, images[0], None, int(rng.choice([3, 6, 8])))
    else:
        write_jpeg(path, images[0], kind.dpi)
