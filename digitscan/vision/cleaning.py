"""Grey crops to ink: median filter, adaptive threshold, morphology, sized by the strokes themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.definition import CleaningSection
from digitscan.records import Image
from digitscan.vision.sheets import Sheet

Darkness = Image
"""Height x width: 0 the paper around, 255 black."""

SOLID = 0.28  # of the crop's brightest paper: darker is no shadow
FAINTEST = 0.14  # darkness under which nothing is ink, unless all ink of a page is pale
DARK = 1.5  # times as dark as the faintest ink: what leaves no doubt that a page shows some; where none does,
PALEST, NOISE = 0.05, 5.0  # the darkness of a pale mark, at least, and in deviations of the paper
BLACK = 2.0  # times the threshold: ink, whatever is around it
EVEN = 2.5  # times as dark as the faintest ink: in the mean around a pixel nothing counts for darker
GAP_MM = 0.4
PEN = 0.85  # darkness of ink on a page that shows none
PALE_PRINT = 0.5  # of the ink's darkness: rules up to here are printed paler than the pen writes


@dataclass(frozen=True, slots=True)
class InkLevel:
    """What ink is on one page; the same for all its fields, so that a blank field stays blank."""

    threshold: float
    """Least darkness of ink."""
    stroke: float
    """Usual width of a stroke, crop px."""
    faintest: float = FAINTEST
    """Least darkness of a mark too pale to be ink: less on a page that hardly shows ink."""
    ink: float = PEN
    """Usual darkness of ink."""


def darknesses(crops: Sequence[Image], scale: float) -> list[Darkness]:
    """How much darker than the paper around each pixel is; shadow and paper tone taken out.

    crops: grey. scale: px/mm. The paper is the brightest within 3 mm, smoothed; in a blot there is none.
    """
    side = round(3 * scale) | 1
    sheet = Sheet([crop.shape for crop in crops], side)
    grey = sheet.filled(crops)
    # what is beyond a crop is black there, and never the brightest
    paper = cv2.dilate(cv2.blur(grey, (3, 3)), np.ones((side, side), np.uint8))
    paper = np.asarray(cv2.max(cv2.blur(paper, (side, side)), np.full_like(paper, 40)), np.uint8)
    for part, crop in zip(sheet.parts(paper), crops, strict=True):
        brightest = part.max(initial=0)
        part[crop < math.ceil(SOLID * brightest)] = brightest
    light = cv2.divide(grey, paper, scale=255, dtype=cv2.CV_32F)
    # rounded down: what is hardly lighter than a level is not lighter
    return sheet.parts(np.asarray(cv2.bitwise_not(cv2.convertScaleAbs(light, beta=-0.498)), np.uint8))


def ink_level(
    insides: Sequence[Darkness], rules: Sequence[float], settings: CleaningSection, scale: float
) -> InkLevel:
    """The page's ink, from the darkness inside its cells and of its printed rules, here from 0 to 1.

    Print that is paler than the pen (guides, screens, watermarks) must not become ink: where the form's
    own rules are pale, the threshold lies between them and the ink.
    """
    seen = np.concatenate([i.ravel() for i in insides]) if insides else np.zeros(0, np.uint8)
    dark = seen[seen > math.floor(FAINTEST * 255)]
    # a page with less ink than one thin digit has none that could be measured
    ink = _upper_class(dark) / 255 if len(dark) > scale * scale * 2 else 0.0
    faintest = FAINTEST if ink > DARK * FAINTEST else _palest(seen)
    usual, ink = ink or PEN, ink or 0.6
    threshold = settings.ink * ink
    printed = float(np.median(rules)) if len(rules) else 0.0
    if FAINTEST < printed < PALE_PRINT * ink:
        threshold = max(threshold, (printed + ink) / 2)
    elif printed <= FAINTEST:
        threshold = max(threshold, 0.3 * ink)
    if threshold < FAINTEST:  # which would thin the strokes of pale ink
        threshold = max(threshold, _palest(seen))
    widths = _stroke_widths(insides, math.floor(threshold * 255))
    stroke = float(np.median(widths)) if widths else 0.4 * scale
    return InkLevel(threshold, stroke, faintest, usual)


def find_inks(
    darks: Sequence[Darkness],
    level: InkLevel,
    settings: CleaningSection,
    scale: float,
    gaps: Sequence[Sequence[tuple[int, int]]] = (),
) -> list[NDArray[np.bool_]]:
    """The ink of each crop; specks smaller than `settings.speck` are gone.

    gaps: of each crop, columns, from and up to, where paper between printed rules is not to be bridged; none
    at all where there are none.
    """
    window = max(3, round(settings.window * scale) | 1)
    stroke = round(2 * level.stroke) | 1
    sheet = Sheet([dark.shape for dark in darks], stroke)
    dark = image = sheet.filled(darks)
    # the median may take dirt, never a stroke: it stays under half a stroke's width
    median = min(settings.median * scale, level.stroke / 2)
    if median >= 3:
        image = np.asarray(cv2.medianBlur(image, int(median - 1) // 2 * 2 + 1), np.uint8)
    least = level.threshold * 255
    mean, how = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
    # each by itself: what is beyond a crop is like its edge; black rules must not hide what is written palely
    _, even = cv2.threshold(image, min(EVEN * least, 255), 255, cv2.THRESH_TRUNC)
    local = sheet.filled(
        [cv2.adaptiveThreshold(part, 255, mean, how, window, -0.4 * least) for part in sheet.parts(even)]
    )
    # the edge of a stroke lies where its own darkness has fallen to half, be it thick and black or thin
    # and grey; a little less, since pens press unevenly
    strokes = cv2.dilate(dark, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (stroke, stroke)))
    inner = cv2.compare(dark, cv2.convertScaleAbs(strokes, alpha=0.4), cv2.CMP_GE)
    _, ink = cv2.threshold(image, least, 255, cv2.THRESH_BINARY)
    # a blot is as dark as what is around, but it is no ring
    _, black = cv2.threshold(image, min(BLACK * least, (1 - SOLID) * 255), 255, cv2.THRESH_BINARY)
    ink = cv2.bitwise_and(cv2.bitwise_and(ink, cv2.bitwise_or(local, black)), inner)
    # a pen that skips leaves gaps shorter than it is wide; between print and strokes paper shows, however
    # thick the pen
    gap = min(0.5 * level.stroke, GAP_MM * scale)
    side = max(1, (round(gap) - 1) // 2 * 2 + 1)  # odd: an even kernel would move the ink
    joined = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), np.uint8)
    for after, before, columns in zip(
        sheet.parts(joined), sheet.parts(ink), gaps or [()] * len(darks), strict=True
    ):
        for first, past in columns:
            after[:, first:past] = before[:, first:past]
    return [_without_specks(part, settings.speck * scale) for part in sheet.parts(joined)]


def stroke_width(ink: NDArray[np.bool_]) -> float:
    """Usual width of the strokes in px: twice the distance to paper along their middle; 0 for no ink."""
    if not ink.any():
        return 0.0
    depth = cv2.distanceTransform(np.pad(ink.astype(np.uint8), 1), cv2.DIST_L2, 3)
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    return float(2 * np.median(depth[ridge]) - 0.5)


def _stroke_widths(insides: Sequence[Darkness], most: int) -> list[float]:
    """`stroke_width` of each that is darker than `most` somewhere, all in one picture with paper between."""
    inked = [inside for inside in insides if inside.max(initial=0) > most]
    if not inked:
        return []
    tops = np.cumsum([1, *(len(inside) + 1 for inside in inked)])
    page = np.zeros((int(tops[-1]), max(inside.shape[1] for inside in inked) + 2), np.uint8)
    for top, inside in zip(tops.tolist(), inked, strict=False):
        page[top : top + inside.shape[0], 1 : 1 + inside.shape[1]] = inside > most
    depth = cv2.distanceTransform(page, cv2.DIST_L2, 3)
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    owner = np.searchsorted(tops, np.flatnonzero(ridge) // page.shape[1], "right")
    depths = np.asarray(depth[ridge], np.float32)
    depths = depths[np.lexsort((depths, owner))]
    parts = np.split(depths, np.cumsum(np.bincount(owner))[:-1])
    return [2 * _median_of_ordered(part) - 0.5 for part in parts if len(part)]


def median(values: NDArray[np.uint8]) -> float:
    """The same as `np.median`, five times as fast over a few values."""
    return _median_of_ordered(np.sort(values, axis=None))


def _median_of_ordered(values: NDArray[np.float32] | NDArray[np.uint8]) -> float:
    half = len(values) // 2
    return float(values[half]) if len(values) % 2 else (float(values[half - 1]) + float(values[half])) / 2


def percentile(values: NDArray[np.float64] | NDArray[np.integer], share: float) -> NDArray[np.float64]:
    """The same as `np.percentile` along the last axis, ten times as fast over a few values."""
    ordered = np.sort(values, axis=-1)
    at = share / 100 * (ordered.shape[-1] - 1)
    low = int(at)
    below, above = ordered[..., low], ordered[..., min(low + 1, ordered.shape[-1] - 1)]
    part = at - low
    between = above - (above - below) * (1 - part) if part >= 0.5 else below + (above - below) * part
    return np.asarray(between, np.float64)


def components(ink: Image) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """Pieces of ink that hang together: the label of each pixel, and OpenCV's statistics of each label.

    ink: uint8; label 0 is the paper.
    """
    # short labels take half the time; of two by two pixels no more than one piece begins
    height, width = ink.shape
    most = (height + 1) // 2 * ((width + 1) // 2)
    kind = cv2.CV_16U if most < np.iinfo(np.uint16).max else cv2.CV_32S
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=kind)
    return np.asarray(labels), np.asarray(stats, np.int32)


def _palest(seen: NDArray[np.uint8]) -> float:
    """Least darkness, 0-1, that stands out from the paper; of no more than pale ink."""
    if not len(seen):
        return FAINTEST
    lower, middle, upper = np.percentile(seen, (25, 50, 75)) / 255
    deviation = (upper - lower) / 1.35  # of normal noise
    return float(np.clip(middle + NOISE * deviation, PALEST, FAINTEST))


def _upper_class(values: NDArray[np.uint8]) -> float:
    """Median of the darker of two classes (Otsu 1979)."""
    split, _ = cv2.threshold(values.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    upper = values[values > int(split)]
    return float(np.median(upper if len(upper) else values))


def _without_specks(ink: Image, size: float) -> NDArray[np.bool_]:
    labels, stats = components(ink)
    keep = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) >= size
    return only(keep, labels, ink)


def only(keep: NDArray[np.bool_], labels: NDArray[np.integer], ink: Image) -> NDArray[np.bool_]:
    """The pieces of ink, labelled as by `components`, that are to be kept."""
    if keep[1:].all():
        return ink > 0
    keep[0] = False
    return np.asarray(keep.take(labels))
