"""What people are shown of a page: a field with its surroundings, and the page itself; upright, as JPEG.

JPEG, because it is made in a fifth of a millisecond a field, where WebP of half the size takes four.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from digitscan.records import Box, Corners, Image, PageResult
from digitscan.vision.placement import cut
from digitscan.vision.reduction import reduced

FIELD_HEIGHT = 64  # px, at most, of the field itself: digits are then as large as on the screen beside it
FIELD_WIDTH = 640  # px, at most
BESIDE, ABOVE = 1.4, 0.8  # of the field's height: what is shown around it
FIELD_QUALITY = 60
PAGE_LONG_SIDE = 850  # px: handwriting can just be read, and 1,000 pages make a file that opens at once
PAGE_QUALITY = 20


@dataclass(frozen=True, slots=True)
class Frame:
    """Size of a field's view, and where the field lies in it; px."""

    width: int
    height: int
    field: Box


def frame(corners: Corners) -> Frame:
    """The view of a field with these corners (page px): a function of them alone."""
    field_width, field_height = _size(corners)
    scale = min(1.0, FIELD_HEIGHT / field_height, FIELD_WIDTH / field_width)
    width, height = field_width * scale, field_height * scale
    beside, above = BESIDE * height, ABOVE * height
    return Frame(round(width + 2 * beside), round(height + 2 * above), Box(beside, above, width, height))


def with_views(result: PageResult, image: Image) -> PageResult:
    """The result with views of its fields in review, and, where there are any, of its page.

    They are taken while the page is in memory: it need not be read again, and may have been moved by the
    time that people look.
    """
    readings = tuple(
        replace(r, view=view_field(image, r.corners)) if r.status == "review" else r for r in result.readings
    )
    seen = any(r.view for r in readings)
    return replace(result, readings=readings, view=view_page(image, result.rotation) if seen else b"")


def view_field(image: Image, corners: Corners) -> bytes:
    """JPEG of a field and its surroundings, `frame(corners)` large. image: grey page as scanned."""
    view = frame(corners)
    x, y, width, height = view.field
    inside = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)
    to_page = cv2.getPerspectiveTransform(inside, np.array(corners, np.float32))
    return encoded(cut(image, np.asarray(to_page, np.float64), (view.width, view.height)), FIELD_QUALITY)


def view_page(image: Image, rotation: int) -> bytes:
    """JPEG of a page turned upright. rotation: degrees clockwise, as of `PageResult`."""
    scale = min(1.0, PAGE_LONG_SIDE / max(image.shape))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    while max(image.shape) >= 2 * max(size):  # halving is ten times as quick
        image = reduced(image, 2)[0]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return encoded(np.asarray(np.rot90(small, -(rotation // 90)), np.uint8), PAGE_QUALITY)


def on_view(corners: Corners, rotation: int, size: tuple[int, int]) -> Box:
    """Where a field lies on its page's view, as shares of the view's width and height.

    size: width, height of the page as scanned, px.
    """
    points = np.array(corners, np.float64) / size
    for _ in range(rotation // 90 % 4):
        points = np.column_stack([1 - points[:, 1], points[:, 0]])
    left, top = np.clip(points.min(axis=0), 0, 1)
    right, bottom = np.clip(points.max(axis=0), 0, 1)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def _size(corners: Corners) -> tuple[float, float]:
    """Width and height of a field on the page, px, at least 1."""
    a, b, c, d = np.array(corners, np.float64)
    width = (np.linalg.norm(b - a) + np.linalg.norm(c - d)) / 2
    height = (np.linalg.norm(d - a) + np.linalg.norm(c - b)) / 2
    return max(float(width), 1.0), max(float(height), 1.0)


def encoded(image: Image, quality: int) -> bytes:
    """JPEG of a picture; quality: 0-100."""
    _, content = cv2.imencode(
        ".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    )
    return bytes(content)
