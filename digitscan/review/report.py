"""report.html: what a run read, and the fields in doubt to decide; one file, without network or server.

Views of fields stand in it as text, some dozens to a script element, and are decoded when they come into
sight: that is as quick to load as sheets of sprites, and nothing has to be encoded a second time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from digitscan.batch.journal import Journal
from digitscan.batch.outputs import LEFT, SKIPPED, plain, sync
from digitscan.errors import DigitscanError, UsageError
from digitscan.forms import Limits
from digitscan.records import PageFailure
from digitscan.review import ledger, queue
from digitscan.review.queue import Item
from digitscan.vision import views

NAME = "report.html"
MOST = 5000  # fields: what one person settles in a day; the file has about 100 MB then
CHUNK = 50  # views to an element
COLUMNS = 12  # in the plot
FAILURES = 200  # that are told
_LOCK_SECONDS = 60.0  # the largest report takes some
KEYS = (
    ("g", "worst first, or like with like: the same field of all pages together"),
    ("d", "download corrections.csv"),
)


@dataclass(frozen=True, slots=True)
class _Column:
    """Fields in doubt under one name."""

    name: str
    count: int
    share: float
    """Of the column with most."""


def write(directory: Path) -> Path:
    """Write report.html of an output directory, with what people have not settled yet; its path.

    Raises:
        UsageError: the directory holds no finished run, or what people decided cannot be read.
        DigitscanError: the report cannot be written.
    """
    path = directory / NAME
    aside = directory / f".{NAME}.part"
    with queue.opened(directory) as book, _held(directory / ".report.lock"):
        told = _told(directory, book)
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.writelines(_template().generate(told))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            sync(directory)
        except OSError as error:
            raise DigitscanError(f"{path}: cannot be written: {error.strerror}") from error
        finally:
            aside.unlink(missing_ok=True)
    return path


def _held(path: Path) -> AbstractContextManager[Any]:
    """The lock at a path: a run may end while `digitscan report` is at it."""
    try:
        return FileLock(path, timeout=_LOCK_SECONDS).acquire()
    except Timeout:
        raise DigitscanError(f"{path}: held by another program: end that, then `digitscan report`") from None
    except OSError as error:
        raise DigitscanError(f"{path}: cannot be locked: {error.strerror}") from error


def _template() -> Any:
    return environment().get_template("report.html")


def environment() -> Environment:
    """The templates of this room; all that is put into them is escaped."""
    return Environment(loader=PackageLoader("digitscan.review"), autoescape=True, trim_blocks=True)


def static(name: str) -> str:
    """The text of a file that is sent or put in as it is."""
    return (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")


def as_data(item: Item) -> dict[str, Any]:
    """An item as screen.js takes it."""
    page, reading = item.page, item.reading
    frame = views.frame(reading.corners)
    return {
        "sha256": page.ref.sha256,
        "file": plain(page.ref.file),
        "page": page.ref.page,
        "form": page.form,
        "field": reading.field,
        "value": reading.value,
        "raw": reading.raw,
        "confidence": round(reading.confidence, 4),
        "candidates": [(c.value, round(c.probability, 4)) for c in reading.candidates],
        "reason": reading.reason,
        "box": item.place,
        "frame": [frame.width, frame.height, *(round(v, 1) for v in frame.field)],
        "place": [round(v, 4) for v in views.on_view(reading.corners, page.rotation, page.size)],
    }


def as_rules(limits: Limits | None) -> dict[str, Any] | None:
    """The limits of a field as screen.js takes them; numbers as text, which no script rounds."""
    if limits is None:
        return None
    fewest, most = limits.digits
    return {
        "fewest": fewest,
        "most": most,
        "minimum": None if limits.minimum is None else str(limits.minimum),
        "maximum": None if limits.maximum is None else str(limits.maximum),
        "values": limits.values and sorted(limits.values),
        "pattern": limits.pattern,
    }


def _told(directory: Path, book: Journal) -> dict[str, Any]:
    """What the template asks for."""
    known = ledger.known(directory, book)
    items: list[Item] = []
    columns: Counter[tuple[str, str]] = Counter()
    before = 0
    for item in queue.doubtful(book):
        if item.key in known.settled:
            before += 1
            continue
        columns[item.page.form, item.column] += 1
        if len(items) < MOST:
            items.append(item)
    page_ids: dict[tuple[str, int], int] = {}
    for item in items:
        page_ids.setdefault(item.key[:2], len(page_ids))
    limits = book.limits()
    columns_at = {name: place for place, name in enumerate(limits)}
    alike = {item.key: place for place, item in enumerate(queue.like_with_like(items))}
    data = [
        {
            **{"id": i, **as_data(item), "pageId": page_ids[item.key[:2]], "like": alike[item.key]},
            "rules": columns_at.get((item.key.form, item.column)),
        }
        for i, item in enumerate(items)
    ]
    style, script = static("look.css"), static("screen.js") + static("report.js")
    return {
        "counts": _counts(directory),
        "open": columns.total(),
        "settled_before": before,
        "items": items,
        "items_json": _json(data),
        "rules_json": _json([as_rules(of) for of in limits.values()]),
        "chunk": CHUNK,
        "chunks": _chunks(book, items),
        "pages": (_text(book.view_of_page(*key)) for key in page_ids),
        **_plotted(columns),
        "tables": _tables(book),
        "notes": known.notes,
        "more_keys": KEYS,
        "style": Markup(style),
        "style_hash": _source(style),
        "script": Markup(script),
        "script_hash": _source(script),
    }


def _json(data: object) -> Markup:
    """As it may stand in an element."""
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))


def _counts(directory: Path) -> dict[str, int]:
    path = directory / "summary.json"
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))["counts"]
        return {name: int(counts[name]) for name in ("ok", "failed", "skipped", "left", "fields", "review")}
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: not there, or damaged: finish the run with `digitscan run`") from None


def _chunks(book: Journal, items: list[Item]) -> Iterator[list[str]]:
    for start in range(0, len(items), CHUNK):
        keys = [item.key for item in items[start : start + CHUNK]]
        yield [_text(book.view_of_field(key.sha256, key.page, key.field)) for key in keys]


def _text(picture: bytes) -> Markup:
    return Markup(base64.b64encode(picture).decode())


def _plotted(columns: Counter[tuple[str, str]]) -> dict[str, Any]:
    most = columns.most_common()
    several = len({form for form, _ in columns}) > 1
    shown = [
        _Column(f"{form}: {name}" if several else name, count, count / most[0][1])
        for (form, name), count in most[:COLUMNS]
    ]
    rest = [count for _, count in most[COLUMNS:]]
    return {"columns": shown, "other_columns": {"fields": len(rest), "count": sum(rest)} if rest else None}


def _tables(book: Journal) -> list[tuple[str, list[dict[str, Any]], int]]:
    failed: list[PageFailure] = []
    skipped: list[PageFailure] = []
    for failure in book.failures():
        if failure.stage != LEFT:
            (skipped if failure.stage == SKIPPED else failed).append(failure)
    return [
        (
            title,
            [
                {"file": plain(f.ref.file), "page": f.ref.page, "reason": plain(f.reason)}
                for f in islice(failures, FAILURES)
            ],
            max(0, len(failures) - FAILURES),
        )
        for title, failures in (("Pages that failed", failed), ("Files that were skipped", skipped))
        if failures
    ]


def _source(text: str) -> str:
    """The source expression by which a Content-Security-Policy allows this very text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
