"""Pages drawn for tests: forms small enough to be read in a moment, filled in by a tidy writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from digitscan.deck.degrade import PRESETS
from digitscan.deck.drawing import Writer, draw_form, on_paper, write_page
from digitscan.deck.filling import Habits, fill_page
from digitscan.deck.handwriting import draw_digit, make_hand
from digitscan.forms import Form, load_form
from digitscan.records import Image, Page, PageRef

ROOT = Path(__file__).parent.parent
DPI = 200.0

SMALL_FORM = """
name = "small"
[page]
size = [90, 120]
[registration]
method = "marks"
marks = [[4, 4, 5, 5], [81, 4, 5, 5], [4, 111, 5, 5], [81, 111, 5, 5], [14, 4, 5, 5]]
[[field]]
name = "code"
box = [30, 18, 21, 9]
cells = 3
[[field]]
name = "open"
box = [30, 34, 45, 9]
digits = [2, 6]
[[table]]
name = "item"
rows = 3
pitch = 14
[[table.field]]
name = "line"
box = [16, 52, 7, 9]
cells = 1
[[table.field]]
name = "amount"
box = [34, 52, 21, 9]
cells = 3
[[field]]
name = "sum"
box = [55, 96, 28, 9]
cells = 4
[[check]]
rule = "sum(item.amount) == sum"
"""


def write_form(folder: Path, text: str) -> Form:
    """The form of a definition written into `folder`."""
    path = folder / "form.toml"
    path.write_text(text, encoding="utf-8")
    return load_form(path)


@cache
def household() -> Form:
    """The form of the samples."""
    return load_form(ROOT / "configs" / "household.toml")


def tidy_writer(rng: np.random.Generator) -> Writer:
    """Somebody who keeps to the middle of the cells, with a pen of usual width."""
    hand = make_hand(rng)
    return Writer(
        hand=hand,
        draw_digit=partial(draw_digit, hand),
        size=0.75,
        untidiness=0.02,
        lift=0.0,
        gap=0.25,
        touching=0.0,
        dashes=False,
    )


def filled(
    form: Form,
    seed: int,
    *,
    dpi: float = DPI,
    preset: str | None = None,
    raws: Mapping[str, str] | None = None,
    untidiness: float = 0.02,
) -> tuple[Image, dict[str, str]]:
    """A filled page, grey, and its truth: field name -> raw. Without `preset` it lies exactly straight.

    `raws` says what some of the fields hold; the others are made up. untidiness: of the writer, in cells.
    """
    rng = np.random.default_rng(seed)
    truth = fill_page(form, Habits(wrong_sums=0), rng) | dict(raws or {})
    ink = write_page(form, truth, replace(tidy_writer(rng), untidiness=untidiness), dpi, rng)
    page = on_paper(draw_form(form, dpi), ink, 0.85, rng)
    return (page if preset is None else PRESETS[preset](page, dpi, rng)), truth


def blank(form: Form, dpi: float = DPI) -> Image:
    """The form with nothing written on it, grey."""
    return np.asarray(255 - draw_form(form, dpi) * np.float32(0.92), np.uint8)


def as_page(image: Image, dpi: float | None = DPI) -> Page:
    """A page as if it had been read from a file."""
    return Page(PageRef(Path("page.png"), "page.png", 1, "0" * 64), image, dpi)
