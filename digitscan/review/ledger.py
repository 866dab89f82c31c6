"""What follows from all that people said: what each field is in the end, and which are in doubt again.

An audit changes no value: it measures. Where it differs from what was accepted, the field comes into doubt,
and who settles it sees both; so neither a slip of the auditor's hand nor one of the machine's goes unseen.
What was decided before settles it only where it says the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from digitscan.batch.journal import Journal
from digitscan.review import audits, corrections, decisions, queue
from digitscan.review.audits import Figure
from digitscan.review.decisions import Audit, Entry
from digitscan.review.queue import Change, Decision, Key, Said


def person(who: str) -> str:
    """What tells one person from another: a name, however it is spaced and whatever letters are large."""
    return " ".join(who.split()).casefold()


class Ledger:
    """All entries by field, kept up to date as they come."""

    def __init__(
        self,
        entries: Iterable[Entry],
        doubled: Collection[str],
        accepted: Callable[[Key], Said | None],
    ) -> None:
        """doubled: names of fields that two people key. accepted: what a field is accepted as, if it is."""
        self._accepted = cache(accepted)  # every answer asks anew for all fields that were audited
        self.doubled = frozenset(doubled)
        self._said: dict[Key, list[Entry]] = defaultdict(list)
        self._audited: dict[Key, list[Entry]] = defaultdict(list)
        for entry in entries:
            if not entry.undone_at:
                self.add(entry)

    def add(self, entry: Entry) -> None:
        """Count an entry in; one that takes back what a person decided in a report, counts that out."""
        said = self._of(entry)
        if entry.mode == "report" and entry.state == "open":
            who = person(entry.who)
            said[:] = [e for e in said if e.mode != "report" or person(e.who) != who]
        else:
            said.append(entry)

    def remove(self, entry: Entry) -> None:
        """Count an entry out that was taken back."""
        said = self._of(entry)
        said[:] = [e for e in said if e.id != entry.id]

    def is_doubled(self, key: Key) -> bool:
        """Whether two people key that field."""
        return key.field in self.doubled or key.column in self.doubled

    def keyed(self, key: Key) -> list[Entry]:
        """What holds of each person's entries on a field, who was first first."""
        people: dict[str, Entry] = {}
        for entry in self._said.get(key, ()):
            if entry.state != "open":
                people[person(entry.who)] = entry
        return list(people.values())

    def latest(self, key: Key) -> Entry | None:
        """The last of a field's entries that hold, but those of audits."""
        said = self._said.get(key)
        return said[-1] if said else None

    def decision(self, key: Key) -> Decision | None:
        """What a field is by what people said; None where it is open, or nobody said anything.

        What an audit found later, and nobody has settled since, opens it again.
        """
        end, audited = self._by_people(key), self.audited(key)
        if end is None or audited is None or not self._differs(audited):
            return end
        if end.when > audited.at or (end.state, end.value) == (audited.state, audited.value):
            return end
        # two had agreed before: a third, who sees what the audit found, is enough
        later = [e for e in self._said[key] if e.at > audited.at and e.state != "open"]
        return _decided(later[-1]) if later else None

    def _by_people(self, key: Key) -> Decision | None:
        """The same, audits left aside."""
        last = self.latest(key)
        if last is None:
            return None
        if last.mode == "keying" or self.is_doubled(key):
            return self._keyed_as(key)
        return None if last.state == "open" else _decided(last)

    def _keyed_as(self, key: Key) -> Decision | None:
        """What a field is by what people keyed, as far as they saw nothing of each other.

        Where they differ it is open, even if two people are no longer asked: nobody has looked at both.
        """
        keyed = self.keyed(key)
        if len(keyed) > 1:
            first, second, *more = keyed
            if (first.state, first.value) == (second.state, second.value):
                names = f"{first.who}, {second.who}"
                return Decision(second.state, second.value, "agreed", names, max(first.at, second.at))
            return _decided(more[0]) if more else None
        if not keyed or self.is_doubled(key):
            return None
        (alone,) = keyed
        return _decided(alone) if self._accepted(key) in (None, (alone.state, alone.value)) else None

    def audited(self, key: Key, audit: Audit | None = None) -> Entry | None:
        """What an audit, or the last one at all, said of a field."""
        said = self._audited.get(key)
        return said[-1] if said and (audit is None or said[-1].at > audit.at) else None

    def doubted(self, key: Key) -> str:
        """Why an accepted field is in doubt by what people said; empty where it is not."""
        if self.decision(key) is not None:
            return ""
        last, audited = self.latest(key), self.audited(key)
        if audited is not None and self._differs(audited):
            return f"audit: {audited.value or audited.state}"
        if last is None:
            return ""
        if last.state == "open":
            return "marked on a carpet"
        keyed = self.keyed(key)
        told = " and ".join(f"{e.who} {e.value or e.state}" for e in keyed)
        return f"keyed {'differently' if len(keyed) > 1 else 'once'}: {told}"

    def settled(self) -> dict[Key, Decision]:
        """All fields that people decided."""
        known = ((key, self.decision(key)) for key in self._said)
        return {key: decision for key, decision in known if decision is not None}

    def reopened(self) -> Iterator[Key]:
        """The accepted fields that are in doubt by what people said."""
        return (key for key in {**self._said, **self._audited} if self.doubted(key))

    def figure(self, audit: Audit) -> Figure:
        """What an audit gives so far."""
        right = wrong = unjudged = unsettled = 0
        for key in audit.sample:
            said = self.audited(key, audit)
            if said is None:
                continue
            end = self.decision(key)
            if not self._differs(said):
                right += 1
            elif end is None:
                unsettled += 1
            elif end.state == "unreadable":
                unjudged += 1
            elif (end.state, end.value) == self._held(said):
                right += 1
            else:
                wrong += 1
        return audits.figure(
            audit.population,
            len(audit.sample),
            right=right,
            wrong=wrong,
            unsettled=unsettled,
            unjudged=unjudged,
            drawn=audit.at,
        )

    def _differs(self, audited: Entry) -> bool:
        """Whether an auditor says something else than what is accepted."""
        return (audited.state, audited.value) != self._held(audited)

    def _held(self, audited: Entry) -> Said:
        """What is accepted: pages may have been read anew since the audit."""
        return self._accepted(audited.key) or (audited.was_state, audited.was_value)

    def _of(self, entry: Entry) -> list[Entry]:
        return (self._audited if entry.mode == "audit" else self._said)[entry.key]


