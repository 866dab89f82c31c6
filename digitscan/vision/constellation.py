"""Printed marks and frames as a constellation: found on the page, matched with the form's.

A constellation is a set of boxes. Two boxes that are far apart fix a similarity between form and
page; the similarity that brings most of the other boxes onto a partner is grown into a homography
(hypothesise and verify, after RANSAC: Fischler and Bolles 1981, but over all pairs, so without chance).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from digitscan.records import Box, Image, Matrix
from digitscan.vision.placement import RULE_MM, paper_around, thin
from digitscan.vision.reduction import reduced
from digitscan.vision.skew import find_skew

Points = NDArray[np.float64]

LEAST_LONG_SIDE = 1500  # px: a 3 mm mark on a page seen whole is still 15 px wide
LOOSE = 0.05  # of the form's diagonal: what perspective moves a mark from where a similarity puts it
KEPT_PER_ROTATION = 30
MAX_SEED_BOXES = 12
MAX_SEED_PAIRS = 12
MAX_FOUND = 120
DARKER = np.clip(np.ceil(np.arange(256) * 0.8 - 8), 0, 170).astype(np.uint8)
"""What is darker than this is dark where its surroundings are so light."""
UNLIKE = 1.8  # times as large as the form's, or as small: a box is none of them
IN_LINE = 0.1  # of the area of the largest triangle of four points: a smaller one is hardly one
AT_ONCE = 1 << 17  # distances between boxes: they stay in the processor's cache
BRIDGED_MM = 0.8  # a gap in a rule
FAR_ASKEW = 15.0  # degrees
DARKEST = 0.1  # per cent of the pixels: marks are more of a page
SIZE_RANGE = (0.35, 1.45)  # of the size a mark has where the page just fills the picture


@dataclass(frozen=True, slots=True)
class Match:
    """A way to lay the form onto the page."""

    transform: Matrix
    """3x3 homography, form mm -> page px."""
    matched: int
    """Boxes of the form with a partner on the page."""
    share: float
    """The same as a share of all the form's boxes."""


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
    return _largest(np.array(found, np.float64).reshape(-1, 4) / scale)


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
    return _largest(kept / scale)


def match(boxes: tuple[Box, ...], found: Points, form_size: tuple[float, float]) -> list[Match]:
    """The best way to lay the form onto the page in each of the four rotations that has one.

    boxes: in mm. found: as `find_marks` gives them. Sorted by how many boxes are matched, and how well, best
    first.
    """
    centres = np.array([(b.x + b.width / 2, b.y + b.height / 2) for b in boxes])
    sizes = np.array([(b.width, b.height) for b in boxes])
    best: dict[int, tuple[float, Match]] = {}
    for partner in _loose(_promising(centres, sizes, found, form_size), centres, sizes, found, form_size):
        grown = _grown(partner, centres, sizes, found, form_size)
        if grown is not None:
            turn = rotation_of(grown[1].transform, form_size)
            if turn not in best or grown[0] > best[turn][0]:
                best[turn] = grown
    return [m for _, m in sorted(best.values(), key=lambda v: -v[0])]


def rotation_of(transform: Matrix, form_size: tuple[float, float]) -> int:
    """Degrees clockwise (0, 90, 180, 270) by which the scan must be turned to stand upright."""
    width, height = form_size
    left, right = apply(transform, np.array([(0.0, height / 2), (width, height / 2)]))
    angle = np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0]))
    return int(round(-angle / 90) * 90 % 360)


def apply(transform: Matrix, points: Points) -> Points:
    """A homography on (n, 2) points."""
    moved = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def _largest(found: Points) -> Points:
    """Clutter (letters, codes) is smaller than marks and frames; without a limit its pairs take for ever."""
    return found[np.argsort(-found[:, 2] * found[:, 3], kind="stable")[:MAX_FOUND]]


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


def _seed_pairs(centres: Points) -> list[tuple[int, int]]:
    """Pairs of boxes far apart from all over the form, so that one lost with all around it costs little."""
    spread = _spread(centres, MAX_SEED_BOXES)
    first, second = np.triu_indices(len(spread), 1)
    order = np.argsort(-np.hypot(*(centres[spread[first]] - centres[spread[second]]).T), kind="stable")
    used = np.zeros(len(centres), int)
    pairs = []
    for a, b in zip(spread[first[order]].tolist(), spread[second[order]].tolist(), strict=True):
        if used[a] < 2 and used[b] < 2:
            used[[a, b]] += 1
            pairs.append((a, b))
    return pairs[:MAX_SEED_PAIRS]


