"""What the network of single digits can learn from what people decided."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitscan.errors import PageError, UsageError
from digitscan.forms import Form
from digitscan.pipeline import read_glyphs, register_page
from digitscan.recognition.finetuning import Decided
from digitscan.records import CLASSES, CROSSED, FieldReading, Image, PageResult
from digitscan.review import ledger, queue
from digitscan.review.queue import Decision, Key
from digitscan.vision import pages

_log = logging.getLogger("digitscan")

HELD = 0.2
"""Of the pages on which people decided something, those that are held back for the comparison."""
LEAST = 100
"""Glyphs, below which nothing can be learnt or compared."""
_Labelled = list[tuple[Image, int]]


@dataclass(frozen=True, slots=True)
class Lessons:
    """The glyphs of decided fields, in two parts that have no page in common."""

    learnt: Decided
    held: Decided
    described: dict[str, Any]
    """For the card: how many decisions, of how many pages, and a hash of them."""


def lessons(directory: Path, forms: Sequence[Form], seed: int = 1) -> Lessons:
    """What people decided in an output directory, cut from the scans as they were read.

    forms: those of the run.

    Raises:
        UsageError: no run, damaged, or too few decisions.
    """
    names = {form.name for form in forms}
    by_page: dict[tuple[str, int], _Labelled] = {}
    used: list[tuple[Key, Decision]] = []
    unseen = 0
    with queue.opened(directory) as book:
        for place, decided in sorted(_by_page(ledger.known(directory, book).settled).items()):
            page = book.page(*place)
            if page is None or page.form not in names:
                unseen += 1
                continue
            wanted = {
                (r.field, position): label
                for r in page.readings
                if (end := decided.get(Key(*place, page.form, r.field)))
                for position, label in labels(r, end).items()
            }
            try:
                glyphs = _glyphs(page, forms, {field for field, _ in wanted}) if wanted else {}
            except PageError as error:
                _log.warning("%s page %d: left out: %s", page.ref.file, page.ref.page, error.reason)
                unseen += 1
                continue
            found = {at: label for at, label in wanted.items() if at in glyphs}
            if found:
                by_page[place] = [(glyphs[at], label) for at, label in found.items()]
                fields = {field for field, _ in found}
                used += [(key, end) for key, end in sorted(decided.items()) if key.field in fields]
    total = sum(map(len, by_page.values()))
    if len(by_page) < 2 or total < LEAST:
        raise UsageError(
            f"{directory}: {total} decided digits on {len(by_page)} pages can be found again on the scans,"
            f" {LEAST} on 2 are needed: decide more, or give the scans and forms as they were read"
        )
    order = np.random.default_rng([seed, 3]).permutation(len(by_page))
    back = set(order[: max(1, round(HELD * len(by_page)))].tolist())
    learnt = [glyph for i, labelled in enumerate(by_page.values()) if i not in back for glyph in labelled]
    held = [glyph for i, labelled in enumerate(by_page.values()) if i in back for glyph in labelled]
    described = {
        "fields": len(used),
        "pages": len(by_page),
        "pages_held_back": len(back),
        "pages_left_out": unseen,
        "sha256": hashlib.sha256(
            json.dumps([[*key, end.state, end.value] for key, end in used]).encode()
        ).hexdigest(),
    }
    return Lessons(_decided(learnt), _decided(held), described)


def labels(reading: FieldReading, decision: Decision) -> dict[int, int]:
    """Which class each glyph of a field is, by position; nothing where its place is not certain.

    It is certain where the reading was confirmed, and where the value has as many digits as glyphs were cut.
    """
    signs = [digit for digit in reading.digits if digit.digit != "_"]
    raw = "".join(digit.digit for digit in signs)
    value = decision.value if decision.state == "value" else ""
    if decision.state not in ("value", "blank"):
        return {}
    if value == reading.value and value == raw.replace("X", ""):
        return {d.position: CROSSED if d.digit == "X" else CLASSES.index(d.digit) for d in signs}
    if value and "X" not in raw and len(signs) == len(value):
        return {d.position: CLASSES.index(v) for d, v in zip(signs, value, strict=True)}
    return {}


def _by_page(settled: Mapping[Key, Decision]) -> dict[tuple[str, int], dict[Key, Decision]]:
    known: dict[tuple[str, int], dict[Key, Decision]] = defaultdict(dict)
    for key, decision in settled.items():
        known[key.sha256, key.page][key] = decision
    return known


def _glyphs(page: PageResult, forms: Sequence[Form], fields: set[str]) -> dict[tuple[str, int], Image]:
    ref = page.ref
    if hashlib.sha256(pages.read_file(ref.path)).hexdigest() != ref.sha256:
        raise PageError("open", "it has changed since it was read")
    registered = register_page(ref, forms)
    if registered.form.name != page.form:
        raise PageError("registration", f"it is no longer read as form {page.form}")
    return read_glyphs(registered, [r for r in page.readings if r.field in fields])


def _decided(labelled: _Labelled) -> Decided:
    pictures, answers = zip(*labelled, strict=True)
    return Decided(np.stack(pictures), np.asarray(answers, np.int64))
