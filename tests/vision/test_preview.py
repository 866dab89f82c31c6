"""What was read, drawn on the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitscan.forms import Form
from digitscan.records import FieldReading, Image
from digitscan.vision.preview import ACCEPTED, CELL, FRAME, REVIEW, draw_preview
from digitscan.vision.registration import RegisteredPage, register
from digitscan.vision.transforms import apply
from tests.drawn_pages import SMALL_FORM, as_page, blank, write_form


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Form:
    return write_form(Path(tmp_path_factory.mktemp("form")), SMALL_FORM)


def readings(form: Form, status: str) -> list[FieldReading]:
    return [FieldReading(field.name, "1", "1", 0.99, status) for field in form.fields]


def registered(form: Form, rotation: int) -> RegisteredPage:
    found = register(as_page(np.ascontiguousarray(np.rot90(blank(form), rotation // 90))), (form,))
    assert found.rotation == rotation
    return found


def near(canvas: Image, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Where a picture has about this colour, also where it is mixed with the print under it."""
    away = canvas.astype(np.float64) - canvas.min(axis=-1, keepdims=True)
    hue = np.array(colour, np.float64) - min(colour)
    length = np.linalg.norm(away, axis=-1)
    alike = away @ hue / (np.linalg.norm(hue) * np.maximum(length, 1))
    return np.asarray((length > 50) & (alike > 0.97))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_page_stands_upright_with_its_fields_where_they_are(form: Form, rotation: int) -> None:
    canvas = draw_preview(registered(form, rotation), readings(form, "review"))
    assert canvas.dtype == np.uint8
    assert canvas.shape == (*blank(form).shape, 3)
    red = near(canvas, REVIEW)
    scale = 200 / 25.4
    for field in form.fields:
        x, y, w, h = (round(v * scale) for v in field.box)
        for edge in (
            red[y - 3 : y + 4, x : x + w].any(axis=0),
            red[y + h - 3 : y + h + 4, x : x + w].any(axis=0),
            red[y : y + h, x - 3 : x + 4].any(axis=1),
            red[y : y + h, x + w - 3 : x + w + 4].any(axis=1),
        ):
            assert edge.mean() > 0.7, field.name


def test_accepted_and_doubtful_fields_differ(form: Form) -> None:
    page = registered(form, 0)
    accepted = draw_preview(page, readings(form, "accepted"))
    doubtful = draw_preview(page, readings(form, "review"))
    assert not near(accepted, REVIEW).any()
    assert near(accepted, ACCEPTED).sum() > 500
    assert near(doubtful, REVIEW).sum() > 500
    assert near(accepted, CELL).any()
    assert near(accepted, FRAME).any()


def test_the_scan_itself_is_not_drawn_on(form: Form) -> None:
    page = registered(form, 0)
    before = page.page.image.copy()
    draw_preview(page, readings(form, "review"))
    assert np.array_equal(page.page.image, before)


def test_a_form_that_leaves_the_scan_is_drawn_as_far_as_it_is_there(form: Form) -> None:
    page = registered(form, 0)
    part = RegisteredPage(
        as_page(page.page.image[:300, :300].copy()),
        form,
        page.transform,
        page.placements,
        page.evidence,
        0.9,
        0,
    )
    assert draw_preview(part, readings(form, "review")).shape == (300, 300, 3)
    assert apply(page.transform, np.array([(90.0, 120.0)])).max() > 300
