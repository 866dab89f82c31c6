"""What fine-tuning on people's decisions gains: `python -m benchmarks.learning --mnist DIR --hand 3`.

A deck of forms in one hand is read, a reviewer who knows the truth decides fields, the least sure first, the
network is fine-tuned on that, and both read other pages of the same hand.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from digitscan.batch import job
from digitscan.batch.scoring import score_run
from digitscan.deck.deck import make_deck
from digitscan.forms import Form, load_form
from digitscan.recognition import finetuning
from digitscan.recognition.datasets import read_digits
from digitscan.review import corrections, queue
from digitscan.review.learning import lessons
from digitscan.review.queue import Change, Decision

ROOT = Path(__file__).resolve().parents[1]
FORM = ROOT / "configs" / "household.toml"
PRESETS = ("clean", "scanner_grey")


def decide(output: Path, truth: Path, most: int) -> tuple[int, int]:
    """Hand in the true values of fields, those in doubt first; how many, and how many of them in doubt."""
    table = pd.read_csv(truth, dtype=str, keep_default_na=False)
    raws = {(r.file, int(r.page), r.field): r.raw for r in table.itertuples()}
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with queue.opened(output) as book:
        written = [item for item in queue.fields(book) if item.reading.raw.strip("_")]
        chosen = sorted(written, key=lambda item: item.reading.confidence)[:most]
        chosen.sort(key=lambda item: item.reading.status == "accepted")
    changes = []
    for item in chosen:
        ref = item.page.ref
        value = "".join(filter(str.isdigit, raws[ref.file, ref.page, item.key.field]))
        end = Decision("value" if value else "blank", value, "person", "benchmark", now)
        changes.append(Change(item.key, ref.file, end, item.reading.value))
    corrections.keep(output, changes)
    return len(chosen), sum(item.reading.status == "review" for item in chosen)


def read(pages: Path, form: Form, output: Path, model: Path | None) -> str:
    """Read a deck; what became of its fields."""
    job.run([pages], [form], output, workers=0, model=model, progress=False)
    whole = score_run(output, pages / "truth.csv").whole
    reviewed, right, wrong = whole.reviewed, whole.measured.right, whole.accepted_wrong
    return (
        f"{reviewed.count} of {reviewed.of} fields for review, {right.count} right,"
        f" {wrong.count} of {wrong.of} accepted and wrong"
    )


def main() -> None:
    """Print what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mnist", type=Path, required=True, help="its files; the hand is of its test part")
    options.add_argument("--hand", type=int, required=True, help="which writer")
    options.add_argument("--drawn", action="store_true", help="a drawn hand instead of one of MNIST's")
    options.add_argument("--pages", type=int, default=24, help="of each of the two decks")
    options.add_argument("--decisions", type=int, default=500)
    chosen = options.parse_args()
    form, digits = load_form(FORM), None if chosen.drawn else chosen.mnist
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside)
        learn, test, model = folder / "learn", folder / "test", folder / "tuned.keras"
        for pages, seed in ((learn, 1), (test, 2)):
            make_deck(form, chosen.pages, seed, pages, digits=digits, presets=PRESETS, hand=chosen.hand)
        print("learnt pages:", read(learn, form, folder / "learnt", None))
        print("other pages, before:", read(test, form, folder / "before", None), flush=True)
        count, doubtful = decide(folder / "learnt", learn / "truth.csv", chosen.decisions)
        print(f"{count} fields decided, {doubtful} of them in doubt", flush=True)
        found = lessons(folder / "learnt", [form])
        tuned = finetuning.finetune(
            found.learnt, found.held, read_digits(chosen.mnist), model, described=found.described
        )
        print(finetuning.told(tuned.old, tuned.new, tuned.held), flush=True)
        print("other pages, after:", read(test, form, folder / "after", model))


if __name__ == "__main__":
    main()
