"""Lines that fill the rest of a box go; strokes of digits, and lines through digits, stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitscan.records import Box, Ink
from digitscan.vision.fillers import remove_fillers

BOX = Box(20, 20, 360, 96)
STROKE = 8


def drawn(*lines: tuple[int, int, int, int], zeros: tuple[int, ...] = (250, 320)) -> Ink:
    """Ink with zeros at these columns, and strokes from x, y to x, y."""
    canvas = np.zeros((136, 400), np.uint8)
    for x in zeros:
        cv2.ellipse(canvas, (x, 68), (22, 34), 0, 0, 360, 1, STROKE)
    for x0, y0, x1, y1 in lines:
        cv2.line(canvas, (x0, y0), (x1, y1), 1, STROKE)
    return canvas > 0


@pytest.mark.parametrize(
    "line",
    [(0, 66, 210, 70), (0, 70, 226, 66), (60, 60, 160, 63), (0, 74, 232, 74)],
    ids=["short of the number", "touching it", "in the middle", "into it"],
)
def test_a_filler_before_the_number_goes(line: tuple[int, int, int, int]) -> None:
    left = remove_fillers(drawn(line), BOX, STROKE)
    assert not left[30:110, 24:215].any()
    assert (left & drawn()).sum() > 0.97 * drawn().sum()


def test_a_filler_after_the_number_goes() -> None:
    ink = drawn((120, 66, 400, 70), zeros=(60, 110))
    left = remove_fillers(ink, BOX, STROKE)
    assert not left[30:110, 145:376].any()
    assert left[:, 30:140].any()


def test_the_flag_of_a_5_is_no_filler() -> None:
    ink = drawn((120, 38, 190, 36), (120, 38, 118, 66), (118, 66, 140, 84), (140, 84, 112, 102), zeros=(60,))
    assert np.array_equal(remove_fillers(ink, BOX, STROKE), ink)


def test_the_hook_at_its_end_goes_too() -> None:
    left = remove_fillers(drawn((0, 66, 190, 66), (190, 66, 190, 58)), BOX, STROKE)
    assert not left[30:110, 24:215].any()


def test_what_stands_beside_the_box_keeps_no_filler() -> None:
    ink = drawn((30, 66, 190, 66))
    ink[40:90, 4:10] = True
    left = remove_fillers(ink, BOX, STROKE)
    assert not left[30:110, 24:215].any()
    assert left[40:90, 4:10].all()


@pytest.mark.parametrize(
    "lines",
    [
        ((150, 68, 210, 68),),  # a minus before the number
        ((4, 68, 50, 68),),  # one through the edge of the box
        ((60, 68, 380, 68),),  # struck out
        ((215, 40, 215, 100),),  # a 1
        ((190, 40, 222, 40), (222, 40, 200, 100)),  # a 7
        ((60, 40, 120, 42), (120, 42, 96, 104)),  # a 7 with a long bar
        ((150, 68, 180, 68),),  # a short dash: it may be anything
        ((24, 110, 200, 40),),  # too steep
    ],
    ids=["minus", "minus through the edge", "struck out", "1", "7", "long bar", "dash", "steep"],
)
def test_what_may_be_writing_stays(lines: tuple[tuple[int, int, int, int], ...]) -> None:
    ink = drawn(*lines)
    assert np.array_equal(remove_fillers(ink, BOX, STROKE), ink)


def test_an_empty_box_and_its_neighbours_ink_stay() -> None:
    ink = np.zeros((136, 400), bool)
    assert not remove_fillers(ink, BOX, STROKE).any()
    ink[:12] = ink[124:] = True
    assert np.array_equal(remove_fillers(ink, BOX, STROKE), ink)
