"""Ink half as dark as a page's may show through from the back; a pen that presses unevenly does not."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.records import Box
from digitscan.vision.cleaning import InkLevel
from digitscan.vision.fields import FieldCrop
from digitscan.vision.paler import paler
from digitscan.vision.pieces import contours
from digitscan.vision.segmentation import Segmentation
from tests.recognition.inks import a_field

LEVEL = InkLevel(threshold=0.36, stroke=4.0, ink=0.8)


def pale(darkness: float, high: int = 40, core: float = 0.0) -> int:
    """How many strokes are pale of one so dark, some of it darker, beside one of the page's ink."""
    dark = np.zeros((80, 120), np.uint8)
    dark[20:60, 20:26] = round(0.8 * 255)
    dark[20 : 20 + high, 60:66] = round(darkness * 255)
    dark[20 : 20 + round(core * high), 60:66] = round(0.8 * 255)
    pieces = tuple(contours(dark > 0.36 * 255))
    field, box = a_field(), Box(0, 0, 120, 80)
    crop = FieldCrop(field, 255 - dark, dark, box, (), np.eye(3), 8.0, 1.0, ([], []))
    (found,) = paler([crop], [Segmentation(pieces, (), pieces, 40.0)], LEVEL)
    assert all(place.x == 60 for place in found)
    return len(found)


@pytest.mark.parametrize(("darkness", "seen"), [(0.4, 1), (0.48, 0), (0.7, 0)])
def test_a_stroke_half_as_dark_as_the_page_s_ink_is_pale(darkness: float, seen: int) -> None:
    assert pale(darkness) == seen


@pytest.mark.parametrize(("core", "seen"), [(0.1, 1), (0.3, 0)])
def test_what_is_dark_within_is_not(core: float, seen: int) -> None:
    assert pale(0.4, core=core) == seen


def test_dirt_is_left_alone() -> None:
    assert pale(0.4, high=12) == 0
