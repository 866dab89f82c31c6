"""Marks that are no digit, of kinds that training does not make: the material of `benchmarks.nondigits`.

All are uint8 ink coverage, white on black, with an empty margin or tight, about 100 pixels large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Image

CANVAS = 160
Line = NDArray[np.float64]
"""Points of a stroke, n x 2, in a square of 100."""
Strokes = list[Line]


def _pen(strokes: Iterable[Line], rng: np.random.Generator, widest: int = 11) -> Image:
    """Ink of strokes drawn by a pen of some width, their points a little off."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    width = int(rng.integers(4, widest + 1))
    for stroke in strokes:
        shaken = stroke + rng.normal(0, 1.2 if len(stroke) < 12 else 0.4, stroke.shape) + 30
        cv2.polylines(canvas, [np.rint(shaken * 16).astype(np.int32)], False, 255, width, cv2.LINE_AA, 4)
    return canvas


def _line(*points: tuple[float, float]) -> Line:
    return np.array(points, np.float64)


def _arc(x: float, y: float, width: float, height: float, begin: float = 0, end: float = 360) -> Line:
    """Part of an ellipse about x, y; degrees, clockwise from the right."""
    angles = np.deg2rad(np.linspace(begin, end, 40))
    return np.stack([x + width / 2 * np.cos(angles), y + height / 2 * np.sin(angles)], 1)


def _bowed(begin: tuple[float, float], end: tuple[float, float], rng: np.random.Generator) -> Line:
    """A stroke that is not quite straight."""
    a, b = np.array(begin), np.array(end)
    along = np.linspace(0, 1, 12)[:, None]
    aside = np.array([a[1] - b[1], b[0] - a[0]]) * rng.normal(0, 0.05)
    return np.asarray(a + (b - a) * along + aside * (4 * along * (1 - along)))


# Signs


def _tick(rng: np.random.Generator) -> Image:
    foot = (rng.uniform(30, 45), 100)
    arm = (0, rng.uniform(45, 65))
    return _pen([np.concatenate([_bowed(arm, foot, rng), _bowed(foot, (100, rng.uniform(0, 20)), rng)])], rng)


def _star(rng: np.random.Generator) -> Image:
    if rng.random() < 0.4:  # in one go, as children draw it
        angles = np.deg2rad(np.arange(6) * 144 - 90)
        return _pen([50 + 50 * np.stack([np.cos(angles), np.sin(angles)], 1)], rng)
    rays = int(rng.integers(3, 5))
    angles = np.pi * (np.arange(rays) / rays) + rng.normal(0, 0.06, rays) + np.pi / 2
    ends = [50 * np.array([np.cos(a), np.sin(a)]) for a in angles]
    return _pen([np.stack([50 - end, 50 + end]) for end in ends], rng)


def _hash(rng: np.random.Generator) -> Image:
    lean = rng.uniform(0, 14)
    upright = [_bowed((x + lean, 0), (x - lean, 100), rng) for x in (34, 68)]
    return _pen([*upright, *(_bowed((0, y), (100, y), rng) for y in (34, 66))], rng)


def _percent(rng: np.random.Generator) -> Image:
    small = rng.uniform(26, 34)
    rings = [_arc(18, 22, small, small * 1.2), _arc(82, 78, small, small * 1.2)]
    return _pen([*rings, _bowed((84, 0), (16, 100), rng)], rng)


def _ampersand(rng: np.random.Generator) -> Image:
    return _typeset("&", rng)


def _currency(rng: np.random.Generator) -> Image:
    kind = int(rng.integers(3))
    if kind == 0:  # dollar: two bars all the way, or it would be a 5
        curve = np.concatenate([_arc(50, 32, 66, 40, -30, -270), _arc(50, 72, 66, 40, -90, 150)])
        return _pen([curve, _line((42, 0), (42, 104)), _line((58, 0), (58, 104))], rng, widest=8)
    if kind == 1:  # euro
        return _pen([_arc(55, 50, 70, 100, 50, 310), _line((0, 40), (60, 40)), _line((0, 60), (60, 60))], rng)
    yen = [_line((5, 0), (50, 48)), _line((95, 0), (50, 48)), _line((50, 48), (50, 100))]
    return _pen([*yen, _line((18, 56), (82, 56)), _line((18, 74), (82, 74))], rng)


