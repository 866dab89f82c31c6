"""Printed marks and frames, found on a page: what lays a form onto it."""

from __future__ import annotations

import cv2
import numpy as np

from digitscan.records import Image
from digitscan.vision.placement import RULE_MM, paper_around, thin
from digitscan.vision.reduction import reduced
from digitscan.vision.skew import find_skew
from digitscan.vision.transforms import Points

LEAST_LONG_SIDE = 1500  # px: a 3 mm mark on a page seen whole is still 15 px wide
MAX_MARKS, MAX_FRAMES = 120, 600
DARKER = np.clip(np.ceil(np.arange(256) * 0.8 - 8), 0, 170).astype(np.uint8)
"""What is darker than this is dark where its surroundings are so light."""
BRIDGED_MM = 0.8  # a gap in a rule
FAR_ASKEW = 15.0  # degrees
DARKEST = 0.1  # per cent of the pixels: marks are more of a page
SIZE_RANGE = (0.35, 1.45)  # of the size a mark has where the page just fills the picture


def find_marks(
    image: Image, sizes_mm: Points, form_size: tuple[float, float], *, faint: bool = False
) -> Points:
    """Solid dark rectangles about as large as the form's marks.

    image: grey, height x width. sizes_mm: (n, 2) widths and heights of the form's marks. faint: nothing on
    the page may be dark.
    Returns (m, 4): centre x, centre y, width, height in page px.
    """
    small, scale = reduced(image, max(image.shape) / LEAST_LONG_SIDE)
    if faint:
        small = _darkened(small)
    ink = _dark(small)
    smallest = _px_per_mm(small, form_size) * SIZE_RANGE[0] * float(sizes_mm.min())
    # what is thinner than the thinnest mark (text, rules) goes before blobs are counted
    side = max(3, round(smallest * 0.8)) | 1
    solid_ink = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    # a dark desk all around the sheet is a ring, and the marks lie in it
    contours, hierarchy = cv2.findContours(solid_ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    longest = _px_per_mm(small, form_size) * SIZE_RANGE[1] * 1.6 * float(sizes_mm.max())
    found = []
    for i, contour in enumerate(contours):
        if hierarchy[0][i][3] >= 0:
            continue  # a hole
        _, (w, h), _ = cv2.minAreaRect(contour)  # a long bar on a skewed page fills no upright box
        w, h = w + 1, h + 1  # from pixel centres to pixel edges
        area = cv2.contourArea(contour) + cv2.arcLength(contour, True) / 2 + 1
        if cv2.contourArea(contour) > 0 and area > 0.75 * w * h and max(w, h) <= longest:
            moments = cv2.moments(contour)
            x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
            found.append((x + 0.5, y + 0.5, w, h))
    return _largest(np.array(found, np.float64).reshape(-1, 4) / scale, MAX_MARKS)


def find_frames(
    image: Image, sizes_mm: Points, form_size: tuple[float, float], *, contrast: float | None = None
) -> Points:
    """Rectangles closed by printed rules; arguments and result as for `find_marks`.

    contrast: look harder, on sheets far askew too, for rules of which only bits are left, and that are so
    much darker than the paper beside them: 1 is a rule in full contrast.
    """
    small, scale = reduced(image, max(image.shape) / LEAST_LONG_SIDE)
    height, width = small.shape
    # runs of ink are long only where rules are level
    skew = find_skew(small) if contrast is None else find_skew(small, FAR_ASKEW)
    level = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1)
    turned = np.asarray(cv2.warpAffine(small, level, (width, height), borderValue=255), np.uint8)
    per_mm = _px_per_mm(small, form_size)
    # rules stay where a run of ink is longer than any stroke of a digit is straight; skew breaks long
    # runs into steps, so steps are joined again
    run = max(9, round(0.6 * per_mm * SIZE_RANGE[0] * float(sizes_mm.min()) * 2)) | 1
    if contrast is None:
        inks, gap = [_dark(turned)] * 2, 0
    else:
        inks = _thin(turned, max(3, round(RULE_MM * per_mm) | 1), contrast)
        gap = max(3, round(BRIDGED_MM * per_mm) | 1)
    down, across = (_runs(ink, axis, run, gap) for axis, ink in enumerate(inks))
    rules = cv2.dilate(np.maximum(across, down), np.ones((3, 3), np.uint8))
    contours, hierarchy = cv2.findContours(rules, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for i, contour in enumerate(contours):
        if hierarchy[0][i][3] < 0:
            continue  # an outer border, not a hole
        x, y, w, h = cv2.boundingRect(contour)
        if cv2.contourArea(contour) > 0.75 * w * h:
            found.append((x + w / 2, y + h / 2, w + 2, h + 2))
    boxes = np.array(found, np.float64).reshape(-1, 4)
    low, high = per_mm * SIZE_RANGE[0] * sizes_mm.min(), per_mm * SIZE_RANGE[1] * sizes_mm.max()
    sides = boxes[:, 2:]
    kept = boxes[(sides.min(axis=1) >= low) & (sides.max(axis=1) <= high)]
    back = cv2.invertAffineTransform(level)
    kept[:, :2] = kept[:, :2] @ back[:, :2].T + back[:, 2]
    return _largest(kept / scale, max(MAX_FRAMES, 2 * len(sizes_mm)))


def _largest(found: Points, most: int) -> Points:
    """Clutter (letters, codes) is smaller than marks and frames; without a limit it takes for ever."""
    return found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")[:most]]


def _runs(ink: Image, axis: int, run: int, gap: int) -> Image:
    """The upright (axis 0) or level (axis 1) runs of ink that are `run` px long at least.

    With a `gap`, px, also what runs on in bits no farther apart.
    """

    def line(length: int, along: int) -> Image:
        return np.ones((length, 1) if along == 0 else (1, length), np.uint8)

    if gap:
        ink = np.asarray(cv2.dilate(ink, line(3, 1 - axis)), np.uint8)  # the bits lie a little askew
        ink = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, line(gap, axis)), np.uint8)
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, line(run, axis)), np.uint8)


def _thin(image: Image, thick: int, contrast: float) -> list[Image]:
    """What is so much darker than the paper beside it and thin, across upright and across level rules."""
    paper = paper_around(image, thick)
    seen = (thin(image, paper, axis, thick) for axis in (0, 1))
    return [np.asarray(s >= 255 * contrast).astype(np.uint8) for s in seen]


def _darkened(image: Image) -> Image:
    """The picture with its darkest pixels black, and its paper as it is."""
    darkest, paper = np.percentile(image, (DARKEST, 50))
    factor = paper / max(paper - darkest, 1.0)
    return np.asarray(cv2.convertScaleAbs(cv2.subtract(image, darkest), alpha=factor), np.uint8)


def _dark(image: Image) -> Image:
    """Darker than the surroundings, also under a shadow; uint8 0 or 255."""
    around = max(image.shape) // 16 | 1
    local = cv2.boxFilter(image, -1, (around, around))
    return np.asarray(cv2.compare(image, cv2.LUT(local, DARKER), cv2.CMP_LT), np.uint8)


def _px_per_mm(image: Image, form_size: tuple[float, float]) -> float:
    return float(max(image.shape) / max(form_size))