def _spread(centres: Points, count: int) -> NDArray[np.int64]:
    """Boxes from all over the form, each as far as can be from those before (Gonzalez 1985)."""
    chosen = [int(np.hypot(*(centres - centres.mean(axis=0)).T).argmax())]
    for _ in range(min(count, len(centres)) - 1):
        apart = np.hypot(*(centres[:, None] - centres[chosen]).transpose(2, 0, 1)).min(axis=1)
        apart[chosen] = -1
        chosen.append(int(apart.argmax()))
    return np.array(chosen)


def _promising(centres: Points, sizes: Points, found: Points, form_size: tuple[float, float]) -> list[Matrix]:
    """Of all similarities through a seed pair, those in each rotation that bring most boxes near another."""
    if len(found) < 2:
        return []
    at, shape = found[:, 0] + 1j * found[:, 1], _shapes(found[:, 2:])
    i, j = np.nonzero(~np.eye(len(found), dtype=bool))
    apart = at[i] != at[j]  # one mark within another has no direction
    i, j = i[apart], j[apart]
    extent = float(np.hypot(*np.ptp(found[:, :2], axis=0)))
    if extent == 0:
        return []
    form_at, form_shape = centres[:, 0] + 1j * centres[:, 1], _shapes(sizes)
    factors, shifts = [], []
    for a, b in _seed_pairs(centres):
        factor = (at[j] - at[i]) / (form_at[b] - form_at[a])
        reach = np.abs(factor) * float(np.hypot(*np.ptp(centres, axis=0))) / extent
        fits = (reach > 0.3) & (reach < 1.6)  # clutter around the form widens, lost boxes narrow
        for k, partner in ((a, i), (b, j)):
            unlike = shape[partner] - form_shape[k] - np.log(np.abs(factor))[:, None]
            fits &= np.abs(unlike).max(axis=1) < np.log(1.5)
        factors.append(factor[fits])
        shifts.append((at[i] - factor * form_at[a])[fits])
    factor, shift = np.concatenate(factors), np.concatenate(shifts)
    if len(factor) == 0:
        return []
    moved = factor[:, None] * form_at + shift[:, None]
    apart, nearest = cKDTree(found[:, :2]).query(np.stack([moved.real, moved.imag], axis=-1))
    size = np.abs(factor)[:, None]
    alike = _alike(shape[nearest] - form_shape - np.log(size)[..., None])
    # the closer, and the more alike, the better: with many boxes, something lies loosely near everywhere
    near = alike * np.maximum(0, 1 - apart / (LOOSE * size * float(np.hypot(*form_size))))
    quarter = np.round(np.angle(factor) / (np.pi / 2)) % 4
    order = np.argsort(-near.sum(axis=1), kind="stable")
    kept = [k for q in range(4) for k in order[quarter[order] == q][:KEPT_PER_ROTATION]]
    return [
        np.array([[f.real, -f.imag, s.real], [f.imag, f.real, s.imag], [0, 0, 1]])
        for f, s in zip(factor[kept], shift[kept], strict=True)
    ]


