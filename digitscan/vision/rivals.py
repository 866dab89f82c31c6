"""Places where a form fits nearly as well as where it was found: a row on, a column on, upside down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from digitscan.forms import Form
from digitscan.records import Matrix
from digitscan.vision.support import END, Print, RuledPage, Spans
from digitscan.vision.transforms import Points, apply

MARGIN = (2.0, 0.01)  # pieces of print, and part of all: a place with so many fewer is out of the question
ALIKE = 0.4  # of a form's pieces that a shift brings onto others
MOST_SHIFTS = 8
SAME = 0.4  # of a field's smaller side
LEAST_MOVE_MM = 2.0
LOOKED_AROUND = 2  # places, of which one may be upside down
CLIMBS = 12
MOST_SEEN = 0.9  # of the pieces seen anywhere: a place with fewer has won by what does not run on there
TRUSTED = 0.75  # of all pieces: where a form's own rules run on, so many must tell the place


def contest(
    page: RuledPage, form: Form, what: Print, places: Sequence[Matrix], moves: Sequence[Matrix]
) -> list[tuple[float, Matrix]]:
    """The place with the most print under it, and its rivals: how many pieces support it, form mm -> page px.

    places: candidates, 3x3 form mm -> page px, the likeliest first. moves: 3x3, mm -> mm, that the form may
    lie off by: each is tried from each place, and where it finds more print, from there on again.
    """
    boxes = np.array([f.box for f in form.fields], np.float64)
    margin = max(MARGIN[0], MARGIN[1] * what.pieces)
    found = _looked(page, boxes, what, moves, places, END)
    likely, most_seen = max(found, key=lambda f: f.support), max(f.pieces for f in found)
    if most_seen > TRUSTED * what.pieces and likely.pieces < MOST_SEEN * most_seen:
        # the rules of a ledger run on through columns that are no fields, and do not where there are none
        found = _looked(page, boxes, what, moves, places, 0)
    most = max(f.support for f in found)
    # of equals the likeliest is first, which was looked at first
    return [
        (f.support, f.place)
        for f in sorted(found, key=lambda f: -round(f.support))
        if f.support > most - margin
    ]


class _Found(NamedTuple):
    """A place, form mm -> page px, how many pieces are seen there, and how many support it."""

    place: Matrix
    pieces: float
    support: float


def _looked(
    page: RuledPage,
    boxes: Points,
    what: Print,
    moves: Sequence[Matrix],
    places: Sequence[Matrix],
    end: float,
) -> list[_Found]:
    """All places that were looked at, in this order: those given, and what the form resembles itself by.

    end: pieces for which an end counts beyond which a rule runs on.
    """
    seen: list[_Found] = []

    def look(place: Matrix) -> _Found | None:
        """A place where it is exactly; None where it was found before, and no worse."""
        place = page.settled(place, what)
        pieces, running_on = page.counted(place, what)
        found = _Found(place, pieces, pieces - end * running_on)
        for i, other in enumerate(seen):
            if _same(place, other.place, boxes):
                if found.support <= other.support:
                    return None
                del seen[i]
                break
        seen.append(found)
        return found

    for place in places:
        look(place)
    for start in sorted(seen, key=lambda f: -f.support)[:LOOKED_AROUND]:
        best = start
        for _ in range(CLIMBS):
            around = [found for move in moves if (found := look(best.place @ move)) is not None]
            higher = max(around, key=lambda f: f.support, default=best)
            if higher.support <= best.support:
                break
            best = higher
    return seen


def likenesses(what: Print) -> list[Matrix]:
    """Moves, mm -> mm, that bring much of the form's print onto print of the form.

    Shifts along one axis, and the half turn.
    """
    return [*shifts(what), *_half_turn(what)]


@lru_cache(maxsize=16)
def shifts(what: Print) -> tuple[Matrix, ...]:
    """Those of `likenesses` that leave the way up."""
    votes: Counter[tuple[int, float]] = Counter()
    for spans, along in ((what.level, 0), (what.upright, 1)):
        for axis, moved in ((along, (0, 1, 1)), (1 - along, (1, 0, 0))):
            votes.update((axis, d) for d in _moves(spans, np.array(moved)))
    least = ALIKE * what.pieces
    likely = [(axis, d) for (axis, d), n in sorted(votes.items(), key=lambda v: (-v[1], v[0])) if n >= least]
    return tuple(_shift(axis, sign * d) for axis, d in likely[:MOST_SHIFTS] for sign in (1, -1))


@lru_cache(maxsize=16)
def _half_turn(what: Print) -> tuple[Matrix, ...]:
    """The half turn about the point that has the most print on opposite sides, if that is much."""
    reach = max(float(spans.max(initial=0)) for spans in (what.level, what.upright))
    votes = np.zeros((round(2 * reach) + 2,) * 2, np.int32)  # by the places of both, added
    for spans, axis in ((what.level, 0), (what.upright, 1)):
        length = spans[:, 2] - spans[:, 1]
        for i, piece in enumerate(spans):  # one after the other: all pairs of a large table take gigabytes
            others = spans[i:][np.abs(length[i] - length[i:]) < 0.5]
            sums = np.round([(piece[1:] + others[:, 1:]).mean(axis=1), piece[0] + others[:, 0]]).astype(int)
            np.add.at(votes, tuple(sums if axis == 0 else sums[::-1]), np.int32(2))
            # two pieces that change places count for both, one that stays once
            votes[tuple(sums[:, 0] if axis == 0 else sums[::-1, 0])] -= 1
    if votes.max() < ALIKE * what.pieces:
        return ()
    x, y = np.unravel_index(votes.argmax(), votes.shape)
    return (np.array([[-1, 0, x], [0, -1, y], [0, 0, 1.0]]),)


def _moves(spans: Spans, moved: Points) -> list[float]:
    """For each pair of pieces of which one is the other moved along `moved`, how far, in half mm."""
    still = spans[:, moved.argmin()]
    order = np.argsort(still, kind="stable")
    spans, still = spans[order], still[order]
    # of each those after it that lie no farther off, so that not all pairs of a large table are looked at
    counts = np.searchsorted(still, still + 0.5, side="right") - np.arange(len(still)) - 1
    first = np.repeat(np.arange(len(still)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    apart = spans[second] - spans[first]
    far = apart[:, moved.argmax()]
    fits = np.abs(apart - far[:, None] * moved).max(axis=1) < 0.5
    return [round(abs(d) * 2) / 2 for d in far[fits].tolist() if abs(d) > LEAST_MOVE_MM]


def _shift(axis: int, by: float) -> Matrix:
    shift = np.eye(3)
    shift[axis, 2] = by
    return shift


def _same(a: Matrix, b: Matrix, boxes: Points) -> bool:
    """Whether two placements put every box (x, y, width, height) at the same place, all but a part of it."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    back = apply(np.asarray(np.linalg.inv(b), np.float64), apply(a, centres))
    return bool((np.hypot(*(back - centres).T) < SAME * boxes[:, 2:].min(axis=1)).all())
