"""Pieces of a field's ink: contours, and parts that were cut off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from digitscan.records import Ink
from digitscan.vision.cleaning import components

SPECK = 0.25  # of the digit height: what is no larger says nothing of where a number begins or ends
SLIM = 0.4  # of its height: a 1 is no wider


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut between two pieces."""

    through: float
    """Ink that it crosses, in stroke widths."""
    across: int
    """Width, px, of all the ink that hung together before it was cut."""


@dataclass(frozen=True)
class Piece:
    """Part of a contour's ink; `box` in crop px."""

    ink: Ink
    """Cropped to the box."""
    box: tuple[int, int, int, int]
    area: int
    cut: Cut | None = None
    """How it was cut off the piece before it, if it was."""

    @cached_property
    def centre(self) -> float:
        """Column of its centre of mass."""
        weights = self.ink.sum(axis=0)
        return float(self.box[0] + int(weights @ np.arange(len(weights))) / self.area + 0.5)


def contours(ink: Ink) -> list[Piece]:
    """What hangs together in a field's ink, height x width."""
    picture = ink.view(np.uint8)
    left, top, width, height = cv2.boundingRect(picture)
    if width == 0:
        return []
    labels, stats = components(picture[top : top + height, left : left + width])
    return [
        Piece(labels[y : y + h, x : x + w] == i, (left + x, top + y, w, h), area)
        for i, (x, y, w, h, area) in enumerate(stats[1:].tolist(), 1)
    ]


def around(pieces: Sequence[Piece]) -> tuple[int, int, int, int]:
    """The box around all of them, at least one."""
    x, y, w, h = pieces[0].box
    right, bottom = x + w, y + h
    for p in pieces[1:]:
        left, top, w, h = p.box
        x, y, right, bottom = min(x, left), min(y, top), max(right, left + w), max(bottom, top + h)
    return x, y, right - x, bottom - y


def broken(one: Piece, other: Piece) -> bool:
    """Whether two pieces may be a slanted 1 that broke: its parts need not lie over one another."""
    _, _, wide, tall = around([one, other])
    return one.box[3] + other.box[3] <= tall and wide < SLIM * tall


def merged(pieces: Sequence[Piece]) -> Piece:
    """All of some pieces as one."""
    box = x0, y0, width, height = around(pieces)
    ink = np.zeros((height, width), bool)
    for p in pieces:
        x, y, w, h = p.box
        ink[y - y0 : y - y0 + h, x - x0 : x - x0 + w] |= p.ink
    return Piece(ink, box, sum(p.area for p in pieces))


def cropped(ink: Ink, x: int, y: int) -> Piece | None:
    """All of a picture's ink as one piece; its left upper corner is x, y. None where there is none."""
    left, top, w, h = cv2.boundingRect(ink.view(np.uint8))
    if w == 0 or h == 0:
        return None
    part = ink[top : top + h, left : left + w]
    return Piece(part, (x + left, y + top, w, h), int(np.count_nonzero(part)))
