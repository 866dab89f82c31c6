"""Picture files to grey arrays.

By Pillow, which, unlike OpenCV, refuses a picture that ends early.
"""

from __future__ import annotations

import io
import os
import re
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as Pillow

from digitscan.errors import PageError
from digitscan.records import Image

MAX_PIXELS = 150_000_000  # A0 at 300 dpi is 140 million
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "DIB", "GIF", "WEBP", "AVIF", "JPEG2000", "PPM", "SUN")

_JPEG_END = b"\xff\xd9"
_JPEG_TAIL = 64
"""Bytes; some producers pad."""
_DAMAGE = re.compile(
    rb"premature end of data|bad Huffman code|bytes before marker 0x(?:c|da)|bad code word"
    rb"|\d{4} extraneous bytes before marker 0xd9",
    re.IGNORECASE,
)
"""A few bytes before the end marker are padding, thousands are rows that the header does not count."""
_BROKEN_ROW = re.compile(
    rb"(?:Premature EOL|Line length mismatch|Bad code word) at line (\d+) .*\((?:got [1-9]|x )"
)
_FAX = {"group3": 0.01, "tiff_ccitt": 0.01, "group4": 0.0}
"""Part of the rows that may be broken: those of group 3 stand alone, in group 4 one spoils the rest."""
_UNFINISHED = ("WEBP", "AVIF", "JPEG2000")
"""Formats whose decoders take the zeros for pixels that stand where a copy has not got to."""
_ZEROS = bytes(32)
_MURMURS = 1 << 16
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def count_frames(content: bytes) -> int:
    """Pages of a TIFF; 1 for other formats, whose further frames are animations and previews.

    Raises:
        PageError: stage `open`.
    """
    with _murmurs(), _faults("open"):
        picture = _opened(content)
        return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1


def decode(
    content: bytes, frame: int = 1, *, upright: bool = True
) -> tuple[Image, tuple[float, float] | None]:
    """One picture, in grey, its transparent parts laid on white paper.

    Args:
        content: the bytes of the file.
        frame: which page of a TIFF, from 1.
        upright: whether to turn and flip it as its EXIF orientation says.

    Returns:
        uint8 height x width, 0 black to 255 white; dots per inch across and down where the file says so.

    Raises:
        PageError: stage `open` or `decode`; not a picture, damaged, truncated or too large.
        MemoryError: there is too little for it here and now.
    """
    with _murmurs() as murmurs:
        with _faults("open"):
            picture = _opened(content)
            if picture.format == "PNG":  # decoding alone does not look at all check sums
                picture.verify()
                picture = _opened(content)
            if frame > 1:
                picture.seek(frame - 1)
            check_pixels(*picture.size)
            if picture.format in _UNFINISHED and content.endswith(_ZEROS):
                raise PageError("open", "ends in zeros: damaged, or still being copied")
        with _faults("decode"):
            image, dpi = _decoded(picture, content, frame, upright)
        if found := _DAMAGE.search(murmurs()):
            raise PageError("decode", f"damaged picture ({found[0].decode().lower()})")
    return image, dpi


def decode_fax(tiff: bytes, frame: int = 1, part: float = 0.0) -> Image | None:
    """The grey picture of a TIFF in fax coding; None where OpenCV cannot decode it.

    `PageError` where more than a part of its rows is broken: libtiff says so to OpenCV, and not to Pillow.
    """
    with _murmurs() as murmurs:
        flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
        _, decoded = cv2.imdecodemulti(np.frombuffer(tiff, np.uint8), flags, range=(frame - 1, frame))
        broken = len(set(_BROKEN_ROW.findall(murmurs())))
    if not decoded:
        return None
    if broken > part * len(decoded[0]):
        raise PageError("decode", f"damaged picture ({broken} broken rows)")
    return np.asarray(decoded[0], np.uint8)


