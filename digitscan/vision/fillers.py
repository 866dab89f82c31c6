"""Take out the lines that fill the rest of an open box, so that nobody adds a digit.

A filler is level and thin, stands before or after the number, alone above and below, and is longer than
any stroke of a digit. It may touch the first or last digit. A line that runs on through the digits strikes
them out: it stays, and with it the doubt.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box

Ink = NDArray[np.bool_]

SHORTEST = 0.5  # of the box's height
THICKEST = 2.0  # strokes
STEEPEST = 0.15
THROUGH = 0.75  # of the box's height: as far as this, no stroke of a digit goes on level from a filler
REST = 0.3  # of the box's height: what is left of a filler's own ink is no larger


def remove_fillers(ink: Ink, box: Box, stroke: float) -> Ink:
    """The ink without a filler before and one after the number.

    ink: height x width, printed rules gone. box: in its px. stroke: the pen's usual width, px.
    """
    after_left = _without_first(ink, box, stroke)
    mirrored = Box(ink.shape[1] - box.x - box.width, *box[1:])
    return _without_first(after_left[:, ::-1], mirrored, stroke)[:, ::-1]


def _without_first(ink: Ink, box: Box, stroke: float) -> Ink:
    """The ink without the filler that is the first ink from the left."""
    inner = 0.1 * box.height  # rests of rules lie along the edge
    top, bottom = max(0, round(box.y + inner)), round(box.y + box.height - inner)
    inside = ink[top:bottom]
    count = inside.sum(axis=0)
    inked = np.flatnonzero(count)
    if len(inked) == 0:
        return ink
    first, last = inside.argmax(axis=0), len(inside) - 1 - inside[::-1].argmax(axis=0)
    thin = (count > 0) & (last - first + 1 == count) & (count <= THICKEST * stroke)
    start = int(inked[0])
    column = start
    while column < ink.shape[1] and thin[column] and _goes_on(first, last, start, column):
        column += 1
    length = column - start
    if length < SHORTEST * box.height:
        return ink
    x = np.arange(start, column)
    middle = (first[start:column] + last[start:column]) / 2
    slope, height = np.polyfit(x, middle, 1)
    if abs(slope) > STEEPEST or np.abs(middle - slope * x - height).max() > THICKEST * stroke:
        return ink
    ahead = np.arange(column, min(ink.shape[1], column + round(THROUGH * box.height)))
    rows = np.clip(np.rint(slope * ahead + height), 0, len(inside) - 1).astype(int)
    if len(ahead) and inside[rows, ahead].mean() > 0.9:
        return ink
    left = ink.copy()
    for c in range(start, column):
        left[top + first[c] : top + last[c] + 1, c] = False
    if _is_bar(left, top + int(first[column - 1]), column, stroke, REST * box.height):
        return ink
    return _without_rests(ink, left, (top + int(first[start]), start), REST * box.height)


def _goes_on(first: NDArray[np.int64], last: NDArray[np.int64], start: int, column: int) -> bool:
    """Whether a column's ink touches that of the column before."""
    return column == start or (
        first[column] <= last[column - 1] + 1 and last[column] >= first[column - 1] - 1
    )


def _is_bar(rest: Ink, row: int, column: int, stroke: float, least: float) -> bool:
    """Whether what a filler touches at its end, from `row` down, hangs from it as the stem of a 7 does.

    least: px that a stem is high.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest.astype(np.uint8), connectivity=8)
    touched = labels[max(row - 1, 0) : row + round(THICKEST * stroke), column : column + 1]
    own = stats[touched[touched > 0]]
    stems = own[own[:, cv2.CC_STAT_HEIGHT] > least, cv2.CC_STAT_TOP]
    return bool(len(stems)) and bool(stems.min() > row - stroke)


def _without_rests(before: Ink, after: Ink, at: tuple[int, int], size: float) -> Ink:
    """What hung on the filler, and is small now that it is gone, goes too."""
    _, whole = cv2.connectedComponents(before.astype(np.uint8), connectivity=8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(after.astype(np.uint8), connectivity=8)
    own = np.unique(labels[(whole == whole[at]) & after])
    longest = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    return after & ~np.isin(labels, own[longest[own] < size])
