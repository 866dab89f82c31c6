"""Ink masks to the 28x28 pictures of MNIST: what the network was trained on is what it reads.

The fit is the one by which NIST's bilevel digits became MNIST (LeCun, Bottou, Bengio, Haffner:
"Gradient-based learning applied to document recognition", 1998, section III-A): crop to the ink, scale so
that the longer side is 20 pixels with the aspect kept, anti-alias, and put the centre of mass at the
centre of the 28x28 picture. What the paper leaves open was found by comparing NIST's forms with MNIST's
pictures of the same digits: the ink is first padded to a square, by whole pixels of the scan, and moved in
the end by whole pixels; so done, the pictures agree to a grey level or two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Image

SIZE = 28
BODY = 20
STRING_HEIGHT, STRING_WIDTH = 24, 128
"""Of the picture of a whole number."""
STRETCH = 1.35  # of the width of a whole number

Mask = NDArray[np.bool_] | NDArray[np.uint8]
"""Height x width; ink wherever it is not zero."""


def fit(ink: Mask) -> Image:
    """The ink as MNIST would hold it: uint8 28x28, white on black; all black where there is no ink."""
    mask = _white(ink)
    left, top, width, height = cv2.boundingRect(mask)
    out = np.zeros((SIZE, SIZE), np.uint8)
    if width == 0 or height == 0:
        return out
    side = max(width, height)
    square = np.zeros((side, side), np.uint8)
    x, y = (side - width) // 2, (side - height) // 2
    square[y : y + height, x : x + width] = mask[top : top + height, left : left + width]
    # The mean over a pixel's area is MNIST's own anti-aliasing; it has no meaning where a digit has to grow.
    how = cv2.INTER_AREA if side >= BODY else cv2.INTER_LINEAR
    body = cv2.resize(square, (BODY, BODY), interpolation=how)
    moments = cv2.moments(body)
    mass = moments["m00"]
    if mass == 0:  # a hair so fine that it vanished when scaled
        return out
    # MNIST moves by whole pixels: the centre of mass comes to lie on pixel 14 of 0..27.
    x = min(max(math.floor(SIZE / 2 - moments["m10"] / mass + 0.5), 0), SIZE - BODY)
    y = min(max(math.floor(SIZE / 2 - moments["m01"] / mass + 0.5), 0), SIZE - BODY)
    out[y : y + BODY, x : x + BODY] = body
    return out


def _white(ink: Mask) -> Image:
    """The ink white on black."""
    return np.asarray(ink != 0).view(np.uint8) * np.uint8(255)


def is_fitted(picture: Image) -> bool:
    """Whether a grey picture is one that `fit` might have made."""
    if picture.shape != (SIZE, SIZE):
        return False
    _, _, width, height = cv2.boundingRect(picture)
    moments = cv2.moments(picture)
    mass = moments["m00"]
    if max(width, height) != BODY or mass == 0:
        return False
    return all(abs(moments[way] / mass - SIZE / 2) <= 1 for way in ("m10", "m01"))


def fit_string(ink: Mask) -> Image:
    """All ink of a number in one picture: uint8 24x128, white on black; all black where there is no ink.

    It is 22 px high, and stretched: what tells digits apart that touch lies side by side. One that is then
    too wide for the picture is squeezed.
    """
    mask = _white(ink)
    left, top, width, height = cv2.boundingRect(mask)
    out = np.zeros((STRING_HEIGHT, STRING_WIDTH), np.uint8)
    if width == 0 or height == 0:
        return out
    part = mask[top : top + height, left : left + width]
    tall = STRING_HEIGHT - 2
    wide = min(max(round(STRETCH * width * tall / height), 1), STRING_WIDTH - 2)
    how = cv2.INTER_AREA if height >= tall else cv2.INTER_LINEAR
    out[1 : 1 + tall, 1 : 1 + wide] = cv2.resize(part, (wide, tall), interpolation=how)
    return out


def fit_strings(inks: Iterable[Mask]) -> Image:
    """`fit_string` of each: uint8, n x 24 x 128; n may be 0."""
    pictures = [fit_string(ink) for ink in inks]
    return np.stack(pictures) if pictures else np.zeros((0, STRING_HEIGHT, STRING_WIDTH), np.uint8)


def leaning(ink: Mask, by: float) -> Mask:
    """The ink leaning to the right by so much of its height more than it does; negative: to the left."""
    height, width = ink.shape
    aside = math.ceil(abs(by) * height / 2)
    across = np.array([[1, -by, aside + by * (height - 1) / 2], [0, 1, 0]])
    grey = cv2.warpAffine(_white(ink), across, (width + 2 * aside, height))
    return np.asarray(grey > 127)


def fit_many(inks: Iterable[Mask]) -> Image:
    """`fit` of each: uint8, n x 28 x 28; n may be 0."""
    pictures = [fit(ink) for ink in inks]
    return np.stack(pictures) if pictures else np.zeros((0, SIZE, SIZE), np.uint8)


def squeeze(picture: Image) -> Image:
    """The naive way, for comparison: the whole grey picture scaled to 28x28, its aspect not kept."""
    shrinks = picture.shape[0] >= SIZE and picture.shape[1] >= SIZE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=how), np.uint8)


def light_on_dark(picture: Image) -> bool:
    """Whether ink is lighter than paper in a grey picture: paper fills most of it, and most of its edge."""
    level, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)
    light = picture > level
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    return bool(light.mean() + edge.mean() < 1)
