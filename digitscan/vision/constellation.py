"""Boxes of a form as a constellation, matched with those found on a page.

Two boxes that are far apart fix a similarity between form and page; the similarity that brings most of the
other boxes onto a partner is grown into a homography (hypothesise and verify, after RANSAC: Fischler and
Bolles 1981, but over all pairs, so without chance).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from digitscan.records import Box, Matrix
from digitscan.vision.transforms import Points, apply, plausible, px_per_mm, rotation_of, scales, spread

LOOSE = 0.05, 0.1  # of the form's diagonal: perspective moves a mark so far from where a similarity puts it,
# and farther in a photo taken from the side: looked at where marks are missed
KEPT_PER_ROTATION = 30
MAX_SEED_BOXES = 12
MAX_SEED_PAIRS = 12
MAX_TRIED = 120  # boxes of the page: all pairs of more take too long
VOTERS = 60  # boxes of the form, from all over it, that are asked which similarities are promising
UNLIKE = 1.8  # times as large as the form's, or as small: a box is none of them
IN_LINE = 0.1  # of the largest triangle's area, of the length of a row of points: what is less is a line
APART = 0.25  # of the distance between neighbours: what is off by more is not where it should be
SPREAD = 0.2  # of the form's area: boxes that lie closer together tell nothing of perspective
AT_ONCE = 1 << 17  # distances between boxes: they stay in the processor's cache
NEIGHBOURS = 4  # of a place that are looked at for a box of the right size


@dataclass(frozen=True, slots=True)
class Match:
    """A way to lay the form onto the page."""

    transform: Matrix
    """3x3 homography, form mm -> page px."""
    matched: int
    """Boxes of the form with a partner on the page."""
    share: float
    """The same as a share of all the form's boxes."""


def match(boxes: tuple[Box, ...], found: Points, form_size: tuple[float, float]) -> list[Match]:
    """The best ways to lay the form onto the page in each of the four rotations that has one.

    Where not all boxes are found there are two, one that allows for more perspective.

    boxes: in mm. found: as `landmarks` gives them. Sorted by how many boxes are matched, and how well, best
    first.
    """
    centres = np.array([(b.x + b.width / 2, b.y + b.height / 2) for b in boxes])
    sizes = np.array([(b.width, b.height) for b in boxes])
    diagonal = float(np.hypot(*form_size))
    # cells of a table stand close: one that is half a cell off is none that was meant
    ever_closer = 0.02 * diagonal, 0.01 * diagonal, min(0.01 * diagonal, APART * _spacing(centres))
    best: dict[tuple[int, float], tuple[float, Match]] = {}
    for loose in (part * diagonal for part in LOOSE):
        promising = _promising(centres, sizes, found, loose)
        for grown in _grown(promising, centres, sizes, found, form_size, (loose, *ever_closer)):
            way = rotation_of(grown[1].transform, form_size), loose
            if way not in best or grown[0] > best[way][0]:
                best[way] = grown
        if any(m.matched == len(boxes) for _, m in best.values()):
            break
    return [m for _, m in sorted(best.values(), key=lambda v: -v[0])]


def _seed_pairs(centres: Points) -> list[tuple[int, int]]:
    """Pairs of boxes far apart from all over the form, so that one lost with all around it costs little."""
    seeds = spread(centres, MAX_SEED_BOXES)
    first, second = np.triu_indices(len(seeds), 1)
    far = np.hypot(*(centres[seeds[first]] - centres[seeds[second]]).T)
    order = np.argsort(-far, kind="stable")
    order = order[far[order] > 0]  # one box within another has no direction
    used = np.zeros(len(centres), int)
    pairs = []
    for a, b in zip(seeds[first[order]].tolist(), seeds[second[order]].tolist(), strict=True):
        if used[a] < 2 and used[b] < 2:
            used[[a, b]] += 1
            pairs.append((a, b))
    return pairs[:MAX_SEED_PAIRS]


