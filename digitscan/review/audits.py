"""An audit: how many of the accepted fields are wrong, by a random sample that people key blind."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from digitscan.batch.journal import Journal
from digitscan.review.queue import Item, Key

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """What an audit gives so far."""

    population: int
    """Accepted fields that the sample was drawn from."""
    sample: int
    judged: int
    """Of the sample, those that count: right or wrong for certain, or still unsettled."""
    wrong: int
    """Found wrong; the unsettled are among them."""
    unsettled: int
    """Keyed otherwise than read, but nobody has decided yet which is right."""
    unjudged: int
    """That nobody can read."""
    low: float
    """Of the 95% interval of the share that is wrong, 0-1."""
    high: float
    drawn: str
    """When the sample was drawn; ISO 8601, UTC."""

    @property
    def told(self) -> str:
        """In one sentence."""
        if not self.judged:
            return f"Audit: none of a sample of {self.sample} accepted fields has been keyed yet."
        share = self.wrong / self.judged
        more = f", {self.unsettled} of them not settled yet" if self.unsettled else ""
        left = self.sample - self.judged - self.unjudged
        wait = f"; {left} of the sample are still to key" if left else ""
        lost = f"; {self.unjudged} cannot be read by anybody" if self.unjudged else ""
        return (
            f"Audit: {self.wrong} of {self.judged} accepted fields drawn from {self.population} are"
            f" wrong{more}: {share:.2%}, with 95% confidence {self.low:.2%} to {self.high:.2%}{wait}{lost}."
        )


def figure(
    population: int, sample: int, *, right: int, wrong: int, unsettled: int, unjudged: int, drawn: str
) -> Figure:
    """The figure for these counts: what is unsettled is taken for wrong until somebody decides."""
    judged, bad = right + wrong + unsettled, wrong + unsettled
    low, high = interval(bad, judged, population)
    return Figure(population, sample, judged, bad, unsettled, unjudged, low, high, drawn)


def interval(wrong: int, judged: int, population: int) -> tuple[float, float]:
    """The 95% interval of the share of a population that is wrong, by a sample without replacement.

    Exact: all numbers of wrong ones among the population that would not make a sample like this, or one
    further off, rarer than 2.5% on either side (Clopper and Pearson's way, with the hypergeometric
    distribution). It covers at least 95%, also near 0, where Wilson's covers less; and it is 0 wide when all
    were looked at.
    """
    if judged == 0:
        return 0.0, 1.0
    from scipy.stats import hypergeom  # noqa: PLC0415 (half a second, for those who audit)

    tail = (1 - CONFIDENCE) / 2
    most = population - (judged - wrong)  # so many can be wrong at most

    def at_least(bad: int) -> bool:  # too few, if so many wrong in the sample are a rare chance then
        return float(hypergeom.sf(wrong - 1, population, bad, judged)) > tail

    def at_most(bad: int) -> bool:
        return float(hypergeom.cdf(wrong, population, bad, judged)) <= tail

    low = _first(at_least, wrong, most) if wrong else 0
    high = _first(at_most, wrong, most + 1) - 1
    return low / population, high / population


def _first(holds: Callable[[int], bool], start: int, stop: int) -> int:
    """The first number from which on it holds, at most `stop`."""
    while start < stop:
        middle = (start + stop) // 2
        start, stop = (start, middle) if holds(middle) else (middle + 1, stop)
    return start


def outputs(book: Journal) -> tuple[str, int]:
    """A hash of which pages the outputs hold, and the number of accepted fields on them."""
    pages = book.pages()
    known = hashlib.sha256(repr(pages).encode()).hexdigest()
    return known, sum(fields - review for _, _, fields, review in pages)


def draw(book: Journal, size: int, seed: int) -> list[Key]:
    """A random sample of the accepted fields that the outputs hold, in random order; all where fewer."""
    pages = book.pages()
    ends = list(accumulate(fields - review for _, _, fields, review in pages))
    total = ends[-1] if ends else 0
    wanted = random.Random(seed).sample(range(total), min(size, total))
    found: dict[int, Key] = {}
    rest: Iterator[int] = iter(sorted(wanted))
    number = next(rest, None)
    for (sha256, page, _, _), end in zip(pages, ends, strict=True):
        if number is None:
            break
        if number >= end:
            continue
        accepted = _accepted(book, sha256, page)
        while number is not None and number < end:
            found[number] = accepted[number - end]
            number = next(rest, None)
    return [found[number] for number in wanted]


def _accepted(book: Journal, sha256: str, page: int) -> list[Key]:
    result = book.page(sha256, page)
    assert result is not None
    return [Item(result, reading).key for reading in result.readings if reading.status != "review"]
