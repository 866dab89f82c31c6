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

GROUND = (0.28, 0.9)  # as light as the paper beside it: darker is print, lighter does no harm
EDGE_MM = 0.8  # to both sides of a field's edge: a ground may end anywhere there
STEP_MM = 0.1  # in which its end is looked for,
ALONG = 40  # places along the edge,
BRIGHT = 0.8  # quantile of their grey: writing covers less than a fifth
BLUR_MM = 0.25  # over which a ground ends
EVEN = 0.15  # of a field's lightness: so much its cells may differ
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
    for i in np.flatnonzero(shaded | framed).tolist():
        if not _is_even(image, form.fields[i], placements[i], inside[i]):
            shaded[i] = framed[i] = False
    if not (shaded | framed).any():
        return registered
    level, white = image.copy(), _white(registered, inside, beside, framed)
    for i in np.flatnonzero(shaded | framed).tolist():
        field, placement = form.fields[i], placements[i]
        light, dark = max(inside[i], beside[i]), min(inside[i], beside[i])
        around = _outline(field.box, FARTHER_MM if framed[i] else EDGE_MM, placement)
        x, y, w, h = _within(cv2.boundingRect(around), image)
        part = slice(y, y + h), slice(x, x + w)
        if framed[i]:
            ground = _filled([around], (x, y, w, h)) & ~white[part]
        else:
            middle, boxes = (light + dark) / 2, _touching(field)
            ends = [_bounded(image, box, placement, middle, outwards=True) for box in boxes]
            ground = _filled([_outline(box, BLUR_MM, placement) for box in ends], (x, y, w, h))
        lighter = np.minimum(image[part] * np.float32(light / dark), light).astype(np.uint8)
        np.maximum(level[part], lighter, out=level[part], where=ground)
    return replace(registered, page=replace(registered.page, image=level))


def _white(
    registered: RegisteredPage,
    inside: NDArray[np.float64],
    beside: NDArray[np.float64],
    framed: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Where on the page the cells of all fields are, if around some there is a ground."""
    image, form = registered.page.image, registered.form
    if not framed.any():
        return np.zeros(image.shape, np.bool_)
    dark = float(np.median((beside / inside)[framed]))
    outlines = [
        _outline(_bounded(image, box, placement, paper * (1 + dark) / 2, outwards=False), -BLUR_MM, placement)
        for field, placement, paper in zip(form.fields, registered.placements, inside.tolist(), strict=True)
        for box in _touching(field)
    ]
    return _filled(outlines, (0, 0, *image.shape[::-1]))


def _bounded(image: Image, box: Box, placement: Matrix, between: float, *, outwards: bool) -> Box:
    """A box, mm, with each side where the ground ends that is darker than `between`, near the box's own.

    outwards: the ground is in the box, and followed outwards; or else it is around it, and followed inwards.
    Where it ends farther in than that, or does not come as near, the side lies there.
    """
    rim = min(EDGE_MM, box.width / 3, box.height / 3)
    across = np.linspace(-rim, rim, 2 * round(rim / STEP_MM) + 1)
    along = np.linspace(0.1, 0.9, ALONG)
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    ends = []
    for start, stop, out in (
        ((x, y), (x, bottom), (-1, 0)),
        ((x, y), (right, y), (0, -1)),
        ((right, y), (right, bottom), (1, 0)),
        ((x, bottom), (right, bottom), (0, 1)),
    ):
        side = np.array(start) + along[:, None] * (np.array(stop) - start)
        places = side + across[:, None, None] * np.array(out)
        grey = np.quantile(_grey(image, placement, places), BRIGHT, axis=1)
        ground = grey < between if outwards else grey[::-1] < between
        steps = int(np.argmin(np.append(ground, False)))
        ends.append(float(across[max(steps - 1, 0)] if outwards else across[::-1][max(steps - 1, 0)]))
    left, above, beyond, below = ends
    return Box(x - left, y - above, box.width + left + beyond, box.height + above + below)


def _is_even(image: Image, field: FormField, placement: Matrix, paper: float) -> bool:
    """Whether the paper of all cells of a field is about as light as that of the field."""
    cells = np.array(field.cells or (field.box,), np.float64)
    places = _spread(cells, -np.minimum(EDGE_MM, cells[:, 2:].min(axis=1) / 3), INSIDE)
    lightness = np.quantile(_grey(image, placement, places), PAPER, axis=1) / paper
    return bool(lightness.min() > 1 - EVEN and lightness.max() < 1 + EVEN)


def _grey(image: Image, placement: Matrix, places: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The grey at places, form mm, ... x 2; beyond the picture that of its edge."""
    x, y = np.floor(apply(placement, places.reshape(-1, 2))).astype(np.int64).T
    height, width = image.shape
    grey = image[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.asarray(grey.reshape(places.shape[:-1]), np.uint8)


def _filled(outlines: Sequence[NDArray[np.int32]], part: Sequence[int]) -> NDArray[np.bool_]:
    """Where in a part of the page, x, y, width, height, is within the outlines."""
    x, y, width, height = part
    mask = np.zeros((height, width), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, outline - np.array((x, y), np.int32), 1)
    return mask > 0


def _is_ground(lightness: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((lightness > GROUND[0]) & (lightness < GROUND[1]), np.bool_)


def _lightness(registered: RegisteredPage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How light, 0-255, the paper is in each field, and around it; nan where that is not to be seen."""
    image, (places, free) = registered.page.image, _places(registered.form)
    moved = apply(np.array(registered.placements, np.float64), places)
    x, y = np.moveaxis(np.floor(moved).astype(np.int64), 2, 0)
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
    free = np.ones((len(boxes), len(INSIDE) + around.shape[1]), np.bool_)
    for own, is_free in zip(around, free[:, len(INSIDE) :], strict=True):
        near = np.all((low < own.max(axis=0)) & (high > own.min(axis=0)), axis=1)
        is_free[:] = ~np.all((own[:, None] > low[near]) & (own[:, None] < high[near]), axis=2).any(axis=1)
    return np.concatenate([inside, around], axis=1), free


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
