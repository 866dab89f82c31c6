"""The work on the review server, without the web: who is asked what next, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from digitscan.batch.journal import Journal
from digitscan.batch.outputs import plain
from digitscan.records import PageResult
from digitscan.review import audits, queue
from digitscan.review.carpets import Carpet, Carpets, Cut
from digitscan.review.claims import Claims
from digitscan.review.decisions import Entry, Mode, Store
from digitscan.review.ledger import Ledger, gathered, in_place, person
from digitscan.review.queue import Item, Key, State
from digitscan.review.report import as_data, as_rules

FieldMode = Literal["doubtful", "audit", "keying"]


class Reviewer(NamedTuple):
    """A person at a screen."""

    who: str
    session: str
    """Tells one screen from another, also of the same person."""


class OvertakenError(Exception):
    """Somebody has decided that field since it was shown."""


class Line:
    """The fields of one mode, in their order, and which of them are done."""

    def __init__(self, done: Callable[[Key], bool]) -> None:
        self._is_done = done
        self.fill(())

    def fill(self, items: Iterable[Item]) -> None:
        """Put these in the place of what it holds."""
        self.items = {item.key: item for item in items}
        self.done = {key for key in self.items if self._is_done(key)}

    def turn(self, key: Key) -> None:
        """Look anew whether a field is done."""
        if key in self.items:
            (self.done.add if self._is_done(key) else self.done.discard)(key)

    @property
    def progress(self) -> dict[str, int]:
        """How far it is."""
        return {"done": len(self.done), "of": len(self.items)}


class Desk:
    """All work on one output directory."""

    def __init__(
        self,
        directory: Path,
        book: Journal,
        store: Store,
        cut: Cut,
        *,
        sample: int,
        seed: int,
        claims: Claims | None = None,
    ) -> None:
        """sample, seed: of an audit, where one has to be drawn."""
        self._book = book
        self._store = store
        self._sample, self._seed = sample, seed
        self._claims = claims or Claims()
        self._skipped: set[tuple[str, Key]] = set()
        accepted = partial(queue.accepted, book)
        entries = gathered(directory, store)
        store.follow(entries)
        self._limits = book.limits()
        self._ledger = Ledger(in_place(book, entries), store.doubled(), accepted)
        self._carpets = Carpets(book, store, cut, self._needs_no_carpet)
        self._carpet: dict[str, Carpet] = {}
        self._doubtful = {item.key: item for item in queue.doubtful(book)}
        self._reopened: dict[Key, Item] = {}
        self._lines = {
            "doubtful": Line(self._is_settled),
            "audit": Line(lambda key: self._ledger.audited(key, self._audit) is not None),
            "keying": Line(self._is_settled),
        }
        self._audit = store.audit()
        self._is_drawn = False
        self._fill_doubtful()
        self._reopen()
        if self._ledger.doubled:
            named = [item for item in queue.fields(book) if self._ledger.is_doubled(item.key)]
            first = {item.key: item for item in reversed(named)}  # of copies
            self._lines["keying"].fill(queue.like_with_like(reversed(first.values())))
        if self._audit:
            self._lines["audit"].fill(self._found(self._audit.sample))

    def overview(self) -> dict[str, Any]:
        """How far the work is."""
        return {
            **{mode: line.progress for mode, line in self._lines.items()},
            "carpet": {"done": self._carpets.at, "of": len(self._carpets.lots)},
            "gone": len(self._carpets.gone),
            "double": sorted(self._ledger.doubled),
            "figure": self._ledger.figure(self._audit).told if self._audit else "",
            "sample": self._sample,
        }

    def next(self, mode: FieldMode, by: Reviewer) -> dict[str, Any]:
        """The next field to decide, claimed for that screen, or why there is none; and how far all is."""
        if mode == "audit":
            self._draw()
        line = self._lines[mode]
        waits = False
        for wanted_skipped in (False, True):
            for key, item in line.items.items():
                if key in line.done or ((by.session, key) in self._skipped) is not wanted_skipped:
                    continue
                if not self._may(mode, key, by.who) or not self._claims.free(by.session, key):
                    waits = True
                    continue
                self._claims.take(by.session, key)
                return {"item": self._shown(mode, item), "progress": line.progress}
        self._claims.release(by.session)
        return {"item": None, "why": "others" if waits else "done", "progress": line.progress}

    def skip(self, mode: FieldMode, by: Reviewer, key: Key) -> dict[str, Any]:
        """Leave a field for last; what is next."""
        self._skipped.add((by.session, key))
        return self.next(mode, by)

    def decide(self, mode: FieldMode, by: Reviewer, key: Key, state: State, value: str, seen: int) -> Entry:
        """Keep an answer. seen: the number of the last entry that held when the field was shown.

        Raises:
            KeyError: that mode does not ask for that field.
            OvertakenError: somebody has decided it since.
        """
        item = self._lines[mode].items[key]
        if self._last(mode, key) != seen:
            latest = self._latest(mode, key)
            if latest and (latest.who, latest.state, latest.value) == (by.who, state, value):
                return latest  # said again, because the answer was lost
            raise OvertakenError
        shown = self._shown(mode, item)
        seen_as = "" if shown["blind"] else str(shown["raw"])
        if mode == "keying" and not shown["blind"]:
            seen_as = f"{seen_as} ({shown['reason']})"
        entry = self._store.decide(self._entry(mode, by, item, state, value, seen_as))
        self._skipped.discard((by.session, key))
        self._ledger.add(entry)
        self._turn(entry)
        return entry

    def too_long(self, key: Key, value: str) -> str:
        """Why a number cannot stand in a field, as of `queue.too_long`."""
        return queue.too_long(value, self._limits.get((key.form, key.column)))

    def undo(self, mode: FieldMode, by: Reviewer) -> dict[str, Any] | None:
        """Take back the person's last answer in a mode; that field, to decide anew, or None."""
        taken = self._store.take_back(by.who, mode)
        if not taken:
            return None
        (entry,) = taken
        self._ledger.remove(entry)
        self._turn(entry)
        line = self._lines[mode]
        item = line.items.get(entry.key)
        if item is None or not self._claims.free(by.session, entry.key):
            return self.next(mode, by)
        self._claims.take(by.session, entry.key)
        return {"item": self._shown(mode, item), "progress": line.progress}

    async def next_carpet(self, by: Reviewer) -> dict[str, Any]:
        """The next carpet, claimed for that screen, or why there is none."""
        waits = False

        def free(place: tuple[int, str]) -> bool:
            nonlocal waits
            found = self._claims.free(by.session, place)
            waits = waits or not found
            return found

        carpet = await self._carpets.next(free)
        progress = {"done": self._carpets.at, "of": len(self._carpets.lots)}
        gone = len(self._carpets.gone)
        if carpet is None:
            self._claims.release(by.session)
            return {"carpet": None, "why": "others" if waits else "done", "gone": gone, "progress": progress}
        self._claims.take(by.session, (carpet.lot, carpet.digit))
        self._carpet[by.session] = carpet
        said = {"id": carpet.id, "digit": carpet.digit, "count": len(carpet.glyphs)}
        return {"carpet": said, "gone": gone, "progress": progress}

    def carpet(self, by: Reviewer, name: str) -> Carpet | None:
        """The carpet on that screen, if it has that id."""
        carpet = self._carpet.get(by.session)
        return carpet if carpet is not None and carpet.id == name else None

    def look_over(self, by: Reviewer, carpet: Carpet, odd: Iterable[int]) -> int:
        """Keep that a carpet was looked over, and the odd glyphs on it; the number of fields marked."""
        found = self._found(dict.fromkeys(carpet.glyphs[i][0] for i in sorted(set(odd))))
        marked = [self._entry("carpet", by, item, "open", "", carpet.digit) for item in found]
        for entry in self._store.look_over(by.who, carpet.digit, carpet.glyphs, marked):
            self._ledger.add(entry)
        self._reopen()
        del self._carpet[by.session]
        return len(marked)

    def unroll(self, by: Reviewer) -> bool:
        """Take back the person's last carpet; whether there was one."""
        taken = self._store.take_back(by.who, "carpet")
        for entry in taken or ():
            self._ledger.remove(entry)
        self._reopen()
        self._carpets.at = 0
        return taken is not None

    def page(self, key: Key) -> PageResult | None:
        """What the outputs hold of a field's page, with its readings; None where they do not."""
        page = self._book.page(key.sha256, key.page)
        return page if page is not None and page.form == key.form else None

    def kept_view(self, key: Key, of_page: bool) -> bytes:
        """JPEG of a field, or page, that was in review from the start; empty where it was accepted."""
        if of_page:
            return self._book.view_of_page(key.sha256, key.page)
        return self._book.view_of_field(key.sha256, key.page, key.field)

    def _entry(self, mode: Mode, by: Reviewer, item: Item, state: State, value: str, shown: str) -> Entry:
        now = None if mode == "audit" else self._ledger.decision(item.key)
        if now is not None:
            was: tuple[State, str, str] = (now.state, now.value, now.who)
        elif item.reading.status == "review":
            was = ("open", item.reading.value, "")
        else:
            was = (*item.said, "")
        file = plain(item.page.ref.file)
        return Entry(0, "", by.who, mode, item.key, file, state, value, shown, *was, item.place)

    def _draw(self) -> None:
        """Draw an audit where there is none of what the outputs hold now."""
        if self._is_drawn:
            return
        self._is_drawn = True
        known, population = audits.outputs(self._book)
        if self._audit is None or self._audit.outputs != known:
            keys = audits.draw(self._book, self._sample, self._seed)
            self._store.draw(self._seed, population, known, keys)
            self._audit = self._store.audit()
            self._lines["audit"].fill(self._found(keys))

    def _shown(self, mode: FieldMode, item: Item) -> dict[str, Any]:
        """A field as the screen takes it; what is blind holds nothing that was read or keyed."""
        rules = as_rules(self._limits.get((item.key.form, item.column)))
        data = {**as_data(item), "rules": rules, "seen": self._last(mode, item.key), "blind": False}
        keyed = self._ledger.keyed(item.key) if mode == "keying" else []
        if mode == "audit" or len(keyed) == 1:
            hidden = {"value": "", "raw": "?", "confidence": 0, "candidates": [], "reason": ""}
            return {**data, **hidden, "blind": True}
        if mode == "keying":
            return {**data, "reason": self._ledger.doubted(item.key) or "two people key this field"}
        now = self._ledger.decision(item.key)
        said = f"{now.who}: {now.value or now.state}" if now else ""
        return {**data, "reason": self._ledger.doubted(item.key) or data["reason"], "said": said}

    def _may(self, mode: FieldMode, key: Key, who: str) -> bool:
        """Whether that person may decide the field: who has keyed it is not its second."""
        return mode != "keying" or all(person(e.who) != person(who) for e in self._ledger.keyed(key))

    def _latest(self, mode: FieldMode, key: Key) -> Entry | None:
        return self._ledger.audited(key, self._audit) if mode == "audit" else self._ledger.latest(key)

    def _last(self, mode: FieldMode, key: Key) -> int:
        """The number of the last entry; 0 where there is none, or none of the server's."""
        latest = self._latest(mode, key)
        return latest.id if latest else 0

    def _turn(self, entry: Entry) -> None:
        """Look anew at a field of which something was said, or taken back."""
        if entry.mode == "audit" or entry.key not in self._doubtful:
            self._reopen()
        for line in self._lines.values():
            line.turn(entry.key)

    def _reopen(self) -> None:
        """Put what has come into doubt among the doubtful, and take out what no longer is."""
        doubted = set(self._ledger.reopened()).difference(self._doubtful)
        before = {k: item for k, item in self._reopened.items() if k in doubted or self._is_settled(k)}
        more = self._found(doubted.difference(before))
        if more or len(before) < len(self._reopened):
            self._reopened = {**before, **{item.key: item for item in more}}
            self._fill_doubtful()

    def _fill_doubtful(self) -> None:
        asked = (*self._doubtful.values(), *self._reopened.values())
        single = (item for item in asked if not self._ledger.is_doubled(item.key))
        self._lines["doubtful"].fill(queue.like_with_like(single))

    def _found(self, keys: Iterable[Key]) -> list[Item]:
        found = (queue.find(self._book, key) for key in keys)
        return [item for item in found if item is not None]

    def _is_settled(self, key: Key) -> bool:
        return self._ledger.decision(key) is not None

    def _needs_no_carpet(self, key: Key) -> bool:
        return self._is_settled(key) or bool(self._ledger.doubted(key)) or self._ledger.is_doubled(key)
