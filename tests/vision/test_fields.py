"""Fields cut out of a page, and their ink without the printed rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.deck.drawing import draw_form, on_paper, write_page
from digitscan.deck.filling import USUAL, fill_page
from digitscan.forms import MARGIN_MM, Form
from digitscan.records import Box, Image, Matrix
from digitscan.vision.cleaning import InkLevel
from digitscan.vision.fields import (
    FieldCrop,
    cut_fields,
    field_inks,
    page_ink_level,
    part,
)
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.transforms import apply
from tests.drawn_pages import DPI, SMALL_FORM, as_page, blank, tidy_writer, write_form

Ink = NDArray[np.bool_]


@cache
def form(dpi: float = DPI) -> Form:
    with TemporaryDirectory() as folder:
        return write_form(Path(folder), SMALL_FORM.replace("[90, 120]", f"[90, 120]\nresolution = {dpi}"))


def at(dpi: float) -> Matrix:
    return np.diag([dpi / 25.4, dpi / 25.4, 1.0])


def crops_of(image: Image, dpi: float = DPI) -> list[FieldCrop]:
    lies = at(dpi)
    count = len(form(dpi).fields)
    page = RegisteredPage(as_page(image, dpi), form(dpi), lies, (lies,) * count, (1.0,) * count, 1.0, 0)
    return cut_fields(page)


def inks_of(image: Image, dpi: float = DPI) -> list[Ink]:
    crops = crops_of(image, dpi)
    settings = form(dpi).cleaning
    level = page_ink_level(crops, settings)
    return [ink for ink, _ in field_inks(crops, level, settings)]


def inside(inks: list[Ink]) -> list[int]:
    """Pixels of ink in each field's own box; captions stand in its margin."""
    margin = round(len(inks[0]) * MARGIN_MM / (9 + 2 * MARGIN_MM))  # all fields are 9 mm high
    return [int(ink[margin:-margin, margin:-margin].sum()) for ink in inks]


def pieces(ink: Ink) -> int:
    count, _ = cv2.connectedComponents(ink.astype(np.uint8))
    return int(count) - 1


def drawn_on(image: Image, mm: tuple[float, float], radius: float, dpi: float = DPI, tone: int = 40) -> Image:
    """A ring about `mm`, drawn with a pen of 0.6 mm."""
    scale = dpi / 25.4
    centre = (round(mm[0] * scale), round(mm[1] * scale))
    drawn = image.copy()
    cv2.circle(drawn, centre, round(radius * scale), tone, round(0.6 * scale), cv2.LINE_AA)
    return drawn


def in_crop(image: Image, dpi: float = DPI) -> Image:
    """The part of a page picture that the first field's crop shows."""
    return crops_of(image, dpi)[0].image


@pytest.mark.parametrize("dpi", [150, 200, 300])
def test_a_crop_shows_its_field_with_a_margin(dpi: int) -> None:
    crop = crops_of(blank(form(dpi), dpi), dpi)[0]
    scale = dpi / 25.4
    assert crop.field.name == "code"
    assert crop.box == pytest.approx((MARGIN_MM * scale, MARGIN_MM * scale, 21 * scale, 9 * scale))
    assert [cell.x for cell in crop.cells] == pytest.approx([crop.box.x + 7 * scale * i for i in range(3)])
    height, width = crop.image.shape
    assert (width, height) == pytest.approx((crop.box.width * 1 + 4.4 * scale, 13.4 * scale), abs=1)
    corner = apply(crop.to_page, np.array([(crop.box.x, crop.box.y)]))[0]
    assert corner == pytest.approx(np.array([30, 18]) * scale)


@pytest.mark.parametrize("dpi", [150, 200, 300])
@pytest.mark.parametrize("paleness", [0.25, 0.6, 1.0])
def test_empty_fields_have_no_ink(dpi: int, paleness: float) -> None:
    image = np.asarray(255 - (255 - blank(form(dpi), dpi)) * paleness, np.uint8)
    assert inside(inks_of(image, dpi)) == [0] * len(form().fields)


