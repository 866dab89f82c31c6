"""What training does to glyphs: other hands, pens and scanners, then the same MNIST fit that reading does.

Everything is drawn on a canvas about as large as a digit at 300 dpi, made bilevel there, and only then
fitted into 28x28: so training sees what reading sees. Elastic distortion after Simard, Steinkraus, Platt:
"Best practices for convolutional neural networks applied to visual document analysis", 2003; its smooth
random field is made here by enlarging a coarse random grid, which costs a tenth of filtering.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.recognition import nondigits, strokes
from digitscan.records import CROSSED, OTHER, Image
from digitscan.vision.glyphs import BODY, SIZE, fit

CANVAS = 84
INK = 50
"""Pixels of the longer side of a digit on the canvas: about that of a digit at 300 dpi."""
FOOTED = 0.67
"""Part of the printed ones that stand on a foot; the rest have a flag alone, and look like a 7."""
FLAGGED = 0.7
"""Part of the footed ones that are given a flag as well: it is these that look like a 2."""
LEANING = 0.3
"""Of the height, what a stem may lean: with a foot and a flag, one that leans more is a 2 to anybody."""
INKED = 100  # grey of a glyph that counts as ink
GRID_Y, GRID_X = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Mix:
    """How strongly glyphs are changed, and what is added to them (shares of the number of glyphs)."""

    strength: float = 1.0
    untouched: float = 0.15
    drawn: float = 0.15
    crossed: float = 0.06
    other: float = 0.26
    printed: float = 0.0
    """Of the 1s: given a foot, a flag, or both. MNIST's writers seldom do, others print them so."""


STEEP = Mix()
GENTLE = Mix(strength=0.8, untouched=0.35, printed=0.15)
"""For the last part of a training: what is read later is less odd than what is learnt from. Only there are 1s
printed. Of MNIST's test digits 99.70% were read without them, 99.66% so, and 99.64% where they were printed
from the beginning; where only in nine epochs more, and the network is the mean of both, 99.66%: one training
each."""


def sample(
    glyphs: Image, labels: NDArray[np.int64], mix: Mix, seed: list[int]
) -> tuple[Image, NDArray[np.int64]]:
    """Training pictures made from MNIST glyphs (uint8, n x 28 x 28, labels 0-9).

    Each glyph comes once, changed; drawn digits, `crossed` and `other` are added. Returns uint8
    pictures, m x 28 x 28, and labels 0-11, shuffled; the same seed gives the same pictures.
    """
    rng = np.random.default_rng(seed)
    count = len(glyphs)
    pictures: list[Image] = []
    answers: list[int] = []
    for index in range(count):
        untouched = rng.random() < mix.untouched
        glyph, neighbour = glyphs[index], glyphs[rng.integers(count)]
        label = int(labels[index])
        if label == 1 and not untouched and rng.random() < mix.printed:
            glyph = as_printed(glyph, rng)
        pictures.append(glyph if untouched else digit(glyph, label, neighbour, mix.strength, rng))
        answers.append(label)
    for _ in range(round(count * mix.drawn)):
        label = int(rng.integers(10))
        ink = strokes.draw_digit(label, rng)
        pictures.append(fit(scan(warp(ink, 0.7 * mix.strength, rng), rng)))
        answers.append(label)
    for _ in range(round(count * mix.crossed)):
        pictures.append(fit(scan(warp(strokes.draw_crossed(rng), 0.5, rng), rng)))
        answers.append(CROSSED)
    for _ in range(round(count * mix.other)):
        pictures.append(other(glyphs, labels, rng))
        answers.append(OTHER)
    order = rng.permutation(len(pictures))
    return np.stack(pictures)[order], np.asarray(answers, np.int64)[order]


