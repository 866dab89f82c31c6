"""A scan with the form drawn on it: frame, fields, cells, and what was read."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digitscan.records import Box, FieldReading, Image, Matrix
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.transforms import apply

FRAME = (200, 120, 0)
CELL = (60, 160, 0)
ACCEPTED = (60, 110, 0)
REVIEW = (0, 0, 220)


def draw_preview(registered: RegisteredPage, readings: Sequence[FieldReading]) -> Image:
    """The page turned upright with the form over it; uint8, height x width x 3, BGR.

    Accepted values stand in green above their field, values for review in red with a `?`.
    """
    image = registered.page.image
    quarters = registered.rotation // 90
    upright = np.ascontiguousarray(np.rot90(image, -quarters))
    canvas = np.asarray(cv2.cvtColor(upright, cv2.COLOR_GRAY2BGR), np.uint8)
    turn = _quarter_turns(quarters, image.shape[1], image.shape[0])
    width, height = registered.form.page.size
    thick = max(1, round(max(upright.shape) / 1800))
    _outline(canvas, turn @ registered.transform, Box(0, 0, width, height), FRAME, thick)
    for field, placement, reading in zip(
        registered.form.fields, registered.placements, readings, strict=True
    ):
        to_canvas = turn @ placement
        accepted = reading.status == "accepted"
        for cell in field.cells:
            _outline(canvas, to_canvas, cell, CELL, 1)
        _outline(canvas, to_canvas, field.box, ACCEPTED if accepted else REVIEW, thick)
        corner = apply(to_canvas, np.array([(field.box.x, field.box.y)]))[0]
        at = (round(float(corner[0])), round(float(corner[1])) - 2 * thick)
        text = reading.raw if accepted else f"{reading.raw} ?"
        colour = ACCEPTED if accepted else REVIEW
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thick, colour, thick, cv2.LINE_AA)
    return canvas


def _outline(canvas: Image, to_canvas: Matrix, box: Box, colour: tuple[int, int, int], thick: int) -> None:
    x, y, w, h = box
    corners = apply(to_canvas, np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float64))
    cv2.polylines(canvas, [np.round(corners * 8).astype(np.int32)], True, colour, thick, cv2.LINE_AA, 3)


def _quarter_turns(quarters: int, width: int, height: int) -> Matrix:
    """3x3 that turns page px clockwise by quarters of a circle, as `np.rot90` turns the picture."""
    turn = np.eye(3)
    for _ in range(quarters):
        turn = np.array([[0, -1, height], [1, 0, 0], [0, 0, 1.0]]) @ turn
        width, height = height, width
    return turn
