"""Pages of PDF files.

A page that is one scan is taken out pixel by pixel as its producer stored it, which is both exact and several
times faster than drawing it; any other page is drawn by poppler.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_float, c_uint
from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2 import raw

from digitscan.errors import PageError
from digitscan.records import Image
from digitscan.vision import pictures, poppler, stored

_TAIL = 2048
_MARGIN = 0.01
"""Part of the page's width or height that a scan may leave bare on each side and still fill it."""
_LEAST = 2
"""Pixels of the shorter side of a page that is worth drawing: where poppler fails it draws one pixel."""
_SCAN = 0.8
"""Part of the page's width or height that a picture spans if it is a scan, or a strip of one."""
_LACKING = 0.25
"""Part of the ink of one drawing that another may lack: fonts differ."""
_GLANCE = 400.0
"""Pixels of the longer side of a picture that only tells what another lacks."""
# image dictionaries, unlike others, always stand in a file as plain text
_DECODE = re.compile(rb"/Decode\s*[\[\d]")
_PICTURE = re.compile(rb"/(?:DCT|CCITTFax|JPX|JBIG2)Decode|/Subtype\s*/Image")
_MASK = re.compile(rb"/S?Mask\s*[\[\d]")
# of a node of the page tree, or of another tree, which makes them more but never less
_CHILDREN = re.compile(rb"/Kids\s*\[((?:\s*\d+\s+\d+\s+R)*)\s*\]\s*(?:/|>>)")
_UNSEEN_ANNOTATIONS = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)


@dataclass(frozen=True, slots=True)
class _Placement:
    """How a scan lies on its page: corners in points from the shown page's upper left corner, y down."""

    origin: NDArray[np.float64]
    across: NDArray[np.float64]
    """From the upper left pixel along the first row of pixels."""
    down: NDArray[np.float64]
    page: NDArray[np.float64]
    """Width and height of the page as shown."""

    @property
    def turned(self) -> bool:
        """Whether the scan's rows are columns of the page."""
        return bool(abs(self.across[1]) > abs(self.across[0]))

    @property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and greatest x and y."""
        points = np.array([self.origin, self.origin + self.across + self.down])
        return points.min(axis=0), points.max(axis=0)

    def dpi(self, width: int, height: int) -> tuple[float, float]:
        """Resolution across and down the shown page of a scan of so many pixels."""
        least, greatest = self.corners
        shown = (height, width) if self.turned else (width, height)
        across, down = 72 * np.array(shown) / (greatest - least)
        return float(across), float(down)

    def fills_page(self, width: int, height: int) -> bool:
        """Whether a scan of so many pixels lies straight, to half a pixel, and covers the page."""
        least, greatest = self.corners
        if not (width and height and np.isfinite([least, greatest]).all() and (greatest > least).all()):
            return False
        askew = (self.across[0], self.down[1]) if self.turned else (self.across[1], self.down[0])
        pixel = 72 / max(self.dpi(width, height))
        bare = np.maximum(least, self.page - greatest).max(initial=0)
        return bool(max(map(abs, askew)) <= pixel / 2 and bare <= _MARGIN * self.page.min())

    def place(self, pixels: Image) -> Image:
        """The scan turned and flipped as shown, without what lies outside the page."""
        height, width = pixels.shape
        dpi = np.array(self.dpi(width, height))
        across, down = self.across, self.down
        if self.turned:
            pixels, across, down = pixels.T, down, across
        if across[0] < 0:
            pixels = pixels[:, ::-1]
        if down[1] < 0:
            pixels = pixels[::-1]
        least, _ = self.corners
        left, top = np.maximum(np.rint(-least * dpi / 72), 0).astype(int)
        right, bottom = np.rint((self.page - least) * dpi / 72).astype(int)
        return np.ascontiguousarray(pixels[top:bottom, left:right])


def is_pdf(content: bytes) -> bool:
    """Whether a file's bytes are a PDF; junk before the header is tolerated as readers do."""
    return b"%PDF-" in content[:1024]


def count_pages(content: bytes) -> int:
    """Number of pages; `PageError` for a damaged or encrypted file."""
    with _opened(content) as document:
        stated = len(document)
        try:
            document.get_page_size(stated - 1)
        except pdfium.PdfiumError:
            # PDFium takes a file at its word; pages that it names and lacks are lost, others never were
            return min(stated, _most_named(content) or stated)
        return stated


def _most_named(content: bytes) -> int | None:
    """Pages that a file names at most, whatever number it states; None where that cannot be told."""
    lists: list[bytes] = _CHILDREN.findall(content)
    if b"/ObjStm" in content or len(lists) != content.count(b"/Kids"):
        return None  # some are packed away, or damaged
    return sum(children.count(b"R") for children in lists)