@pytest.mark.parametrize("mm", [33.0, 39.3, 41.5])
def test_a_streak_across_the_page_is_no_ink(mm: float) -> None:
    image = drawn_on(blank(form()), (46.5, 22.5), 1.8)
    ring = inside(inks_of(image))[0]
    image[:, round(mm * DPI / 25.4) :][:, :2] = 60
    (code, *_) = crops_of(image)
    assert code.streak_boxes[0].x == pytest.approx((mm - 30 + MARGIN_MM) * DPI / 25.4, abs=2)
    first, *others = inside(inks_of(image))
    assert first == pytest.approx(ring, rel=0.1)
    assert others == [0] * len(others)


def test_empty_fields_beside_written_ones_have_no_ink() -> None:
    inks = inks_of(drawn_on(blank(form()), (33.5, 22.5), 2.0))
    first, *others = inside(inks)
    assert first > 0
    assert others == [0] * len(others)


@pytest.mark.parametrize("dpi", [150, 200, 300])
@pytest.mark.parametrize(
    ("where", "centre"),
    [
        ("within a cell", (40.5, 22.5)),
        ("over the lower rule", (40.5, 27.0)),
        ("over the upper rule", (40.5, 18.4)),
        ("over the rule between two cells", (37.0, 22.5)),
        ("over the outer rule", (30.0, 22.5)),
        ("over a crossing of rules", (44.0, 27.0)),
    ],
)
def test_a_ring_stays_whole_wherever_it_is_written(dpi: int, where: str, centre: tuple[float, float]) -> None:
    ring = in_crop(drawn_on(np.full_like(blank(form(dpi), dpi), 255), centre, 1.8, dpi), dpi) < 128
    ink = inks_of(drawn_on(blank(form(dpi), dpi), centre, 1.8, dpi), dpi)[0]
    assert (ink & ring).sum() > 0.95 * ring.sum(), where
    assert (ink & ~ring).sum() < 0.15 * ring.sum(), where
    assert pieces(ink) == 1, where


@pytest.mark.parametrize(("length", "kept"), [(0.8, False), (3.5, True)])
def test_a_thin_stroke_among_thick_ones_is_ink_where_it_is_as_long_as_a_digit(
    length: float, *, kept: bool
) -> None:
    scale, page = DPI / 25.4, blank(form())
    for field in form().fields[1:]:
        middle = round((field.box.x + 3.5) * scale), round((field.box.y + 4.5) * scale)
        cv2.circle(page, middle, round(1.9 * scale), 30, round(1.4 * scale), cv2.LINE_AA)
    x, top = round(32.5 * scale), round(20 * scale)
    cv2.line(page, (x, top), (x, round(top + length * scale)), 30, round(0.3 * scale))
    assert (inside(inks_of(page))[0] > 0) == kept


@pytest.mark.parametrize("gap", [0.0, 0.15, 0.3, 0.6])
def test_a_bar_beside_a_rule_stays_and_the_rule_goes(gap: float) -> None:
    """A 1 written close to its cell's edge: `gap` mm of paper between them, or none."""
    scale = DPI / 25.4
    image = blank(form())
    left = round((37.0 + 0.11 + gap) * scale)
    bar = np.zeros(image.shape, bool)
    bar[round(19.5 * scale) : round(25.5 * scale), left : left + 5] = True
    ink = inks_of(np.where(bar, np.uint8(40), image).astype(np.uint8))[0]
    true = in_crop(np.where(bar, np.uint8(0), np.uint8(255)).astype(np.uint8)) < 128
    assert (ink & true).sum() > 0.6 * true.sum()
    assert (ink & ~true).sum() < 0.25 * true.sum()


def test_handwriting_on_a_form_gives_the_ink_it_gives_on_bare_paper() -> None:
    found, expected, extra = 0, 0, 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        raws = fill_page(form(), USUAL, rng)
        written = write_page(form(), raws, tidy_writer(rng), DPI, rng)
        printed = draw_form(form(), DPI)
        bare = on_paper(np.zeros_like(printed), written, 0.9, np.random.default_rng(9))
        page = on_paper(printed, written, 0.9, np.random.default_rng(9))
        for crop, on_form in zip(crops_of(bare), inks_of(page), strict=True):
            alone = crop.image < 128
            x, y, w, h = (round(v) for v in crop.box)
            within = (slice(y, y + h), slice(x, x + w))
            near = cv2.dilate(alone.astype(np.uint8), np.ones((3, 3))) > 0
            found += int((alone & on_form)[within].sum())
            expected += int(alone[within].sum())
            extra += int((on_form & ~near)[within].sum())
    assert expected > 20000
    assert found > 0.97 * expected
    assert extra < 0.01 * expected


