"""Pictures as PDF files store them, looked at for damage: PDFium and poppler paint over it."""

from __future__ import annotations

import re
import zlib

import pypdfium2 as pdfium
from pypdfium2 import raw

from digitscan.errors import PageError
from digitscan.records import Image
from digitscan.vision import pictures

GREY_OR_COLOUR = (
    raw.FPDF_COLORSPACE_DEVICEGRAY,
    raw.FPDF_COLORSPACE_DEVICERGB,
    raw.FPDF_COLORSPACE_CALGRAY,
    raw.FPDF_COLORSPACE_CALRGB,
    raw.FPDF_COLORSPACE_ICCBASED,
)
_CHUNK = 1 << 20
_CHECKED = ("", "DCTDecode", "JPXDecode", "CCITTFaxDecode")
_JPX_END = b"\xff\xd9"
_JPX_TAIL = 64
_GROUP_4 = re.compile(rb"/K\s*-\d")
_INVERTED = re.compile(rb"/BlackIs1\s*true")
_OTHER_FAX = re.compile(rb"/K\s*\d|/EncodedByteAlign\s*true")


def checked(scan: pdfium.PdfImage, content: bytes) -> Image | None:
    """Look whether a picture is whole.

    Args:
        scan: the picture.
        content: the bytes of the PDF.

    Returns:
        The picture in grey, uint8 height x width, where that comes of it; `/Decode` and colour space are not
        looked at.

    Raises:
        PageError: stage `open` or `decode`, for damage.
    """
    filters = scan.get_filters()
    if filters[:1] == ["FlateDecode"]:
        _check_deflated(bytes(scan.get_data()))
    last = filters[-1] if filters else ""
    if last not in _CHECKED:
        return None
    data = bytes(scan.get_data(decode_simple=True))
    width, height = scan.get_px_size()
    if last == "DCTDecode":
        return pictures.decode(data, upright=False)[0]
    if last == "JPXDecode":
        if _JPX_END not in data[-_JPX_TAIL:]:
            raise PageError("decode", "the picture in the PDF page ends early")
    elif last == "CCITTFaxDecode":
        return _group_4(pictures.fax(data, width, height), content)
    elif not last and len(data) < height * (width * _bits(scan) // 8):
        raise PageError("decode", "the picture in the PDF page ends early")
    return None


def _group_4(tiff: bytes, content: bytes) -> Image | None:
    """The picture where all fax pictures in the file are of group 4, and of one kind, else None."""
    count = len(_GROUP_4.findall(content))
    inverted = len(_INVERTED.findall(content))
    if not count or _OTHER_FAX.search(content):
        return None
    grey = pictures.decode_fax(tiff)
    if grey is None or inverted not in (0, count):
        return None
    return 255 - grey if inverted else grey


def _bits(scan: pdfium.PdfImage) -> int:
    """Of a pixel; 1, the least, where PDFium does not tell how it is stored."""
    kind = scan.get_metadata()
    return kind.bits_per_pixel if kind.colorspace in GREY_OR_COLOUR else 1


def _check_deflated(data: bytes) -> None:
    """`PageError` unless a zlib stream is whole: PDFium fills up what is missing."""
    stream = zlib.decompressobj()
    try:
        while data and not stream.eof:
            stream.decompress(data, _CHUNK)
            data = stream.unconsumed_tail
    except zlib.error:
        raise PageError("decode", "damaged picture in the PDF page") from None
    if not stream.eof:
        raise PageError("decode", "the picture in the PDF page ends early")
