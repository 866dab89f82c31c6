"""What is not one whole digit, made of MNIST's digits and of drawn strokes: the class `other` of training.

All makers give uint8 ink coverage, white on black. None may make what could be read as one whole digit.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.recognition import strokes
from digitscan.records import Image

FromGlyphs = Callable[[Image, NDArray[np.int64], np.random.Generator], Image]
Drawn = Callable[[np.random.Generator], Image]

ENOUGH = 100
"""Glyphs; among fewer there may be none of the shape that is looked for."""

# Cuts that leave no digit: label, and what is kept. Halves of 1, 6, 7, 8 and 9 can be whole 0s, 1s and 3s.
CUTS = (
    (0, "top"), (0, "bottom"), (2, "bottom"), (3, "bottom"), (5, "bottom"), (4, "top"), (4, "left"),
    (8, "left"),
)  # fmt: skip


def other(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """Something that is not one whole digit. glyphs: uint8, n x 28 x 28, with their labels 0-9."""
    kind = int(rng.integers(len(FROM_GLYPHS) + len(DRAWN)))
    if kind < len(FROM_GLYPHS):
        return FROM_GLYPHS[kind](glyphs, labels, rng)
    return DRAWN[kind - len(FROM_GLYPHS)](rng)


def _pick(
    glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator, wanted: tuple[int, ...] = ()
) -> Image:
    """The tight ink of a random glyph, of one of the `wanted` labels where there is any."""
    among = np.flatnonzero(np.isin(labels, wanted)) if wanted else np.arange(0)
    index = int(among[rng.integers(len(among))]) if len(among) else int(rng.integers(len(glyphs)))
    left, top, width, height = cv2.boundingRect(glyphs[index])
    return np.asarray(glyphs[index, top : top + height, left : left + width], np.uint8)


def _half(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    label, kept = CUTS[int(rng.integers(len(CUTS)))]
    ink = _pick(glyphs, labels, rng, (label,))
    height, width = ink.shape
    share = rng.uniform(0.42, 0.58)
    if kept == "top":
        return ink[: max(3, int(height * share))]
    if kept == "bottom":
        return ink[height - max(3, int(height * share)) :]
    return ink[:, : max(3, int(width * share))]


FRAGMENTS = ((0, True), (3, True), (5, True), (5, False), (3, False), (2, False))
"""Label, and whether the lower right or the lower left is kept: none of these is a 1, 7 or 0."""


def _fragment(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """A corner of a digit that is a hook, as where most of it fell to the rule or the next field."""
    while True:
        label, right = FRAGMENTS[int(rng.integers(len(FRAGMENTS)))]
        ink = _pick(glyphs, labels, rng, (label,))
        height, width = (np.array(ink.shape) * rng.uniform(0.4, 0.65, 2)).astype(int).tolist()
        part = ink[-max(4, height) :, -max(4, width) :] if right else ink[-max(4, height) :, : max(4, width)]
        part = np.ascontiguousarray(part)
        if _bent(np.asarray(part > 100).astype(np.uint8)) or len(glyphs) < ENOUGH:
            return part


def _bent(ink: Image) -> bool:
    """Whether it is one stroke with a bend: neither a bar nor a blot."""
    outlines, _ = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if len(outlines) != 1:
        return False
    _, sides, _ = cv2.minAreaRect(outlines[0])
    hull = cv2.contourArea(cv2.convexHull(outlines[0]))
    return min(sides) > 0.35 * max(sides) and cv2.contourArea(outlines[0]) < 0.6 * hull


def _together(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """Two or three digits side by side, overlapping a little or a little apart."""
    row = _pick(glyphs, labels, rng)
    for _ in range(1 if rng.random() < 0.85 else 2):
        after = _pick(glyphs, labels, rng)
        overlap = min(4, row.shape[1] // 4, after.shape[1] // 4)  # two 1s must not become one
        row = _join(row, after, int(rng.integers(-overlap, 3)), int(rng.integers(-3, 4)))
    return row


def _encroached(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """A digit with a good part of its neighbour, as where two that touch were cut in the wrong place."""
    whole, neighbour = _pick(glyphs, labels, rng), _pick(glyphs, labels, rng, (0, 2, 3, 5, 6, 8))
    part = max(5, int(neighbour.shape[1] * rng.uniform(0.5, 0.8)))
    gap, drop = int(rng.integers(-2, 3)), int(rng.integers(-3, 4))
    if rng.random() < 0.5:
        return _join(whole, neighbour[:, :part], gap, drop)
    return _join(neighbour[:, -part:], whole, gap, drop)


def _stacked(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """One digit above another, as where a line is too narrow; two 1s would be one."""
    above, below = _pick(glyphs, labels, rng), _pick(glyphs, labels, rng, (0, 2, 3, 4, 5, 6, 8, 9))
    turned = _join(above.T, below.T, int(rng.integers(-2, 3)), int(rng.integers(-3, 4)))
    return np.ascontiguousarray(turned.T)


def _join(left: Image, right: Image, gap: int, drop: int) -> Image:
    height = max(left.shape[0], right.shape[0]) + abs(drop)
    start = max(0, left.shape[1] + gap)
    out = np.zeros((height, max(left.shape[1], start + right.shape[1])), np.uint8)
    y = max(0, -drop)
    out[y : y + left.shape[0], : left.shape[1]] = left
    y = max(0, drop)
    region = out[y : y + right.shape[0], start : start + right.shape[1]]
    np.maximum(region, right, out=region)
    return out


def _through(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """A digit on a ruled line that runs far beyond it."""
    ink = _pick(glyphs, labels, rng, (0, 2, 3, 4, 5, 6, 8, 9))
    height, width = ink.shape
    before, after = (int(side) for side in rng.uniform(0.5, 2.0, 2) * max(width, 12))
    out = np.zeros((height + 4, before + width + after), np.uint8)
    out[2 : 2 + height, before : before + width] = ink
    y = (
        int(rng.integers(height // 2, height + 3))
        if rng.random() < 0.8
        else int(rng.integers(0, height // 3))
    )
    cv2.line(out, (0, y), (out.shape[1] - 1, y), 255, int(rng.integers(2, 4)))
    return out


def _overwritten(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """One digit written over another."""
    below = _pick(glyphs, labels, rng, (3, 5, 6, 8, 9))
    above = _pick(glyphs, labels, rng, (2, 4))
    return _join(below, above, -below.shape[1] + int(rng.integers(-2, 5)), int(rng.integers(-3, 4)))


def _scrawled(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """A digit with strokes right across it; one alone would bar a 7 or slash a 0."""
    ink = _pick(glyphs, labels, rng, (0, 2, 3, 4, 5, 6, 8, 9))
    out = np.pad(ink, int(rng.integers(2, 7)))
    size = np.array(out.shape[::-1]) - 1
    for turn in rng.uniform(0, np.pi, int(rng.integers(2, 4))):
        along = np.array([np.cos(turn), np.sin(turn)])
        # to the edge of the frame on both sides, bent a little
        ends = 0.5 + along / np.abs(along).max() * 0.5, 0.5 - along / np.abs(along).max() * 0.5
        middle = 0.5 + rng.normal(0, 0.15, 2)
        steps = np.linspace(0, 1, 12)[:, None]
        line = (1 - steps) ** 2 * ends[0] + 2 * steps * (1 - steps) * middle + steps**2 * ends[1]
        cv2.polylines(out, [np.rint(line * size).astype(np.int32)], False, 255, int(rng.integers(1, 3)))
    return out


def _sideways(glyphs: Image, labels: NDArray[np.int64], rng: np.random.Generator) -> Image:
    """A digit that lies on its side, stands mirrored or on its head, where that is no other digit."""
    kind = rng.random()
    if kind < 0.35:
        return np.ascontiguousarray(_pick(glyphs, labels, rng, (3, 4, 7, 9))[:, ::-1])
    if kind < 0.5:
        return np.ascontiguousarray(_pick(glyphs, labels, rng, (3, 4, 7))[::-1, ::-1])
    on_side = _pick(glyphs, labels, rng, (2, 3, 4, 5))
    return np.ascontiguousarray(np.rot90(on_side, int(rng.choice([1, 3]))))


FROM_GLYPHS: tuple[FromGlyphs, ...] = (
    _half, _fragment, _together, _together, _encroached, _encroached, _stacked, _through, _overwritten,
    _scrawled, _scrawled, _sideways,
)  # fmt: skip
SPOILT: tuple[FromGlyphs, ...] = (_stacked, _overwritten, _scrawled, _sideways)
"""Those that may stand in a number as one of its signs."""
DRAWN: tuple[Drawn, ...] = (
    strokes.draw_letter, strokes.draw_letter, strokes.draw_letter, strokes.draw_turned_letter,
    strokes.draw_junk, strokes.draw_scribble, strokes.draw_strokes, strokes.draw_strokes,
    strokes.draw_outline, strokes.draw_outline, strokes.draw_tick, strokes.draw_hook, strokes.draw_dotted,
    strokes.draw_squiggle, strokes.draw_question_mark,
)  # fmt: skip