def fax(data: bytes, width: int, height: int) -> bytes:
    """Group 4 data as a TIFF."""
    tags = [
        (256, width),
        (257, height),
        (258, 1),
        (259, 4),
        (262, 0),
        (273, 110),
        (278, height),
        (279, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


def _decoded(
    picture: Pillow.Image, content: bytes, frame: int, upright: bool
) -> tuple[Image, tuple[float, float] | None]:
    across, down = picture.info.get("dpi", (0, 0))
    dpi = (float(across), float(down)) if across and down else None
    orientation = picture.getexif().get(ExifTags.Base.Orientation, 1) if upright else 1
    if picture.format == "JPEG" and picture.mode in ("L", "RGB") and orientation == 1:
        luminance = _whole_jpeg(content)
        if luminance is not None:
            return luminance, dpi
    coding = picture.info.get("compression") if picture.format == "TIFF" else None
    if coding in _FAX:
        rows = decode_fax(content, frame, _FAX[coding])
        if rows is not None and rows.shape == picture.size[::-1] and orientation == 1:
            return rows, dpi
    picture.draft("L", picture.size)  # the luminance of a JPEG as it was stored
    picture.load()
    if upright:
        ImageOps.exif_transpose(picture, in_place=True)
    return _grey(picture), dpi[::-1] if dpi and orientation in _TURNED else dpi


def check_pixels(width: float, height: float) -> None:
    """`PageError` for a picture of no, or of more than `MAX_PIXELS`, pixels."""
    if not (width >= 1 and height >= 1):
        raise PageError("decode", "has no pixels")
    if width * height > MAX_PIXELS:
        raise PageError(
            "decode",
            f"too large: {width:.0f} x {height:.0f} pixels, more than {MAX_PIXELS // 10**6} million",
        )


@contextmanager
def _faults(stage: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd tag is no fault of the page
            yield
    except PageError:
        raise
    except UnidentifiedImageError:
        raise PageError(stage, "not a picture or document of a known kind, or damaged at its start") from None
    except Pillow.DecompressionBombError:
        raise PageError(stage, f"too large: more than {MAX_PIXELS // 10**6} million pixels") from None
    except MemoryError:  # of the surroundings, and not of the file, which is of a size that is read
        raise
    except Exception as error:  # Pillow raises almost anything on hostile files
        raise PageError(stage, f"damaged picture ({str(error) or type(error).__name__})") from None


@contextmanager
def _murmurs() -> Iterator[Callable[[], bytes]]:
    """What the C libraries have written to stderr meanwhile.

    It is all they say of damage that they paint over, and no one asked for the rest.
    """
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield lambda: os.pread(heard.fileno(), _MURMURS, 0)
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _opened(content: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(content), formats=_FORMATS)


def _whole_jpeg(content: bytes) -> Image | None:
    """The luminance of a JPEG that has its end where it should be, which is all that OpenCV does not check.

    It takes half the time that Pillow takes.
    """
    if _JPEG_END not in content[-_JPEG_TAIL:]:
        return None
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        raise
    return None if decoded is None else np.asarray(decoded, np.uint8)


def _grey(picture: Pillow.Image) -> Image:
    if picture.mode in ("L", "1"):
        if "transparency" not in picture.info:
            return np.array(picture.convert("L"))
        picture = picture.convert("LA")
    if picture.mode.startswith("I"):
        return _eight_bits(np.asarray(picture))
    if picture.mode == "F":
        raise PageError("decode", "a picture of floating-point numbers")
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert(picture.mode.upper())
    if "A" in picture.getbands() or "transparency" in picture.info:
        colours = picture.convert("RGBA")
        picture = Pillow.alpha_composite(Pillow.new("RGBA", colours.size, "white"), colours)
    return np.array(picture.convert("RGB").convert("L"))


def _eight_bits(levels: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> Image:
    if levels.size and (levels.min() < 0 or levels.max() > 0xFFFF):
        raise PageError("decode", "more than 16 bits a pixel")
    return np.asarray(cv2.convertScaleAbs(levels.astype(np.uint16, copy=False), alpha=1 / 257), np.uint8)