def _loose(
    transforms: list[Matrix], centres: Points, sizes: Points, found: Points, form_size: tuple[float, float]
) -> Iterator[NDArray[np.int64]]:
    """The loose matches that transforms make, those that are alike once: they grow into the same."""
    tried: set[bytes] = set()
    at_once = max(1, AT_ONCE // max(1, len(centres) * len(found)))
    for start in range(0, len(transforms), at_once):
        some = np.stack(transforms[start : start + at_once])
        for partner in _partners(some, centres, sizes, found, LOOSE * float(np.hypot(*form_size)))[0]:
            if partner.tobytes() not in tried:
                tried.add(partner.tobytes())
                yield partner


def _grown(
    partner: NDArray[np.int64],
    centres: Points,
    sizes: Points,
    found: Points,
    form_size: tuple[float, float],
) -> tuple[float, Match] | None:
    """Match boxes ever closer, from a loose match on, while the fit goes from similarity to homography."""
    diagonal = float(np.hypot(*form_size))
    transform = _fitted(partner, centres, found, form_size)
    for tolerance in (0.02, 0.01):
        if transform is None:
            return None
        before = transform[None]
        (partner,), (distance,) = _partners(before, centres, sizes, found, tolerance * diagonal)
        transform = _fitted(partner, centres, found, form_size)
    if transform is None:
        return None
    hit = partner >= 0
    closeness = 1 - float(distance[hit].mean()) / (0.02 * diagonal * float(_scales(before)[0]))
    matched = int(hit.sum())
    laid = _laid_sizes(transform, centres[hit], sizes[hit])
    # four boxes lie exactly anywhere, as blots do: those of the form are as large as they should be, too
    alike = float(_alike(_shapes(found[partner[hit], 2:]) - _shapes(laid)).sum())
    return alike + closeness, Match(transform, matched, matched / len(centres))


def _fitted(
    partner: NDArray[np.int64], centres: Points, found: Points, form_size: tuple[float, float]
) -> Matrix | None:
    """The transform that a match makes; None where it makes none that a page may have."""
    hit = partner >= 0
    if hit.sum() < 3:
        return None
    source, target = centres[hit], found[partner[hit], :2]
    if _tells_perspective(source):
        fitted, _ = cv2.findHomography(source, target, 0)
    else:
        affine, *_ = np.linalg.lstsq(np.column_stack([source, np.ones(len(source))]), target, rcond=None)
        fitted = np.vstack([affine.T, (0, 0, 1)])
    transform = None if fitted is None else np.asarray(fitted, np.float64)
    return transform if transform is not None and _plausible(transform, form_size) else None


def _tells_perspective(points: Points) -> bool:
    """Whether a homography follows from where these points go: four are needed, no three of them in line."""
    if len(points) != 4:
        return len(points) > 4
    corners = np.array([points[list(three)] for three in combinations(range(4), 3)])
    sides = corners[:, 1:] - corners[:, :1]
    twice = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    return bool(twice.min() > IN_LINE * twice.max())


def _partners(
    transforms: NDArray[np.float64], centres: Points, sizes: Points, found: Points, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The box on the page that is nearest to each of the form's, -1 where there is none; and how far it is.

    transforms: n of them; results are n x boxes. tolerance: mm.
    """
    moved = np.column_stack([centres, np.ones(len(centres))]) @ transforms.transpose(0, 2, 1)
    moved = moved[..., :2] / moved[..., 2:]
    scale = _scales(transforms)[:, None]
    apart = np.hypot(moved[:, :, None, 0] - found[:, 0], moved[:, :, None, 1] - found[:, 1])
    for side, form_side in zip(_shapes(found[:, 2:]).T, _shapes(sizes).T, strict=True):
        apart[np.abs(side - (form_side + np.log(scale))[:, :, None]) >= np.log(UNLIKE)] = np.inf
    nearest, distance = apart.argmin(axis=2), apart.min(axis=2)
    # a box of the page serves one box of the form only: the nearest
    rank = np.argsort(np.argsort(distance, axis=1, kind="stable"), axis=1)
    same = nearest[:, :, None] == nearest[:, None, :]
    first_use = ~(same & (rank[:, None, :] < rank[:, :, None])).any(axis=2)
    return np.where((distance <= tolerance * scale) & first_use, nearest, -1), distance


def _shapes(sizes: Points) -> Points:
    """Logarithms of the shorter and the longer side of each."""
    return np.log(np.sort(sizes, axis=1))


def _alike(unlike: NDArray[np.float64]) -> NDArray[np.float64]:
    """How like boxes are in size, 0 to 1; unlike: (..., 2), what the logarithms of their sides differ by."""
    return np.asarray(np.maximum(0.0, 1 - np.abs(unlike).max(axis=-1) / np.log(UNLIKE)), np.float64)


def _laid_sizes(transform: Matrix, centres: Points, sizes: Points) -> Points:
    """Width and height, px, of the form's boxes where a transform lays them."""
    sides = []
    for axis in (0, 1):
        half = np.zeros_like(sizes)
        half[:, axis] = sizes[:, axis] / 2
        sides.append(np.hypot(*(apply(transform, centres + half) - apply(transform, centres - half)).T))
    return np.stack(sides, axis=1)


def _scales(transforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Px/mm of each."""
    linear = transforms[:, :2, :2]
    return np.sqrt(np.abs(linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]))


def _plausible(transform: Matrix, form_size: tuple[float, float]) -> bool:
    """No mirror image, and no side more than twice as long as its opposite."""
    w, h = form_size
    corners = apply(transform, np.array([(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]))
    sides = np.roll(corners, -1, axis=0) - corners
    length = np.hypot(sides[:, 0], sides[:, 1])
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if not (turns > 0).all():
        return False
    lopsided = max(length[0] / length[2], length[2] / length[0], length[1] / length[3], length[3] / length[1])
    stretch = (length[0] / w) / (length[1] / h)
    return bool(lopsided < 2 and 0.5 < stretch < 2)