def other(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """Something that is not one whole digit; uint8 28x28."""
    while True:
        picture = fit(scan(warp(nondigits.other(glyphs, labels, rng), 0.7, rng), rng))
        if picture.any():
            return picture


def another_hand(glyph: Image, rng: np.random.Generator) -> Image:
    """One glyph as another hand would have written it for MNIST: grey, its size and place as there."""
    turn, slant = np.deg2rad(rng.normal(0, 6)), rng.normal(0, 0.1)
    across, down = np.exp(rng.normal(0, 0.06, 2))
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[across, slant], [0, down]])
    offset = (1 - matrix.sum(axis=1)) * (SIZE - 1) / 2 + rng.uniform(-0.8, 0.8, 2)
    bend = cv2.resize(
        rng.normal(0, rng.uniform(0, 0.7), (5, 5, 2)).astype(np.float32), (SIZE, SIZE),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    x, y = GRID_X[:SIZE, :SIZE], GRID_Y[:SIZE, :SIZE]
    map_x = (matrix[0, 0] * x + matrix[0, 1] * y + offset[0]).astype(np.float32) + bend[..., 0]
    map_y = (matrix[1, 0] * x + matrix[1, 1] * y + offset[1]).astype(np.float32) + bend[..., 1]
    return np.asarray(cv2.remap(glyph, map_x, map_y, cv2.INTER_LINEAR), np.uint8)


def digit(glyph: Image, label: int, neighbour: Image, strength: float, rng: np.random.Generator) -> Image:
    """One glyph as another hand, pen and scanner would have made it; uint8 28x28."""
    canvas = warp(glyph, strength, rng)
    if rng.random() < 0.08:
        canvas = break_stroke(canvas, rng)
    if rng.random() < 0.10 * strength:
        canvas = shaved(canvas, rng)
    # What remains of a ruled line under a 7 makes a 2 of it, and beside a 1 a 4 or an 11.
    if label not in (1, 7) and rng.random() < 0.16 * strength:
        canvas = remains(canvas, neighbour, rng)
    picture = fit(scan(canvas, rng))
    return picture if picture.any() else glyph


def as_printed(glyph: Image, rng: np.random.Generator) -> Image:
    """A 1 (uint8 28x28) given a foot, a flag, or both; as it is where it leans, or has a foot already."""
    ink = glyph > INKED
    rows = np.flatnonzero(ink.any(axis=1))
    if not len(rows) or ink[rows[-3:]].sum(axis=1).max() > SIZE // 4:
        return glyph
    height = len(rows)
    pen = max(1.5, np.count_nonzero(ink) / height)
    top, foot = (np.array([np.flatnonzero(ink[row]).mean(), row]) for row in (rows[1], rows[-2]))
    if abs(top[0] - foot[0]) > LEANING * height:
        return glyph
    lines = []
    footed = rng.random() < FOOTED
    if footed:
        # On the left a foot sticks out: the base of a 2 begins where its stroke comes down.
        left, right = rng.uniform((0.2, 0.15), 0.45) * height
        across = np.array([1, rng.normal(0, 0.1)])
        lines.append((foot - left * across, foot + right * across))
    if not footed or rng.random() < FLAGGED:
        # Without a foot, a flag that is nearly level makes a 7.
        steep = rng.uniform(0.3 if footed else 0.6, 1.3)
        length = rng.uniform(0.15, 0.4) * height
        lines.append((top, top + length * np.array([-1, steep]) / np.hypot(1, steep)))
    return np.maximum(glyph, _drawn(lines, pen * rng.uniform(0.7, 1.1)))


def _drawn(lines: list[tuple[NDArray[np.float64], NDArray[np.float64]]], pen: float) -> Image:
    """Straight strokes as an MNIST picture has them; places (x, y) and the pen's width in its px."""
    fine = 8
    large = np.zeros((SIZE * fine, SIZE * fine), np.uint8)
    for begin, end in lines:
        ends = [np.rint((point + 0.5) * fine).astype(int).tolist() for point in (begin, end)]
        cv2.line(large, ends[0], ends[1], 255, max(1, round(pen * fine)))
    return np.asarray(cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def warp(source: Image, strength: float, rng: np.random.Generator) -> Image:
    """Turned, slanted, stretched and bent on a canvas of 84x84, its ink about 50 pixels long.

    `source` is ink coverage, white on black; 28x28 pictures are taken as MNIST's, others by their size.
    """
    height, width = source.shape
    scale = INK / (BODY if (height, width) == (SIZE, SIZE) else max(height, width))
    turn = np.deg2rad(np.clip(rng.normal(0, 8), -20, 20)) * strength
    slant = np.clip(rng.normal(-0.03, 0.2), -0.5, 0.45) * strength  # old hands lean far to the right
    aspect = np.exp(rng.uniform(-0.22, 0.22) * strength)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = (
        np.array([[cos, -sin], [sin, cos]])
        @ np.array([[1, slant], [0, 1]])
        @ np.diag([aspect, 1 / aspect])
        * scale
    )
    inverse = np.linalg.inv(matrix)
    middle = (CANVAS - 1) / 2
    affine = np.column_stack([inverse, [(width - 1) / 2, (height - 1) / 2] - inverse @ [middle, middle]])
    bend = rng.uniform(0, 2.6) * strength / scale
    if bend < 0.2 / scale:
        return np.asarray(
            cv2.warpAffine(source, affine, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        )
    knots = int(rng.integers(4, 8))
    coarse = rng.normal(0, bend, (knots, knots, 2)).astype(np.float32)
    field = cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    map_x = (affine[0, 0] * GRID_X + affine[0, 1] * GRID_Y + affine[0, 2]).astype(np.float32) + field[..., 0]
    map_y = (affine[1, 0] * GRID_X + affine[1, 1] * GRID_Y + affine[1, 2]).astype(np.float32) + field[..., 1]
    return np.asarray(cv2.remap(source, map_x, map_y, cv2.INTER_LINEAR), np.uint8)


def scan(canvas: Image, rng: np.random.Generator) -> Image:
    """Ink coverage to a bilevel mask: thicker or thinner pen, rough edges, sometimes low resolution."""
    small = rng.random() < 0.35  # what a phone or a 100 dpi scan leaves of it
    if small:
        scale = float(rng.uniform(10, 26)) / INK
        grey = np.asarray(
            cv2.resize(canvas, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        if rng.random() < 0.5:
            whole = canvas.shape[::-1]
            grey = np.asarray(cv2.resize(grey, whole, interpolation=cv2.INTER_LINEAR), np.uint8)
    else:
        grey = np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.7, 1.8))), np.uint8)
    if rng.random() < 0.25:
        noise = rng.normal(0, rng.uniform(10, 50), grey.shape)
        grey = np.clip(grey + noise * (grey > 0), 0, 255).astype(np.uint8)
    mask = _bilevel(grey, float(rng.uniform(60, 180)), np.count_nonzero(canvas > 100) / canvas.size)
    if not small and rng.random() < 0.4:
        size = int(rng.integers(2, 6))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        thinner = np.asarray(cv2.erode(mask, kernel), np.uint8)
        # A pen finer than the kernel would vanish: only thick strokes are made thinner.
        if rng.random() < 0.5 and thinner.sum() > 0.4 * mask.sum():
            return thinner
        return np.asarray(cv2.dilate(mask, kernel), np.uint8)
    return mask


def _bilevel(grey: Image, level: float, inked: float) -> Image:
    """Ink above the level; the level sinks until most of the ink (a part `inked` of the picture) is there."""
    while True:
        mask = np.asarray(grey > level).astype(np.uint8)
        if mask.mean() >= 0.6 * inked or level < 20:
            return mask
        level *= 0.8


def break_stroke(canvas: Image, rng: np.random.Generator) -> Image:
    """One or two fine gaps across the strokes, as a dry pen or a hard threshold leaves."""
    out = canvas.copy()
    for _ in range(int(rng.integers(1, 3))):
        ys, xs = np.nonzero(out > 128)
        if not len(ys):
            break
        at = int(rng.integers(len(ys)))
        angle = rng.uniform(0, np.pi)
        step = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(4, 9)
        here = np.array([xs[at], ys[at]])
        begin, end = (here - step).astype(int).tolist(), (here + step).astype(int).tolist()
        cv2.line(out, begin, end, 0, int(rng.integers(1, 4)))
    return out


def remains(canvas: Image, neighbour: Image, rng: np.random.Generator) -> Image:
    """A small rest of a neighbouring digit, or of a ruled line, at the edge of the ink."""
    left, top, width, height = cv2.boundingRect(canvas)
    if width == 0:
        return canvas
    out = canvas.copy()
    if rng.random() < 0.5:
        body = np.asarray(cv2.resize(neighbour[4:24, 4:24], (INK, INK)), np.uint8)
        part = int(rng.integers(3, 11))
        gap = int(rng.integers(-3, 5))
        on_right = rng.random() < 0.5
        # cuts between digits follow the slant of the writing
        lean = float(rng.normal(0, 0.2))
        off = np.rint(lean * (np.arange(INK) - INK / 2)).astype(int)
        piece = np.stack([np.roll(row, shift) for row, shift in zip(body, off, strict=True)])
        piece = piece[:, :part] if on_right else piece[:, -part:]
        x = left + width + gap if on_right else left - gap - part
        y = int(np.clip(top + height // 2 - INK // 2 + rng.integers(-12, 13), 0, CANVAS - INK))
        x = int(np.clip(x, 0, CANVAS - part))
        region = out[y : y + INK, x : x + part]
        np.maximum(region, piece, out=region)
        return out
    thick = int(rng.integers(1, 4))
    if rng.random() < 0.6:
        y = top + height + int(rng.integers(3, 9)) if rng.random() < 0.7 else top - int(rng.integers(3, 9))
        begin = left + int(rng.uniform(0, 0.6) * width)
        end = begin + int(rng.uniform(0.2, 0.7) * width)
        cv2.line(out, (begin, y), (end, y + int(rng.integers(-1, 2))), 255, thick)
    else:
        x = left + width + int(rng.integers(3, 9)) if rng.random() < 0.5 else left - int(rng.integers(3, 9))
        begin = top + int(rng.uniform(0, 0.7) * height)
        end = begin + int(rng.uniform(0.1, 0.35) * height)
        cv2.line(out, (x, begin), (x + int(rng.integers(-1, 2)), end), 255, thick)
    return out


def shaved(canvas: Image, rng: np.random.Generator) -> Image:
    """The ends of strokes lost on one side, as when a touching neighbour was cut off a little too far in."""
    left, _, width, _ = cv2.boundingRect(canvas)
    lean = float(rng.normal(0, 0.15))
    along = GRID_X + lean * (GRID_Y - CANVAS / 2)
    depth = float(rng.uniform(0.03, 0.12)) * width
    lost = along < left + depth if rng.random() < 0.5 else along > left + width - depth
    ink = canvas > 100
    # A 0 that lost its side is none any more.
    if np.count_nonzero(ink & lost) > 0.06 * np.count_nonzero(ink):
        return canvas
    return np.where(lost, np.uint8(0), canvas)
