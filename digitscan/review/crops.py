"""Pictures cut from the scans: of fields that were accepted, and of their digits; none is a scan's own bytes.

Fields in review have views in the journal. All else is cut from the scan, as long as that is where it was
and what it was.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from digitscan.errors import PageError
from digitscan.records import Box, Image, PageResult
from digitscan.vision import pages, views

TILE = 64  # px, width and height of a glyph on a sheet
AROUND_GLYPH = 0.2  # of the glyph's longer side, on each side
SHEET_QUALITY = 70
KEPT = 64  # pages whose cuttings stay in memory, about 1 MB each
PLAUSIBLE = (210.0, 297.0)  # mm; only tells a resolution from nonsense, which no view asks for
DRAWN_AT = 200.0  # dpi, for PDF pages that are no plain scans


@dataclass(frozen=True, slots=True)
class Cuttings:
    """All that is ever shown of a page: it is decoded once."""

    page: bytes
    """JPEG, upright; where a field lies on it, `views.on_view(corners, rotation, size)` says."""
    fields: dict[str, bytes]
    """JPEG of each field and its surroundings; where it lies in it, `views.frame(corners)` says."""
    glyphs: dict[tuple[str, int], Image]
    """`TILE` x `TILE`, upright, of each digit: field and position."""


class Scans:
    """The scans of a run, as people may see them. Not for two threads at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Cuttings] = OrderedDict()

    def cuttings(self, page: PageResult) -> Cuttings:
        """What is shown of a page.

        Raises:
            PageError: the scan is gone, changed or unreadable.
        """
        key = (page.ref.sha256, page.ref.page)
        if key not in self._kept:
            self._kept[key] = _cut(page)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def sheet(self, glyphs: Sequence[tuple[PageResult, str, int]], columns: int) -> bytes:
        """JPEG of glyphs side by side, row by row, each in a tile of `TILE` px; raises as `cuttings`.

        glyphs: pages, and fields and positions of digits on them.
        """
        rows = -(-len(glyphs) // columns)
        sheet = np.full((rows * TILE, columns * TILE), 255, np.uint8)
        for i, (page, field, position) in enumerate(glyphs):
            top, left = i // columns * TILE, i % columns * TILE
            sheet[top : top + TILE, left : left + TILE] = self.cuttings(page).glyphs[field, position]
        return views.encoded(sheet, SHEET_QUALITY)


def _cut(page: PageResult) -> Cuttings:
    image = _decoded(page)
    return Cuttings(
        views.view_page(image, page.rotation),
        {r.field: views.view_field(image, r.corners) for r in page.readings},
        {
            (r.field, d.position): np.asarray(
                np.rot90(_tile(image, Box(*d.box)), -(page.rotation // 90)), np.uint8
            )
            for r in page.readings
            for d in r.digits
            if d.digit.isdigit()
        },
    )


def _decoded(page: PageResult) -> Image:
    """The page as it was read: grey, uint8, height x width, in page px.

    It is decoded from a copy of the very bytes whose hash was taken: whatever is put in the scan's place
    meanwhile, a link or another file, is not shown.
    """
    ref = page.ref
    try:
        ref.path.lstat()
    except OSError:
        raise PageError("open", f"{ref.file} is not where it was read") from None
    content = pages.read_file(ref.path)
    if hashlib.sha256(content).hexdigest() != ref.sha256:
        raise PageError("open", f"{ref.file} has changed since it was read")
    with tempfile.NamedTemporaryFile(suffix=ref.path.suffix) as copy:  # nobody else may read it
        copy.write(content)
        copy.flush()
        copied = replace(ref, path=Path(copy.name))
        image = pages.read_page(copied, resolution=DRAWN_AT, size=PLAUSIBLE).image
    if image.shape[::-1] != page.size:  # drawn at another resolution than it was read at
        image = np.asarray(cv2.resize(image, page.size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(255 - image, np.uint8) if page.negative else image


def _tile(image: Image, box: Box) -> Image:
    """A glyph with what is around it, `TILE` x `TILE`; white where that is beyond the page."""
    side = round(max(box.width, box.height, 1) * (1 + 2 * AROUND_GLYPH))
    left, top = round(box.x + (box.width - side) / 2), round(box.y + (box.height - side) / 2)
    y, x = max(top, 0), max(left, 0)
    there = image[y : max(top + side, 0), x : max(left + side, 0)]
    around = np.full((side, side), 255, np.uint8)
    around[y - top :, x - left :][: there.shape[0], : there.shape[1]] = there
    # a warp takes single pixels also where it shrinks, and thin strokes come and go
    interpolation = cv2.INTER_AREA if side > TILE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(around, (TILE, TILE), interpolation=interpolation), np.uint8)
