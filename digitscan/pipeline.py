"""The way of a page, from a file to readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitscan.forms import Form
from digitscan.recognition.classifier import Classifier
from digitscan.recognition.decoding import read_field
from digitscan.recognition.evidence import settle
from digitscan.recognition.rivals import settle as settle_places
from digitscan.recognition.strings import Columns, StringNetwork
from digitscan.records import FieldReading, Image, PageRef, PageResult
from digitscan.vision import pages
from digitscan.vision.constellation import apply
from digitscan.vision.fields import FieldCrop, cut_fields, field_inks, page_ink_level
from digitscan.vision.glyphs import fit_many, fit_string
from digitscan.vision.preview import draw_preview
from digitscan.vision.registration import RegisteredPage, register
from digitscan.vision.segmentation import Segmentation, number_ink, segment
from digitscan.vision.views import with_views


def read_page(
    ref: PageRef, forms: Sequence[Form], classifier: Classifier, strings: StringNetwork | None = None
) -> PageResult:
    """Read one page as the form that fits it best; `strings` is asked too what stands in open boxes.

    Raises PageError where the page cannot be opened or no form is found on it.
    """
    registered, readings = _read(register_page(ref, forms), classifier, strings)
    height, width = registered.page.image.shape
    said = PageResult(ref, registered.form.name, registered.rotation, registered.score, readings)
    return with_views(replace(said, size=(width, height)), registered.page.image)


def register_page(ref: PageRef, forms: Sequence[Form]) -> RegisteredPage:
    """Open one page and lay it onto the form that fits it best; raises as `read_page` does."""
    resolution = max(form.page.resolution for form in forms)
    page = pages.read_page(ref, resolution=resolution, size=forms[0].page.size)
    return register(page, tuple(forms))


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
    settings = registered.form.cleaning
    crops = cut_fields(registered)
    level = page_ink_level(crops, settings)
    inks = field_inks(crops, level, settings)
    found = [
        segment(ink, c.box, c.cells, c.scale, rules) for (ink, rules), c in zip(inks, crops, strict=True)
    ]
    glyphs = fit_many(h.ink for s in found for h in s.hypotheses)
    shares = np.split(classifier(glyphs), np.cumsum([len(s.hypotheses) for s in found])[:-1])
    columns = _whole_numbers(crops, found, strings)
    said = [
        read_field(crop.field, s, share, crop.cells, crop.evidence, spelled)
        for crop, s, share, spelled in zip(crops, found, shares, columns, strict=True)
    ]
    readings = settle([crop.field for crop in crops], said, registered.form.checks)
    return tuple(_on_page(reading, crop) for reading, crop in zip(readings, crops, strict=True))


def _whole_numbers(
    crops: Sequence[FieldCrop], found: Sequence[Segmentation], strings: StringNetwork | None
) -> list[Columns | None]:
    """What the network of whole numbers says of each field; None where it is not asked."""
    asked = [i for i, crop in enumerate(crops) if strings and not crop.cells and found[i].pieces]
    columns: list[Columns | None] = [None] * len(crops)
    if strings and asked:
        pictures = np.stack([fit_string(number_ink(found[i])) for i in asked])
        for i, spelled in zip(asked, strings(pictures), strict=True):
            columns[i] = spelled
    return columns


def _on_page(reading: FieldReading, crop: FieldCrop) -> FieldReading:
    """The reading with its digits' boxes, and its field's corners, in page px."""
    boxes = np.array([crop.box, *(digit.box for digit in reading.digits)], np.float64)
    around = boxes[:, None, :2] + boxes[:, None, 2:] * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    corners = apply(crop.to_page, around.reshape(-1, 2)).reshape(-1, 4, 2)
    spans = np.rint(np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)).astype(int).tolist()
    digits = tuple(
        replace(digit, box=(left, top, right - left, bottom - top))
        for digit, (left, top, right, bottom) in zip(reading.digits, spans[1:], strict=True)
    )
    placed = tuple((round(x), round(y)) for x, y in corners[0].tolist())
    return replace(reading, digits=digits, corners=placed)
