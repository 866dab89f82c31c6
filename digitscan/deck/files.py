"""Pages written as scanners and phones write them; the same pages give the same bytes at any time.

Pages are uint8, height x width, grey; those for G4 hold only 0 and 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures

from digitscan.records import Image

QUALITY = 75
EXIF_ORIENTATION = 0x0112
QUARTER_TURNS = {1: 0, 3: 2, 6: 1, 8: 3}
"""EXIF orientation -> quarter turns anticlockwise from the upright page to the stored pixels."""


def write_jpeg_pdf(path: Path, pages: Sequence[Image], dpi: float) -> None:
    """A PDF of grey JPEG pages."""
    _write_pdf(path, [Pictures.fromarray(page) for page in pages], dpi)


def write_g4_pdf(path: Path, pages: Sequence[Image], dpi: float) -> None:
    """A PDF of bilevel pages in CCITT group 4."""
    _write_pdf(path, [_bilevel(page) for page in pages], dpi)


def write_g4_tiff(path: Path, pages: Sequence[Image], dpi: float) -> None:
    """A multi-page TIFF in CCITT group 4."""
    first, *others = (_bilevel(page) for page in pages)
    first.save(path, compression="group4", dpi=(dpi, dpi), save_all=True, append_images=others)


def write_png(path: Path, page: Image, dpi: float) -> None:
    """A grey PNG."""
    Pictures.fromarray(page).save(path, dpi=(dpi, dpi))


def write_jpeg(path: Path, page: Image, dpi: float | None, orientation: int = 1) -> None:
    """A grey JPEG; `dpi` None writes none.

    `orientation` is EXIF's: 3, 6 and 8 store the page turned, as a camera held sideways does.
    """
    exif = Pictures.Exif()
    if orientation != 1:
        exif[EXIF_ORIENTATION] = orientation
    stored = Pictures.fromarray(np.rot90(page, QUARTER_TURNS[orientation]).copy())
    options: dict[str, Any] = {} if dpi is None else {"dpi": (round(dpi), round(dpi))}
    stored.save(path, quality=QUALITY, exif=exif, **options)


def _write_pdf(path: Path, pages: Sequence[Pictures.Image], dpi: float) -> None:
    # G4 knows no quality, and Pillow would take the dates from the clock
    options: dict[str, Any] = {} if pages[0].mode == "1" else {"quality": QUALITY}
    pages[0].save(
        path,
        resolution=dpi,
        save_all=True,
        append_images=pages[1:],
        creationDate=None,
        modDate=None,
        **options,
    )


def _bilevel(page: Image) -> Pictures.Image:
    return Pictures.fromarray(page).convert("1", dither=Pictures.Dither.NONE)
