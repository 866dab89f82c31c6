"""Tables that may lie a row off: a row is not where it should be, and all others are.

So it looks where a feeder swallowed a row, a sheet lies over another, or an edition has a row more on top or
a heading within: each row has a box then, only not its own. A slip of paper over a row looks so too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box

ROWS = 4  # of a table, at least
EVEN_MM = 0.5  # by which the pitch of its rows may vary
LOST = 0.7  # of a row more is missing: of three fields all, since two may be by chance in a rough fax;
FOUND = 0.8  # and of all others more is found
MOST = 0.5  # of the rows: where more are missing, little is left to be a row off
WIDE = 3  # fields side by side: of a narrower table a blot hides a row; only one at an end tells


def row_missing(
    boxes: Sequence[Box], found: NDArray[np.bool_], there: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of each field whether it is in a table of which a row is missing, or a few.

    boxes: of the fields, mm. found: whether a field's printed box was; there: whether it is in the picture.
    """
    off = np.zeros(len(boxes), np.bool_)
    for table in _tables(boxes):
        lost = (there[table] & ~found[table]).mean(axis=0) > LOST
        told = lost.mean() <= MOST if len(table) >= WIDE else lost.sum() == 1 and lost[[0, -1]].any()
        if lost.any() and told and found[table[:, ~lost]].mean() > FOUND:
            off[table] = True
    return off


def _tables(boxes: Sequence[Box]) -> list[NDArray[np.int64]]:
    """Of each table columns x rows of fields, which stand over each other at one pitch."""
    columns = defaultdict[tuple[float, float], list[int]](list)
    for index, box in enumerate(boxes):
        columns[round(box.x, 1), round(box.width, 1)].append(index)
    tables: list[list[list[int]]] = []
    for column in columns.values():
        for run in _even(sorted(column, key=lambda i: boxes[i].y), boxes):
            beside = [table for table in tables if _is_beside(run, table[0], boxes)]
            if beside:
                beside[0].append(run)
            else:
                tables.append([run])
    return [np.array(table) for table in tables]


def _is_beside(one: list[int], other: list[int], boxes: Sequence[Box]) -> bool:
    """Whether two columns have the same rows: open boxes are often a little higher than cells."""
    ends = [(boxes[one[k]], boxes[other[k]]) for k in (0, -1)]
    return len(one) == len(other) and all(abs(a.y - b.y) < min(a.height, b.height) / 2 for a, b in ends)


def _even(column: list[int], boxes: Sequence[Box]) -> list[list[int]]:
    """The parts of a column, from top to bottom, in which the pitch is the same, if they have rows enough."""
    runs, pitch = [column[:1]], None
    for above, below in pairwise(column):
        apart = boxes[below].y - boxes[above].y
        if pitch is not None and abs(apart - pitch) > EVEN_MM:
            runs.append([above])
        runs[-1].append(below)
        pitch = apart
    return [run for run in runs if len(run) >= ROWS]
