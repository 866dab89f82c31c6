"""Tables that may lie a row off: an end row is not where it should be, and all others are.

So it looks where a feeder swallowed a row, a sheet lies over another, or an edition has a row more on top:
each row has a box then, only not its own.
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
LOST, FOUND = 0.5, 0.8  # of an end row more is missing, and of all others more is found


def row_missing(
    boxes: Sequence[Box], found: NDArray[np.bool_], there: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of each field whether it is in a table of which the first row or the last is missing.

    boxes: of the fields, mm. found: whether a field's printed box was; there: whether it is in the picture.
    """
    off = np.zeros(len(boxes), np.bool_)
    for table in _tables(boxes):
        for end, others in ((table[:, 0], table[:, 1:]), (table[:, -1], table[:, :-1])):
            if (there[end] & ~found[end]).mean() > LOST and found[others].mean() > FOUND:
                off[table] = True
    return off


def _tables(boxes: Sequence[Box]) -> list[NDArray[np.int64]]:
    """Of each table columns x rows of fields, which stand over each other at one pitch."""
    columns = defaultdict[tuple[float, float], list[int]](list)
    for index, box in enumerate(boxes):
        columns[round(box.x, 1), round(box.width, 1)].append(index)
    tables = defaultdict[tuple[float, ...], list[list[int]]](list)
    for column in columns.values():
        for run in _even(sorted(column, key=lambda i: boxes[i].y), boxes):
            tables[tuple(round(boxes[i].y, 1) for i in run)].append(run)
    return [np.array(runs) for runs in tables.values()]


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
