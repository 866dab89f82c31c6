"""Where each field really sits: its printed rules, looked for around the place registration gives.

A homography holds for flat paper. Paper stretches, curls and is printed in another run, so each field
is moved by what its own rules show, as far as its neighbours agree. The share of rules found is also
the proof that the page is the form it is taken for, and that it is the right way up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.forms import FormField
from digitscan.records import Box, Image, Matrix

Profile = NDArray[np.float64]

SCALE = 6.0  # px/mm in which rules are looked for: a rule of 0.3 mm is then nearly two pixels
REACH_MM = 2.5  # how far a field may lie from where registration puts it
FINE_MM = 0.8
RULE_MM = 1.2  # printed rules are thinner than this
FULL_CONTRAST = 0.16  # of the paper's brightness: from here on a rule counts in full
CONFIRMED = 0.4  # of a rule's length seen
SAMPLE = 32  # fields that tell how the paper bends; each is then placed by itself
TO_EDGES = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from pixel centres at whole numbers
TO_CENTRES = np.linalg.inv(TO_EDGES)


def crop_transform(placement: Matrix, origin: tuple[float, float], scale: float) -> Matrix:
    """3x3, crop px -> page px, for a crop whose corner lies at `origin` (mm) with `scale` px/mm."""
    to_mm = np.array([[1 / scale, 0, origin[0]], [0, 1 / scale, origin[1]], [0, 0, 1]])
    return np.asarray(placement @ to_mm, np.float64)


def cut(image: Image, transform: Matrix, size: tuple[int, int]) -> Image:
    """The part of a page under a crop: transform is crop px -> page px, size is width, height."""
    (a, b), (c, d) = transform[:2, :2].tolist()
    interpolation = cv2.INTER_CUBIC if abs(a * d - b * c) < 1 else cv2.INTER_LINEAR
    # pixel centres, so that a crop at the page's own resolution is the page's own pixels
    centred = TO_CENTRES @ transform @ TO_EDGES
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(image, centred, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def contrast(image: Image, thick: int) -> NDArray[np.float32]:
    """How much darker than the paper, at each pixel, a rule at most `thick` px across counts in full."""
    around = 8 * thick | 1
    paper = np.maximum(cv2.boxFilter(image, cv2.CV_32F, (around, around)), 32)
    return np.asarray(paper * FULL_CONTRAST, np.float32)


def ruled(image: Image, full: NDArray[np.float32], axis: int, thick: int, run: int) -> NDArray[np.float32]:
    """0-1 for each pixel: how much of an upright (axis 0) or level (axis 1) rule lies there.

    A rule is dark, at most `thick` px across, and runs on for `run` px; letters and digits do not.
    full: as `contrast` gives it.
    """
    across, beside, along = ((1, thick), (1, 3), (run, 1)) if axis == 0 else ((thick, 1), (3, 1), (1, run))
    hat = cv2.morphologyEx(image, cv2.MORPH_BLACKHAT, _block(across))
    seen = np.minimum(hat / full, 1.0)
    wide = cv2.dilate(seen, _block(beside))
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, _block(along))
    return np.asarray(np.minimum(seen, opened), np.float32)


@lru_cache(maxsize=256)
def _block(shape: tuple[int, int]) -> Image:
    """A solid kernel, height x width."""
    return np.ones(shape, np.uint8)


def place_fields(
    image: Image, transform: Matrix, fields: Sequence[FormField]
) -> tuple[list[Matrix], list[float]]:
    """Each field's own form mm -> page px, and the share of its printed rules found (0-1).

    image: grey page as scanned. transform: 3x3 form mm -> page px, good to about `REACH_MM`.
    """
    sample = spread(fields, SAMPLE)
    coarse = [_offset(image, transform, f, (0.0, 0.0), REACH_MM) for f in sample]
    moved = _smoothed(
        _centres(sample), np.array([c[0] for c in coarse]), np.array([c[1] for c in coarse]), _centres(fields)
    )
    placements: list[Matrix] = []
    found = []
    for field, shift in zip(fields, moved, strict=True):
        offset, evidence, stretch = _offset(image, transform, field, (shift[0], shift[1]), FINE_MM)
        if evidence < CONFIRMED:
            offset, stretch = (shift[0], shift[1]), (1.0, 1.0)
        placements.append(transform @ _correction(field.box, offset, stretch))
        found.append(evidence)
    return placements, found


def evidence(image: Image, transform: Matrix, fields: Sequence[FormField]) -> float:
    """Share of printed rules found near where they should be, without refinement."""
    return float(np.mean([_offset(image, transform, f, (0.0, 0.0), REACH_MM)[1] for f in fields]))


def spread(fields: Sequence[FormField], count: int) -> list[FormField]:
    """Fields from all over the form; all of them where there are no more."""
    ordered = sorted(fields, key=lambda f: (f.box.y, f.box.x))
    return [ordered[round(i)] for i in np.linspace(0, len(ordered) - 1, min(count, len(ordered)))]


def _centres(fields: Sequence[FormField]) -> Profile:
    return np.array([(f.box.x + f.box.width / 2, f.box.y + f.box.height / 2) for f in fields])


def _correction(box: Box, offset: tuple[float, float], stretch: tuple[float, float]) -> Matrix:
    """3x3 mm -> mm: stretch about the box's centre, then shift."""
    cx, cy = box.x + box.width / 2, box.y + box.height / 2
    (sx, sy), (dx, dy) = stretch, offset
    return np.array([[sx, 0, cx * (1 - sx) + dx], [0, sy, cy * (1 - sy) + dy], [0, 0, 1.0]])


