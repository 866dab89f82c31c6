"""Guesses at the digit of a picture, among what intrudes on it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.records import Image
from digitscan.vision.crops import Guesses, guesses
from digitscan.vision.glyphs import fit

ALIKE = 0.15


def zero(ink: int = 40, paper: int = 230) -> Image:
    """An upright ring in the middle of 90x70 pixels."""
    crop = np.full((90, 70), paper, np.uint8)
    cv2.ellipse(crop, (35, 45), (18, 30), 0, 0, 360, ink, 6)
    return crop


def best(found: Guesses) -> Image:
    return np.asarray(found.glyphs[int(found.priors.argmax())], np.uint8)


def far(glyph: Image, crop: Image) -> float:
    """How far a glyph is from that of a clean crop, moved by a pixel where that brings it nearer: 0 to 1."""
    theirs = fit(crop < 128).astype(int)
    moved = [np.roll(glyph.astype(int), (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(float(np.abs(ours - theirs).sum() / (ours + theirs).sum()) for ours in moved)


def alike(glyph: Image, crop: Image) -> bool:
    return far(glyph, crop) < ALIKE


def test_a_digit_alone_is_the_first_guess() -> None:
    assert alike(best(guesses(zero())), zero())


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_neighbour_that_enters_is_left_out(side: str) -> None:
    crop = zero()
    cv2.line(crop, (0, 15), (6, 75), 40, 6)
    assert alike(best(guesses(crop if side == "left" else np.ascontiguousarray(crop[:, ::-1]))), zero())


def test_a_neighbour_that_touches_is_cut_off() -> None:
    crop = zero()
    cv2.line(crop, (0, 30), (18, 44), 40, 4)
    assert any(alike(glyph, zero()) for glyph in guesses(crop).glyphs)


@pytest.mark.parametrize("lying", [False, True])
def test_a_ruled_line_through_the_digit_is_taken_out(lying: bool) -> None:
    crop = zero()
    if lying:
        crop[60:63] = 70
    else:
        crop[:, 42:45] = 70
    found = guesses(crop)
    assert any(alike(glyph, zero()) for glyph in found.glyphs)


def test_a_stroke_that_pales_is_whole_in_some_guess() -> None:
    crop = zero()
    crop[40:50] = np.where(crop[40:50] < 128, 175, crop[40:50])
    assert any(alike(glyph, zero()) for glyph in guesses(crop).glyphs)


def test_the_flag_of_a_five_goes_with_it() -> None:
    crop = np.full((90, 70), 230, np.uint8)
    cv2.putText(crop, "5", (12, 76), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 40, 5)
    crop[8:13, 30:56] = 40
    assert alike(best(guesses(crop)), crop)


def test_slanted_digits_are_set_upright() -> None:
    shear = np.array([[1, -0.5, 22], [0, 1, 0]], np.float32)
    slanted = cv2.warpAffine(zero(), shear, (90, 90), borderValue=230)
    assert alike(best(guesses(np.asarray(slanted, np.uint8))), zero())


def test_both_polarities_give_the_same_guesses() -> None:
    dark, light = guesses(zero(0, 255)), guesses(np.asarray(255 - zero(0, 255), np.uint8))
    assert np.array_equal(dark.glyphs, light.glyphs)


def test_a_digit_is_found_on_a_large_sheet() -> None:
    sheet = np.full((1200, 900), 230, np.uint8)
    sheet[300:390, 500:570] = zero()
    assert alike(best(guesses(sheet)), zero())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(1, 40), st.integers(1, 40))
def test_plain_paper_shows_nothing(level: int, height: int, width: int) -> None:
    assert len(guesses(np.full((height, width), level, np.uint8)).glyphs) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_any_picture_is_taken(seed: int, height: int, width: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    found = guesses(noise)
    assert found.glyphs.shape == (len(found.priors), 28, 28)
    assert found.glyphs.dtype == np.uint8


def test_a_hair_of_a_picture_is_no_burden() -> None:
    hair = np.full((1, 200_000), 255, np.uint8)
    hair[0, ::1000] = 0
    guesses(hair)
