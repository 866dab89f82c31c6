"""A page matched with a picture of the blank form, by features of whatever is printed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.records import Image, Matrix, Page, PageRef
from digitscan.vision import pages
from digitscan.vision.constellation import Match
from digitscan.vision.transforms import Points, apply, px_per_mm

MOST = 4000  # features of a picture
LONG_SIDE = 1400  # px, of what they are looked for in
FEWEST = 8  # pairs of features
ENOUGH = 80  # that agree, for the whole of the score: sixty do on pages of other forms
MOSTLY = 0.25  # of the blank form's features agree: nothing more is tried; in rows that look alike fewer may
PLAIN = 0.95  # of those that agree on a homography, on a similarity: on a scanner pages lie flat
NEAR_MM = 8.0  # that features lie off where a rough match has them,
NEARER_MM = (2.0, 1.0)  # and off where the next ones do
TOLERANCE = 3.0  # px, of the smaller picture


class _Features(NamedTuple):
    places: Points
    """Across and down, of the picture's width and height."""
    looks: NDArray[np.uint8]


def blank_page(form: Form) -> Page:
    """The picture of the blank form, which a form has to have.

    Raises PageError (stage `registration`) where it cannot be read.
    """
    assert form.registration.image is not None
    path = form.path.parent / form.registration.image
    try:
        # of what the form names, a link leads where it was meant to
        ref = PageRef(path.resolve(), path.name, 1, "")
        return pages.read_page(ref, resolution=form.page.resolution, size=form.page.size)
    except PageError as error:
        raise PageError("registration", f"{path.name}, the form's own picture: {error.reason}") from None


def match(image: Image, form: Form, rough: Iterable[Matrix]) -> list[Match]:
    """Where the form may lie on a page, form mm -> page px, the likeliest first.

    form: its picture has the proportions of its page. ORB features (Rublee et al. 2011) matched both ways,
    then MAGSAC (Barath et al. 2020). Cells look alike, and features of one pass for those of another: where
    few agree, they are matched again, each with those alone that lie near its place by what was found, and by
    `rough`, other likely places of the form. Raises as `blank_page` does.
    """
    blank, page = _features_of(form), _features(image)
    if blank is None or page is None:
        return []
    source, target = blank.places * form.page.size, page.places * image.shape[::-1]
    tolerance = TOLERANCE * max(max(image.shape) / LONG_SIDE, 1)
    first = _homography(source, target, _pairs(blank, page), tolerance)
    found = [first] if first else []
    for transform in (*(m.transform for m in found), *rough):
        if any(m.matched >= MOSTLY * len(source) for m in found):
            break
        near = _near(apply(transform, source), target, NEAR_MM * px_per_mm(transform))
        lies = _similarity(source, target, _pairs(blank, page, near), 2 * tolerance)
        for reach in NEARER_MM:
            if lies:
                near = _near(apply(lies.transform, source), target, reach * px_per_mm(lies.transform))
                lies = _plainest(source, target, _pairs(blank, page, near), tolerance)
        found += [lies] if lies else []
    return sorted(found, key=lambda m: -m.matched)


def _features(image: Image) -> _Features | None:
    """None where nothing is printed."""
    scale = min(1.0, LONG_SIDE / max(image.shape))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points, looks = cv2.ORB.create(MOST).detectAndCompute(small, None)
    if not points:
        return None
    return _Features(np.array([p.pt for p in points]) / small.shape[::-1], np.asarray(looks, np.uint8))


@lru_cache(maxsize=4)
def _features_of(form: Form) -> _Features | None:
    return _features(blank_page(form).image)


def _pairs(blank: _Features, page: _Features, near: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Which features are each the other's likest, of those near each other: n x 2."""
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    mask = None if near is None else near.astype(np.uint8)
    there = {(m.queryIdx, m.trainIdx) for m in matcher.match(blank.looks, page.looks, mask)}
    mask = None if mask is None else np.ascontiguousarray(mask.T)
    back = {(m.trainIdx, m.queryIdx) for m in matcher.match(page.looks, blank.looks, mask)}
    return np.array(sorted(there & back), np.int64).reshape(-1, 2)


def _near(points: Points, others: Points, reach: float) -> NDArray[np.bool_]:
    """Which points lie within reach of which others, across and down."""
    ways = zip(points.T.astype(np.float32), others.T.astype(np.float32), strict=True)
    across, down = (np.abs(np.subtract.outer(one, other)) < reach for one, other in ways)
    return np.asarray(across & down, np.bool_)


def _plainest(source: Points, target: Points, pairs: NDArray[np.int64], tolerance: float) -> Match | None:
    """The similarity on which pairs agree, or the homography where that is clearly better.

    In rows that look alike a homography, and even an affine map, bends until rows lie on others.
    """
    similarity, homography = (find(source, target, pairs, tolerance) for find in (_similarity, _homography))
    if similarity and (not homography or similarity.matched >= PLAIN * homography.matched):
        return similarity
    return homography


def _similarity(source: Points, target: Points, pairs: NDArray[np.int64], tolerance: float) -> Match | None:
    """That on which most pairs agree; where most of them are wrong, a homography fits too easily."""
    if len(pairs) < FEWEST:
        return None
    similarity, inliers = cv2.estimateAffinePartial2D(
        source[pairs[:, 0]], target[pairs[:, 1]], None, cv2.RANSAC, tolerance, 5000
    )
    return None if np.size(similarity) != 6 else _match(np.vstack([similarity, (0, 0, 1)]), inliers)


def _homography(source: Points, target: Points, pairs: NDArray[np.int64], tolerance: float) -> Match | None:
    """That on which most pairs agree; None where there are too few."""
    if len(pairs) < FEWEST:
        return None
    transform, inliers = cv2.findHomography(
        source[pairs[:, 0]], target[pairs[:, 1]], cv2.USAC_MAGSAC, tolerance, maxIters=5000
    )
    # OpenCV gives nothing where the points fit no homography
    return None if np.size(transform) != 9 else _match(transform, inliers)


def _match(transform: NDArray[Any], inliers: NDArray[Any]) -> Match:
    hits = int(np.count_nonzero(inliers))
    return Match(np.asarray(transform, np.float64), hits, min(1.0, hits / ENOUGH))
