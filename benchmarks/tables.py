"""What was measured, as Markdown, and its place in a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digitscan.errors import UsageError
from digitscan.recognition.reliability import Share


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, all as long as the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: Sequence[str] = ()
    """What would be in it, but was not at hand."""

    def markdown(self) -> str:
        """The table, and a line that names what is left out; without rows that line alone."""
        lines = [self.head, ["---"] * len(self.head), *self.rows] if self.rows else []
        told = ["| " + " | ".join(line) + " |" for line in lines]
        if self.left_out:
            told += [*([""] if told else []), f"Left out, not at hand: {', '.join(self.left_out)}."]
        return "\n".join(told)


def percent(share: Share, decimals: int = 2) -> str:
    """Of what there is, in percent."""
    return "-" if share.share is None else f"{share.share:.{decimals}%}"


def thousands(number: int) -> str:
    """A whole number with commas."""
    return f"{number:,}"


def replaced(document: str, name: str, text: str) -> str:
    """The document with `text` between `<!-- table: NAME -->` and the next `<!-- end -->`.

    Raises `UsageError` where the document has not exactly one such place.
    """
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n)(?:(?!<!-- table).)*?(<!-- end -->)", re.S)
    changed, count = place.subn(lambda found: f"{found[1]}{text}\n{found[2]}", document)
    if count != 1:
        raise UsageError(
            f"{count} places for the table {name!r}: have one, "
            f"`<!-- table: {name} -->` and `<!-- end -->` on lines of their own"
        )
    return changed