def _punctuation(rng: np.random.Generator) -> Image:
    def dot(x: float, y: float) -> Line:
        return _line((x, y), (x + 2, y + 2))

    signs: list[Strokes] = [
        [dot(0, 50), dot(36, 50), dot(72, 50)],
        [dot(48, 14), _line((0, 50), (100, 50)), dot(48, 86)],
        [_line((40, 20), (10, 50), (40, 80)), _line((75, 20), (45, 50), (75, 80))],
        [_line((20, 0), (14, 28), (4, 36)), _line((50, 0), (44, 28), (34, 36))],
    ]
    return _pen(signs[int(rng.integers(len(signs)))], rng)


def _arrow(rng: np.random.Generator) -> Image:
    head = rng.uniform(22, 34)
    shaft = _bowed((0, 50), (100, 50), rng)
    shape = [shaft, _line((100 - head, 50 - head), (100, 50), (100 - head, 50 + head))]
    if rng.random() < 0.3:
        shape.append(_line((head, 50 - head), (0, 50), (head, 50 + head)))
    return _turned(_pen(shape, rng), int(rng.integers(4)))


def _turned(ink: Image, quarters: int) -> Image:
    return np.ascontiguousarray(np.rot90(ink, quarters))


def _triangle(rng: np.random.Generator) -> Image:
    outline = _line((50, 0), (100, 90), (0, 90), (50, 0))
    insides = [(outline - [50, 60]) * 0.4 + [50, 60], _line((20, 54), (80, 54)), _line((49, 62), (51, 64))]
    ink = _pen([outline, insides[int(rng.integers(len(insides)))]], rng)
    return _turned(ink, 2 * int(rng.integers(2)))


def _square(rng: np.random.Generator) -> Image:
    outline = _line((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))
    insides: list[Strokes] = [
        [_line((0, 0), (100, 100)), _line((100, 0), (0, 100))],
        [_line((50, 0), (50, 100)), _line((0, 50), (100, 50))],
        [(outline - 50) * 0.45 + 50],
        [_line((20, 55), (42, 80), (85, 15))],
    ]
    return _pen([outline, *insides[int(rng.integers(len(insides)))]], rng)


def _diamond(rng: np.random.Generator) -> Image:
    outline = _line((50, 0), (95, 50), (50, 100), (5, 50), (50, 0))
    insides: list[Strokes] = [
        [_line((50, 0), (50, 100)), _line((5, 50), (95, 50))],
        [_line((28, 25), (72, 75)), _line((72, 25), (28, 75))],
        [(outline - 50) * 0.4 + 50],
    ]
    return _pen([outline, *insides[int(rng.integers(len(insides)))]], rng)