@dataclass(frozen=True, slots=True)
class Known:
    """All that people said of an output directory, and what follows from it."""

    entries: tuple[Entry, ...]
    """In the order of time."""
    settled: Mapping[Key, Decision]
    reopened: Collection[Key]
    """Accepted fields that are in doubt, or that two people still have to key."""
    moved: int
    """Decisions on fields that lay elsewhere: the form was changed since, and they count no longer."""
    audit: Figure | None

    @property
    def history(self) -> list[Change]:
        """Every entry, and every one taken back, as export tells them."""
        return sorted(_told(self.entries), key=lambda change: change.decision.when)

    @property
    def notes(self) -> list[str]:
        """What the report says of it."""
        notes = [self.audit.told] if self.audit else []
        if self.reopened:
            notes.append(
                f"{len(self.reopened)} accepted fields wait for `digitscan review`, which asks for them."
            )
        return notes


def known(directory: Path, book: Journal) -> Known:
    """What people said, in corrections.csv and on the server; raises as `corrections` and `decisions` do."""
    with decisions.found(directory) as store:
        entries = gathered(directory, store)
        held = in_place(book, entries)
        ledger = Ledger(held, store.doubled() if store else (), partial(queue.accepted, book))
        audit = store.audit() if store else None
    settled = ledger.settled()
    reopened = {key for key in ledger.reopened() if queue.accepted(book, key)}
    if ledger.doubled:
        keys = (item.key for item in queue.fields(book) if item.reading.status != "review")
        reopened |= {key for key in keys if ledger.is_doubled(key) and key not in settled}
    moved = len(entries) - len(held)
    return Known(tuple(entries), settled, reopened, moved, ledger.figure(audit) if audit else None)


def audit_figure(directory: Path, book: Journal) -> Figure | None:
    """What the last audit gives, if there is one, without looking at what else people said."""
    with decisions.found(directory) as store:
        audit = store.audit() if store else None
        if store is None or audit is None:
            return None
        sample = frozenset(audit.sample)
        entries = [entry for entry in gathered(directory, store) if entry.key in sample]
        accepted = partial(queue.accepted, book)
        return Ledger(in_place(book, entries), store.doubled(), accepted).figure(audit)


def gathered(directory: Path, store: decisions.Store | None) -> list[Entry]:
    """All entries, those of corrections.csv among those of the server, in the order of time."""
    entries = [_handed_in(change) for change in corrections.kept(directory)]
    return sorted([*entries, *(store.entries() if store else ())], key=lambda e: e.at)


def in_place(book: Journal, entries: Iterable[Entry]) -> list[Entry]:
    """Those on fields that still lie where they lay, as far as that is known.

    A form may be changed so that a name is another box's: what was said of the one is not said of the other.
    """
    places: dict[tuple[str, int, str], dict[str, str]] = {}

    def place(key: Key) -> str:
        page = key[:3]
        if page not in places:
            places[page] = {item.reading.field: item.place for item in queue.on_page(book, key)}
        return places[page].get(key.field, "")

    return [entry for entry in entries if queue.same_place(entry.place, place(entry.key))]


def _decided(entry: Entry) -> Decision:
    return Decision(entry.state, entry.value, "person", entry.who, entry.at)


def _handed_in(change: Change) -> Entry:
    end = change.decision
    said = (end.state, end.value, change.shown)
    return Entry(0, end.when, end.who, "report", change.key, change.file, *said, "open", "", "", change.place)


def _told(entries: Iterable[Entry]) -> Iterator[Change]:
    for e in entries:
        end = Decision(e.state, e.value, "person", e.who, e.at)
        before = "" if e.mode == "report" else f"{e.was_who or 'machine'}: {e.was_value or e.was_state}"
        yield Change(e.key, e.file, end, e.shown, e.place, e.mode, before)
        if e.undone_at:
            back = Decision("open", "", "person", e.who, e.undone_at)
            yield Change(e.key, e.file, back, "", e.place, e.mode, f"{e.who}: {e.value or e.state}")
