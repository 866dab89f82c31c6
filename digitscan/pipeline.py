"""The way of a page, from a file to readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.recognition.classifier import Classifier
from digitscan.recognition.decoding import read_field
from digitscan.recognition.evidence import settle
from digitscan.recognition.rivals import settle as settle_places
from digitscan.recognition.strings import Columns, StringNetwork, look_at
from digitscan.records import FieldReading, Image, Matrix, PageRef, PageResult
from digitscan.vision import pages
from digitscan.vision.covers import covered
from digitscan.vision.fields import FieldCrop, cut_fields, field_inks, page_ink_level
from digitscan.vision.glyphs import fit, fit_many
from digitscan.vision.hidden import hidden_marks, pale_marks
from digitscan.vision.overflow import overflow
from digitscan.vision.paler import paler
from digitscan.vision.preprint import without_print
from digitscan.vision.preview import draw_preview
from digitscan.vision.registration import RegisteredPage, register
from digitscan.vision.repeated import repeated
from digitscan.vision.screens import levelled
from digitscan.vision.segmentation import Segmentation, by_page, number_ink, segment
from digitscan.vision.slashes import slashed
from digitscan.vision.specks import speck_points
from digitscan.vision.transforms import apply
from digitscan.vision.views import with_views

DARK = 110  # median grey of a page: a darker one may be a negative


def read_page(
    ref: PageRef, forms: Sequence[Form], classifier: Classifier, strings: StringNetwork | None = None
) -> PageResult:
    """Read one page as the form that fits it best; `strings` is asked too what stands in open boxes.

    Raises PageError where the page cannot be opened or no form is found on it.
    """
    registered, readings = _read(register_page(ref, forms), classifier, strings)
    height, width = registered.page.image.shape
    said = PageResult(ref, registered.form.name, registered.rotation, registered.score, readings)
    said = replace(said, size=(width, height), negative=registered.page.negative)
    return with_views(said, registered.page.image)


def register_page(ref: PageRef, forms: Sequence[Form]) -> RegisteredPage:
    """Open one page and lay it onto the form that fits it best; raises as `read_page` does.

    Of white writing on black, as microfilm has it, the negative is laid. In which order the
    forms are given counts nothing.
    """
    resolution = max(form.page.resolution for form in forms)
    size, *others = (form.page.size for form in forms)
    page = pages.read_page(ref, resolution=resolution, size=size, other_sizes=others)
    tried = tuple(sorted(forms, key=lambda form: form.fingerprint))  # of two that score alike one is first
    try:
        return register(page, tried)
    except PageError as unfit:
        if np.median(page.image) > DARK:
            raise
        try:
            image = np.asarray(255 - page.image, np.uint8)
            return register(replace(page, image=image, negative=True), tried)
        except PageError:
            raise unfit from None


def preview(ref: PageRef, form: Form, classifier: Classifier, strings: StringNetwork | None = None) -> Image:
    """The page with the form and what was read drawn on it; BGR. Raises as `read_page` does."""
    return draw_preview(*_read(register_page(ref, (form,)), classifier, strings))


def _read(
    registered: RegisteredPage, classifier: Classifier, strings: StringNetwork | None
) -> tuple[RegisteredPage, tuple[FieldReading, ...]]:
    """The page's fields; where the form may lie elsewhere on it as well, read there too, and settled."""
    places = (registered, *registered.rivals)
    readings = [read_fields(place, classifier, strings) for place in places]
    chosen, settled = settle_places([place.support for place in places], readings)
    return places[chosen], settled


def read_fields(
    registered: RegisteredPage, classifier: Classifier, strings: StringNetwork | None = None
) -> tuple[FieldReading, ...]:
    """All fields of a registered page, its glyphs classified in one batch."""
    crops, found = _segmented(registered)
    glyphs = fit_many(h.ink for s in found for h in s.hypotheses)
    shares = np.split(classifier(glyphs), np.cumsum([len(s.hypotheses) for s in found])[:-1])
    columns = _whole_numbers(crops, found, strings)
    said = [
        read_field(crop.field, s, share, crop.cells, crop.evidence, spelled)
        for crop, s, share, spelled in zip(crops, found, shares, columns, strict=True)
    ]
    readings = settle([crop.field for crop in crops], said, registered.form.checks)
    return _on_page(readings, crops)


