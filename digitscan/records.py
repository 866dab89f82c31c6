"""The frozen records that pass between the stages, and nothing else.

Coordinate frames used throughout:
    form   millimetres from the form's upper left corner, as in its definition
    page   pixels of the page as scanned (before any rotation)
    crop   pixels of one field's crop, upright, at the form's resolution
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Ink = NDArray[np.bool_]
Matrix = NDArray[np.float64]

CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "crossed", "other")
CROSSED = CLASSES.index("crossed")
OTHER = CLASSES.index("other")

LOW = "low confidence"
"""The reason of a field in review that is not sure enough; behind it may stand what is in doubt."""
NOT_FOUND = "printed box not found"
"""The reason of a field of whose printed rules too little is there."""

Corners = tuple[tuple[int, int], ...]
"""A field's four corners in page px, clockwise from its own upper left one, as it stands on the form."""


class Box(NamedTuple):
    """An upright rectangle: left, top, width, height, in the unit of its frame."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of one input file."""

    path: Path
    file: str
    """As written in the CSVs: relative to the INPUT it came from, `/`-separated."""
    page: int
    """From 1; 0 stands for a file none of whose pages can be named."""
    sha256: str
    """Of the whole file's bytes, in hexadecimal; empty where the file could not be read."""
    stamp: tuple[int, ...] = field(default=(), compare=False)
    """What the file's status was when it was hashed, as of `vision.pages.stamp`; empty where nobody asks."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as scanned: `image` is grey, uint8, height x width, dark ink on light paper."""

    ref: PageRef
    image: Image
    dpi: float | None
    """None where the file does not say, or says something impossible."""
    negative: bool = False
    """Whether `image` is the negative of what was scanned: of white writing on black."""


@dataclass(frozen=True, slots=True)
class DigitReading:
    """One written cell or glyph of a field."""

    position: int
    """From 1, in reading order; in fields with cells, the number of the cell."""
    digit: str
    """A digit, `X` crossed, `_` blank, `?` unreadable."""
    confidence: float
    alternative: str
    alternative_confidence: float
    box: tuple[int, int, int, int]
    """x, y, width, height of its ink (of its cell where blank) in page pixels."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to read a field's ink."""

    value: str
    raw: str
    probability: float
    """That `value` is right, as far as the ink tells."""
    digits: tuple[DigitReading, ...]


@dataclass(frozen=True, slots=True)
class FieldInk:
    """What the ink of a field may say, before its rules and checks are asked."""

    alternatives: tuple[Alternative, ...]
    """At least one, the likeliest first, each value once; what their probabilities lack of 1 is
    something else."""
    found: bool = True
    """Whether the field's printed rules were found, and it is not read at the wrong place."""
    beside: bool = False
    """Whether something stands beside it that may belong to its number."""
    lost: str = ""
    """What ink may be lost, or may be none of its number, in words."""


class Candidate(NamedTuple):
    """Another value that a field may have, and the probability that it is right."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class FieldReading:
    """What was read in one field."""

    field: str
    value: str
    raw: str
    confidence: float
    """Probability that `value` is right."""
    status: str
    """`accepted` or `review`."""
    reason: str = ""
    digits: tuple[DigitReading, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """What else it may be, the likeliest first; what all lack of 1 is something nobody thought of."""
    corners: Corners = ()
    """Of the field on the page."""
    view: bytes = b""
    """JPEG of the field and its surroundings; empty where it was accepted."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """A page that was read."""

    ref: PageRef
    form: str
    rotation: int
    """Degrees clockwise by which the scan had to be turned to stand upright: 0, 90, 180, 270."""
    registration_score: float
    readings: tuple[FieldReading, ...]
    size: tuple[int, int] = (0, 0)
    """Width and height of the page as scanned, px."""
    view: bytes = b""
    """JPEG of the page, upright; empty where all of its fields were accepted."""
    negative: bool = False
    """Whether it was read as its negative."""


@dataclass(frozen=True, slots=True)
class PageFailure:
    """A page that could not be read, and why."""

    ref: PageRef
    stage: str
    reason: str