def with_guides(image: Image, tone: int) -> Image:
    """Pale figures of eight, as printed on forms that want block digits, in every cell."""
    guided = image.copy()
    scale = DPI / 25.4
    for field in form().fields:
        for x, y, w, h in field.cells:
            corners = [(x + 0.25 * w, y + 0.2 * h), (x + 0.75 * w, y + 0.5 * h), (x + 0.75 * w, y + 0.8 * h)]
            (left, top), (right, middle), (_, bottom) = (
                (round(a * scale), round(b * scale)) for a, b in corners
            )
            cv2.rectangle(guided, (left, top), (right, middle), tone, 4)
            cv2.rectangle(guided, (left, middle), (right, bottom), tone, 4)
    return guided


@pytest.mark.parametrize("tone", [222, 205])
def test_pale_guides_are_not_ink(tone: int) -> None:
    guided = np.minimum(with_guides(blank(form()), tone), 255)
    # the rules of such forms are pale as well
    pale = np.where(blank(form()) < 200, np.uint8(tone), guided).astype(np.uint8)
    page = drawn_on(drawn_on(pale, (40.5, 22.5), 1.8), (19.5, 56.5), 1.8)
    ring = in_crop(drawn_on(np.full_like(pale, 255), (40.5, 22.5), 1.8)) < 128
    code, _, total, line, *others = inks_of(page)
    assert (code & ring).sum() > 0.9 * ring.sum()
    assert (code & ~ring).sum() < 0.2 * ring.sum()
    assert line.any()
    assert not total.any()
    assert [int(ink.sum()) for ink in others] == [0] * len(others)


def test_the_level_is_the_page_s_at_any_resolution() -> None:
    levels = {}
    for dpi in (150, 200, 300):
        image = drawn_on(blank(form(dpi), dpi), (40.5, 22.5), 1.8, dpi)
        levels[dpi] = page_ink_level(crops_of(image, dpi), form(dpi).cleaning)
    thresholds = [level.threshold for level in levels.values()]
    assert max(thresholds) - min(thresholds) < 0.05
    widths = [level.stroke / dpi * 25.4 for dpi, level in levels.items()]
    assert max(widths) < 1.25 * min(widths)
    assert widths == pytest.approx([0.6] * 3, abs=0.35)  # blur and a low threshold widen it


def test_fields_of_a_page_are_cleaned_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    raws = fill_page(form(), USUAL, rng)
    page = on_paper(draw_form(form(), DPI), write_page(form(), raws, tidy_writer(rng), DPI, rng), 0.9, rng)
    crops, settings = crops_of(page), form().cleaning
    level = page_ink_level(crops, settings)
    together = field_inks(crops, level, settings)
    for crop, (ink, rules) in zip(crops, together, strict=True):
        ((alone, its_rules),) = field_inks([crop], level, settings)
        assert (ink == alone).all() and (rules == its_rules).all()


def test_ink_beside_a_blank_field_is_kept() -> None:
    page = blank(form()).copy()
    box = form().fields[0].box
    scale = DPI / 25.4
    x, y = round((box.x + 5) * scale), round((box.y + box.height + 1.4) * scale)
    cv2.line(page, (x, y), (x + round(3 * scale), y), 40, 4)
    ink, _ = field_inks(crops_of(page), InkLevel(0.3, 4.0), form().cleaning)[0]
    assert ink[-round(1.5 * scale) :].any()


def test_a_part_grows_and_shrinks_and_never_counts_from_the_end() -> None:
    rows_of, columns_of = np.mgrid[:20, :30]
    box = Box(2.0, 3.0, 10.0, 6.0)
    for grow, rows, columns in ((0.0, (3, 8), (2, 11)), (-2.0, (5, 6), (4, 9)), (5.0, (0, 13), (0, 16))):
        inside = part(box, grow)
        assert (rows_of[inside].min(), rows_of[inside].max()) == rows
        assert (columns_of[inside].min(), columns_of[inside].max()) == columns
    assert rows_of[part(Box(-9.0, -9.0, 4.0, 4.0))].size == 0
