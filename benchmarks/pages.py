"""Whole pages: real forms, and decks made for the purpose, read and held against what is written on them."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.tables import Table, percent, thousands
from digitscan.batch import job
from digitscan.batch.scoring import RunScore, matched, score_run
from digitscan.deck.deck import make_deck
from digitscan.deck.filling import USUAL, Habits
from digitscan.forms import Form, load_form
from digitscan.recognition.reliability import steps

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"
SAMPLES = ROOT / "sample_scans"
HOUSEHOLD = CONFIGS / "household.toml"
STRINGS = Path(__file__).with_name("strings.toml")

REAL = {
    "form C1": ("c1", "c1.toml"),
    "polling forms, photographed": ("cdigital", "cdigital_*.toml"),
    "NIST form, open boxes": ("nist_hsf", "nist_hsf.toml"),
    "tally columns, photographed": ("votetally", "votetally.toml"),
}
"""Title -> folder of the pages with their truth.csv, and definitions in configs/."""


@dataclass(frozen=True, slots=True)
class Deck:
    """How pages are made."""

    title: str
    form: Path
    given: bool
    """Whether its digits are MNIST's, each page by one writer of the test part, or drawn."""
    habits: Habits = USUAL
    streaks: bool = False
    """Whether lines run across its pages."""


DECKS = (
    Deck("household, drawn hands", HOUSEHOLD, given=False),
    Deck("household, hands of MNIST test", HOUSEHOLD, given=True),
    Deck("household, hands of MNIST test, lines across the pages", HOUSEHOLD, given=True, streaks=True),
    Deck("open boxes, hands of MNIST test", STRINGS, given=True, habits=Habits(left_out=0.0)),
    Deck(
        "strings of touching digits, hands of MNIST test",
        STRINGS,
        given=True,
        habits=Habits(left_out=0.0, touching=(1.0,)),
    ),
)
SEED = 20_250
REVIEW = (0.01, 0.03, 0.05, 0.1)
"""Shares for review at which the error of the rest is told."""

_HEAD = ("", "pages", "fields", "right", "for review", "accepted and wrong", "at most")


@dataclass(frozen=True, slots=True)
class Scored:
    """A run of the program, and what became of each field as `matched` tells it."""

    score: RunScore
    fields: pd.DataFrame


def forms_table(forms: Path) -> Table:
    """Real pages, in folders of the directory `forms`; a form with checks once more without them."""
    rows, left_out = [], []
    for title, (folder, names) in REAL.items():
        pages, definitions = forms / folder, [load_form(path) for path in sorted(CONFIGS.glob(names))]
        if not definitions or not pages.exists():
            left_out.append(title if definitions else f"{title} (no configs/{names})")
            continue
        rows.append(_form_row(title, scored(pages, definitions)))
        if any(form.checks for form in definitions):
            unchecked = [replace(form, checks=()) for form in definitions]
            rows.append(_form_row(f"{title}; sums not checked", scored(pages, unchecked)))
    return Table([*_HEAD, "struck out, read so", "digits taken for struck out"], rows, left_out)


def decks_table(mnist: Path, household_pages: int) -> Table:
    """The samples, and decks of so many pages of the household form, or as many fields of another."""
    household = load_form(HOUSEHOLD)
    rows = [_deck_row("`sample_scans/`", scored(SAMPLES, [household]))]
    made = [deck for deck in DECKS if mnist.exists() or not deck.given]
    for deck in made:
        form = load_form(deck.form)
        count = math.ceil(household_pages * len(household.fields) / len(form.fields))
        with tempfile.TemporaryDirectory() as aside:
            digits = mnist if deck.given else None
            make_deck(form, count, SEED, Path(aside), digits=digits, habits=deck.habits, streaks=deck.streaks)
            rows.append(_deck_row(deck.title, scored(Path(aside), [form])))
    head = [*_HEAD, *(f"error at {share:.0%} review" for share in REVIEW)]
    return Table(head, rows, [deck.title for deck in DECKS if deck not in made])


def scored(pages: Path, forms: Sequence[Form]) -> Scored:
    """Read a directory of pages in which truth.csv says what is written."""
    with tempfile.TemporaryDirectory() as aside:
        output, workers = Path(aside), len(os.sched_getaffinity(0))
        job.run([pages], forms, output, workers=workers, progress=False)
        truth = pages / "truth.csv"
        return Scored(score_run(output, truth), matched(output / "fields.csv", truth))


def error_at(fields: pd.DataFrame, review: float) -> float:
    """Share of wrong ones, 0-1, in what is left where this share of the fields, the least sure, is reviewed.

    Of fields with the same confidence any may be reviewed first: the mean over all orders. nan where nothing
    is left. fields: as `matched` gives them.
    """
    sure, right = np.nan_to_num(fields["confidence"].to_numpy(np.float64)), fields["right"].to_numpy()
    _, accepted, wrong = steps(sure, right, np.ones(len(fields), np.bool_))
    left = len(fields) - math.ceil(review * len(fields))
    return float(np.interp(left, [0, *accepted], [0, *wrong])) / left if left else math.nan


def _form_row(title: str, run: Scored) -> list[str]:
    crossed, counts = run.score.signs.index("X"), run.score.confusion
    struck, taken = counts[crossed], counts[:10, crossed].sum()
    read_so = f"{struck[crossed]} of {struck.sum()}" if struck.sum() else "-"
    return [title, *_counted(run), read_so, f"{taken} of {thousands(int(counts[:10].sum()))}"]


def _deck_row(title: str, run: Scored) -> list[str]:
    return [title, *_counted(run), *(f"{error_at(run.fields, share):.2%}" for share in REVIEW)]


def _counted(run: Scored) -> list[str]:
    whole = run.score.whole
    right, wrong = whole.measured.right, whole.accepted_wrong
    pages = len(run.fields.drop_duplicates(["file", "page"]))
    return [
        thousands(pages),
        thousands(right.of),
        percent(right),
        percent(whole.reviewed),
        f"{wrong.count} of {thousands(wrong.of)}",
        f"{wrong.high:.2%}",
    ]
