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

from digitscan.forms import Form, FormField
from digitscan.records import Box, Image, Matrix
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.transforms import Points, apply

GROUND = (0.4, 0.9)  # as light as the paper beside it: darker is print, lighter does no harm
EDGE_MM = 0.8  # to both sides of a field's edge: a ground may end anywhere there
BESIDE_MM = (1.2, 1.8, 2.4)  # from a field is looked how light it is beside it
INSIDE = np.stack(np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 5)), axis=-1).reshape(-1, 2)
AROUND = np.concatenate([INSIDE[:16], INSIDE[-16:], INSIDE[::16], INSIDE[15::16]])
"""Parts of a box, across and down, where is looked in a field, and on the way around one."""
FEWEST = 15  # places that tell how light it is
ALL_AROUND = 75  # of those beside a field, that lie on all its sides
PAPER = 0.75  # quantile of grey: writing covers less than a quarter
TOUCHING_MM = 0.2  # between two cells there is a rule and no ground
FARTHER_MM = 9.0  # from a field at most its neighbourhood matters


def levelled(registered: RegisteredPage) -> RegisteredPage:
    """The page with each ground in fields, or around them, as light as the paper beside it.

    The same where no field lies on other ground than what is around it.
    """
    image, form, placements = registered.page.image, registered.form, registered.placements
    inside, beside = _lightness(registered)
    alone = np.count_nonzero(_places(form)[1][:, len(INSIDE) :], axis=1) >= ALL_AROUND
    shaded, framed = _is_ground(inside / beside), alone & _is_ground(beside / inside)
    if not (shaded | framed).any():
        return registered
    written_in = np.zeros(image.shape, np.uint8)
    for field, placement in zip(form.fields, placements, strict=True):
        for box in _touching(field):
            cv2.fillConvexPoly(written_in, _outline(box, -EDGE_MM, placement), 1)
    level = image.copy()
    for i in np.flatnonzero(shaded | framed).tolist():
        grown = EDGE_MM if shaded[i] else FARTHER_MM
        outline = _outline(form.fields[i].box, grown, placements[i])
        x, y, w, h = _within(cv2.boundingRect(outline), image)
        mask = cv2.fillConvexPoly(np.zeros((h, w), np.uint8), outline - np.array((x, y), np.int32), 1) > 0
        if framed[i]:
            mask &= written_in[y : y + h, x : x + w] == 0
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
    image, (places, free) = registered.page.image, _places(registered.form)
    points = np.pad(places, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    moved = points @ np.array(registered.placements, np.float64).transpose(0, 2, 1)
    x, y = np.moveaxis(np.floor(moved[..., :2] / moved[..., 2:]).astype(np.int64), 2, 0)
    seen = free & (x >= 0) & (x < image.shape[1]) & (y >= 0) & (y < image.shape[0])
    grey = np.where(seen, image[np.where(seen, y, 0), np.where(seen, x, 0)], np.uint8(255))
    inside, beside = slice(len(INSIDE)), slice(len(INSIDE), None)
    return _paper(grey[:, inside], seen[:, inside]), _paper(grey[:, beside], seen[:, beside])


def _paper(grey: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each row the grey of the paper; nan where little is seen. What is not is 255."""
    count = np.count_nonzero(seen, axis=1)
    ordered = np.sort(grey, axis=1)
    paper = ordered[np.arange(len(grey)), (count * PAPER).astype(np.int64)]
    return np.where(count < FEWEST, np.nan, np.maximum(paper, 1).astype(np.float64))


@lru_cache(maxsize=64)
def _places(form: Form) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where each field shows how light it is, and, behind these, where it is beside it; form mm, fields x
    places x 2. And which of them are in no other field.
    """
    boxes = np.array([field.box for field in form.fields], np.float64)
    rim = np.minimum(EDGE_MM, boxes[:, 2:].min(axis=1) / 3)
    inside = _spread(boxes, -rim, INSIDE)
    around = np.concatenate([_spread(boxes, np.full(len(boxes), by), AROUND) for by in BESIDE_MM], axis=1)
    low, high = boxes[:, :2] - EDGE_MM, boxes[:, :2] + boxes[:, 2:] + EDGE_MM
    taken = np.all((around[:, :, None] > low) & (around[:, :, None] < high), axis=3).any(axis=2)
    return np.concatenate([inside, around], axis=1), np.pad(
        ~taken, ((0, 0), (len(INSIDE), 0)), constant_values=True
    )


def _spread(boxes: NDArray[np.float64], grow: NDArray[np.float64], parts: Points) -> NDArray[np.float64]:
    """Points at these parts, across and down, of boxes grown to all sides; boxes x points x 2."""
    corners, sizes = boxes[:, :2] - grow[:, None], boxes[:, 2:] + 2 * grow[:, None]
    return np.asarray(corners[:, None] + parts * sizes[:, None], np.float64)


def _touching(field: FormField) -> list[Box]:
    """Boxes around a field's cells, those that touch in one."""
    boxes: list[Box] = []
    for cell in field.cells or (field.box,):
        if boxes and abs(boxes[-1].x + boxes[-1].width - cell.x) < TOUCHING_MM:
            boxes[-1] = boxes[-1]._replace(width=cell.x + cell.width - boxes[-1].x)
        else:
            boxes.append(cell)
    return boxes


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
