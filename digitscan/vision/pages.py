"""Files to pages: PDF, multi-page TIFF and single pictures, one page in memory at a time."""

from __future__ import annotations

import hashlib
import io
import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import numpy as np

from digitscan.errors import ACCESS, PageError
from digitscan.records import Image, Page, PageRef
from digitscan.vision import pdf, pictures

SUFFIXES = frozenset(
    (
        *(".pdf", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif"),
        *(".webp", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".ras", ".sr"),
    )
)
"""Of the files that are taken for pages when a directory is read, in lower case."""

_STARTS = (
    *(b"%PDF-", b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"BM", b"GIF8", b"RIFF", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
)

MAX_BYTES = 1 << 30
MAX_PAGES = 100_000
_DPI_RANGE = (30.0, 4800.0)
_STRETCH_RANGE = (1.02, 4.0)  # fax is 204 x 98 or 204 x 196 dpi; beyond 4 the file talks nonsense
_SIZE_RANGE = (0.5, 2.0)


@contextmanager
def open_file(path: Path, unfit: str = "open") -> Iterator[io.BufferedReader]:
    """A regular file, open for reading.

    Raises:
        PageError: stage `access` where it cannot be read; stage `unfit` where it is not a regular file
            (symbolic links are not followed), empty or larger than `MAX_BYTES`.
    """
    try:
        # opening a FIFO would block, and a link may lead anywhere
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise PageError(unfit, "not a regular file")
            if not status.st_size:
                raise PageError(unfit, "empty file")
            if status.st_size > MAX_BYTES:
                raise PageError(unfit, f"larger than {MAX_BYTES >> 20} MiB")
            yield file
    except OSError as error:
        raise PageError(ACCESS, f"cannot be opened: {error.strerror}") from None


def stamp(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file does; the last, the change time, also when its mode or its links do."""
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_file(path: Path) -> bytes:
    """The bytes of a regular file; `PageError` as of `open_file`."""
    with open_file(path) as file:
        return _content(file)


def read_listed(ref: PageRef) -> bytes:
    """The bytes of a page's file; `PageError` of stage `access` where it cannot be read or has changed."""
    with _open_listed(ref) as file:
        return _hashed(file, ref)


def _open_listed(ref: PageRef) -> AbstractContextManager[io.BufferedReader]:
    # what was fit to be hashed and no longer is has changed, and may change again
    return open_file(ref.path, ACCESS if ref.stamp else "open")


def _content(file: io.BufferedReader) -> bytes:
    # no more than was there when it was opened: asked for more, Python sets memory for all of it aside
    return file.read(os.fstat(file.fileno()).st_size)


def _hashed(file: io.BufferedReader, ref: PageRef) -> bytes:
    """The bytes of a page's file that were hashed: what is read in them is kept under that hash."""
    content = _content(file)
    # the stamp as it is after that; only where it is another one is hashed anew, which takes as long
    if ref.stamp in ((), stamp(os.fstat(file.fileno()))) or hashlib.sha256(content).hexdigest() == ref.sha256:
        return content
    raise PageError(ACCESS, "changed since it was listed: read again by the next run")


def looks_like_page(start: bytes) -> bool:
    """Whether the first 16 bytes of a file that has no suffix are those of a page format."""
    return start.startswith(_STARTS)


def check_name(suffix: str, start: bytes) -> None:
    """Raise `PageError` of stage `open` where a PDF has the name of a picture, or a picture that of a PDF.

    suffix: of the file's name, in lower case; one that is none of `SUFFIXES` says nothing. start: the file's
    first 1024 bytes.
    """
    if suffix in SUFFIXES and pdf.is_pdf(start) != (suffix == ".pdf"):
        found = "a PDF" if pdf.is_pdf(start) else "no PDF"
        raise PageError("open", f"{found}, by its name {suffix}: damaged, or named wrongly")


def count_pages(content: bytes) -> int:
    """Number of pages in a file's bytes, at least 1.

    Raises `PageError` of stage `open`: damaged, encrypted, not a picture or document, or with too many pages.
    """
    count = pdf.count_pages(content) if pdf.is_pdf(content) else pictures.count_frames(content)
    if count < 1:
        raise PageError("open", "has no pages")
    if count > MAX_PAGES:
        raise PageError("open", f"says that it has {count} pages; more than {MAX_PAGES} are not read")
    return count


def read_page(
    ref: PageRef,
    *,
    resolution: float,
    size: tuple[float, float],
    other_sizes: Sequence[tuple[float, float]] = (),
) -> Page:
    """Read one page, upright as EXIF or /Rotate have it, grey, 0 black to 255 white.

    Args:
        ref: the page; its file is opened anew.
        resolution: dots per inch at which a PDF page that is no plain scan is drawn.
        size: width and height of the form in mm, to tell a resolution in the file from nonsense.
        other_sizes: the same of others that it may be.

    Returns:
        Page: `image` is uint8, height x width. Where the file gives different resolutions across and down,
            as fax machines do, the page is stretched to square pixels.

    Raises:
        PageError: stage `access`, `open` or `decode`, with a reason for people.
    """
    with _open_listed(ref) as file:
        content = _hashed(file, ref)
        if pdf.is_pdf(content):
            image, resolutions = pdf.read_page(content, file, ref.page, resolution)
        else:
            image, stated = pictures.decode(content, ref.page)
            if stated is None:
                return Page(ref, image, None)
            resolutions = stated
    image, dpi = _square_pixels(image, resolutions)
    known = any(_plausible(dpi, image, each) for each in (size, *other_sizes))
    return Page(ref, image, dpi if known else None)


def _square_pixels(image: Image, dpi: tuple[float, float]) -> tuple[Image, float]:
    finest, coarsest = max(dpi), min(dpi)
    if not _STRETCH_RANGE[0] < finest / coarsest <= _STRETCH_RANGE[1]:
        return image, finest
    height, width = image.shape
    target = round(width * finest / dpi[0]), round(height * finest / dpi[1])
    pictures.check_pixels(*target)
    return np.asarray(cv2.resize(image, target, interpolation=cv2.INTER_LINEAR), np.uint8), finest


def _plausible(dpi: float, image: Image, size: tuple[float, float]) -> bool:
    """Whether the page is then about as large as the form; cameras write 72 whatever they took."""
    if not _DPI_RANGE[0] <= dpi <= _DPI_RANGE[1]:
        return False
    height, width = image.shape
    ratio = math.sqrt(width * height / (size[0] * size[1])) * 25.4 / dpi
    return _SIZE_RANGE[0] <= ratio <= _SIZE_RANGE[1]