def _promising(centres: Points, sizes: Points, found: Points, loose: float) -> list[Matrix]:
    """Of all similarities through a seed pair, those in each rotation that bring most boxes near another.

    loose: mm, as far as that may be.
    """
    if len(found) < 2:
        return []
    at, shape = found[:, 0] + 1j * found[:, 1], _shapes(found[:, 2:])
    # of a table's many cells those that span it, as the form's seeds do
    tried = spread(found[:, :2], MAX_TRIED)
    i, j = (tried[k] for k in np.nonzero(~np.eye(len(tried), dtype=bool)))
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
    if not factors:
        return []  # all boxes of the form lie at one place
    factor, shift = np.concatenate(factors), np.concatenate(shifts)
    if len(factor) == 0:
        return []
    heard = spread(centres, VOTERS)
    at_once = max(1, AT_ONCE // len(heard))
    tree = cKDTree(found[:, :2])
    near = np.empty(len(factor))
    for some in (slice(i, i + at_once) for i in range(0, len(factor), at_once)):
        moved = factor[some, None] * form_at[heard] + shift[some, None]
        distance, nearest = tree.query(np.stack([moved.real, moved.imag], axis=-1))
        size = np.abs(factor[some])[:, None]
        alike = _alike(shape[nearest] - form_shape[heard] - np.log(size)[..., None])
        # the closer, and the more alike, the better: with many boxes, something lies loosely near everywhere
        close = np.maximum(0, 1 - distance / (loose * size))
        near[some] = (alike * close).sum(axis=1)
    quarter = np.round(np.angle(factor) / (np.pi / 2)) % 4
    order = np.argsort(-near, kind="stable")
    kept = [k for q in range(4) for k in order[quarter[order] == q][:KEPT_PER_ROTATION]]
    return [
        np.array([[f.real, -f.imag, s.real], [f.imag, f.real, s.imag], [0, 0, 1]])
        for f, s in zip(factor[kept], shift[kept], strict=True)
    ]


def _grown(
    transforms: list[Matrix],
    centres: Points,
    sizes: Points,
    found: Points,
    form_size: tuple[float, float],
    tolerances: Sequence[float],
) -> Iterator[tuple[float, Match]]:
    """Match boxes ever closer, while the fit goes from similarity to homography: each match and its worth.

    tolerances: mm, one after the other. Alike matches grow into the same, and do so once.
    """
    fits: dict[bytes, Matrix | None] = {}

    def fitted(partner: NDArray[np.int64]) -> Matrix | None:
        key = partner.tobytes()
        if key not in fits:
            fits[key] = _fitted(partner, centres, found, form_size)
        return fits[key]

    *looser, closest = tolerances
    for tolerance in looser:
        matches = _partners_of_each(transforms, centres, sizes, found, tolerance)
        alike = {partner.tobytes(): fitted(partner) for partner, _ in matches}
        transforms = [fit for fit in alike.values() if fit is not None]
    matches = _partners_of_each(transforms, centres, sizes, found, closest)
    for before, (partner, distance) in zip(transforms, matches, strict=True):
        transform = fitted(partner)
        if transform is None:
            continue
        hit = partner >= 0
        closeness = 1 - float(distance[hit].mean()) / (tolerances[1] * px_per_mm(before))
        matched = int(hit.sum())
        laid = _laid_sizes(transform, centres[hit], sizes[hit])
        # four boxes lie exactly anywhere, as blots do: those of the form are as large as they should be, too
        alike_sizes = float(_alike(_shapes(found[partner[hit], 2:]) - _shapes(laid)).sum())
        yield alike_sizes + closeness, Match(transform, matched, matched / len(centres))


def _spacing(points: Points) -> float:
    """How far apart neighbours among some points usually are; those at one place count once."""
    places = np.unique(np.round(points), axis=0)
    apart, _ = cKDTree(places).query(places, k=2)
    return float(np.median(apart[:, 1]))  # infinite where there is but one


def _fitted(
    partner: NDArray[np.int64], centres: Points, found: Points, form_size: tuple[float, float]
) -> Matrix | None:
    """The transform that a match makes; None where it makes none that a page may have."""
    hit = partner >= 0
    if hit.sum() < 3:
        return None
    source, target = centres[hit], found[partner[hit], :2]
    fitted: np.ndarray | None
    if _in_line(source):
        fitted = _similarity(source, target)
    elif _tells_perspective(source, form_size):
        fitted, _ = cv2.findHomography(source, target, 0)
    else:
        affine, *_ = np.linalg.lstsq(np.column_stack([source, np.ones(len(source))]), target, rcond=None)
        fitted = np.vstack([affine.T, (0, 0, 1)])
    transform = None if fitted is None else np.asarray(fitted, np.float64)
    return transform if transform is not None and plausible(transform, form_size) else None


def _tells_perspective(points: Points, form_size: tuple[float, float]) -> bool:
    """Whether a homography follows from where these points go: they lie all over the form, four not three in
    line.
    """
    (across, down), (width, height) = np.ptp(points, axis=0), form_size
    if across * down < SPREAD * width * height or len(points) < 4:
        return False
    if len(points) > 4:
        return True
    corners = np.array([points[list(three)] for three in combinations(range(4), 3)])
    sides = corners[:, 1:] - corners[:, :1]
    twice = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    return bool(twice.min() > IN_LINE * twice.max())


def _in_line(points: Points) -> bool:
    """Whether all points lie about on one line."""
    away = points - points.mean(axis=0)
    (across, both), (_, down) = away.T @ away
    middle, reach = (across + down) / 2, np.hypot((across - down) / 2, both)
    return bool(middle - reach < IN_LINE**2 * (middle + reach))  # the squares of its width and length


def _similarity(source: Points, target: Points) -> Matrix:
    """The turn, size and shift that bring points nearest to others (least squares)."""
    here, there = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    away = here - here.mean()
    turn = np.vdot(away, there) / np.vdot(away, away)
    shift = there.mean() - turn * here.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]])