def read_page(
    content: bytes, file: BinaryIO, number: int, resolution: float
) -> tuple[Image, tuple[float, float]]:
    """One page as shown, and its resolution across and down.

    Args:
        content: the bytes of the file.
        file: the same, open, for poppler.
        number: of the page, from 1.
        resolution: dots per inch at which a page that is no plain scan is drawn.

    Returns:
        uint8 height x width, 0 black to 255 white; dots per inch.

    Raises:
        PageError: stage `open` or `decode`; stage `access` or `limit` as of `poppler.draw`.
    """
    with _opened(content) as document:
        if number > len(document):
            raise PageError("open", f"has only {len(document)} pages")
        try:
            page = document[number - 1]
            found = _lone_scan(page, content)
            if found is not None:
                scan, placement = found
                pixels = _scan_pixels(scan, content)
                if pixels is not None:
                    return placement.place(pixels), placement.dpi(pixels.shape[1], pixels.shape[0])
            return _drawn(page, content, file, number, resolution), (resolution, resolution)
        except (pdfium.PdfiumError, UnicodeDecodeError):  # the latter for the names of filters
            raise PageError("decode", "damaged PDF page") from None


@contextmanager
def _opened(content: bytes) -> Iterator[pdfium.PdfDocument]:
    tail = content[-_TAIL:]
    if b"startxref" not in tail and b"%%EOF" not in tail:
        raise PageError("open", "ends early: damaged, or still being copied")
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise PageError("open", "encrypted: needs a password") from None
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise PageError("open", "encrypted in a way that is not supported") from None
        raise PageError("open", "damaged PDF") from None
    try:
        yield document
    finally:
        document.close()


def _lone_scan(page: pdfium.PdfPage, content: bytes) -> tuple[pdfium.PdfImage, _Placement] | None:
    """The one image that is all there is to see on a page, where that is so."""
    seen = _seen_from_above(page)
    scan = next(seen, None)
    if not isinstance(scan, pdfium.PdfImage) or _has_annotations(page):
        return None
    if raw.FPDFPageObj_HasTransparency(scan):
        return None
    if _is_stencil(scan):
        if not _paints_black(scan) or next(seen, None) is not None:
            return None
    elif _MASK.search(content) and _shines_through(scan):
        return None
    placement = _placement(page, scan)
    if not placement.fills_page(*scan.get_px_size()) or _clipped(page, scan):
        return None
    return scan, placement


def _seen_from_above(page: pdfium.PdfPage) -> Iterator[pdfium.PdfObject]:
    """What a page shows, the topmost first: all but the invisible text that scanning programs add."""
    for index in reversed(range(raw.FPDFPage_CountObjects(page))):
        thing = pdfium.PdfObject(raw.FPDFPage_GetObject(page, index), page=page)
        is_text = thing.type == raw.FPDF_PAGEOBJ_TEXT
        if not is_text or raw.FPDFTextObj_GetTextRenderMode(thing) != raw.FPDF_TEXTRENDERMODE_INVISIBLE:
            yield thing


def _has_annotations(page: pdfium.PdfPage) -> bool:
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if annotation:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
            if kind not in _UNSEEN_ANNOTATIONS:
                return True
    return False


def _is_stencil(scan: pdfium.PdfImage) -> bool:
    kind = scan.get_metadata()
    return bool(kind.bits_per_pixel == 1 and kind.colorspace == raw.FPDF_COLORSPACE_UNKNOWN)


def _shines_through(scan: pdfium.PdfImage) -> bool:
    """Whether an image has transparent parts: PDFium does not say, and drawing it takes time."""
    drawn = scan.get_bitmap(render=True, scale_to_original=False).to_numpy()
    inner = drawn[1:-1, 1:-1]
    return bool(inner.ndim == 3 and inner.shape[2] == 4 and inner.size and inner[:, :, 3].min() < 255)


def _paints_black(scan: pdfium.PdfImage) -> bool:
    red, green, blue, alpha = (c_uint() for _ in range(4))
    known = raw.FPDFPageObj_GetFillColor(scan, red, green, blue, alpha)
    return bool(known and (red.value, green.value, blue.value, alpha.value) == (0, 0, 0, 255))


