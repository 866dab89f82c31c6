"""Handwriting drawn from stroke skeletons: one `Hand` a writer, every instance a little different.

All pictures are uint8 ink coverage, height x width, 0 paper to 255 full ink, tight around the ink.
Lengths are pixels. Everything random comes from the generator given, so a seed repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.deck.skeletons import BLOCK, DIGITS, HOOKS, LETTERS
from digitscan.records import Image

Points = NDArray[np.float64]
"""One stroke: n x 2, x and y."""

SUPERSAMPLE = 4
SAMPLES = 12
"""Points drawn for each span of a skeleton."""
FADE = 0.35
"""Part of its width that a light pen loses at the end of a stroke."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A writer. Lengths are parts of the digit's height, angles radians."""

    pen: float
    slant: float
    """Positive leans to the right."""
    aspect: float
    """Width of the digits against that of the skeletons."""
    size_jitter: float
    smoothness: float
    """0 keeps corners, 1 writes them round."""
    tremor: float
    pressure: float
    """How much the width of the line varies, 0 to 1."""
    wobble: float
    """How far the points of a skeleton wander from one instance to the next."""
    ways: tuple[str, ...]
    """For each digit the name of the way it is written, a key of `skeletons.DIGITS[digit]`."""


def make_hand(rng: np.random.Generator) -> Hand:
    """A writer of moderate habits; one in fifteen writes blocky, as over a printed guide."""
    blocky = rng.random() < 1 / 15
    ways = [BLOCK if blocky else str(rng.choice(_free_ways(digit))) for digit in range(10)]
    if ways[1] in ("long upstroke", "upstroke and foot"):  # who writes this 1 bars the 7 to tell them apart
        ways[7] = str(rng.choice([way for way in DIGITS[7] if "barred" in way]))
    return Hand(
        pen=float(np.clip(rng.lognormal(np.log(0.085), 0.28), 0.045, 0.16)),
        slant=float(np.clip(rng.normal(0.08, 0.14), -0.25, 0.42)),
        aspect=float(np.clip(rng.normal(1.0, 0.13), 0.72, 1.35)),
        size_jitter=float(rng.uniform(0.02, 0.09)),
        smoothness=0.1 * float(rng.random()) if blocky else float(rng.uniform(0.1, 1.0)),
        tremor=float(np.clip(rng.gamma(1.6, 0.003), 0, 0.014)),
        pressure=float(rng.uniform(0.05, 0.45)),
        wobble=float(rng.uniform(0.012, 0.032)),
        ways=tuple(ways),
    )


def draw_digit(hand: Hand, digit: int, height: float, rng: np.random.Generator) -> Image:
    """A digit (0-9) about `height` pixels high, in this hand's way of writing it."""
    return draw_skeleton(hand, DIGITS[digit][hand.ways[digit]], height, rng)


def draw_letter(hand: Hand, rng: np.random.Generator, height: float, letter: str | None = None) -> Image:
    """A letter about `height` pixels high, any by default, none that could be taken for a digit."""
    return draw_skeleton(hand, LETTERS[letter or str(rng.choice(list(LETTERS)))], height, rng)


def draw_cross(
    hand: Hand, width: float, height: float, rng: np.random.Generator, uneven: float = 0.0
) -> Image:
    """An X of about width x height pixels that strikes out a cell; one in six is scrawled.

    uneven: the part of their length by which arms may be shorter than the others.
    """
    jitter = rng.normal(0, 0.06, (2, 3, 2))
    falling = np.array([[0, 0], [0.5, 0.5], [1, 1]]) + jitter[0]
    rising = np.array([[1, 0], [0.5, 0.5], [0, 1]]) + jitter[1]
    if uneven:
        for arm in (falling, rising):
            arm[[0, 2]] += (arm[1] - arm[[0, 2]]) * rng.uniform(0, uneven, (2, 1))
    strokes = [_spline(falling, ()), _spline(rising, ())]
    kind = rng.random()
    if kind < 1 / 6:  # scrawled: both ways again without care
        again = [stroke + rng.normal(0, 0.07, (1, 2)) for stroke in strokes]
        strokes = [
            _spline(np.concatenate([falling, rising[::-1] + np.array([0.05, 0.0]), again[0][::-6]]), ()),
            again[1],
        ]
    elif kind < 1 / 3:  # the pen not lifted: a fish
        loop = np.array([[1.08, 0.55]]) + rng.normal(0, 0.06, (1, 2))
        strokes = [_spline(np.concatenate([falling, loop, rising]), ())]
    size = np.array([max(width - hand.pen * height, 1), max(height * (1 - hand.pen), 1)])
    return _ink([_written(stroke * size, hand, height, rng) for stroke in strokes], hand, height, rng)


