"""Take out the lines that fill the rest of an open box, so that nobody adds a digit.

A filler is level and thin, stands before or after the number, alone above and below, is longer than any
stroke of a digit, and fills most of the room there: a shorter one is a minus. It may touch the first or last
digit. A line that runs on through the digits strikes them out: it stays, and with it the doubt.
"""

from __future__ import annotations

import cv2
import numpy as np

from digitscan.records import Box, Ink

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
    """The ink without the filler that is the first ink in the box from the left."""
    inner = 0.1 * box.height  # rests of rules lie along the edge
    top, bottom = max(0, round(box.y + inner)), round(box.y + box.height - inner)
    inside = ink[top:bottom]
    count = inside.sum(axis=0)
    edge = max(0, round(box.x))
    inked = np.flatnonzero(count[edge : round(box.x + box.width)])
    if len(inked) == 0:
        return ink
    first, last = inside.argmax(axis=0), len(inside) - 1 - inside[::-1].argmax(axis=0)
    thin = (count > 0) & (last - first + 1 == count) & (count <= THICKEST * stroke)
    begin = start = edge + int(inked[0])
    goes_on = np.zeros(len(thin), np.bool_)  # from the column before
    goes_on[1:] = thin[1:] & thin[:-1] & (first[1:] <= last[:-1] + 1) & (last[1:] >= first[:-1] - 1)
    while goes_on[start]:
        start -= 1  # it may begin beside the box
    column = begin + int(thin[begin])
    while column < len(goes_on) and goes_on[column]:
        column += 1
    length = column - begin
    # what fills less of the room before the number than it leaves is a minus
    if length < SHORTEST * box.height or begin - edge > length:
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
