"""Every container that scanners write gives the very pixels that went in, or one clear error."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from digitscan.errors import ACCESS, PageError
from digitscan.records import Image, PageRef
from digitscan.vision import pages, pictures, poppler

W, H = 120, 80
SIZE = (W / 72 * 25.4, H / 72 * 25.4)
G4 = {"compression": "group4"}


@pytest.fixture(scope="module")
def grey() -> Image:
    """A picture without any symmetry."""
    noise = np.random.default_rng(1).integers(0, 256, (H, W), dtype=np.uint8)
    smooth = np.asarray(Pillow.fromarray(noise).filter(ImageFilter.GaussianBlur(2)), np.float64)
    return np.asarray(np.rint((smooth - smooth.min()) * 255 / np.ptp(smooth)), np.uint8)


@pytest.fixture(scope="module")
def bilevel(grey: Image) -> Image:
    return np.where(grey > 128, 255, 0).astype(np.uint8)


def encoded(picture: Image | Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def pdf(
    keys: str, data: bytes, draw: str = f"q {W} 0 0 {H} 0 0 cm /I Do Q", page: str = "", extra: bytes = b""
) -> bytes:
    """A PDF of one page of W x H points with an image of W x H pixels; `extra` is object 6."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {W} {H}]/Contents 4 0 R{page}"
        "/Resources<</XObject<</I 5 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Arial>>>>>>>>".encode(),
        f"<</Length {len(draw)}>>stream\n{draw}\nendstream".encode(),
        f"<</Type/XObject/Subtype/Image/Width {W}/Height {H}/Length {len(data)}{keys}>>stream\n".encode()
        + data
        + b"\nendstream",
        extra or b"null",
    ]
    out = b"%PDF-1.7\n"
    starts = []
    for number, content in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


GREY = "/ColorSpace/DeviceGray/BitsPerComponent 8"
BIT = "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/FlateDecode"


def grey_pdf(picture: Image, draw: str = f"q {W} 0 0 {H} 0 0 cm /I Do Q", page: str = "") -> bytes:
    return pdf(GREY + "/Filter/FlateDecode", zlib.compress(picture.tobytes()), draw, page)


def fax(picture: Image) -> bytes:
    """CCITT group 4 data in which black runs are white, as Pillow writes them."""
    content = encoded(Pillow.fromarray(picture).convert("1"), "TIFF", **G4)
    tiff = Pillow.open(io.BytesIO(content))
    start, length = tiff.tag_v2[273][0], tiff.tag_v2[279][0]  # type: ignore[attr-defined]
    return content[start : start + length]


