"""What people are asked: the fields of an output directory that are in review, and in which order.

The journal is the source; it knows which pages the outputs now hold, and keeps a view of every field in
review, so that the scans are not needed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from digitscan.batch import journal
from digitscan.batch.journal import Journal
from digitscan.errors import UsageError
from digitscan.forms import Limits
from digitscan.recognition.rules import broken_rules
from digitscan.records import FieldReading, PageResult

State = Literal["value", "blank", "unreadable", "open"]
Said = tuple[State, str]
"""What a field is said to be, and its digits if that is a value."""
Source = Literal["", "machine", "person", "agreed"]


class Key(NamedTuple):
    """What a decision is about: not the file's name, which may change, but its content."""

    sha256: str
    page: int
    form: str
    field: str

    @property
    def column(self) -> str:
        """The field's name without its row: `person[].age`."""
        return re.sub(r"\[\d+\]", "[]", self.field)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a field is taken to be in the end."""

    state: State
    value: str
    """Digits; empty unless the state is `value`."""
    source: Source
    who: str
    when: str
    """ISO 8601, UTC; empty, as `who` is, where no person decided."""


@dataclass(frozen=True, slots=True)
class Change:
    """One decision among all that were ever taken."""

    key: Key
    file: str
    """What the file was called then."""
    decision: Decision
    shown: str
    """What the person saw as read; empty where that was hidden."""
    place: str = ""
    """Where the field lay on the page, as of `Item.place`; empty where that is not known."""
    mode: str = "report"
    """In which kind of work it was taken, as of `decisions.Mode`."""
    before: str = ""
    """What held before, and by whom; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One field to decide."""

    page: PageResult
    """The page it stands on, without its readings."""
    reading: FieldReading

    @property
    def key(self) -> Key:
        return Key(self.page.ref.sha256, self.page.ref.page, self.page.form, self.reading.field)

    @property
    def column(self) -> str:
        """The field's name without its row: `person[].age`."""
        return self.key.column

    @property
    def place(self) -> str:
        """The upright box around it on the page: x, y, width, height, px; empty where that is not known."""
        if not self.reading.corners:
            return ""
        across, down = zip(*self.reading.corners, strict=True)
        left, top = min(across), min(down)
        return f"{left} {top} {max(across) - left} {max(down) - top}"

    @property
    def said(self) -> Said:
        """What was read in it."""
        return ("value" if self.reading.value else "blank"), self.reading.value

    @property
    def worth(self) -> float:
        """Of a decision: the probability that it changes the value."""
        return 1 - self.reading.confidence


def too_long(value: str, limits: Limits | None) -> str:
    """Why a number cannot stand in a field: it has more digits than there is room for; empty where it can."""
    if limits is None or len(value) <= limits.digits[1]:
        return ""
    return f"{value} has {len(value)} digits, and the form has room for {limits.digits[1]}"


def oddities(value: str, reading: FieldReading, limits: Limits | None) -> list[str]:
    """What in a value is not as the form allows it, or as the field was read: as screen.js asks about it."""
    odd = list(broken_rules(limits, value)) if limits else []
    written = re.sub("[_X]", "", reading.raw)
    if written.startswith("0") and len(value) < len(written):
        odd.append(f"read {written}")  # a spreadsheet takes zeros away
    return odd


@contextmanager
def opened(directory: Path) -> Iterator[Journal]:
    """The journal of a run's output directory; raises `UsageError` where there is none."""
    if not (directory / journal.NAME).is_file():
        raise UsageError(
            f"{directory}: not the output directory of `digitscan run`: it has no {journal.NAME}"
        )
    with journal.opened(directory) as book:
        yield book


def doubtful(book: Journal) -> Iterator[Item]:
    """The fields in review, the worthiest decision first; of copies of a file only the first one's."""
    for page in book.doubts():
        yield Item(replace(page, readings=()), page.readings[0])


def fields(book: Journal) -> Iterator[Item]:
    """All fields that the outputs hold, accepted or not, in their order."""
    for page in book.listed():
        if isinstance(page, PageResult):
            alone = replace(page, readings=())
            yield from (Item(alone, reading) for reading in page.readings)


def find(book: Journal, key: Key) -> Item | None:
    """A field that the outputs hold; None where they do not."""
    return next((item for item in on_page(book, key) if item.reading.field == key.field), None)


def on_page(book: Journal, key: Key) -> list[Item]:
    """All fields of a field's page; none where the outputs do not hold it, or as another form."""
    page = book.page(key.sha256, key.page)
    if page is None or page.form != key.form:
        return []
    alone = replace(page, readings=())
    return [Item(alone, reading) for reading in page.readings]


def accepted(book: Journal, key: Key) -> Said | None:
    """What a field is accepted as in the outputs; None where it is in review there, or is not there."""
    item = find(book, key)
    return None if item is None or item.reading.status == "review" else item.said


def same_place(one: str, other: str) -> bool:
    """Whether two places, as of `Item.place`, are those of one field; one that is not known may be any."""
    if not (one and other):
        return True
    (x, y, w, h), (left, top, wide, tall) = (map(int, place.split()) for place in (one, other))
    near_across = abs(2 * x + w - 2 * left - wide) < min(w, wide)
    return near_across and abs(2 * y + h - 2 * top - tall) < min(h, tall)


def like_with_like(items: Iterable[Item]) -> list[Item]:
    """The same column of the same form together, so that eye and hand stay in rhythm.

    The column first in which most values are likely wrong; the order within is kept.
    """
    columns: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        columns[item.page.form, item.column].append(item)
    ranked = sorted(columns.values(), key=lambda column: -sum(item.worth for item in column))
    return [item for column in ranked for item in column]