def _partners_of_each(
    transforms: list[Matrix], centres: Points, sizes: Points, found: Points, tolerance: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """What `_partners` gives for each, of so many at once as stay in the processor's cache."""
    at_once = max(1, AT_ONCE // (len(centres) * NEIGHBOURS))
    for start in range(0, len(transforms), at_once):
        some = np.stack(transforms[start : start + at_once])
        yield from zip(*_partners(some, centres, sizes, found, tolerance), strict=True)


def _partners(
    transforms: NDArray[np.float64], centres: Points, sizes: Points, found: Points, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The box on the page that is nearest to each of the form's, -1 where there is none; and how far it is.

    transforms: n of them; results are n x boxes. tolerance: mm.
    """
    scale = scales(transforms)[:, None]
    shapes = _shapes(sizes) + np.log(scale)[..., None]
    reach = np.broadcast_to(tolerance * scale, shapes.shape[:2])
    places = apply(transforms, centres)
    flat, away = _nearest(places.reshape(-1, 2), shapes.reshape(-1, 2), found, reach.ravel())
    nearest, distance = flat.reshape(reach.shape), away.reshape(reach.shape)
    # a box of the page serves one box of the form only: the nearest
    page, box = np.nonzero(nearest >= 0)
    order = np.lexsort((distance[page, box], nearest[page, box], page))
    page, box = page[order], box[order]
    again = (np.diff(page) == 0) & (np.diff(nearest[page, box]) == 0)
    nearest[page[1:][again], box[1:][again]] = -1
    return nearest, distance


def _nearest(
    places: Points, shapes: Points, found: Points, reach: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The box on the page nearest to each place, within reach and about as large; -1 and inf for none.

    Few neighbours are looked at first, and more only where none of them will do.
    """
    tree, found_shapes = cKDTree(found[:, :2]), _shapes(found[:, 2:])
    nearest, distance = np.full(len(places), -1), np.full(len(places), np.inf)
    waiting = [(np.arange(len(places)), NEIGHBOURS)]
    while waiting:
        asked, count = waiting.pop()
        count = min(count, len(found))
        at, most = places[asked], reach[asked]
        _, near = tree.query(at, k=np.arange(1, count + 1), distance_upper_bound=most.max() * 1.001)
        there = near < len(found)
        near = np.where(there, near, 0)
        apart = np.hypot(at[:, :1] - found[near, 0], at[:, 1:] - found[near, 1])
        alike = (np.abs(found_shapes[near] - shapes[asked][:, None]) < np.log(UNLIKE)).all(axis=2)
        fit = np.where(there & alike & (apart <= most[:, None]), apart, np.inf)
        best = distance[asked] = fit.min(axis=1)
        nearest[asked] = np.where(fit == best[:, None], near, len(found)).min(axis=1)
        more = asked[there[:, -1] & (best > 0.999 * apart[:, -1])]
        if len(more) and count < len(found):
            parts = -(-len(more) * 4 * count // AT_ONCE)
            waiting += [(part, 4 * count) for part in np.array_split(more, parts)]
    return np.where(np.isfinite(distance), nearest, -1), distance


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
