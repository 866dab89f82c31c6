"""Ink told from paper, from dirt, and from paler print."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitscan.definition import CleaningSection
from digitscan.records import Image
from digitscan.vision.cleaning import (
    FAINTEST,
    Darkness,
    InkLevel,
    components,
    darknesses,
    find_inks,
    ink_level,
    median,
    stroke_width,
)

SCALE = 8.0  # px/mm, about 200 dpi
USUAL = CleaningSection()


def written(
    paper: int = 240, ink: int = 60, width: int = 4, size: tuple[int, int] = (120, 160), scale: float = SCALE
) -> Image:
    """A ring and a bar on paper; all lengths in px at `SCALE`, drawn at `scale`."""
    grow = scale / SCALE
    crop = np.full([round(v * grow) for v in size], paper, np.uint8)
    thick = round(width * grow)
    centre = (round(45 * grow), round(60 * grow))
    cv2.circle(crop, centre, round(25 * grow), ink, thick, cv2.LINE_AA)
    top, bottom = ((round(115 * grow), round(y * grow)) for y in (30, 90))
    cv2.line(crop, top, bottom, ink, thick, cv2.LINE_AA)
    return crop


def darkness(crop: Image, scale: float) -> Darkness:
    return darknesses([crop], scale)[0]


def find_ink(dark: Darkness, level: InkLevel, settings: CleaningSection, scale: float) -> NDArray[np.bool_]:
    return find_inks([dark], level, settings, scale)[0]


def level_of(crop: Image, scale: float = SCALE) -> InkLevel:
    return ink_level([darkness(crop, scale)], [], USUAL, scale)


@given(paper=st.integers(90, 255), share=st.floats(0.1, 0.9))
def test_darkness_is_relative_to_the_paper(paper: int, share: float) -> None:
    dark = darkness(written(paper, round(paper * share)), SCALE)
    assert dark.dtype == np.uint8
    assert dark.max() / 255 == pytest.approx(1 - share, abs=0.03)
    assert np.median(dark) < 3


def test_darkness_takes_shadow_out() -> None:
    shade = np.linspace(1.0, 0.5, 160)[None]
    lit = darkness(written(), SCALE)
    shaded = darkness(np.asarray(written() * shade, np.uint8), SCALE)
    assert cv2.absdiff(lit, shaded).max() < 0.12 * 255  # the shade falls by 5 % within the paper's window


@pytest.mark.parametrize("paper", [240, 130])
def test_a_blot_is_dark_and_ink_throughout(paper: int) -> None:
    crop = np.full((120, 160), paper, np.uint8)
    cv2.rectangle(crop, (40, 20), (110, 100), round(0.15 * paper), -1)
    assert darkness(crop, SCALE)[20:101, 40:111].min() > 0.8 * 255
    assert find_ink(darkness(crop, SCALE), level_of(written()), USUAL, SCALE)[20:101, 40:111].all()


def test_pictures_of_one_tone_are_not_dark() -> None:
    for tone in (255, 128, 60):
        assert darkness(np.full((50, 70), tone, np.uint8), SCALE).max() == 0


def test_ink_is_found_as_it_was_drawn() -> None:
    crop = written()
    ink = find_ink(darkness(crop, SCALE), level_of(crop), USUAL, SCALE)
    drawn = crop < 150
    assert (ink & drawn).sum() > 0.95 * drawn.sum()
    assert (ink & ~drawn).sum() < 0.15 * drawn.sum()


@pytest.mark.parametrize("width", [3, 4, 5, 6, 7, 8, 9])
def test_ink_stays_where_it_was(width: int) -> None:
    crop = np.full((120, 160), 240, np.uint8)
    crop[30:90, 80 : 80 + width] = 50
    ink = find_ink(darkness(crop, SCALE), level_of(crop), USUAL, SCALE)
    rows, columns = np.nonzero(ink)
    assert columns.mean() == pytest.approx(80 + (width - 1) / 2, abs=0.3)
    assert rows.mean() == pytest.approx(59.5, abs=0.3)


@pytest.mark.parametrize("paper", [130, 190, 250])
@pytest.mark.parametrize("contrast", [0.3, 0.6, 0.9])
def test_faint_ink_is_ink_where_all_of_it_is_faint(paper: int, contrast: float) -> None:
    crop = written(paper, round(paper * (1 - contrast)))
    ink = find_ink(darkness(crop, SCALE), level_of(crop), USUAL, SCALE)
    drawn = written() < 150
    assert (ink & drawn).sum() > 0.9 * drawn.sum()


@pytest.mark.parametrize("ink", [150, 170, 185])
def test_black_rules_do_not_hide_what_is_written_palely(ink: int) -> None:
    plain = written(ink=ink)
    ruled = plain.copy()
    for place in (5, 81, 152):
        ruled[:, place : place + 6] = 20
    for place in (14, 98):
        ruled[place : place + 6] = 20
    level, within = level_of(plain), (slice(22, 96), slice(13, 79))
    alone, among = (find_ink(darkness(crop, SCALE), level, USUAL, SCALE)[within] for crop in (plain, ruled))
    assert (alone & among).sum() > 0.97 * (alone | among).sum()


def test_thin_strokes_survive_the_median() -> None:
    crop = written(width=1)
    settings = CleaningSection(median=1.0)
    ink = find_ink(darkness(crop, SCALE), level_of(crop), settings, SCALE)
    drawn = crop < 130
    assert drawn.sum() > 150
    assert (ink & drawn).sum() > 0.9 * drawn.sum()


def test_specks_are_dirt_and_the_size_of_specks_is_a_setting() -> None:
    crop = written()
    crop[10:13, 140:143] = 40
    dark, level = darkness(crop, SCALE), level_of(crop)
    assert not find_ink(dark, level, USUAL, SCALE)[5:18, 135:148].any()
    assert find_ink(dark, level, CleaningSection(speck=0.1, median=0), SCALE)[5:18, 135:148].any()


def test_noise_is_not_ink() -> None:
    rng = np.random.default_rng(3)
    crop = np.clip(rng.normal(235, 6, (120, 160)), 0, 255).astype(np.uint8)
    level = level_of(crop)
    assert level.threshold >= FAINTEST
    assert not find_ink(darkness(crop, SCALE), level, USUAL, SCALE).any()


def test_the_gap_of_a_skipping_pen_is_closed() -> None:
    crop = written(width=8)
    crop[58:60] = 240
    ink = find_ink(darkness(crop, SCALE), level_of(crop), USUAL, SCALE)
    count, _ = cv2.connectedComponents(ink.astype(np.uint8))
    assert count - 1 == 2


def test_paper_between_the_rules_of_two_cells_is_not_bridged() -> None:
    crop = written(width=8)
    crop[:, 74:78] = crop[:, 80:84] = 60
    dark, level = darkness(crop, SCALE), InkLevel(0.35, 8.0)
    bridged, apart = (find_inks([dark], level, USUAL, SCALE, gaps)[0] for gaps in ([], [[(76, 82)]]))
    assert bridged[20:100, 78:80].all()
    assert not apart[20:100, 78:80].any()
    assert (bridged[:, :74] == apart[:, :74]).all()


def test_the_level_is_the_same_at_other_resolutions() -> None:
    levels = {dpi: level_of(written(scale=dpi / 25.4), dpi / 25.4) for dpi in (150, 200, 300, 400)}
    thresholds = [level.threshold for level in levels.values()]
    assert max(thresholds) - min(thresholds) < 0.05
    widths = [level.stroke / dpi * 25.4 for dpi, level in levels.items()]
    assert max(widths) < 1.6 * min(widths)  # a pen of half a millimetre is three pixels at 150 dpi


@pytest.mark.parametrize(("noise", "lower"), [(1.0, True), (12.0, False)])
def test_pale_ink_is_whole_where_the_paper_is_even(noise: float, *, lower: bool) -> None:
    pale = written(240, round(240 * 0.77))
    noisy = np.random.default_rng(1).normal(pale, noise)
    level = level_of(np.clip(noisy, 0, 255).astype(np.uint8))
    assert (level.threshold < 0.8 * FAINTEST) is lower


def test_pale_print_lifts_the_level_above_itself() -> None:
    # screens and guides are printed in the tone of the rules
    crop = written(240, 50)
    crop[100:110, 10:150] = 190
    dark = darkness(crop, SCALE)
    pale = dark[105, 80] / 255
    assert 0.15 < pale < 0.25
    level = ink_level([dark], [pale] * 8, USUAL, SCALE)
    assert pale < level.threshold < 0.75
    ink = find_ink(dark, level, USUAL, SCALE)
    assert not ink[99:111].any()
    assert ink[30:90].any()


def test_dark_rules_leave_the_level_to_the_ink() -> None:
    crop = written(240, 120)
    alone = level_of(crop)
    with_rules = ink_level([darkness(crop, SCALE)], [0.9] * 8, USUAL, SCALE)
    assert with_rules.threshold == pytest.approx(alone.threshold, rel=0.4)
    assert with_rules.threshold < 0.5


@pytest.mark.parametrize("insides", [[], [np.zeros((40, 40), np.uint8)]])
def test_a_page_without_ink_has_a_level(insides: list[np.ndarray]) -> None:
    level = ink_level(insides, [], USUAL, SCALE)
    assert FAINTEST <= level.threshold < 0.6
    assert level.stroke > 0


@given(width=st.integers(2, 14), degrees=st.floats(0, 180))
def test_stroke_width_is_the_width_of_the_stroke(width: int, degrees: float) -> None:
    y, x = np.mgrid[:160, :160] - 79.5
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    across = y * c - x * s
    bar = (np.abs(x * c + y * s) < 55) & (across >= -width / 2) & (across < width / 2)
    assert stroke_width(bar) == pytest.approx(width, abs=1.3)


def test_no_ink_has_no_stroke_width() -> None:
    assert stroke_width(np.zeros((5, 5), bool)) == 0


@given(
    values=st.lists(st.integers(0, 255), min_size=1, max_size=30),
)
def test_the_median_is_numpys(values: list[int]) -> None:
    assert median(np.array(values, np.uint8)) == np.median(values)


@given(seed=st.integers(0, 10_000))
def test_a_page_has_the_usual_stroke_of_its_fields(seed: int) -> None:
    rng = np.random.default_rng(seed)
    insides = [
        darkness(written(width=int(w)), SCALE)[: int(h)] for w, h in rng.integers(3, 110, (3, 2)) % 60 + 3
    ]
    level = ink_level(insides, [], USUAL, SCALE)
    widths = [w for i in insides if (w := stroke_width(i > level.threshold * 255)) > 0]
    assert level.stroke == pytest.approx(np.median(widths) if widths else 0.4 * SCALE)


def test_pieces_of_a_large_picture_are_all_told_apart() -> None:
    ink = np.zeros((600, 600), np.uint8)
    ink[::2, ::2] = 1
    labels, stats = components(ink)
    assert len(stats) == 300 * 300 + 1
    assert len(np.unique(labels)) == 300 * 300 + 1