def _spiral(rng: np.random.Generator) -> Image:
    turns = rng.uniform(2.6, 4.5)
    angle = np.linspace(0, turns * 2 * np.pi, 150)
    out = 50 * (angle / angle[-1])[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return _turned(_pen([50 + out * rng.choice([-1, 1])], rng, widest=6), int(rng.integers(4)))


def _wave(rng: np.random.Generator) -> Image:
    x = np.linspace(0, 100, 100)
    high, many = rng.uniform(10, 22), rng.uniform(2, 4)
    lines = [np.stack([x, 50 + shift + high * np.sin(x / 100 * many * 6.28)], 1) for shift in (-18, 18)]
    return _pen(lines[: int(rng.integers(1, 3))], rng)


def _zigzag(rng: np.random.Generator) -> Image:
    teeth = int(rng.integers(7, 11))
    x = np.linspace(0, 100, teeth)
    high = rng.uniform(20, 45)
    return _turned(
        _pen([np.stack([x, 50 + high * (-1.0) ** np.arange(teeth)], 1)], rng), int(rng.integers(2))
    )


def _plus(rng: np.random.Generator) -> Image:
    cross = [_bowed((50, 5), (50, 95), rng), _bowed((5, 50), (95, 50), rng)]
    return _pen([*cross, _line((5, 112), (95, 112))] if rng.random() < 0.4 else cross, rng)


def _brace(rng: np.random.Generator) -> Image:
    half = np.concatenate([_arc(60, 12, 40, 24, 270, 180), _arc(20, 38, 40, 24, 0, 90)])
    other = half * [1, -1] + [0, 100]
    return _pen([np.concatenate([half, other[::-1]])], rng)


def _coil(rng: np.random.Generator) -> Image:
    loops = int(rng.integers(3, 6))
    angle = np.linspace(0, loops * 2 * np.pi, 160)
    tall = rng.uniform(0.35, 0.9)
    x = angle / angle[-1] * 100 + 14 * np.cos(angle)
    return _pen([np.stack([x, 50 + 42 * tall * np.sin(angle)], 1)], rng)


def _tally(rng: np.random.Generator) -> Image:
    places = np.linspace(5, 95, int(rng.integers(4, 6))).tolist()
    bars = [_bowed((x, 0), (x + rng.normal(0, 2), 90), rng) for x in places]
    return _pen([*bars, _bowed((0, rng.uniform(60, 80)), (100, rng.uniform(10, 30)), rng)], rng)


def _doodle(rng: np.random.Generator) -> Image:
    heart = np.concatenate([_arc(27, 25, 46, 46, 120, 330), _arc(73, 25, 46, 46, 210, 420), _line((50, 100))])
    eyes = [_line((32, 36), (33, 38)), _line((66, 36), (67, 38))]
    door = _line((40, 100), (40, 65), (62, 65), (62, 100))
    limbs = [_line((50, 65), (75, 100)), _line((18, 45), (82, 45))]
    fifths = np.deg2rad(np.arange(0, 360, 72))
    petals = [
        _arc(50 + 32 * x, 50 + 32 * y, 34, 34) for x, y in zip(np.cos(fifths), np.sin(fifths), strict=True)
    ]
    doodles: list[Strokes] = [
        [np.concatenate([heart, heart[:1]])],
        [_arc(50, 50, 100, 100), *eyes, _arc(50, 56, 56, 40, 15, 165)],
        [_line((0, 100), (0, 45), (50, 0), (100, 45), (100, 100), (0, 100)), door],
        [_arc(50, 15, 28, 30), _line((50, 30), (50, 65), (25, 100)), *limbs],
        [_arc(50, 50, 30, 30), *petals],
        [_arc(25, 50, 50, 44), _arc(75, 50, 50, 44)],
    ]
    return _pen(doodles[int(rng.integers(len(doodles)))], rng)


# Letters


def _typeset(sign: str, rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    face = FACES[int(rng.integers(len(FACES)))]
    cv2.putText(canvas, sign, (30, 115), face, 3, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    return canvas


FACES = (
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX),
    *(cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX),
)


def _capital(rng: np.random.Generator) -> Image:
    return _typeset(str(rng.choice(list("AEFHKMNPRTVW"))), rng)


def _small(rng: np.random.Generator) -> Image:
    return _typeset(str(rng.choice(list("adefhkmnprtuvwx"))), rng)


def _words(rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, 4 * CANVAS), np.uint8)
    text = str(rng.choice(["No", "Nr", "km", "kg", "et", "am", "ha", "ann", "the", "ff", "Fr", "Mr", "pm"]))
    cv2.putText(canvas, text, (30, 115), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 3, 255, 3, cv2.LINE_AA)
    return canvas


def _greek(rng: np.random.Generator) -> Image:
    letters: list[Strokes] = [
        [np.concatenate([_line((5, 100)), _arc(50, 42, 80, 84, 120, 420), _line((95, 100))])],
        [_line((50, 0), (50, 100)), _arc(50, 30, 90, 66, 180, 0)],
        [_arc(50, 50, 90, 60), _line((50, 0), (50, 100))],
        [_line((0, 4), (100, 4)), _line((18, 50), (82, 50)), _line((0, 96), (100, 96))],
        [_line((0, 20), (100, 20)), _line((30, 20), (24, 100)), _line((70, 20), (74, 90), (90, 98))],
        [_line((20, 0), (90, 100)), _line((56, 50), (10, 100))],
        [np.concatenate([_arc(26, 60, 52, 70, 220, -10), _arc(76, 60, 52, 70, 190, -40)])],
        [_line((95, 4), (5, 4), (55, 48), (5, 96), (95, 96))],
    ]
    return _pen(letters[int(rng.integers(len(letters)))], rng)


def _character(rng: np.random.Generator) -> Image:
    branches = [_line((50, 32), (4, 90)), _line((50, 32), (96, 90))]
    tree = [_line((0, 30), (100, 30)), _line((50, 0), (50, 100)), *branches]
    bars = [_line((10, 5), (90, 5)), _line((15, 50), (85, 50)), _line((0, 95), (100, 95))]
    roofs = [_line((15, 8), (85, 8)), _line((0, 45), (100, 45))]
    box = _line((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))
    characters: list[Strokes] = [
        tree,
        [*tree, _line((32, 76), (68, 76))],
        [*tree[:1], _line((15, 2), (32, 24)), _line((85, 2), (68, 24)), *tree[1:]],
        [box, _line((50, 0), (50, 100)), _line((0, 50), (100, 50))],
        [*bars, _line((50, 5), (50, 95))],
        [*roofs, _line((50, 8), (48, 50), (2, 100)), _line((50, 48), (98, 100))],
        [box * [1, 0.5] + [0, 20], _line((50, 0), (50, 100))],
    ]
    return _pen(characters[int(rng.integers(len(characters)))], rng)


# Dirt and print


def _hatching(rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    step = int(rng.integers(15, 27))
    wide = step // int(rng.integers(3, 6))
    crossed = rng.random() < 0.5
    for at in range(-CANVAS, 2 * CANVAS, step):
        cv2.line(canvas, (at, 0), (at + CANVAS, CANVAS), 255, wide)
        if crossed:
            cv2.line(canvas, (at, CANVAS), (at + CANVAS, 0), 255, wide)
    return np.where(_blob(rng) > 0, canvas, 0).astype(np.uint8)


def _blob(rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = rng.uniform(45, 55) * (1 + rng.normal(0, 0.12, 12))
    points = 80 + np.stack([radius * np.cos(angles), radius * np.sin(angles) * rng.uniform(0.6, 1)], 1)
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 255)
    return canvas


def _smudge(rng: np.random.Generator) -> Image:
    grain = cv2.GaussianBlur(rng.normal(0, 1, (CANVAS, CANVAS)), (0, 0), float(rng.uniform(2.5, 6)))
    return np.where((_blob(rng) > 0) & (grain > np.quantile(grain, 0.45)), 255, 0).astype(np.uint8)


def _walk(rng: np.random.Generator) -> Image:
    path = np.cumsum(rng.normal(0, 1, (int(rng.integers(60, 140)), 2)), axis=0)
    # both ways 100 wide: a slim one may be a 1
    return _pen([(path - path.min(axis=0)) / np.ptp(path, axis=0) * 100], rng, widest=7)


def _barcode(rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    x = 30
    while x < 130:
        wide = int(rng.integers(3, 11))
        canvas[30:130, x : x + wide] = 255
        x += wide + int(rng.integers(5, 12))
    return canvas


def _halftone(rng: np.random.Generator) -> Image:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    rows, columns = (int(n) for n in rng.integers(3, 6, 2))
    for y in range(rows):
        for x in range(columns):
            cv2.circle(canvas, (30 + 24 * x, 30 + 24 * y), int(rng.integers(5, 8)), 255, -1)
    return canvas


def _grid(rng: np.random.Generator) -> Image:
    across, down = (np.linspace(8, 92, int(n)) for n in rng.integers(3, 6, 2))
    lines = [_line((x, 0), (x, 100)) for x in across] + [_line((0, y), (100, y)) for y in down]
    return _pen(lines, rng)


DRAWN: dict[str, Callable[[np.random.Generator], Image]] = {
    "tick": _tick, "star": _star, "hash": _hash, "percent": _percent,
    "ampersand": _ampersand, "currency": _currency, "punctuation": _punctuation, "arrow": _arrow,
    "triangle": _triangle, "square": _square, "diamond": _diamond, "spiral": _spiral, "wave": _wave,
    "zigzag": _zigzag, "plus": _plus, "brace": _brace, "coil": _coil, "tally": _tally, "doodle": _doodle,
    "capital": _capital, "small letter": _small, "word": _words, "Greek": _greek, "character": _character,
    "hatching": _hatching, "smudge": _smudge, "walk": _walk, "barcode": _barcode, "halftone": _halftone,
    "grid": _grid,
}  # fmt: skip
"""What a mark is -> how it is drawn."""
