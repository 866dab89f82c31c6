"""How many pages a PDF has, where what it says and what it names differ."""

from __future__ import annotations

import pytest

from digitscan.vision import pdf

PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>"


def document(tree: bytes, *more: bytes) -> bytes:
    """A PDF with that root of the page tree, a page as object 3, and more objects after it."""
    out = b"%PDF-1.7\n"
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", tree, PAGE, *more)
    starts = []
    for number, content in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size + table
    return out + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))


@pytest.mark.parametrize(
    ("tree", "count"),
    [
        pytest.param(b"<</Type/Pages/Kids[3 0 R]/Count 1>>", 1, id="as it should be"),
        pytest.param(b"<</Type/Pages/Kids[3 0 R]/Count 3>>", 1, id="more stated than named"),
        pytest.param(b"<</Type/Pages/Count 3/Kids [ 3 0 R\n3 0 R ] >>", 2, id="one twice"),
        pytest.param(b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>", 2, id="named and lost"),
        pytest.param(b"<</Type/Pages/Kids[3 0 R 9 0 S]/Count 2>>", 2, id="a name damaged"),
        pytest.param(b"<</Type/Pages/Kids[3 0 R]9 0 R]/Count 2>>", 2, id="ends early by damage"),
        pytest.param(b"<</Type/Pages/Kids[3 0 R %s]/Count 2>>" % PAGE, 2, id="one within the list"),
        pytest.param(b"<</Type/Pages/Kids 4 0 R/Count 2>>", 2, id="a list of its own"),
    ],
)
def test_no_page_is_made_up_and_none_is_lost(tree: bytes, count: int) -> None:
    assert pdf.count_pages(document(tree, b"[3 0 R 9 0 R]")) == count


def test_pages_that_may_be_packed_away_are_believed_in() -> None:
    packed = b"<</Type/ObjStm/N 0/First 0/Length 0>>stream\n\nendstream"
    assert pdf.count_pages(document(b"<</Type/Pages/Kids[3 0 R]/Count 3>>", packed)) == 3