def read(
    tmp_path: Path, content: bytes, number: int = 1, resolution: float = 72
) -> tuple[Image, float | None]:
    path = tmp_path / "page"
    path.write_bytes(content)
    page = pages.read_page(PageRef(path, "page", number, ""), resolution=resolution, size=SIZE)
    assert page.image.dtype == np.uint8
    assert page.image.flags.c_contiguous
    return page.image, page.dpi


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_rotate_is_honoured_to_the_pixel(tmp_path: Path, grey: Image, turn: int) -> None:
    image, dpi = read(tmp_path, grey_pdf(grey, page=f"/Rotate {turn}"))
    assert np.array_equal(image, np.rot90(grey, -turn // 90))
    assert dpi == pytest.approx(72)


@pytest.mark.parametrize(
    ("draw", "change"),
    [
        (f"q -{W} 0 0 {H} {W} 0 cm /I Do Q", np.fliplr),
        (f"q {W} 0 0 -{H} 0 {H} cm /I Do Q", np.flipud),
        (f"q -{W} 0 0 -{H} {W} {H} cm /I Do Q", lambda a: np.rot90(a, 2)),
        (f"q 0 0 {W} {H} re W n {W} 0 0 {H} 0 0 cm /I Do Q", np.asarray),
        (f"0 0 5 5 re f q {W} 0 0 {H} 0 0 cm /I Do Q BT 3 Tr /F 9 Tf (12) Tj ET", np.asarray),
    ],
    ids=["mirrored", "upside down", "turned", "clipped to the page", "over ink, under invisible text"],
)
def test_placement_is_honoured_to_the_pixel(
    tmp_path: Path, grey: Image, draw: str, change: Callable[[Image], Image]
) -> None:
    image, _ = read(tmp_path, grey_pdf(grey, draw))
    assert np.array_equal(image, change(grey))


@pytest.mark.parametrize("turn", [0, 90])
def test_crop_box_is_honoured(tmp_path: Path, grey: Image, turn: int) -> None:
    image, _ = read(tmp_path, grey_pdf(grey, page=f"/CropBox[10 20 110 75]/Rotate {turn}"))
    assert np.array_equal(image, np.rot90(grey[5:60, 10:110], -turn // 90))


def test_levels_of_a_pdf_image_are_exact(tmp_path: Path, grey: Image, bilevel: Image) -> None:
    jpeg = encoded(grey, "JPEG", quality=80)
    stored = np.asarray(Pillow.open(io.BytesIO(jpeg)))
    bits = zlib.compress(np.packbits(bilevel > 0, axis=1).tobytes())
    ccitt = (
        f"/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {W}/Rows {H}/BlackIs1 true>>"
    )
    rgb = zlib.compress(np.dstack([grey] * 3).tobytes())
    indexed = "/ColorSpace[/Indexed/DeviceRGB 1<FFFFFF000000>]/BitsPerComponent 1/Filter/FlateDecode"
    cases: dict[str, tuple[str, bytes, NDArray[np.uint8]]] = {
        "inverted": (GREY + "/Filter/FlateDecode/Decode[1 0]", zlib.compress(grey.tobytes()), 255 - grey),
        "rgb": ("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode", rgb, grey),
        "jpeg": (GREY + "/Filter/DCTDecode", jpeg, stored),
        "jpeg inverted": (GREY + "/Filter/DCTDecode/Decode[1 0]", jpeg, 255 - stored),
        "bits": (BIT, bits, bilevel),
        "bits inverted": (BIT + "/Decode[1 0]", bits, 255 - bilevel),
        "palette": (indexed, bits, 255 - bilevel),
        "stencil": ("/ImageMask true/BitsPerComponent 1/Filter/FlateDecode", bits, bilevel),
        "stencil inverted": (
            "/ImageMask true/BitsPerComponent 1/Filter/FlateDecode/Decode[1 0]",
            bits,
            255 - bilevel,
        ),
        "fax": ("/ColorSpace/DeviceGray" + ccitt, fax(bilevel), bilevel),
        "fax of black runs": (
            "/ColorSpace/DeviceGray" + ccitt.replace("/BlackIs1 true", ""),
            fax(bilevel),
            255 - bilevel,
        ),
        "jpeg 2000": ("/ColorSpace/DeviceGray/Filter/JPXDecode", encoded(grey, "JPEG2000"), grey),
    }
    for name, (keys, data, expected) in cases.items():
        image, _ = read(tmp_path, pdf(keys, data))
        assert np.array_equal(image, expected), name


def test_colour_jpeg_gives_its_luminance(tmp_path: Path, grey: Image) -> None:
    colour = np.dstack([grey, np.roll(grey, 9, 0), 255 - grey])
    jpeg = encoded(colour, "JPEG", quality=90)
    picture = Pillow.open(io.BytesIO(jpeg))
    picture.draft("L", picture.size)
    image, _ = read(tmp_path, pdf("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", jpeg))
    assert np.array_equal(image, np.asarray(picture))
    assert np.array_equal(read(tmp_path, jpeg)[0], image)


MASKED = "/SMask 6 0 R"
SOFT = (
    b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>"
    b"stream\n\x10\nendstream"
)


@pytest.mark.parametrize(
    "content",
    [
        lambda g: grey_pdf(g, f"q {W / 2} 0 0 {H / 2} 20 20 cm /I Do Q"),
        lambda g: grey_pdf(g, f"q {W} 0 0 {H} 0 0 cm /I Do Q 0 0 9 9 re f"),
        lambda g: grey_pdf(g, f"q 0 0 {W / 2} {H} re W n {W} 0 0 {H} 0 0 cm /I Do Q"),
        lambda g: grey_pdf(g, f"q {W} 6 -6 {H} 0 0 cm /I Do Q"),
        lambda g: pdf(GREY + MASKED + "/Filter/FlateDecode", zlib.compress(g.tobytes()), extra=SOFT),
    ],
    ids=["smaller than the page", "with a drawing on it", "cut by a clip", "askew", "behind a mask"],
)
def test_other_pages_are_drawn_at_the_resolution_asked_for(
    tmp_path: Path, grey: Image, content: Callable[[Image], bytes]
) -> None:
    image, dpi = read(tmp_path, content(grey), resolution=144)
    assert image.shape == (2 * H, 2 * W)
    assert dpi == 144
    assert image.min() < 250


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("1", {"compression": "group3"}),
        ("1", G4),
        ("1", {"compression": "packbits"}),
        ("L", {}),
        ("L", {"compression": "tiff_lzw"}),
        ("L", {"compression": "tiff_adobe_deflate"}),
        ("L", {"compression": "packbits"}),
        ("RGB", {"compression": "tiff_lzw"}),
        ("P", {"compression": "tiff_lzw"}),
        ("LA", {}),
        ("RGBA", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_tiff_is_exact(
    tmp_path: Path, grey: Image, bilevel: Image, mode: str, options: dict[str, str]
) -> None:
    source = bilevel if mode == "1" else grey
    picture = Pillow.fromarray(source)
    image, dpi = read(tmp_path, encoded(picture.convert(mode), "TIFF", dpi=(72, 72), **options))
    assert np.array_equal(image, source)
    assert dpi == pytest.approx(72)


def test_tiff_of_sixteen_bits_jpeg_and_cmyk(tmp_path: Path, grey: Image) -> None:
    image, _ = read(tmp_path, encoded(Pillow.fromarray(grey.astype(np.uint16) * 257), "TIFF"))
    assert np.array_equal(image, grey)
    image, _ = read(tmp_path, encoded(grey, "TIFF", compression="jpeg", quality=95))
    assert np.abs(image.astype(int) - grey).mean() < 3
    ink = Pillow.merge("CMYK", [Pillow.new("L", (W, H))] * 3 + [Pillow.fromarray(255 - grey)])
    image, _ = read(tmp_path, encoded(ink, "TIFF"))
    assert np.array_equal(image, grey)


def test_pages_of_a_tiff_come_one_at_a_time(tmp_path: Path, grey: Image, bilevel: Image) -> None:
    first, *rest = (Pillow.fromarray(a) for a in (grey, bilevel, grey.T.copy()))
    content = encoded(first, "TIFF", save_all=True, append_images=rest, compression="tiff_lzw")
    assert pages.count_pages(content) == 3
    for number, expected in enumerate((grey, bilevel, grey.T), 1):
        assert np.array_equal(read(tmp_path, content, number)[0], expected)
    with pytest.raises(PageError):
        read(tmp_path, content, 4)


def test_fax_pages_get_square_pixels(tmp_path: Path, bilevel: Image) -> None:
    picture = Pillow.fromarray(bilevel).convert("1")
    image, dpi = read(tmp_path, encoded(picture, "TIFF", dpi=(72, 36), **G4))
    assert image.shape == (2 * H, W)
    assert dpi == pytest.approx(72)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_exif_orientation(tmp_path: Path, kind: str, orientation: int) -> None:
    corners = np.full((H, W), 255, np.uint8)
    corners[: H // 2, : W // 2] = 0
    corners[: H // 2, W // 2 :] = 128
    ways: dict[int, Callable[[Image], Image]] = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.T, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = ways[orientation](corners)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    content = encoded(np.ascontiguousarray(stored), kind, exif=exif)
    image, _ = read(tmp_path, content)
    assert image.shape == corners.shape
    assert np.abs(image.astype(int) - corners).mean() < 3


def test_transparent_parts_are_paper(tmp_path: Path) -> None:
    picture = Pillow.new("RGBA", (W, H), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (10, 10, 20, 20))
    image, _ = read(tmp_path, encoded(picture, "PNG"))
    assert image[0, 0] == 255
    assert image[15, 15] == 0


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP", "JPEG2000", "PPM"])
def test_other_formats(tmp_path: Path, grey: Image, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image, _ = read(tmp_path, encoded(grey, kind, **options))
    assert np.abs(image.astype(int) - grey).max() <= 1


def test_a_resolution_at_which_the_page_would_be_a_poster_is_not_believed(tmp_path: Path) -> None:
    photo = np.full((10 * H, 10 * W), 200, np.uint8)
    assert read(tmp_path, encoded(photo, "JPEG", dpi=(72, 72)))[1] is None
    assert read(tmp_path, encoded(photo, "JPEG", dpi=(720, 720)))[1] == pytest.approx(720)
    assert read(tmp_path, encoded(photo, "JPEG"))[1] is None
    ref, poster = PageRef(tmp_path / "page", "page", 1, ""), (10 * SIZE[0], 10 * SIZE[1])
    (tmp_path / "page").write_bytes(encoded(photo, "JPEG", dpi=(72, 72)))
    for size, other in ((SIZE, poster), (poster, SIZE)):
        assert pages.read_page(ref, resolution=72, size=size, other_sizes=[other]).dpi == pytest.approx(72)


def locked_pdf(grey: Image) -> bytes:
    """A PDF that needs a password, as far as any reader gets without one."""
    trailer = b"trailer<</Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]" % (
        b"41" * 32,
        b"42" * 32,
    )
    return grey_pdf(grey).replace(b"trailer<<", trailer)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda g: encoded(g, "JPEG")[:-200], "truncated"),
        (lambda g: encoded(g, "PNG")[:-200], "damaged"),
        (lambda g: encoded(g, "PNG")[:300] + b"\0" * 500 + encoded(g, "PNG")[800:], "damaged"),
        (lambda g: encoded(g, "TIFF")[:-3000], "damaged"),
        (lambda g: grey_pdf(g)[:-3000], "ends early"),
        (lambda g: grey_pdf(g)[:4000] + b"\0" * 6000, "ends early"),
        (lambda _: b"%PDF-1.7\nstartxref\n0\n%%EOF", "damaged PDF"),
        (locked_pdf, "password"),
        (lambda g: pdf(GREY + "/Filter/FlateDecode", zlib.compress(g.tobytes())[:-900]), "ends early"),
        (lambda g: pdf(GREY + "/Filter/DCTDecode", encoded(g, "JPEG")[:-300]), "truncated"),
        (lambda g: grey_pdf(g).replace(b"/FlateDecode", b"/Fl\xa2teDecode"), "damaged PDF page"),
        (lambda _: b"hello", "not a picture"),
        (lambda _: b"", "empty"),
        (lambda g: grey_pdf(g, "", "/MediaBox[0 0 1 1]"), "pixels large"),
        (lambda g: grey_pdf(g, "").replace(f"[0 0 {W} {H}]".encode(), b"[0 0 90000 90000]"), "too large"),
    ],
)
def test_bad_files_are_refused_with_a_reason(
    tmp_path: Path, grey: Image, spoil: Callable[[Image], bytes], reason: str
) -> None:
    with pytest.raises(PageError, match=reason):
        read(tmp_path, spoil(grey))


HALF = f"q {W / 2} 0 0 {H / 2} 20 20 cm /I Do Q"


@pytest.mark.parametrize("fault", [" } ", " nonsense ", " BT /None 9 Tf (12) Tj ET "])
def test_faults_that_hide_nothing_do_not_refuse_a_page(tmp_path: Path, grey: Image, fault: str) -> None:
    whole, _ = read(tmp_path, grey_pdf(grey, HALF), resolution=144)
    image, dpi = read(tmp_path, grey_pdf(grey, fault + HALF), resolution=144)
    assert dpi == 144
    inner = slice(2 * H - 40 - H, 2 * H - 40), slice(40, 40 + W)
    assert np.abs(image[inner].astype(int) - whole[inner]).mean() < 1


def test_what_one_program_cannot_draw_the_other_draws(tmp_path: Path, grey: Image) -> None:
    image, _ = read(tmp_path, grey_pdf(grey, "BT /None 60 Tf 10 20 Td (18) Tj ET"), resolution=144)
    assert (image < 128).sum() > 1000


def test_a_page_that_two_programs_draw_differently_is_refused(
    tmp_path: Path, grey: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = np.full((H, W), 255, np.uint8)
    other[:20] = 0
    monkeypatch.setattr(poppler, "draw", lambda *_: (other, True))
    with pytest.raises(PageError, match="differently"):
        read(tmp_path, grey_pdf(grey, "20 10 60 30 re f"))


@pytest.mark.parametrize("draw", ["q 0 0 0 0 0 0 cm /I Do Q", f"q {W} 0 0 9e38 0 0 cm /I Do Q", "/Other Do"])
def test_a_page_without_its_scan_is_no_blank_page(tmp_path: Path, grey: Image, draw: str) -> None:
    content = pdf(GREY + "/Filter/DCTDecode", encoded(grey, "JPEG"), draw)
    with pytest.raises(PageError, match="shows nothing"):
        read(tmp_path, content)


def test_a_scan_without_pixels_is_no_blank_page(tmp_path: Path, grey: Image) -> None:
    content = pdf(GREY + "/Filter/DCTDecode", encoded(grey, "JPEG"))
    for key, pixels in ((b"/Width", W), (b"/Height", H)):
        content = content.replace(key + f" {pixels}".encode(), key + b" 0", 1)
    with pytest.raises(PageError, match="damaged"):
        read(tmp_path, content)


def test_blank_pages_are_read(tmp_path: Path) -> None:
    white = np.full((H, W), 255, np.uint8)
    scan = pdf(
        GREY + "/Filter/DCTDecode", encoded(white, "JPEG"), f"q {W} 0 0 {H} 0 0 cm /I Do Q 1 g 0 0 5 5 re f"
    )
    nothing = grey_pdf(white, "").replace(b"/Subtype/Image", b"")
    for content in (scan, nothing):
        assert read(tmp_path, content)[0].min() == 255


def test_a_scan_of_another_size_than_it_says_is_drawn(tmp_path: Path, grey: Image) -> None:
    content = pdf(GREY + "/Filter/DCTDecode", encoded(grey, "JPEG"))
    wrong = content.replace(f"/Width {W}".encode(), f"/Width {W - 9}".encode(), 1)
    assert read(tmp_path, wrong, resolution=144)[0].shape == (2 * H, 2 * W)


@pytest.mark.parametrize("kind", ["DCTDecode", "FlateDecode"])
def test_a_damaged_strip_of_a_scan_is_not_drawn_as_white(tmp_path: Path, grey: Image, kind: str) -> None:
    data = encoded(grey, "JPEG")[:-300] if kind == "DCTDecode" else zlib.compress(grey.tobytes())[:-900]
    with pytest.raises(PageError, match=r"truncated|ends early"):
        read(tmp_path, pdf(f"{GREY}/Filter/{kind}", data, f"q {W} 0 0 {H / 2} 0 0 cm /I Do Q 0 0 5 5 re f"))


CCITT = f"/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {W}/Rows {H}/BlackIs1 true>>"
DRAWS = {"scan": f"q {W} 0 0 {H} 0 0 cm /I Do Q", "drawn": f"q {W} 0 0 {H} 0 0 cm /I Do Q 0 0 5 5 re f"}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize(
    ("keys", "stored"),
    [
        (GREY, lambda g, _: g.tobytes()),
        ("/ColorSpace/DeviceGray/Filter/JPXDecode", lambda g, _: encoded(g, "JPEG2000")),
        ("/ColorSpace/DeviceGray" + CCITT, lambda _, b: fax(b)),
        (GREY + "/Filter[/FlateDecode/DCTDecode]", lambda g, _: zlib.compress(encoded(g, "JPEG"))),
    ],
    ids=["as it is", "jpeg 2000", "fax", "deflated jpeg"],
)
def test_scans_in_a_pdf_that_end_early_are_not_filled_up(
    tmp_path: Path,
    grey: Image,
    bilevel: Image,
    keys: str,
    stored: Callable[[Image, Image], bytes],
    draw: str,
) -> None:
    data = stored(grey, bilevel)
    read(tmp_path, pdf(keys, data, draw))
    for part in (0.3, 0.6, 0.9):
        with pytest.raises(PageError, match=r"ends early|broken rows|damaged|truncated"):
            read(tmp_path, pdf(keys, data[: int(part * len(data))], draw))


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_fax_with_a_hole_is_refused(tmp_path: Path, bilevel: Image, compression: str) -> None:
    content = encoded(Pillow.fromarray(bilevel).convert("1"), "TIFF", compression=compression)
    hole = len(content) // 4
    with pytest.raises(PageError, match="broken rows"):
        read(tmp_path, content[:hole] + bytes(64) + content[hole + 64 :])


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000"])
def test_pictures_that_end_in_zeros_are_half_copied(tmp_path: Path, grey: Image, kind: str) -> None:
    content = encoded(grey, kind)
    half = len(content) // 2
    with pytest.raises(PageError, match=r"being copied|damaged"):
        read(tmp_path, content[:half] + bytes(len(content) - half))


def test_a_file_is_what_its_name_says(grey: Image) -> None:
    png, document = encoded(grey, "PNG"), grey_pdf(grey)
    for content, suffix in ((png, ".jpg"), (document, ".pdf"), (png, ""), (document, ".1998")):
        pages.check_name(suffix, content[:1024])
    for content, suffix in ((png, ".pdf"), (document, ".png")):
        with pytest.raises(PageError, match="named wrongly"):
            pages.check_name(suffix, content[:1024])


def test_pages_are_known_by_their_first_bytes(grey: Image) -> None:
    kinds = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000")
    assert all(pages.looks_like_page(encoded(grey, kind)[:16]) for kind in kinds)
    assert pages.looks_like_page(grey_pdf(grey)[:16])
    assert not pages.looks_like_page(b"#!/bin/sh")


def test_memory_that_is_short_is_no_fault_of_the_page(
    tmp_path: Path, grey: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pictures, "_grey", starved)
    with pytest.raises(MemoryError):
        read(tmp_path, encoded(grey, "PNG"))


def test_padding_before_the_end_of_a_jpeg_is_no_damage(tmp_path: Path, grey: Image) -> None:
    jpeg = encoded(np.kron(grey, np.ones((2, 2), np.uint8)), "JPEG")
    image, _ = read(tmp_path, jpeg[:-2] + b"\0" * 99 + jpeg[-2:])
    assert np.array_equal(image, read(tmp_path, jpeg)[0])
    with pytest.raises(PageError, match="extraneous"):
        read(tmp_path, jpeg[:-2] + b"\1" * 5000 + jpeg[-2:])


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    side = int(pictures.MAX_PIXELS**0.5) + 1
    with pytest.raises(PageError, match="too large"):
        read(tmp_path, encoded(Pillow.new("1", (side, side)), "PNG"))


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    for name in ("fifo.png", "link.png", "missing.png", "."):
        with pytest.raises(PageError) as caught:
            pages.read_file(tmp_path / name)
        assert caught.value.stage in ("open", ACCESS)


def test_what_changed_since_it_was_hashed_is_not_read(tmp_path: Path, grey: Image) -> None:
    path, times = tmp_path / "page.png", (1_700_000_000,) * 2
    path.write_bytes(encoded(grey, "PNG"))
    os.utime(path, times)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    ref = PageRef(path, "page.png", 1, sha256, pages.stamp(path.stat()))
    path.chmod(0o640)
    assert pages.read_page(ref, resolution=100, size=SIZE).image.shape == grey.shape
    for content in (encoded(255 - grey, "PNG"), b""):
        path.write_bytes(content)
        os.utime(path, times)
        with pytest.raises(PageError) as caught:
            pages.read_page(ref, resolution=100, size=SIZE)
        assert caught.value.stage == ACCESS


def test_damage_that_decoders_only_murmur_about_is_refused(
    tmp_path: Path, grey: Image, capfd: pytest.CaptureFixture[str]
) -> None:
    jpeg = bytearray(encoded(np.kron(grey, np.ones((2, 2), np.uint8)), "JPEG"))
    size = jpeg.index(b"\xff\xc0") + 5
    taller = jpeg[:size] + (4 * H).to_bytes(2, "big") + jpeg[size + 2 :]
    with pytest.raises(PageError, match="premature end"):
        read(tmp_path, bytes(taller))
    assert capfd.readouterr().err == ""