def read_glyphs(registered: RegisteredPage, readings: Sequence[FieldReading]) -> dict[tuple[str, int], Image]:
    """What the network of single digits saw of readings of this page: 28x28, by field and position.

    Left out are cells where nothing stands, and what is not found again where it was read.
    """
    glyphs: dict[tuple[str, int], Image] = {}
    for place in (registered, *registered.rivals):
        for crop, segmentation in zip(*_segmented(place), strict=True):
            boxes, _ = _on_page_px([h.box for h in segmentation.hypotheses], crop.to_page)
            inks = {box: h.ink for box, h in zip(boxes, segmentation.hypotheses, strict=True)}
            for reading in (r for r in readings if r.field == crop.field.name):
                for digit in (d for d in reading.digits if d.digit != "_" and d.box in inks):
                    glyphs.setdefault((reading.field, digit.position), fit(inks[digit.box]))
    return glyphs


def _segmented(registered: RegisteredPage) -> tuple[list[FieldCrop], list[Segmentation]]:
    """The fields of a registered page, and the guesses at digits in each."""
    settings, lit = registered.form.cleaning, levelled(registered)
    crops = without_print(cut_fields(lit), registered.form)
    level = page_ink_level(crops, settings)
    inks = field_inks(crops, level, settings)
    found = [
        segment(ink, c.box, c.cells, c.scale, rules, level.stroke)
        for (ink, rules), c in zip(inks, crops, strict=True)
    ]
    found = by_page(found, [crop.box for crop in crops])
    pale, hidden = pale_marks(crops, inks, level), hidden_marks(crops, inks, level)
    beside = overflow(crops, [ink for ink, _ in inks], lit.page.image, level.threshold)
    strikes, covers, prints = slashed(found), covered(crops, inks), repeated(crops, found)
    fainter, points = paler(crops, found, level), speck_points(found, crops, inks, level)
    found = [
        replace(
            s,
            left_out=max(s.left_out, pale[i], hidden[i]),
            point=max(s.point, points[i]),
            streaks=crops[i].streak_boxes,
            slashed=strikes[i],
            beside=beside[i],
            covered=covers[i],
            repeated=prints[i],
            pale=fainter[i],
        )
        for i, s in enumerate(found)
    ]
    return crops, found


def _whole_numbers(
    crops: Sequence[FieldCrop], found: Sequence[Segmentation], strings: StringNetwork | None
) -> list[Columns | None]:
    """What the network of whole numbers says of each field; None where it is not asked."""
    asked = [i for i, crop in enumerate(crops) if strings and not crop.cells and found[i].pieces]
    columns: list[Columns | None] = [None] * len(crops)
    if strings and asked:
        for i, spelled in zip(asked, look_at([number_ink(found[i]) for i in asked], strings), strict=True):
            columns[i] = spelled
    return columns


def _on_page(readings: Sequence[FieldReading], crops: Sequence[FieldCrop]) -> tuple[FieldReading, ...]:
    """The readings with their digits' boxes, and their fields' corners, in page px."""
    own = [[crop.box, *(digit.box for digit in r.digits)] for r, crop in zip(readings, crops, strict=True)]
    to_page = np.repeat([crop.to_page for crop in crops], [len(boxes) for boxes in own], axis=0)
    placed = zip(*_on_page_px([box for boxes in own for box in boxes], to_page), strict=True)
    moved = []
    for reading in readings:
        _, field = next(placed)
        corners = tuple((round(x), round(y)) for x, y in field.tolist())
        digits = tuple(replace(digit, box=next(placed)[0]) for digit in reading.digits)
        moved.append(replace(reading, digits=digits, corners=corners))
    return tuple(moved)


def _on_page_px(
    boxes: Sequence[Sequence[float]], to_page: Matrix
) -> tuple[list[tuple[int, int, int, int]], NDArray[np.float64]]:
    """Boxes in crops to upright rectangles around them in page px; and their corners, n x 4 x 2.

    to_page: crop px -> page px, of all boxes, or n x 3 x 3.
    """
    given = np.array(boxes, np.float64).reshape(-1, 4)
    around = given[:, None, :2] + given[:, None, 2:] * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    corners = apply(to_page, around)
    spans = np.rint(np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)).astype(int).tolist()
    return [(left, top, right - left, bottom - top) for left, top, right, bottom in spans], corners
