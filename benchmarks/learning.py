"""What fine-tuning on people's decisions gains: `python -m benchmarks.learning --mnist DIR --hand 356`.

Forms in one hand are read, a reviewer who knows the truth decides fields, the least sure first, the network
is fine-tuned on that, and both networks read other pages of the same hand. The hand is that of a writer of
MNIST's test part. The pages to learn from are written with one half of the digits of that person, the other
pages with the other half; MNIST's test part is then that of all others.
"""

from __future__ import annotations

import argparse
import json
import struct
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from digitscan.batch import job
from digitscan.batch.scoring import score_run
from digitscan.deck.deck import make_deck
from digitscan.deck.given import GivenDigits, load_given_digits
from digitscan.forms import Form, load_form
from digitscan.recognition import finetuning
from digitscan.recognition.datasets import read_digits
from digitscan.review import corrections, queue
from digitscan.review.learning import lessons
from digitscan.review.queue import Change, Decision

ROOT = Path(__file__).resolve().parents[1]
FORM = ROOT / "configs" / "household.toml"
PRESETS = ("clean", "scanner_grey")


def decide(output: Path, truth: Path, most: int) -> dict[str, int]:
    """Hand in the true values of fields, the least sure first; how many, and how many of them in doubt."""
    table = pd.read_csv(truth, dtype=str, keep_default_na=False)
    columns = (table[name].tolist() for name in ("file", "page", "field", "raw"))
    raws = {(file, page, field): raw for file, page, field, raw in zip(*columns, strict=True)}
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with queue.opened(output) as book:
        written = [item for item in queue.fields(book) if item.reading.raw.strip("_")]
    chosen = sorted(written, key=lambda item: item.reading.confidence)[:most]
    changes = []
    for item in chosen:
        ref = item.page.ref
        value = "".join(filter(str.isdigit, raws[ref.file, str(ref.page), item.key.field]))
        end = Decision("value" if value else "blank", value, "person", "benchmark", now)
        changes.append(Change(item.key, ref.file, end, item.reading.value))
    corrections.keep(output, changes)
    return {
        "fields decided": len(chosen),
        "of those in doubt": sum(item.reading.status == "review" for item in chosen),
    }


def read(pages: Path, form: Form, output: Path, model: Path | None) -> dict[str, int]:
    """Read a deck; what became of its fields."""
    job.run([pages], [form], output, workers=0, model=model, progress=False)
    whole = score_run(output, pages / "truth.csv").whole
    return {
        "fields": whole.reviewed.of,
        "for review": whole.reviewed.count,
        "right": whole.measured.right.count,
        "accepted and wrong": whole.accepted_wrong.count,
    }


def halves(given: GivenDigits, writer: int, folder: Path) -> tuple[Path, Path]:
    """The digits of one writer in two halves, each a directory of MNIST files; of each digit half."""
    own = np.flatnonzero(given.writers == writer)
    rank = [int((given.labels[own[:i]] == given.labels[at]).sum()) for i, at in enumerate(own)]
    parts = folder / "half", folder / "other half"
    for odd, part in enumerate(parts):
        part.mkdir(parents=True)
        chosen = own[np.asarray(rank) % 2 == odd]
        _write_idx(part / "t10k-images-idx3-ubyte", given.images[chosen])
        _write_idx(part / "t10k-labels-idx1-ubyte", given.labels[chosen].astype(np.uint8))
    return parts


def _write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(head + values.tobytes())


def measured(folder: Path, mnist: Path, hand: int, *, drawn: bool, pages: int, most: int) -> dict[str, Any]:
    """All that is measured, by its name; pages: of each of the two decks."""
    form, digits = load_form(FORM), read_digits(mnist)
    given: tuple[Path | None, Path | None] = None, None
    if not drawn:
        known = load_given_digits(mnist)
        given, others = halves(known, hand, folder), known.writers != hand
        digits = replace(digits, test=digits.test[others], test_labels=digits.test_labels[others])
    learn, test, model = folder / "learn", folder / "test", folder / "tuned.keras"
    for deck, seed, half in zip((learn, test), (1, 2), given, strict=True):
        make_deck(form, pages, seed, deck, digits=half, presets=PRESETS, hand=hand)
    found: dict[str, Any] = {"pages to learn from": read(learn, form, folder / "learnt", None)}
    found["other pages, before"] = read(test, form, folder / "before", None)
    found |= decide(folder / "learnt", learn / "truth.csv", most)
    lesson = lessons(folder / "learnt", [form])
    tuned = finetuning.finetune(lesson.learnt, lesson.held, digits, model, described=lesson.described)
    found["digits learnt from"] = len(lesson.learnt.labels)
    found["compared"] = finetuning.told(tuned.old, tuned.new, tuned.held)
    found["other pages, after"] = read(test, form, folder / "after", model)
    return found


def main() -> None:
    """Print what was measured as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--mnist", type=Path, required=True, help="its files, and QMNIST's labels of its test"
    )
    options.add_argument("--hand", type=int, required=True, help="QMNIST's number of a writer")
    options.add_argument(
        "--drawn", action="store_true", help="a hand of the test deck, of that number, instead"
    )
    options.add_argument("--pages", type=int, default=24, help="of each of the two decks")
    options.add_argument("--decisions", type=int, default=500)
    options.add_argument("--output", type=Path, help="where to keep the decks and runs")
    said = options.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        found = measured(
            said.output or Path(aside), said.mnist, said.hand,
            drawn=said.drawn, pages=said.pages, most=said.decisions,
        )  # fmt: skip
    print(json.dumps(found, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