def draw_careless_cross(hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """An X of two strokes that are not alike: one shorter, they bend, cross off their middles, end in a hook.

    height: the length of the longer one, in px. Neither only just crosses the other: that might be a 4.
    """
    steep = np.deg2rad(np.array([-45, 45]) + rng.normal(0, 10, 2) + rng.normal(0, 6))
    lengths = np.array([1.0, rng.uniform(0.5, 1.0)])[rng.permutation(2)]
    strokes = []
    for angle, length in zip(steep, lengths, strict=True):
        cos, sin = np.cos(angle), np.sin(angle)
        along, beside = np.array([(cos, sin), (-sin, cos)])
        before = rng.uniform(0.35, 0.65)
        ends = np.array([-before, 1 - before])
        line = [ends[0] * along, rng.normal(0, 0.06) * beside, ends[1] * along]
        if rng.random() < 0.1:
            line.append(line[-1] + rng.normal(0, 0.12, 2))
        strokes.append(_spline(np.array(line) * length * height, ()))
    return _ink([_written(stroke, hand, height, rng) for stroke in strokes], hand, height, rng)


def draw_dash(hand: Hand, width: float, rng: np.random.Generator) -> Image:
    """A dash about `width` pixels wide, drawn with the pen of digits one and a half times as high."""
    height = 1.5 * width
    rise = rng.normal(0, 0.06) * width
    bow = rng.normal(0, 0.03) * width
    line = np.array([[0, rise / 2], [width / 2, bow], [width, -rise / 2]])
    return _ink([_written(_spline(line, ()), hand, height, rng)], hand, height, rng)


def draw_scribble(hand: Hand, width: float, height: float, rng: np.random.Generator) -> Image:
    """A scrawl to and fro that fills about width x height pixels, as over a mistake."""
    turns = int(rng.integers(5, 10))
    across = np.linspace(0, 1, turns) + rng.normal(0, 0.06, turns)
    up_and_down = (np.arange(turns) % 2) * rng.uniform(0.6, 1, turns) + rng.uniform(0, 0.2, turns)
    line = np.clip(np.stack([across, up_and_down], axis=1), 0, 1) * [width, height]
    if rng.random() < 0.5:
        line = line[:, ::-1] * [width / max(height, 1), height / max(width, 1)]
    return _ink([_written(_spline(line, ()), hand, height, rng)], hand, height, rng)


def draw_strokes(
    hand: Hand, count: int, height: float, rng: np.random.Generator, *, least: int = 2, most: int = 4
) -> Image:
    """`count` strokes through `least` to `most` points anywhere in a square."""
    lines = []
    for _ in range(count):
        points = rng.uniform(0, height, (int(rng.integers(least, most + 1)), 2))
        corners = tuple(range(1, len(points) - 1)) if rng.random() < 0.3 else ()
        lines.append(_written(_spline(points, corners), hand, height, rng))
    return _ink(lines, hand, height, rng)


def draw_outline(hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """A closed outline, angular or round, with strokes or an outline in it."""
    corners = int(rng.integers(3, 8))
    lines = [_closed(rng, 0.5, 0.5, 0.5, corners)]
    if rng.random() < 0.25:
        lines.append(_closed(rng, 0.5, 0.5, 0.2, int(rng.integers(3, 6))))
    else:
        # a single stroke through a round one is a slashed 0
        for _ in range(int(rng.integers(1 if corners < 5 else 2, 4))):
            angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.4)
            away = reach * np.array([np.cos(angle), np.sin(angle)])
            middle = 0.5 + rng.normal(0, 0.06, 2)
            lines.append(_spline(np.stack([0.5 - away, middle, 0.5 + away]), ()))
    return _ink([_written(line * height, hand, height, rng) for line in lines], hand, height, rng)


def _closed(rng: np.random.Generator, x: float, y: float, radius: float, corners: int) -> Points:
    """A closed line around x, y through so many corners, rounded half of the time."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2 * np.pi)
    angles += rng.normal(0, 0.2, corners)
    away = radius * rng.uniform(0.7, 1.1, corners)
    points = np.stack([x + away * np.cos(angles), y + away * np.sin(angles)], axis=1)
    round_ = corners >= 5 and rng.random() < 0.5
    return _spline(np.vstack([points, points[:1]]), () if round_ else tuple(range(1, corners)))


def draw_hook(hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """One stroke with a bend that points down or to the left; its arms are about as long."""
    towards = rng.uniform(0.25, 1.1) * np.pi  # of the bend, 0 to the right and clockwise
    opening = rng.uniform(0.25, 0.65) * np.pi
    angles = towards + np.pi + np.array([-opening / 2, opening / 2])
    arms = rng.uniform(0.6, 1.0, 2)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.array([arms[0], 0.5 * arms[0], [0, 0], 0.5 * arms[1], arms[1]])
    points[[1, 3]] += rng.normal(0, 0.05, (2, 2))
    line = _spline(points, (2,) if rng.random() < 0.5 else ())
    return _ink([_written(line * height, hand, height, rng)], hand, height, rng)


def draw_dotted(hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """A stroke, straight or bent, and a dot above or below it."""
    bow = rng.normal(0, 0.06) if rng.random() < 0.5 else rng.uniform(-0.5, 0.5)
    line = np.array([[0.0, 0.0], [bow, 0.4], [rng.normal(0, 0.1), 0.8]])
    below = bool(rng.random() < 0.6)
    stem = line[-1] if below else line[0]
    away = rng.uniform(0.2, 0.35)
    at = stem + np.array([rng.normal(0, 0.05), away if below else -away])
    ring = 0.03 * np.stack([np.cos(np.arange(0, 7)), np.sin(np.arange(0, 7))], axis=1)
    drawn = [_written(_spline(part, ()) * height, hand, height, rng) for part in (line, at + ring)]
    return _ink(drawn, hand, height, rng)


def draw_question_mark(hand: Hand, height: float, rng: np.random.Generator, *, dotted: bool = True) -> Image:
    """A question mark, with its dot or without."""
    low, side = 100 + rng.normal(0, 3), 26 + rng.normal(0, 5)
    dot = f" / {side:.0f},{low - 6:.0f} {side + 3:.0f},{low:.0f}" if dotted else ""
    return draw_skeleton(hand, str(rng.choice(HOOKS)) + dot, height, rng)


def draw_tick(hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """A tick: down to the right, then up, farther."""
    short, long = rng.uniform(0.33, 0.6), 1.0
    begin = np.array([0.0, long - short]) + rng.normal(0, 0.05, 2)
    corner = np.array([rng.uniform(0.2, 0.4), 1.0])
    end = np.array([corner[0] + rng.uniform(0.4, 0.9), 0.0])
    line = _spline(np.stack([begin, corner, end]) * height, (1,))
    return _ink([_written(line, hand, height, rng)], hand, height, rng)


def draw_path(
    hand: Hand, points: Points, height: float, rng: np.random.Generator
) -> tuple[Image, float, float]:
    """A stroke through points with the pen of digits `height` pixels high, and its left upper corner.

    points: n x 2, pixels.
    """
    line = _written(_spline(points, ()), hand, height, rng)
    ink = _ink([line], hand, height, rng)
    middle = (line.min(axis=0) + line.max(axis=0)) / 2
    return ink, float(middle[0]) - ink.shape[1] / 2, float(middle[1]) - ink.shape[0] / 2


def _free_ways(digit: int) -> list[str]:
    return [way for way in DIGITS[digit] if not way.startswith(BLOCK)]


def draw_skeleton(hand: Hand, skeleton: str, height: float, rng: np.random.Generator) -> Image:
    """A skeleton as `skeletons` writes them, about `height` pixels high, in this hand."""
    size = height * (1 + rng.normal(0, hand.size_jitter))
    narrower = 1 - hand.pen  # the pen's width adds to the line's
    slant = hand.slant + rng.normal(0, 0.03)
    turn = rng.normal(0, 0.025)
    shape = np.array([[hand.aspect * (1 + rng.normal(0, 0.05)), -slant], [0, 1]])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ shape
    strokes = []
    for points, corners in _parsed(skeleton):
        moved = points + rng.normal(0, hand.wobble, points.shape)
        line = _spline(moved, corners) @ turned.T
        strokes.append(_written(line * (size * narrower), hand, size, rng))
    return _ink(strokes, hand, size, rng)


@cache
def _parsed(skeleton: str) -> tuple[tuple[Points, tuple[int, ...]], ...]:
    """The strokes of a skeleton: points in parts of the height, and which of them are corners."""
    strokes = []
    for stroke in skeleton.split(" / "):
        words = stroke.split()
        points = np.array([[float(part) for part in word.rstrip("!").split(",")] for word in words]) / 100
        strokes.append((points, tuple(i for i, word in enumerate(words) if word.endswith("!"))))
    return tuple(strokes)


def _spline(points: Points, corners: tuple[int, ...]) -> Points:
    """A curve through the points (Catmull-Rom), broken at the corners."""
    ends = [0, *(i for i in corners if 0 < i < len(points) - 1), len(points) - 1]
    pieces = [_smooth_through(points[a : b + 1]) for a, b in pairwise(ends)]
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def _smooth_through(points: Points) -> Points:
    if len(points) == 2:
        steps = np.linspace(0, 1, 2 * SAMPLES)[:, None]
        return np.asarray(points[0] + steps * (points[1] - points[0]))
    # the phantom end points let the curve leave and arrive as a pen does, turning evenly
    first = 2.5 * points[0] - 2 * points[1] + 0.5 * points[2]
    last = 2.5 * points[-1] - 2 * points[-2] + 0.5 * points[-3]
    padded = np.concatenate([[first], points, [last]])
    t = np.linspace(0, 1, SAMPLES, endpoint=False)[None, :, None]
    a, b, c, d = (padded[i : i + len(points) - 1, None, :] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def _written(line: Points, hand: Hand, height: float, rng: np.random.Generator) -> Points:
    """The line as this hand moves along it: evenly sampled, corners rounded, trembling."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = int(np.clip(lengths[-1] / (0.02 * height), 8, 250))
    at = np.linspace(0, lengths[-1], count)
    even = np.stack([np.interp(at, lengths, line[:, 0]), np.interp(at, lengths, line[:, 1])], axis=1)
    rounded = _blurred(even, 0.4 + 2.6 * hand.smoothness)
    trembling = _blurred(rng.normal(0, 1, (count, 2)), 2.0) * 2.5  # about unit deviation again
    return np.asarray(rounded + trembling * hand.tremor * height)


def _blurred(values: Points, sigma: float) -> Points:
    """Gaussian smoothing down the rows that leaves the first and last row in place."""
    radius = min(int(3 * sigma) + 1, len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    before = 2 * values[0] - values[radius:0:-1]
    after = 2 * values[-1] - values[-2 : -radius - 2 : -1]
    padded = np.concatenate([before, values, after])
    columns = [np.convolve(padded[:, i], kernel, mode="valid") for i in range(padded.shape[1])]
    return np.stack(columns, axis=1)


def _ink(strokes: list[Points], hand: Hand, height: float, rng: np.random.Generator) -> Image:
    """The strokes (pixels) drawn with this hand's pen, cut tight around the ink."""
    pen = max(hand.pen * height * SUPERSAMPLE, 0.8 * SUPERSAMPLE)
    margin = int(pen) + SUPERSAMPLE
    everything = np.concatenate(strokes)
    low = everything.min(axis=0)
    columns, rows = np.ceil(everything.max(axis=0) - low + 2 * margin / SUPERSAMPLE).astype(int).tolist()
    canvas = np.zeros((rows * SUPERSAMPLE, columns * SUPERSAMPLE), np.uint8)
    for stroke in strokes:
        # OpenCV takes coordinates in sixteenths of a pixel
        path = np.rint(((stroke - low) * SUPERSAMPLE + margin) * 16).astype(np.int32)
        for start, end, width in zip(path, path[1:], _widths(len(path) - 1, pen, hand, rng), strict=False):
            cv2.line(canvas, start.tolist(), end.tolist(), 255, int(width), cv2.LINE_8, 4)
    small = cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA)
    x, y, w, h = cv2.boundingRect(small)
    return np.ascontiguousarray(small[y : y + h, x : x + w]).astype(np.uint8, copy=False)


def _widths(count: int, pen: float, hand: Hand, rng: np.random.Generator) -> NDArray[np.int64]:
    """The pen's width at each step of a stroke: swelling slowly, fading towards the end."""
    knots = rng.normal(0, 0.5 * hand.pressure, 4)
    swell = np.interp(np.linspace(0, 3, count), np.arange(4), knots)
    fade = FADE * hand.pressure * np.clip(np.linspace(-3, 1, count), 0, 1)
    return np.maximum(np.rint(pen * np.clip(1 + swell - fade, 0.5, 1.5)), 1).astype(np.int64)
