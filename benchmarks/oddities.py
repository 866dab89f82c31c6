"""How often what people write that is no plain number is accepted as one.

    python -m benchmarks.oddities --data DIR [--sheet FILE]

DIR of `--data` holds `mnist/` (idx files), whose test digits are written. Three in ten fields of each page
are odd: see `odd_writing`. `--sheet` draws those that were accepted and are wrong.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd

from benchmarks.odd_writing import KINDS, Allowed, Kind
from benchmarks.spots import Rng, Spot
from benchmarks.tables import Table, thousands
from digitscan.batch import job
from digitscan.deck.deck import make_writer
from digitscan.deck.degrade import PRESETS
from digitscan.deck.drawing import Writer, draw_form, on_paper, placed, stamp
from digitscan.deck.files import write_png
from digitscan.deck.filling import Habits, fill_page, value_of
from digitscan.deck.given import GivenDigits, load_given_digits
from digitscan.forms import Form, load_form
from digitscan.records import Image
from digitscan.vision.cleaning import stroke_width

ROOT = Path(__file__).resolve().parents[1]
DPI = 300
ODD = 0.3
"""Share of the fields that are odd: what many fields of a page have in common is taken for print."""
SEED = 414
HABITS = Habits(strikers=0.0, wrong_sums=0.0, left_out=0.25, touching=(0.0, 0.05))
WAYS = ("clean", "scanner_grey", "scanner_bilevel")
TILE, COLUMNS = (260, 720), 3
"""Of the sheet of errors, px."""

Place = tuple[str, str]
"""A file and a field."""


@dataclass(frozen=True, slots=True)
class Odd:
    """An odd field."""

    kind: str
    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Read:
    """What became of an odd field."""

    odd: Odd
    value: str
    accepted: bool
    picture: Image | None = None
    """Of a wrong one."""

    @property
    def wrong(self) -> bool:
        """Whether it was accepted with a value that it does not have."""
        return self.accepted and self.value not in self.odd.allowed


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--pages", type=click.IntRange(1), default=30, show_default=True, help="Of each form.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Where errors are drawn.")
def main(data: Path, pages: int, sheet: Path | None) -> None:
    """Print what became of each kind, as Markdown."""
    logging.disable(logging.WARNING)
    click.echo(table(data / "mnist", pages, sheet).markdown())


def table(mnist: Path, pages: int = 30, sheet: Path | None = None) -> Table:
    """Each kind in cells and in open boxes: fields, and those accepted and wrong; the worst first."""
    head = (
        "",
        "in cells",
        "for review",
        "accepted and wrong",
        "in open boxes",
        "for review",
        "accepted and wrong",
    )
    if not mnist.exists():
        return Table(head, (), ["MNIST test"])
    given = load_given_digits(mnist)
    both = [
        measured(form, pages, given) for form in (load_form(ROOT / "configs" / "household.toml"), boxes())
    ]
    if sheet is not None:
        _draw_sheet([r.picture for reads in both for r in reads if r.picture is not None], sheet)
    wrong = Counter(r.odd.kind for reads in both for r in reads if r.wrong)
    kinds = sorted(KINDS, key=lambda kind: -wrong[kind.name])
    told = [(kind.name, [cell for reads in both for cell in _counted(reads, kind.name)]) for kind in kinds]
    whole = [cell for reads in both for cell in _counted(reads)]
    return Table(head, [["all", *whole], *([name, *cells] for name, cells in told)])


def boxes() -> Form:
    """A form of open boxes for one to six digits, any of which may stay blank."""
    form = load_form(Path(__file__).with_name("strings.toml"))
    return replace(form, fields=tuple(replace(f, required=False, digits=(1, 6)) for f in form.fields))


def measured(form: Form, pages: int, given: GivenDigits) -> list[Read]:
    """The odd fields of so many pages as the program reads them."""
    with tempfile.TemporaryDirectory() as aside:
        folder, output = Path(aside) / "pages", Path(aside) / "read"
        folder.mkdir()
        odd = write_pages(form, pages, given, folder)
        job.run([folder], [form], output, workers=len(os.sched_getaffinity(0)), progress=False)
        fields = pd.read_csv(output / "fields.csv", dtype=str, keep_default_na=False)
        reads = []
        for row in fields.itertuples():
            place = (str(row.file), str(row.field))
            if place in odd:
                read = Read(odd[place], str(row.value), str(row.status) == "accepted")
                picture = _picture(folder, place, form, read) if read.wrong else None
                reads.append(replace(read, picture=picture))
        return reads


def write_pages(form: Form, pages: int, given: GivenDigits, folder: Path) -> dict[Place, Odd]:
    """Pages of a form in a folder; and what is odd on them."""
    blank, scale = draw_form(form, DPI), DPI / 25.4
    summed = {name for check in form.checks for name, _ in check.terms}
    odd: dict[Place, Odd] = {}
    done = dict.fromkeys((kind.name for kind in KINDS), 0)
    for number in range(pages):
        rng = np.random.default_rng([SEED, number])
        writer = _with_one_pen(make_writer(given, HABITS, rng), rng)
        raws = fill_page(form, HABITS, rng)
        path, ink = folder / f"{number:03d}.png", np.zeros_like(blank)
        for field in form.fields:
            raw = raws[field.name]
            kind = None if field.name in summed or rng.random() >= ODD else _rarest(raw, done, rng)
            if kind:
                done[kind.name] += 1
                spot = Spot(field, raw, writer, ink, scale, rng)
                odd[path.name, field.name] = Odd(kind.name, kind.write(spot))
            else:
                for picture, x, y in placed(field, raw, writer, scale, rng):
                    stamp(ink, picture, x, y)
        page = on_paper(blank, ink, float(rng.uniform(0.62, 0.96)), rng)
        write_png(path, PRESETS[WAYS[number % len(WAYS)]](page, DPI, rng), DPI)
    return odd


def _rarest(raw: str, done: Mapping[str, int], rng: Rng) -> Kind:
    """Of the kinds that can be written in a field one that was written least so far."""
    digits = len(value_of(raw))
    able = [kind for kind in KINDS if (1 <= kind.least <= digits if digits else kind.least == 0)]
    return min(able, key=lambda kind: (done[kind.name], rng.random()))


def _with_one_pen(writer: Writer, rng: Rng) -> Writer:
    """The writer, whose lines are as broad as the strokes of the digits."""
    pens = [stroke_width(writer.draw_digit(digit, 100, rng) > 127) / 100 for digit in range(10)]
    return replace(writer, hand=replace(writer.hand, pen=float(np.clip(np.median(pens), 0.05, 0.16))))


def _counted(reads: list[Read], kind: str | None = None) -> list[str]:
    """Fields, those for review, and those accepted and wrong; of one kind or all."""
    own = [read for read in reads if kind in (None, read.odd.kind)]
    numbers = len(own), sum(not read.accepted for read in own), sum(read.wrong for read in own)
    return [thousands(number) for number in numbers]


def _draw_sheet(pictures: list[Image], path: Path) -> None:
    blank = np.full(TILE, 255, np.uint8)
    rows = [
        [*pictures[i : i + COLUMNS], *[blank] * COLUMNS][:COLUMNS] for i in range(0, len(pictures), COLUMNS)
    ]
    cv2.imwrite(str(path), np.vstack([np.hstack(row) for row in rows or [[blank]]]))


def _picture(folder: Path, place: Place, form: Form, read: Read) -> Image:
    """A field with its surroundings, and below it what it is and what was read."""
    page = cv2.imread(str(folder / place[0]), cv2.IMREAD_GRAYSCALE)
    field = next(field for field in form.fields if field.name == place[1])
    scale, more = DPI / 25.4, 5.0
    left, top = (round((side - more) * scale) for side in field.box[:2])
    right = round((field.box.x + field.box.width + more) * scale)
    bottom = round((field.box.y + field.box.height + more) * scale)
    out = np.full(TILE, 255, np.uint8)
    part = np.asarray(page)[max(top, 0) : bottom, max(left, 0) : right][: len(out) - 30, : out.shape[1]]
    out[: len(part), : part.shape[1]] = part
    said = f"{read.odd.kind}: {'/'.join(sorted(read.odd.allowed)) or 'to review'}, read {read.value}"
    return np.asarray(
        cv2.putText(out, said, (4, len(out) - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 1), np.uint8
    )


if __name__ == "__main__":
    main()
