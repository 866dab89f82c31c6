"""Output directories with fields in doubt, made without reading anything."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from digitscan.batch import journal
from digitscan.forms import Form, load_form
from digitscan.records import (
    Candidate,
    Corners,
    DigitReading,
    FieldReading,
    Image,
    PageFailure,
    PageRef,
    PageResult,
)
from digitscan.review.queue import Change, Decision, Key
from digitscan.vision.views import with_views

SIZE = (300, 200)
"""Width and height of a page, px."""
NAMES = ("district", "person[1].age", "person[2].age")
FORM = """
name = "census"
[page]
size = [100, 100]
[[field]]
name = "district"
box = [10, 10, 30, 10]
cells = 3
minimum = 2
maximum = 290
[[table]]
name = "person"
rows = 2
pitch = 30
[[table.field]]
name = "age"
box = [10, 30, 30, 10]
digits = [2, 4]
values = ["41", "0041", "77"]
pattern = "[^8]+"
"""


def corners(left: int, top: int, width: int = 80, height: int = 30) -> Corners:
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def reading(
    field: str, value: str, confidence: float, status: str, place: Corners, raw: str = ""
) -> FieldReading:
    raw = raw or value or "_"
    digits = tuple(
        DigitReading(i, sign, confidence, "1", 0.1, (*place[0], 20, 30)) for i, sign in enumerate(raw, 1)
    )
    reason = "" if status == "accepted" else "low confidence"
    candidates = (Candidate("7", (1 - confidence) / 2),)
    return FieldReading(field, value, raw, confidence, status, reason, digits, candidates, place)


def picture(readings: Sequence[FieldReading]) -> Image:
    """A page on which the fields are frames with their values in them."""
    image = np.full((SIZE[1], SIZE[0]), 240, np.uint8)
    for r in readings:
        cv2.rectangle(image, r.corners[0], r.corners[2], 0, 1)
        at = (r.corners[0][0] + 4, r.corners[0][1] + 24)
        cv2.putText(image, r.value, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 0, 2)
    return image


def page(
    file: str, readings: Sequence[FieldReading], number: int = 1, path: Path | None = None
) -> PageResult:
    """A page's result, its views taken from its picture, which is written to `path`, if any."""
    image = picture(readings)
    content = bytes(cv2.imencode(".png", image)[1]) if path else file.encode("utf-8", "surrogateescape")
    if path:
        path.write_bytes(content)
    ref = PageRef(path or Path("/gone") / file, file, number, hashlib.sha256(content).hexdigest())
    return with_views(PageResult(ref, "census", 0, 0.9, tuple(readings), SIZE), image)


def usual(file: str, doubt: float = 0.5, value: str = "007", path: Path | None = None) -> PageResult:
    """A page with an accepted field of that value, a doubtful one and a blank one."""
    readings = [
        reading("district", value, 0.999, "accepted", corners(20, 10)),
        reading("person[1].age", "41", doubt, "review", corners(20, 70)),
        reading("person[2].age", "", 0.99, "accepted", corners(20, 130)),
    ]
    return page(file, readings, path=path)


def run(directory: Path, outcomes: Sequence[PageResult | PageFailure], forms: Sequence[Form] = ()) -> Path:
    """A directory as a run leaves it, without the CSVs."""
    results = [o for o in outcomes if isinstance(o, PageResult)]
    readings = [r for o in results for r in o.readings]
    skipped = sum(isinstance(o, PageFailure) and o.stage == "skip" for o in outcomes)
    counts = {
        "ok": len(results),
        "failed": len(outcomes) - len(results) - skipped,
        "skipped": skipped,
        "left": 0,
        "fields": len(readings),
        "review": sum(r.status == "review" for r in readings),
    }
    directory.mkdir(parents=True, exist_ok=True)
    with journal.opened(directory) as book:
        for result in results:
            book.record_page("setup", result)
        book.keep_rules("setup", forms)
        with book.listing("setup", outcomes) as rows:
            list(rows)
    (directory / "summary.json").write_text(json.dumps({"counts": counts}))
    return directory


def form(folder: Path) -> Form:
    """That of these pages, with rules."""
    path = folder / "census.toml"
    path.write_text(FORM, encoding="utf-8")
    return load_form(path)


def renamed(result: PageResult, file: str) -> PageResult:
    """A copy of a page under another name."""
    return replace(result, ref=replace(result.ref, file=file))


def thousand(folder: Path) -> tuple[Path, dict[Key, str]]:
    """A run with 1,000 doubtful fields, two in five of them misread, and what is written in each."""
    chance = random.Random(7)
    truth: dict[Key, str] = {}
    pages = []
    for number in range(100):
        readings = []
        for field in range(10):
            written = str(chance.randrange(10 ** chance.randint(1, 4)))
            read = written if chance.random() < 0.6 else str(chance.randrange(1000))
            place = corners(10 + 90 * (field % 3), 10 + 45 * (field // 3))
            readings.append(reading(f"f{field}", read, chance.random(), "review", place))
            truth[Key(f"{number}.png", 1, "census", f"f{field}")] = written
        pages.append(page(f"{number}.png", readings))
    out = run(folder, pages)
    return out, truth


def latest(changes: Iterable[Change]) -> dict[Key, Decision]:
    """What holds in the end: of several decisions on a field the latest."""
    return {change.key: change.decision for change in sorted(changes, key=lambda c: c.decision.when)}
