"""Carpets: digits that were all read as the same one, side by side, so that the odd ones leap to the eye.

Pages are taken in lots, and a lot's digits one after the other, so that each page is decoded once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from digitscan.batch.journal import Journal
from digitscan.errors import PageError
from digitscan.records import PageRef, PageResult
from digitscan.review.crops import KEPT, Cuttings
from digitscan.review.decisions import Glyph, Store
from digitscan.review.queue import Item, Key

ACROSS = 10
SIZE = ACROSS * ACROSS
Cut = Callable[[PageResult], Awaitable[Cuttings]]
"""Cuts a page; raises `PageError` where its scan is gone, changed or unreadable."""
_LOT_FIELDS = 600  # accepted ones: about a full carpet of each digit


@dataclass(frozen=True, slots=True)
class Carpet:
    """Digits to look over."""

    id: str
    """The same for the same glyphs."""
    digit: str
    lot: int
    glyphs: tuple[Glyph, ...]
    pages: tuple[PageResult, ...]
    """Of each glyph."""

    @property
    def places(self) -> list[tuple[PageResult, str, int]]:
        """Its glyphs as `Scans.sheet` takes them."""
        return [(page, key.field, i) for page, (key, i) in zip(self.pages, self.glyphs, strict=True)]


class Carpets:
    """All carpets of an output directory."""

    def __init__(self, book: Journal, store: Store, cut: Cut, skip: Callable[[Key], bool]) -> None:
        self._book = book
        self._store = store
        self._cut = cut
        self._skip = skip
        """Whether a field is in doubt or decided already, and needs no carpet."""
        self.lots = list(_lots(book))
        self.at = 0
        """The lot that work is in."""
        self._loaded: tuple[int, list[PageResult]] = (-1, [])
        self.gone: dict[PageRef, str] = {}
        """Pages whose scans cannot be shown any more, and why."""

    async def next(self, free: Callable[[tuple[int, str]], bool]) -> Carpet | None:
        """The first carpet that is left and free; None where there is none. May take seconds.

        free: whether nobody else has that lot's digit before him.
        """
        first_left = None
        for lot in range(self.at, len(self.lots)):
            if not self._left(self._pages(lot)):
                continue
            await self._cut_all(lot)
            for digit, glyphs in sorted(self._left(self._pages(lot)).items()):
                first_left = lot if first_left is None else first_left
                if free((lot, digit)):
                    self.at = first_left
                    return _carpet(lot, digit, glyphs[:SIZE])
        self.at = len(self.lots) if first_left is None else first_left
        return None

    def _left(self, pages: list[PageResult]) -> dict[str, list[tuple[float, Glyph, PageResult]]]:
        """Digit -> its glyphs that nobody has looked over yet, the least sure first."""
        left: dict[str, list[tuple[float, Glyph, PageResult]]] = {}
        for page in pages:
            seen = self._store.looked_over(page.ref.sha256, page.ref.page)
            for reading in page.readings:
                key = Item(page, reading).key
                if reading.status == "review" or self._skip(key):
                    continue
                for d in reading.digits:
                    if d.digit.isdigit() and (reading.field, d.position) not in seen:
                        left.setdefault(d.digit, []).append((d.confidence, (key, d.position), page))
        for glyphs in left.values():
            glyphs.sort(key=lambda glyph: glyph[:2])
        return left

    def _pages(self, lot: int) -> list[PageResult]:
        """The pages of a lot that can be shown, as far as is known."""
        if self._loaded[0] != lot:
            pages = (self._book.page(*place) for place in self.lots[lot])
            self._loaded = (lot, [page for page in pages if page is not None])
        return [page for page in self._loaded[1] if page.ref not in self.gone]

    async def _cut_all(self, lot: int) -> None:
        for page in self._pages(lot):
            try:
                await self._cut(page)
            except PageError as error:
                self.gone[page.ref] = error.reason


def _carpet(lot: int, digit: str, glyphs: list[tuple[float, Glyph, PageResult]]) -> Carpet:
    known = repr([glyph for _, glyph, _ in glyphs]).encode()
    name = hashlib.sha256(known).hexdigest()[:16]
    return Carpet(name, digit, lot, tuple(g for _, g, _ in glyphs), tuple(page for *_, page in glyphs))


def _lots(book: Journal) -> Iterator[list[tuple[str, int]]]:
    lot: list[tuple[str, int]] = []
    accepted = 0
    for sha256, page, fields, review in book.pages():
        lot.append((sha256, page))
        accepted += fields - review
        if accepted >= _LOT_FIELDS or len(lot) == KEPT // 2:
            yield lot
            lot, accepted = [], 0
    if lot:
        yield lot
