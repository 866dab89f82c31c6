"""Places where a form fits nearly as well as where it was found: a row on, a column on, upside down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from digitscan.forms import Form
from digitscan.records import Matrix
from digitscan.vision.constellation import Points, apply
from digitscan.vision.support import Print, RuledPage, Spans

MARGIN = 2.0  # pieces of print: a place with so many fewer is out of the question
ALIKE = 0.4  # of a form's pieces that a shift brings onto others
MOST_SHIFTS = 8
SAME_MM = 2.0
LOOKED_AROUND = 2  # places, of which one may be upside down
CLIMBS = 12


def contest(page: RuledPage, form: Form, what: Print, places: Sequence[Matrix]) -> list[tuple[float, Matrix]]:
    """The place with the most print under it, and its rivals: how many pieces support it, form mm -> page px.

    places: candidates, 3x3 form mm -> page px, the likeliest first. All that the form resembles itself by
    is tried from each: where a shift finds more print, from there on again.
    """
    centres = np.array([(f.box.x + f.box.width / 2, f.box.y + f.box.height / 2) for f in form.fields])
    shifts = shifts_of(what)
    seen: list[tuple[float, Matrix]] = []

    def look(place: Matrix) -> float | None:
        """What supports a place; None where that was looked at before."""
        place = page.settled(place, what)
        if any(_same(place, other, centres) for _, other in seen):
            return None
        seen.append((page.support(place, what), place))
        return seen[-1][0]

    for place in places:
        look(place)
    for start in sorted(seen, key=lambda s: -s[0])[:LOOKED_AROUND]:
        best, place = start
        for _ in range(CLIMBS):
            around = [s for shift in shifts if (s := look(place @ shift)) is not None]
            if not around or max(around) <= best:
                break
            best, place = max(seen[-len(around) :], key=lambda s: s[0])
    most = max(s for s, _ in seen)
    # of equals the likeliest is first, which was looked at first
    return [(s, p) for s, p in sorted(seen, key=lambda s: -round(s[0])) if s > most - MARGIN]


def shifts_of(what: Print) -> list[Matrix]:
    """Shifts along one axis, mm -> mm, that bring much of the form's print onto other print of the form."""
    votes: Counter[tuple[int, float]] = Counter()
    for spans, along in ((what.level, 0), (what.upright, 1)):
        for axis, moved in ((along, (0, 1, 1)), (1 - along, (1, 0, 0))):
            votes.update((axis, d) for d in _moves(spans, np.array(moved)))
    least = ALIKE * what.pieces
    likely = [(axis, d) for (axis, d), n in sorted(votes.items(), key=lambda v: (-v[1], v[0])) if n >= least]
    return [_shift(axis, sign * d) for axis, d in likely[:MOST_SHIFTS] for sign in (1, -1)]


def _moves(spans: Spans, moved: Points) -> list[float]:
    """For each pair of pieces of which one is the other moved along `moved`, how far, in half mm."""
    first, second = np.triu_indices(len(spans), 1)
    apart = spans[second] - spans[first]
    far = apart[:, moved.argmax()]
    fits = np.abs(apart - far[:, None] * moved).max(axis=1) < 0.5
    return [round(abs(d) * 2) / 2 for d in far[fits].tolist() if abs(d) > SAME_MM]


def _shift(axis: int, by: float) -> Matrix:
    shift = np.eye(3)
    shift[axis, 2] = by
    return shift


def _same(a: Matrix, b: Matrix, centres: Points) -> bool:
    """Whether two placements put every field at the same place."""
    back = apply(np.asarray(np.linalg.inv(b), np.float64), apply(a, centres))
    return bool(np.hypot(*(back - centres).T).max() < SAME_MM)