def _offset(
    image: Image, transform: Matrix, field: FormField, guess: tuple[float, float], reach: float
) -> tuple[tuple[float, float], float, tuple[float, float]]:
    """Shift (mm) that brings the field's edges onto printed rules, share of edges seen, and stretch."""
    boxes = field.cells or (field.box,)
    reach = min(reach, 0.4 * min(min(b.width, b.height) for b in boxes))
    margin = reach + RULE_MM
    box = field.box
    origin = (box.x + guess[0] - margin, box.y + guess[1] - margin)
    size = (round((box.width + 2 * margin) * SCALE), round((box.height + 2 * margin) * SCALE))
    crop = cut(image, crop_transform(transform, origin, SCALE), size)
    run = round(min(2.5, 0.45 * min(min(b.width, b.height) for b in boxes)) * SCALE) | 1
    steps = round(reach * SCALE)
    thick = round(RULE_MM * SCALE)
    full = contrast(crop, thick)

    def profiles(axis: int) -> list[tuple[float, Profile]]:
        seen = ruled(crop, full, axis, thick, run)
        edges: dict[tuple[float, float, float], None] = {}
        for b in boxes:
            for near in (0, 1):
                along = (b.y, b.y + b.height) if axis == 0 else (b.x, b.x + b.width)
                at = (b.x + near * b.width) if axis == 0 else (b.y + near * b.height)
                edges[(round(at, 3), *along)] = None
        found = []
        along_same: dict[tuple[float, float], Profile] = {}
        for at, *ends in edges:
            span = (ends[0], ends[1])
            if span not in along_same:
                lo, hi = (round((v + guess[1 - axis] - origin[1 - axis]) * SCALE) for v in span)
                strip = seen[lo:hi] if axis == 0 else seen[:, lo:hi]
                along_same[span] = np.asarray(cv2.reduce(strip, axis, cv2.REDUCE_AVG), np.float64).ravel()
            found.append((at - (box.x, box.y)[axis], along_same[span]))
        return found

    shift_x, stretch_x, seen_x = _aligned(profiles(0), box.width, margin, steps)
    shift_y, stretch_y, seen_y = _aligned(profiles(1), box.height, margin, steps)
    edges = [*seen_x, *seen_y]
    share = float(np.mean([s > CONFIRMED for s in edges]))
    return (guess[0] + shift_x, guess[1] + shift_y), share, (stretch_x, stretch_y)


def _aligned(
    edges: list[tuple[float, Profile]], length: float, margin: float, steps: int
) -> tuple[float, float, list[float]]:
    """Shift (mm) and stretch of one axis that put most rule under the edges; what each edge then sees.

    edges: place of the edge in mm from the box's side, and the rule seen at each px across it.
    """
    places = np.array([p for p, _ in edges])
    # a rule seen within a pixel of the edge counts: it may lie across two
    seen = cv2.dilate(np.stack([profile for _, profile in edges]), _block((1, 3)))
    shifts = np.arange(-steps, steps + 1)
    slack = min(0.03, 0.5 / length)  # no edge moves by more than half a millimetre through stretch
    stretches = np.array([1.0, 1 - slack / 2, 1 + slack / 2, 1 - slack, 1 + slack])
    at = (margin + length / 2 + (places - length / 2) * stretches[:, None]) * SCALE - 0.5
    columns = np.rint(at)[:, :, None].astype(int) + shifts
    columns = np.minimum(np.maximum(columns, 0), seen.shape[1] - 1)
    under = seen[np.arange(len(edges))[:, None], columns]
    # a hair's preference for the place expected, so that nothing seen means no move
    total = under.sum(axis=1) - 1e-3 * np.abs(shifts) - 0.3 * np.abs(stretches - 1)[:, None]
    best, k = np.unravel_index(int(total.argmax()), total.shape)
    return float(shifts[k]) / SCALE, float(stretches[best]), under[best, :, k].tolist()


def _smoothed(centres: Profile, shifts: Profile, weights: Profile, wanted: Profile) -> Profile:
    """The shifts at the places wanted, as a smooth bend of the paper: quadratic where they suffice.

    Iteratively reweighted least squares, so that a field that caught the wrong rule is outvoted.
    """

    def bend(places: Profile) -> Profile:
        x, y = (places - centres.mean(axis=0)).T / 100
        columns = [np.ones_like(x), x, y, x * y, x * x, y * y]
        return np.column_stack(columns[: 1 if len(centres) < 4 else 3 if len(centres) < 12 else 6])

    basis = bend(centres)
    weight = np.where(weights >= CONFIRMED, weights, 1e-3)
    solution: Profile = np.zeros((basis.shape[1], 2))
    for _ in range(8):
        root = np.sqrt(weight)[:, None]
        solution = np.asarray(np.linalg.lstsq(basis * root, shifts * root, rcond=1e-6)[0], np.float64)
        away = np.hypot(*(shifts - basis @ solution).T)
        weight = np.where(weights >= CONFIRMED, weights, 1e-3) / (1 + (away / 0.3) ** 2)
    return np.asarray(bend(wanted) @ solution, np.float64)
