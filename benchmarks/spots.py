"""A field of a page that somebody writes in, for `benchmarks.odd_writing`; lengths without a unit are px."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digitscan.deck import handwriting
from digitscan.deck.drawing import Writer, placed, stamp
from digitscan.deck.filling import value_of
from digitscan.forms import FormField
from digitscan.records import Box, Image

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Glyph:
    """A digit where it is written, px of the page."""

    ink: Image
    x: float
    y: float
    sign: str

    @property
    def right(self) -> float:
        return self.x + float(self.ink.shape[1])

    @property
    def bottom(self) -> float:
        return self.y + float(self.ink.shape[0])

    @property
    def middle(self) -> tuple[float, float]:
        return (self.x + self.right) / 2, (self.y + self.bottom) / 2


class Spot:
    """A field that is written in oddly."""

    def __init__(
        self, field: FormField, raw: str, writer: Writer, layer: Image, scale: float, rng: Rng
    ) -> None:
        """raw: what a plain writer would put. layer: ink of the page, written into. scale: px/mm."""
        self.field, self.raw, self.writer, self.layer, self.rng = field, raw, writer, layer, rng
        self.scale = scale
        self.box = Box(*(side * scale for side in field.box))
        self.cells = [Box(*(side * scale for side in cell)) for cell in field.cells]
        high = min(self.cells[0].height, 1.4 * self.cells[0].width) if self.cells else 0.85 * self.box.height
        self.height = writer.size * high
        """Of a digit."""

    @property
    def value(self) -> str:
        return value_of(self.raw)

    def glyphs(self, apart: float = 0.0) -> list[Glyph]:
        """The number as this writer sets it; apart: more room between digits, in their height."""
        signs = self.raw.replace("_", "")
        set_ = placed(self.field, self.raw if self.cells else signs, self.writer, self.scale, self.rng)
        room = 0.0 if self.cells else apart * self.height
        return [
            Glyph(ink, x + i * room, y, sign)
            for i, ((ink, x, y), sign) in enumerate(zip(set_, signs, strict=True))
        ]

    def written(self, apart: float = 0.0) -> list[Glyph]:
        """The same, put there."""
        glyphs = self.glyphs(apart)
        self.put(*glyphs)
        return glyphs

    def digit(self, sign: str, size: float = 1.0) -> Image:
        """Another picture of a digit; size: against its usual height."""
        return self.writer.draw_digit(int(sign), size * self.height, self.rng)

    def another(self, sign: str) -> str:
        """Some other digit."""
        return str(self.rng.choice([digit for digit in "0123456789" if digit != sign]))

    def put(self, *glyphs: Glyph) -> None:
        for glyph in glyphs:
            stamp(self.layer, glyph.ink, glyph.x, glyph.y)

    def put_at(self, ink: Image, middle: tuple[float, float]) -> None:
        stamp(self.layer, ink, middle[0] - ink.shape[1] / 2, middle[1] - ink.shape[0] / 2)

    def line(self, *points: tuple[float, float]) -> None:
        """A stroke of the writer's pen through points."""
        drawn = handwriting.draw_path(self.writer.hand, np.array(points), self.height, self.rng)
        stamp(self.layer, *drawn)

    def near(self, deviation: float) -> float:
        """A length about 0, px; deviation in heights of a digit."""
        return float(self.rng.normal(0, deviation)) * self.height


def around(glyphs: Sequence[Glyph]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of some glyphs."""
    return (
        min(g.x for g in glyphs), min(g.y for g in glyphs), max(g.right for g in glyphs),
        max(g.bottom for g in glyphs),
    )  # fmt: skip
