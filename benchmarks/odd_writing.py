"""What people write in a field that is no plain number: the kinds of `benchmarks.oddities`.

Lengths without a unit are px of the page. Nothing here may be shown to training, which strikes out digits and
draws letters, ticks and dashes in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.spots import Glyph, Spot, around
from digitscan.deck import handwriting
from digitscan.deck.drawing import stamp
from digitscan.records import Box

Allowed = frozenset[str]
"""The values that may be accepted; none where somebody has to look."""
LOOK: Allowed = frozenset()

Write = Callable[[Spot], Allowed]


@dataclass(frozen=True, slots=True)
class Kind:
    """Something odd."""

    name: str
    write: Write
    least: int = 1
    """Digits of the fields in which it is written; 0 for fields that stay blank."""


# Struck out


def _strike_level(spot: Spot, glyphs: Sequence[Glyph]) -> None:
    left, top, right, bottom = around(glyphs)
    over = 0.2 * spot.height
    y = (top + bottom) / 2
    spot.line(
        (left - over, y + spot.near(0.05)), ((left + right) / 2, y), (right + over, y + spot.near(0.05))
    )


def _strike_oblique(spot: Spot, glyphs: Sequence[Glyph]) -> None:
    left, top, right, bottom = around(glyphs)
    over = 0.12 * spot.height
    spot.line((left - over, bottom), ((left + right) / 2, (top + bottom) / 2), (right + over, top))


def _scribble(spot: Spot, glyphs: Sequence[Glyph]) -> None:
    left, top, right, bottom = around(glyphs)
    scrawl = handwriting.draw_scribble(
        spot.writer.hand, 1.15 * (right - left), 1.05 * (bottom - top), spot.rng
    )
    spot.put_at(scrawl, ((left + right) / 2, (top + bottom) / 2))


Strike = Callable[[Spot, Sequence[Glyph]], None]


def _one_corrected(strike: Strike) -> Write:
    """A wrong digit struck out, the right one small above it."""

    def write(spot: Spot) -> Allowed:
        glyphs = spot.glyphs()
        at = int(spot.rng.integers(len(glyphs)))
        right = glyphs[at]
        wrong = spot.digit(spot.another(right.sign))
        x, y = right.middle
        glyphs[at] = Glyph(wrong, x - wrong.shape[1] / 2, y - wrong.shape[0] / 2, right.sign)
        spot.put(*glyphs)
        strike(spot, [glyphs[at]])
        above = spot.digit(right.sign, 0.62)
        spot.put_at(above, (x + spot.near(0.1), spot.box.y - above.shape[0] / 2 - 6))
        return frozenset({spot.value})

    return write


def _one_struck(strike: Strike) -> Write:
    """A digit struck out, nothing put in its place."""

    def write(spot: Spot) -> Allowed:
        glyphs = spot.written()
        at = int(spot.rng.integers(len(glyphs)))
        strike(spot, [glyphs[at]])
        rest = "".join(g.sign for i, g in enumerate(glyphs) if i != at)
        return frozenset({rest}) if at in (0, len(glyphs) - 1) else LOOK

    return write


def _all_struck(strike: Strike) -> Write:
    """The whole number struck out."""

    def write(spot: Spot) -> Allowed:
        glyphs = spot.written()
        strike(spot, glyphs)
        return frozenset({""})

    return write


def _overwritten(spot: Spot) -> Allowed:
    glyphs = spot.written()
    under = glyphs[int(spot.rng.integers(len(glyphs)))]
    x, y = under.middle
    spot.put_at(spot.digit(spot.another(under.sign)), (x + spot.near(0.03), y + spot.near(0.03)))
    return LOOK


# Put in, or beside


def _between(spot: Spot, glyphs: Sequence[Glyph]) -> tuple[Glyph, Glyph]:
    at = int(spot.rng.integers(1, len(glyphs)))
    return glyphs[at - 1], glyphs[at]


def _point(spot: Spot) -> Allowed:
    glyphs = spot.written(0.15)
    left, right = _between(spot, glyphs)
    x, y = (left.right + right.x) / 2, max(left.bottom, right.bottom) - 0.05 * spot.height
    if spot.rng.random() < 0.5:
        spot.line((x, y), (x + 0.02 * spot.height, y + 0.01 * spot.height))
    else:
        spot.line(
            (x, y - 0.05 * spot.height),
            (x, y + 0.06 * spot.height),
            (x - 0.08 * spot.height, y + 0.2 * spot.height),
        )
    return LOOK


def _dash_between(spot: Spot) -> Allowed:
    glyphs = spot.written(0.5)
    left, right = _between(spot, glyphs)
    room = right.x - left.right
    y = right.middle[1]
    spot.line((left.right + 0.15 * room, y), (right.x - 0.15 * room, y + spot.near(0.02)))
    return LOOK


def _slash_between(spot: Spot) -> Allowed:
    glyphs = spot.written(0.4)
    left, right = _between(spot, glyphs)
    _, top, _, bottom = around(glyphs)
    room = 0.1 * spot.height
    spot.line((left.right + room, bottom), (right.x - room, top))
    return LOOK


def _minus(spot: Spot) -> Allowed:
    glyphs = [replace(g, x=g.x + (0 if spot.cells else 0.55 * spot.height)) for g in spot.glyphs()]
    spot.put(*glyphs)
    gap = 0.35 * spot.cells[0].width if spot.cells else 0.12 * spot.height
    x, y = glyphs[0].x - gap, glyphs[0].middle[1]
    spot.line((x - 0.4 * spot.height, y), (x, y + spot.near(0.02)))
    # in an empty cell it strikes that out
    return frozenset({spot.value}) if spot.cells and spot.raw.startswith("_") else LOOK


def _inserted(spot: Spot) -> Allowed:
    glyphs = spot.written()
    left, right = _between(spot, glyphs)
    top = min(left.y, right.y) - 0.3 * spot.height
    spot.put_at(spot.digit(str(spot.rng.integers(10)), 0.5), ((left.right + right.x) / 2, top))
    return LOOK


def _beside(side: int) -> Write:
    """A digit more before (side 0) or behind the field."""

    def write(spot: Spot) -> Allowed:
        glyphs = spot.written()
        ink = spot.digit(str(spot.rng.integers(1, 10)))
        away = float(spot.rng.uniform(0.05, 0.35)) * spot.height
        x = spot.box.x + spot.box.width + away if side else spot.box.x - away - ink.shape[1]
        stamp(spot.layer, ink, x, glyphs[0].middle[1] - ink.shape[0] / 2)
        return LOOK

    return write


def _instead(skeletons: Sequence[str]) -> Write:
    """A sign that is no digit in place of one."""

    def write(spot: Spot) -> Allowed:
        glyphs = spot.glyphs()
        at = int(spot.rng.integers(len(glyphs)))
        spot.put(*(g for i, g in enumerate(glyphs) if i != at))
        skeleton = str(spot.rng.choice(skeletons))
        ink = handwriting.draw_skeleton(spot.writer.hand, skeleton, spot.height, spot.rng)
        spot.put_at(ink, glyphs[at].middle)
        return LOOK

    return write


def _encircled(spot: Spot) -> Allowed:
    glyphs = spot.written()
    left, top, right, bottom = around(glyphs)
    x, y, more = (left + right) / 2, (top + bottom) / 2, 0.3 * spot.height
    turns = np.linspace(-1.6, 4.9, 14)
    across, down = (right - left) / 2 + more, (bottom - top) / 2 + more
    spot.line(*((x + across * float(np.cos(t)), y + down * float(np.sin(t))) for t in turns))
    return frozenset({spot.value})


def _underlined(spot: Spot) -> Allowed:
    glyphs = spot.written()
    left, _, right, bottom = around(glyphs)
    y, over = bottom + float(spot.rng.uniform(0, 0.15)) * spot.height, 0.1 * spot.height
    spot.line((left - over, y), ((left + right) / 2, y + spot.near(0.02)), (right + over, y))
    return frozenset({spot.value})


def _one_pale(spot: Spot) -> Allowed:
    """A digit that the pen left pale, as one that ran dry."""
    glyphs = spot.glyphs()
    at = int(spot.rng.integers(len(glyphs)))
    paleness = float(spot.rng.uniform(0.2, 0.55))
    glyphs[at] = replace(glyphs[at], ink=(glyphs[at].ink * paleness).astype(np.uint8))
    spot.put(*glyphs)
    return frozenset({spot.value})


# In fields that stay blank


def _slashes(spot: Spot) -> Allowed:
    """A slash through every cell, or one through the box."""
    for cell in spot.cells or [spot.box]:
        reach = float(spot.rng.uniform(0.15, 0.35)) * cell.width
        x = cell.x + cell.width / 2
        spot.line((x - reach, cell.y + 0.85 * cell.height), (x + reach, cell.y + 0.15 * cell.height))
    return frozenset({""})


def _ditto(spot: Spot) -> Allowed:
    cell = spot.cells[-1] if spot.cells else _first_part(spot.box)
    x, y, down = cell.x + cell.width / 2, cell.y + 0.4 * cell.height, 0.13 * spot.height
    for aside in (-0.1, 0.1):
        left = x + aside * spot.height
        spot.line((left + 0.03 * spot.height, y - down), (left - 0.03 * spot.height, y + down))
    return LOOK


def _first_part(box: Box) -> Box:
    """Where a number begins in an open box."""
    return Box(box.x, box.y, 0.3 * box.width, box.height)


def _line_down(spot: Spot) -> Allowed:
    """A brace or arrow that runs down over several rows."""
    x, height = float(spot.rng.uniform(spot.box.x, spot.box.x + spot.box.width)), spot.box.height
    middle = spot.box.y + height / 2
    spot.line((x, middle - 1.1 * height), (x + spot.near(0.05), middle), (x, middle + height))
    return frozenset({""})


def _sign_alone(skeletons: Sequence[str]) -> Write:
    def write(spot: Spot) -> Allowed:
        cell = spot.cells[int(spot.rng.integers(len(spot.cells)))] if spot.cells else _first_part(spot.box)
        skeleton = str(spot.rng.choice(skeletons))
        ink = handwriting.draw_skeleton(spot.writer.hand, skeleton, spot.height, spot.rng)
        spot.put_at(ink, (cell.x + cell.width / 2, cell.y + cell.height / 2))
        return LOOK

    return write


def _word(spot: Spot) -> Allowed:
    x, y = spot.box.x + 0.1 * spot.height, spot.box.y + spot.box.height / 2
    for _ in range(max(2, int(0.8 * spot.box.width / spot.height))):
        letter = handwriting.draw_letter(spot.writer.hand, spot.rng, 0.8 * spot.height)
        stamp(spot.layer, letter, x, y - letter.shape[0] / 2)
        x += letter.shape[1] + 0.08 * spot.height
    return LOOK


QUESTION = ("4,22 14,2 38,0 50,18 42,38 26,50 24,72 / 24,92 25,97",)
TICKS = ("0,55 22,100! 70,0", "0,0 22,100! 48,0")
LETTERS = (
    "2,0! 0,100! 34,96 54,70 52,28 30,4 0,1", "0,44 4,100! 18,56 40,48 46,64 48,100",
    "0,50 4,92 24,98 42,80 44,50! 46,98", "42,52 22,42 4,60 4,88 22,100 42,92",
    "0,80 20,50 26,10 16,0 8,14 10,80 20,98 32,88", "0,20 22,66! 44,20 / 22,66 6,110",
    "0,30 22,90! 44,30", "6,30 6,110! / 6,40 30,28 46,50 30,76 6,68",
)  # fmt: skip

KINDS = (
    Kind("a digit struck out level, the right one above", _one_corrected(_strike_level)),
    Kind("a digit struck out oblique, the right one above", _one_corrected(_strike_oblique)),
    Kind("a digit struck out level", _one_struck(_strike_level), 2),
    Kind("a digit struck out oblique", _one_struck(_strike_oblique), 2),
    Kind("a digit scribbled over", _one_struck(_scribble), 2),
    Kind("the number struck out level", _all_struck(_strike_level)),
    Kind("the number struck out oblique", _all_struck(_strike_oblique)),
    Kind("the number scribbled over", _all_struck(_scribble)),
    Kind("one digit over another", _overwritten),
    Kind("a point or comma between digits", _point, 2),
    Kind("a dash between digits", _dash_between, 2),
    Kind("a slash between digits", _slash_between, 2),
    Kind("a minus before", _minus),
    Kind("a small digit put in above", _inserted, 2),
    Kind("a digit before the field", _beside(0)),
    Kind("a digit behind the field", _beside(1)),
    Kind("a letter in place of a digit", _instead(LETTERS)),
    Kind("a question mark in place of a digit", _instead(QUESTION)),
    Kind("the number encircled", _encircled),
    Kind("the number underlined", _underlined),
    Kind("a digit gone pale", _one_pale),
    Kind("blank: slashes", _slashes, 0),
    Kind("blank: ditto marks", _ditto, 0),
    Kind("blank: a line from above", _line_down, 0),
    Kind("blank: a tick", _sign_alone(TICKS), 0),
    Kind("blank: a question mark", _sign_alone(QUESTION), 0),
    Kind("blank: a word", _word, 0),
)