def _placement(page: pdfium.PdfPage, scan: pdfium.PdfImage) -> _Placement:
    a, b, c, d, e, f = scan.get_matrix().get()
    left, bottom, right, top = page.get_bbox()
    shown = np.array([right - left, top - bottom])
    # pixel rows run down from the upper edge of the unit square that the matrix maps
    origin, across, down = np.array([c + e - left, top - d - f]), np.array([a, -b]), np.array([-c, d])
    for _ in range(page.get_rotation() // 90):
        origin = np.array([shown[1] - origin[1], origin[0]])
        across, down = np.array([-across[1], across[0]]), np.array([-down[1], down[0]])
        shown = shown[::-1]
    return _Placement(origin, across, down, shown)


def _clipped(page: pdfium.PdfPage, scan: pdfium.PdfImage) -> bool:
    """Whether a clip path or clipping text cuts the scan within the page."""
    clip = raw.FPDFPageObj_GetClipPath(scan)
    paths = raw.FPDFClipPath_CountPaths(clip)
    if paths == 0:  # clipped, but by text; -1 stands for not clipped at all
        return True
    left, bottom, right, top = page.get_bbox()
    margin = _MARGIN * min(right - left, top - bottom)
    for path in range(paths):
        points = []
        for index in range(raw.FPDFClipPath_CountPathSegments(clip, path)):
            x, y = c_float(), c_float()
            raw.FPDFPathSegment_GetPoint(raw.FPDFClipPath_GetPathSegment(clip, path, index), x, y)
            points.append((x.value, y.value))
        if points:
            (x0, y0), (x1, y1) = np.min(points, axis=0), np.max(points, axis=0)
            if max(x0 - left, y0 - bottom, right - x1, top - y1) > margin:
                return True
    return False


def _scan_pixels(scan: pdfium.PdfImage, content: bytes) -> Image | None:
    """The stored pixels, uint8 height x width, not yet placed; None where it tells a wrong size."""
    width, height = scan.get_px_size()
    pictures.check_pixels(width, height)
    grey = stored.checked(scan, content)
    if grey is not None and grey.shape == (height, width):
        plain = scan.get_metadata().colorspace in stored.GREY_OR_COLOUR and not _DECODE.search(content)
        if plain:
            return grey
    pixels = scan.get_bitmap().to_numpy()
    if pixels.shape[:2] != (height, width):
        return None
    if pixels.ndim == 3 and pixels.shape[2] > 1:
        pixels = cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2GRAY)
    pixels = pixels.reshape(height, width)
    return 255 - pixels if _is_stencil(scan) else np.array(pixels)


def _drawn(page: pdfium.PdfPage, content: bytes, file: BinaryIO, number: int, resolution: float) -> Image:
    """The page as poppler draws it."""
    dots = round(resolution)
    width, height = (math.ceil(points * dots / 72) for points in page.get_size())
    if min(width, height) < _LEAST:
        raise PageError("decode", f"the page is only {width} x {height} pixels large")
    pictures.check_pixels(width, height)
    _check_pictures(page, content)
    drawn, complained = poppler.draw(file, number, dots, width * height)
    # where poppler fails it gives a white picture, often of one pixel
    size = drawn.shape[::-1]
    if min(size) < _LEAST or abs(size[0] - width) > 2 or abs(size[1] - height) > 2:
        raise PageError("decode", "damaged PDF page: poppler drew it at a wrong size")
    if not complained and drawn.min() < 255:
        return drawn
    # of what is damaged every reader draws what it can: the one that draws all that the other does is taken
    glance = _by_pdfium(page, _GLANCE / max(page.get_size()))
    if _lacking(drawn, glance) <= _LACKING:
        if drawn.min() == 255 and _PICTURE.search(content) and not _shows_scan(page):
            raise PageError("decode", "shows nothing, though the PDF holds a picture: damaged")
        return drawn
    other = _by_pdfium(page, dots / 72)
    if _lacking(other, _smaller(drawn, glance.shape)) > _LACKING:
        raise PageError("decode", "damaged PDF page: poppler and PDFium draw it differently")
    return other


def _check_pictures(page: pdfium.PdfPage, content: bytes) -> None:
    """`PageError` for a damaged scan on the page: what draws it would leave white what is missing."""
    for picture in _scans(page):
        stored.checked(picture, content)


def _scans(page: pdfium.PdfPage) -> Iterator[pdfium.PdfImage]:
    for picture in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=2):
        if max(_spans(page, picture)) >= _SCAN:
            yield picture


def _spans(page: pdfium.PdfPage, picture: pdfium.PdfImage) -> tuple[float, float]:
    """The parts of the page's width and height that a picture spans."""
    left, bottom, right, top = picture.get_bounds()
    return (right - left) / page.get_width(), (top - bottom) / page.get_height()


def _shows_scan(page: pdfium.PdfPage) -> bool:
    """Whether there is a scan on the page that can be decoded: then it is a blank one."""
    return any(
        min(_spans(page, picture)) > _MARGIN
        and picture.get_bitmap().to_numpy().shape[1::-1] == picture.get_px_size()
        for picture in _scans(page)
    )


def _lacking(drawn: Image, glance: Image) -> float:
    """The part of the ink in a small picture of a page that is not in a larger one, nor near it."""
    ink = glance < 200
    around = cv2.erode(_smaller(drawn, glance.shape), np.ones((7, 7)))
    return float((ink & (around > 240)).sum() / max(1, ink.sum()))


def _smaller(drawn: Image, shape: tuple[int, ...]) -> Image:
    return np.asarray(cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _by_pdfium(page: pdfium.PdfPage, scale: float) -> Image:
    """The page as PDFium draws it, in grey; `scale` in pixels a point."""
    drawn = page.render(scale=scale, grayscale=True).to_numpy()
    return np.array(drawn.reshape(drawn.shape[:2]), np.uint8)
