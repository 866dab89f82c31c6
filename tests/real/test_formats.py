"""Files in awkward but valid encodings, from other projects, where DIGITSCAN_TEST_DATA points to them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from digitscan.errors import PageError
from digitscan.records import PageRef
from digitscan.vision import pages

DATA = os.environ.get("DIGITSCAN_TEST_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="DIGITSCAN_TEST_DATA is not set")
FILES = sorted(p for p in Path(DATA or os.devnull, "formats").glob("*") if p.suffix in pages.SUFFIXES)
TOO_LARGE = {"ocrmypdf_hugemono.pdf"}
"""Its one page has 35,000 x 35,000 pixels."""
EXACT = {
    "ocrmypdf_ccitt.pdf",
    "ocrmypdf_epson.pdf",
    "ocrmypdf_jbig2.pdf",
    "ocrmypdf_francais.pdf",
    "ocrmypdf_2400dpi.pdf",
    "pikepdf_ccitt-endofline-true.pdf",
    "pikepdf_jbig2.pdf",
    "pikepdf_sandwich.pdf",
}


def said(program: str, *arguments: str | Path) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, check=False, timeout=60)
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_page_count_is_that_of_other_tools(path: Path) -> None:
    count = pages.count_pages(path.read_bytes())
    if path.suffix == ".pdf":
        stated = re.search(r"^Pages:\s+(\d+)", said("pdfinfo", path), re.M)
        assert stated is None or count == int(stated[1])
    elif path.suffix in (".tif", ".tiff"):
        assert count == max(1, said("tiffinfo", path).count("=== TIFF directory"))
    else:
        assert count == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_page_is_read_or_refused_with_a_reason(path: Path) -> None:
    for number in range(1, pages.count_pages(path.read_bytes()) + 1):
        ref = PageRef(path, path.name, number, "")
        if path.name in TOO_LARGE:
            with pytest.raises(PageError, match="too large"):
                pages.read_page(ref, resolution=150, size=(210, 297))
            continue
        page = pages.read_page(ref, resolution=150, size=(210, 297))
        assert min(page.image.shape) >= 10
        assert page.image.min() < 255 or "blank" in path.name


@pytest.mark.parametrize("name", sorted(EXACT))
def test_scans_are_taken_out_of_pdfs_exactly(name: str, tmp_path: Path) -> None:
    path = Path(DATA or os.devnull, "formats", name)
    said("pdfimages", "-png", path, tmp_path / "image")
    (image,) = tmp_path.glob("image*")
    page = pages.read_page(PageRef(path, name, 1, ""), resolution=150, size=(210, 297))
    assert np.array_equal(page.image, np.asarray(Pillow.open(image).convert("L")))
