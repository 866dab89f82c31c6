"""Pictures of what people decide, for the report and the server; none is a copy of a scan's own bytes.

Fields in review have views in the journal. All else is cut from the scan, as long as that is where it was
and what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from digitscan.batch.journal import Journal
from digitscan.errors import PageError
from digitscan.records import Box, Image, PageRef, PageResult
from digitscan.review.queue import Item
from digitscan.vision import pages, views

TILE = 64  # px, width and height of a glyph on a sheet
AROUND_GLYPH = 0.2  # of the glyph's longer side, on each side
SHEET_QUALITY = 70
PLAUSIBLE = (210.0, 297.0)  # mm; only tells a resolution from nonsense, which no view asks for
DRAWN_AT = 200.0  # dpi, for PDF pages that are no plain scans


def field_view(book: Journal, item: Item) -> bytes:
    """JPEG of a field and its surroundings; where the field lies in it, `views.frame(corners)` says.

    Raises:
        PageError: the field was accepted, and the scan is gone, changed or unreadable.
    """
    kept = book.view_of_field(*item.key[:2], item.reading.field)
    return kept or views.view_field(scan(item.page), item.reading.corners)


def page_view(book: Journal, page: PageResult) -> bytes:
    """JPEG of a page, upright; where a field lies on it, `views.on_view(corners, rotation, size)` says.

    Raises:
        PageError: all fields were accepted, and the scan is gone, changed or unreadable.
    """
    return book.view_of_page(page.ref.sha256, page.ref.page) or views.view_page(scan(page), page.rotation)


def glyph_sheet(glyphs: Sequence[tuple[PageResult, tuple[int, int, int, int]]], columns: int) -> bytes:
    """JPEG of glyphs side by side, row by row, each in a tile of `TILE` px, upright.

    glyphs: pages and boxes of digits on them (page px); fastest with those of a page together.

    Raises:
        PageError: a scan is gone, changed or unreadable.
    """
    rows = -(-len(glyphs) // columns)
    sheet = np.full((rows * TILE, columns * TILE), 255, np.uint8)
    for i, (page, box) in enumerate(glyphs):
        top, left = i // columns * TILE, i % columns * TILE
        tile = _tile(scan(page), Box(*box))
        sheet[top : top + TILE, left : left + TILE] = np.rot90(tile, -(page.rotation // 90))
    return views.encoded(sheet, SHEET_QUALITY)


def scan(page: PageResult) -> Image:
    """The page as it was read: grey, uint8, height x width, in page px.

    Raises:
        PageError: the file is gone, is not the one that was read, or cannot be read.
    """
    try:
        status = page.ref.path.lstat()
    except OSError:
        raise PageError("open", f"{page.ref.file} is not where it was read") from None
    stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
    if _hashed(page.ref.path, stamp) != page.ref.sha256:
        raise PageError("open", f"{page.ref.file} has changed since it was read")
    return _decoded(page.ref, page.size)


@lru_cache(maxsize=10_000)
def _hashed(path: Path, _stamp: tuple[int, ...]) -> str:
    with pages.open_file(path) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _decoded(ref: PageRef, size: tuple[int, int]) -> Image:
    image = pages.read_page(ref, resolution=DRAWN_AT, size=PLAUSIBLE).image
    if image.shape[::-1] != size:  # drawn at another resolution than it was read at
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return image


def _tile(image: Image, box: Box) -> Image:
    """A glyph with what is around it, `TILE` x `TILE`."""
    side = max(box.width, box.height, 1) * (1 + 2 * AROUND_GLYPH)
    scale = TILE / side
    x, y = box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2
    to_tile = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(
            image, to_tile, (TILE, TILE), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=255
        )
    )
