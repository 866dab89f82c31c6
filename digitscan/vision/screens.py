"""Fields on a grey or coloured ground, or white ones in it: both are made equally light.

Forms shade what the office fills in, or all but what is to be filled in. At the end of a ground the brightest
paper near a pixel is not the pixel's own, and the ground would pass for ink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.forms import Form
from digitscan.records import Box, Image, Matrix
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.transforms import Points, apply

GROUND = (0.4, 0.9)  # as light as the paper beside it: darker is print, lighter does no harm
EDGE_MM = 0.8  # to both sides of a field's edge: a ground may end anywhere there
BESIDE_MM = (1.2, 1.8, 2.4)  # from a field is looked how light it is beside it
INSIDE = (24, 7)  # places in a field, across and down, where the same is looked
FEWEST, ALL_AROUND = (
    20,
    130,
)  # of such places: that tell how light it is; of those beside, that are all around
PAPER = 75  # percentile of grey: writing covers less than a quarter
FARTHER_MM = 9.0  # from a field at most its neighbourhood matters


def levelled(registered: RegisteredPage) -> RegisteredPage:
    """The page with each ground in fields, or around them, as light as the paper beside it.

    The same where no field lies on other ground than what is around it.
    """
    image, form, placements = registered.page.image, registered.form, registered.placements
    inside, beside = _lightness(registered)
    alone = np.array([len(places) >= ALL_AROUND for _, places in _places(form)])
    shaded, framed = _is_ground(inside / beside), alone & _is_ground(beside / inside)
    if not (shaded | framed).any():
        return registered
    of_fields = np.zeros(image.shape, np.uint8)
    for field, placement in zip(form.fields, placements, strict=True):
        cv2.fillConvexPoly(of_fields, _outline(field.box, -EDGE_MM, placement), 1)
    level = image.copy()
    for i in np.flatnonzero(shaded | framed).tolist():
        grown = EDGE_MM if shaded[i] else FARTHER_MM
        outline = _outline(form.fields[i].box, grown, placements[i])
        x, y, w, h = _within(cv2.boundingRect(outline), image)
        mask = cv2.fillConvexPoly(np.zeros((h, w), np.uint8), outline - (x, y), 1) > 0
        if framed[i]:
            mask &= of_fields[y : y + h, x : x + w] == 0
        light, dark = max(inside[i], beside[i]), min(inside[i], beside[i])
        part = image[y : y + h, x : x + w]
        lighter = np.minimum(part * np.float32(light / dark), light).astype(np.uint8)
        target = level[y : y + h, x : x + w]
        np.maximum(target, lighter, out=target, where=mask)
    return replace(registered, page=replace(registered.page, image=level))


def _is_ground(lightness: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((lightness > GROUND[0]) & (lightness < GROUND[1]), np.bool_)


def _lightness(registered: RegisteredPage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How light, 0-255, the paper is in each field, and around it; nan where that is not to be seen."""
    image = registered.page.image
    told = [
        (_percentile(image, apply(placement, inside)), _percentile(image, apply(placement, beside)))
        for placement, (inside, beside) in zip(registered.placements, _places(registered.form), strict=True)
    ]
    inside, beside = np.array(told).reshape(-1, 2).T
    return inside, beside


def _percentile(image: Image, points: Points) -> float:
    height, width = image.shape
    x, y = np.floor(points).astype(np.int64).T
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if np.count_nonzero(seen) < FEWEST:
        return np.nan
    values = np.sort(image[y[seen], x[seen]])
    return float(max(values[len(values) * PAPER // 100], 1))


@lru_cache(maxsize=64)
def _places(form: Form) -> tuple[tuple[Points, Points], ...]:
    """Where each field shows how light it is, and where it is beside it and in no other; form mm."""
    boxes = np.array([field.box for field in form.fields], np.float64)
    low, high = boxes[:, :2] - EDGE_MM, boxes[:, :2] + boxes[:, 2:] + EDGE_MM
    places = []
    for x, y, width, height in boxes.tolist():
        rim = min(EDGE_MM, width / 3, height / 3)
        across, down = (
            np.linspace(start + rim, start + length - rim, count)
            for start, length, count in zip((x, y), (width, height), INSIDE, strict=True)
        )
        inside = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        around = np.concatenate([_rim(x, y, width, height, by) for by in BESIDE_MM])
        taken = np.all((around[:, None] > low) & (around[:, None] < high), axis=2)
        places.append((inside, around[~np.any(taken, axis=1)]))
    return tuple(places)


def _rim(x: float, y: float, width: float, height: float, by: float) -> Points:
    """Places all around a box, so far from it."""
    left, top, right, bottom = x - by, y - by, x + width + by, y + height + by
    across, down = np.linspace(left, right, 24), np.linspace(top, bottom, 12)
    return np.concatenate(
        [np.column_stack([across, np.full(24, v)]) for v in (top, bottom)]
        + [np.column_stack([np.full(12, v), down]) for v in (left, right)]
    )


def _outline(box: Box, grow: float, placement: Matrix) -> NDArray[np.int32]:
    """The corners of a box grown to all sides, page px."""
    x, y, right, bottom = box.x - grow, box.y - grow, box.x + box.width + grow, box.y + box.height + grow
    corners = apply(placement, np.array([(x, y), (right, y), (right, bottom), (x, bottom)]))
    return np.round(corners).astype(np.int32)


def _within(rectangle: Sequence[int], image: Image) -> tuple[int, int, int, int]:
    """The part of a rectangle, x, y, width, height, that is in the picture."""
    x, y, w, h = rectangle
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + w, image.shape[1]), min(y + h, image.shape[0])
    return left, top, max(right - left, 0), max(bottom - top, 0)
