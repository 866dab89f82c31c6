"""Lines that run on across a page: dirt on a scanner's glass, creases.

In a cell that such a line crosses it looks like a 1, and far from it no pen runs on so straight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Box, Image, Matrix
from digitscan.vision.cleaning import components
from digitscan.vision.edges import Edge
from digitscan.vision.reduction import reduced
from digitscan.vision.transforms import apply

Lines = NDArray[np.float64]
"""(n, 4): x and y of one end, x and y of the other, px."""

FINE = 5.0  # px/mm in which they are looked for, at least
LEAST_PART = 0.3  # of the page's length: more than most tables have
BEYOND_MM = 1.0  # it runs on beyond a field
WIDEST_MM = 1.6
LEAST_ROWS = 10
STEP_MM = 2.0  # along a line its pixels are taken together,
SAMPLES = 4  # and not all of them
GAP_STEPS = 2  # in which it may be hidden by what is written
CONTRAST, LEAST_GREY = 0.08, 8  # of the paper's brightness, and grey levels
STEEPEST = 0.1  # across its length: a page that was set level afterwards
WHOLE = 0.9  # of a line is dark
ASIDE = 2  # px from the middle of a line
NEAR_MM = 0.3  # its pixels lie so far from its middle, others beside it farther
AT_EDGE_MM = 0.4  # from the edge of a cell: there it is taken for the printed rule and goes with it


def find_streaks(image: Image, per_mm: float) -> Lines:
    """Thin dark lines, nearly upright or level, longer than `LEAST_PART` of the page; some are printed.

    image: grey, height x width. per_mm: about how many px a mm has.
    """
    small, scale = reduced(image, per_mm / FINE)
    upright, level = (_upright(part, per_mm * scale) for part in (small, small.T))
    return np.concatenate([upright, level[:, [1, 0, 3, 2]]]) / scale


def across(
    streaks: Lines,
    to_page: Sequence[Matrix],
    sizes: Sequence[tuple[int, int]],
    cells: Sequence[Sequence[Box]],
    scale: float,
) -> list[tuple[list[Edge], list[Edge]]]:
    """Of each crop the upright and the level ones that cross it, but for those along the edges of its cells.

    to_page: 3x3, crop px -> page px. sizes: width and height of crops, px. cells: crop px. scale: px/mm.
    """
    found: list[tuple[list[Edge], list[Edge]]] = [([], []) for _ in cells]
    if len(streaks) == 0 or not found:
        return found
    to_crops = np.asarray(np.linalg.inv(np.array(to_page)), np.float64)
    ends = apply(to_crops, streaks.reshape(-1, 2)).reshape(len(cells), len(streaks), 2, 2)
    fields = np.array([_around(own) for own in cells])[:, None]
    runs = np.abs(ends[:, :, 1] - ends[:, :, 0])
    level = runs[..., 0] > runs[..., 1]
    # level ones as if they and their fields were turned
    ends, fields = (np.where(level[..., None, None], each[..., ::-1], each) for each in (ends, fields))
    place, along = ends[..., 0], ends[..., 1]
    (low, first), (high, last) = np.moveaxis(fields, (2, 3), (0, 1))
    first, last = first - BEYOND_MM * scale, last + BEYOND_MM * scale
    # others end in the field, or do not reach it
    through = (along.min(axis=2) <= first) & (along.max(axis=2) >= last)
    part = ((first + last) / 2 - along[..., 0]) / (along[..., 1] - along[..., 0])
    at = place[..., 0] + part * (place[..., 1] - place[..., 0])
    for i, k in np.argwhere(through & (low < at) & (at < high)).tolist():
        x, axis = float(at[i, k]), int(level[i, k])
        edges = (edge for cell in cells[i] for edge in (cell[axis], cell[axis] + cell[2 + axis]))
        if min(abs(x - edge) for edge in edges) > AT_EDGE_MM * scale:
            found[i][axis].append((round(x), 0, sizes[i][1 - axis]))
    return found


def _around(cells: Sequence[Box]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The upper left and the lower right corner of cells."""
    return (
        (min(c.x for c in cells), min(c.y for c in cells)),
        (max(c.x + c.width for c in cells), max(c.y + c.height for c in cells)),
    )


def _upright(image: Image, per_mm: float) -> Lines:
    every = max(1, round(STEP_MM * per_mm / SAMPLES))
    step, thick = every * SAMPLES, max(3, round(WIDEST_MM * per_mm) | 1)
    rows, width = len(image) // step, image.shape[1]
    least = max(LEAST_ROWS, LEAST_PART * rows)
    if rows < least or width <= 2 * ASIDE:
        return np.zeros((0, 4))
    # the mean over a step leaves a line as dark as it is, and hardly anything of what is written
    sampled = _every(image[: rows * step], every)
    small = np.asarray(cv2.resize(sampled, (width, rows), interpolation=cv2.INTER_AREA), np.uint8)
    few = np.ones((GAP_STEPS + 1, 1), np.uint8)
    paper = cv2.dilate(cv2.blur(small, (8 * thick | 1, 1)), few)  # of a step with a level rule, beside it
    hat = cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, np.ones((1, thick), np.uint8))
    step_down = np.maximum(CONTRAST * paper, LEAST_GREY)
    light, dark = paper - step_down, np.asarray(hat > step_down).astype(np.uint8)
    joined = cv2.morphologyEx(cv2.morphologyEx(dark, cv2.MORPH_CLOSE, few), cv2.MORPH_OPEN, few)
    labels, stats = components(np.asarray(joined, np.uint8))
    found = []
    for label in (np.flatnonzero(stats[1:, cv2.CC_STAT_HEIGHT] >= least) + 1).tolist():
        left, top, w, h = stats[label, :4].tolist()
        y, x = np.nonzero(labels[top : top + h, left : left + w] == label)
        slant, start = _fitted((y + top + 0.5) * step, x + left + 0.5, NEAR_MM * per_mm)
        if abs(slant) > STEEPEST:
            continue
        # what stands in line, as 1s in rows do, shows paper in between
        samples = np.arange(top * SAMPLES, (top + h) * SAMPLES)
        on = np.rint(slant * (samples + 0.5) * every + start - 0.5).astype(int)
        on = np.clip(on, ASIDE, width - 1 - ASIDE)
        seen = np.minimum.reduce([sampled[samples, on + k] for k in range(-ASIDE, ASIDE + 1)])
        if (seen < light[samples // SAMPLES, on]).mean() >= WHOLE:
            found.append([v for end in (top * step, (top + h) * step) for v in (slant * end + start, end)])
    return np.array(found, np.float64).reshape(-1, 4)


def _every(image: Image, few: int) -> Image:
    """Every few rows."""
    if image.flags.c_contiguous:
        return np.ascontiguousarray(image[::few])
    # of a turned picture: many times as fast as copying its rows
    return np.asarray(cv2.transpose(np.ascontiguousarray(image.T[:, ::few])), np.uint8)


def _fitted(y: NDArray[np.float64], x: NDArray[np.float64], near: float) -> tuple[float, float]:
    """Slant and start of the line x = slant * y + start on which most lies: what meets it is outvoted."""
    points = np.column_stack([x, y]).astype(np.float32)
    across, down, x0, y0 = cv2.fitLine(points, cv2.DIST_WELSCH, near, 0.01, 0.01).ravel().tolist()
    slant = across / down if down else math.inf
    return slant, x0 - slant * y0
