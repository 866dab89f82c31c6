"""The shape of a form definition: its sections and keys, as they stand in the TOML file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from digitscan.records import Box


def _checked_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not all(math.isfinite(v) for v in box):
        raise ValueError("four finite numbers are expected")
    if box[2] <= 0 or box[3] <= 0:
        raise ValueError("width and height must be greater than 0")
    return box


def _checked_place(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if min(box[2:]) < SMALLEST_SIDE:
        raise ValueError(f"too small to write a digit in: {SMALLEST_SIDE:g} mm wide and high is the least")
    return box


def _checked_cells(cells: tuple[PlaceValues, ...]) -> tuple[PlaceValues, ...]:
    for number, ((x, _, w, _), (after, _, wide, _)) in enumerate(pairwise(cells), 1):
        if after < x + w - OVERLAP * min(w, wide):
            raise ValueError(
                f"cells stand side by side, from left to right: cell {number + 1} is not right of {number}"
            )
    return cells


def _checked_rule(rule: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not all(math.isfinite(v) for v in rule):
        raise ValueError("four finite numbers are expected")
    if min(rule[2:]) != 0 or max(rule[2:]) <= 0:
        raise ValueError("a rule is [x, y, length, 0] where it lies level, [x, y, 0, length] where it stands")
    return rule


def _crossing(rules: tuple[RuleValues, ...]) -> bool:
    """Whether an upright rule among them meets three level ones."""
    return any(
        sum(h2 == 0 and x2 - 1 < x < x2 + w2 + 1 and y - 1 < y2 < y + h + 1 for x2, y2, w2, h2 in rules) >= 3
        for x, y, w, h in rules
        if w == 0
    )


def _checked_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    except RecursionError:
        raise ValueError("a regular expression nested too deeply") from None
    return pattern


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ValueError("a name is made of letters, digits and _")
    return name


def _checked_side(side: float) -> float:
    if not 0 < side <= 1300:
        raise ValueError("millimetres are expected (pixels / dpi * 25.4), greater than 0 and at most 1300")
    return side


SMALLEST_SIDE = 2.0  # mm, of cells and boxes: slimmer ones were read as blank
OVERLAP = 0.2  # of the smaller of two boxes: measured by hand, they may lie over each other a little
FILLED_MM = 1.0  # by which a side of `box` may differ from what the cells fill

PageSide = Annotated[float, AfterValidator(_checked_side)]
Millimetres = Annotated[float, Field(gt=0, le=2000)]
RuleValues = Annotated[tuple[float, float, float, float], AfterValidator(_checked_rule)]
BoxValues = Annotated[tuple[float, float, float, float], AfterValidator(_checked_box)]
PlaceValues = Annotated[BoxValues, AfterValidator(_checked_place)]
CellBoxes = Annotated[tuple[PlaceValues, ...], AfterValidator(_checked_cells)]


def _checked_value(value: str | int) -> str | int:
    if not re.fullmatch("[0-9]+", str(value)):
        raise ValueError("a value is made of the digits 0-9; quote it where it begins with 0")
    return value


def _checked_digit(key: str) -> str:
    if not re.fullmatch("[0-9]", key):
        raise ValueError("a digit, 0 to 9, is expected")
    return key


Printed = Literal["box", "dashed", "comb", "nothing"]
Value = Annotated[StrictStr | StrictInt, AfterValidator(_checked_value)]
Pattern = Annotated[str, AfterValidator(_checked_pattern)]
Name = Annotated[str, AfterValidator(_checked_name)]
Probability = Annotated[float, Field(ge=0, le=1)]
DigitProbabilities = Annotated[
    dict[Annotated[str, AfterValidator(_checked_digit)], Probability],
    Field(description="such as { 1 = 0.99, 7 = 0.995 }: a field with such a digit below it goes to review"),
]


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box with all of these in it."""
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return Box(left, top, right - left, bottom - top)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PageSection(_Section):
    """The frame in which every box is given."""

    size: Annotated[tuple[PageSide, PageSide], Field(description="width and height in mm")]
    resolution: Annotated[float, Field(ge=72, le=1200, description="dpi at which fields are read")] = 200.0


class RegistrationSection(_Section):
    """How a scanned page is laid onto the form's frame."""

    method: Annotated[
        Literal["marks", "template", "lines", "rules", "none"],
        Field(
            description="solid marks, a reference image, ruled frames, single rules, or deskew and scale only"
        ),
    ] = "none"
    marks: Annotated[
        tuple[BoxValues, ...], Field(description="printed solid marks, x, y, width, height")
    ] = ()
    frames: Annotated[
        tuple[BoxValues, ...], Field(description="printed ruled frames other than the fields' boxes")
    ] = ()
    rules: Annotated[
        tuple[RuleValues, ...], Field(description="printed rules, x, y, and how far right or down they run")
    ] = ()
    image: Annotated[str | None, Field(description="picture of the blank form, relative to this file")] = None
    minimum_score: Annotated[Probability, Field(description="below it a page is failed, never read")] = 0.5

    @model_validator(mode="after")
    def _complete(self) -> RegistrationSection:
        if self.method == "marks" and len(self.marks) < 4:
            raise ValueError("method 'marks' needs at least four boxes under 'marks'")
        if self.method == "rules" and not _crossing(self.rules):
            raise ValueError(
                "method 'rules' needs an upright rule and three level ones that meet it, under 'rules'"
            )
        if self.method == "template" and self.image is None:
            raise ValueError("method 'template' needs 'image', a picture of the blank form")
        return self


class CleaningSection(_Section):
    """How ink is told from paper; lengths in mm, so that they hold at any resolution."""

    median: Annotated[float, Field(ge=0, le=1, description="side of the median filter, mm")] = 0.25
    window: Annotated[float, Field(ge=1, le=50, description="side of the adaptive threshold, mm")] = 6.0
    ink: Annotated[
        Probability, Field(description="least darkness of ink, between paper 0 and the page's ink 1")
    ] = 0.45
    speck: Annotated[float, Field(ge=0, le=5, description="ink smaller than this is dirt, mm")] = 0.6


class FieldSection(_Section):
    """One place where a number is written."""

    name: Name
    box: Annotated[PlaceValues | None, Field(description="x, y, width, height in mm")] = None
    cells: Annotated[StrictInt | None, Field(ge=1, le=40, description="printed cells of equal width")] = None
    cell_boxes: Annotated[
        CellBoxes | None,
        Field(min_length=1, max_length=40, description="the cells one by one, left to right"),
    ] = None
    digits: Annotated[
        tuple[Annotated[StrictInt, Field(ge=0, le=40)], Annotated[StrictInt, Field(ge=1, le=40)]] | None,
        Field(description="an open box: fewest and most digits"),
    ] = None
    printed: Annotated[
        Printed | None,
        Field(description="what scans show of it: all sides of the cells, or a line with ticks, or less"),
    ] = None
    required: StrictBool = False
    minimum: StrictInt | None = None
    maximum: StrictInt | None = None
    values: Annotated[tuple[Value, ...] | None, Field(min_length=1)] = None
    values_file: Annotated[str | None, Field(description="one value a line, relative to this file")] = None
    pattern: Annotated[Pattern | None, Field(description="regular expression the whole value fits")] = None
    crossed: Annotated[Literal["blank", "review"] | None, Field(description="a struck-out cell means")] = None
    accept_confidence: Probability | None = None
    accept_digit_confidence: DigitProbabilities = {}

    @model_validator(mode="after")
    def _consistent(self) -> FieldSection:
        layouts = [k for k in ("cells", "cell_boxes", "digits") if getattr(self, k) is not None]
        if len(layouts) != 1:
            raise ValueError(f"give exactly one of cells, cell_boxes, digits (found {layouts or 'none'})")
        if self.cell_boxes is None and self.box is None:
            raise ValueError("'box' is missing")
        if self.box and self.cells and self.box[2] / self.cells < SMALLEST_SIDE - 1e-6:
            raise ValueError(
                f"{self.cells} cells in {self.box[2]:g} mm are too slim to write digits in:"
                f" {SMALLEST_SIDE:g} mm each is the least"
            )
        if self.box and self.cell_boxes and not self._is_filled(self.box):
            raise ValueError("'box' is not what 'cell_boxes' fill: name all cells, or leave it out")
        if self.digits is not None and self.digits[0] > self.digits[1]:
            raise ValueError("'digits' is [fewest, most]: fewest is greater than most")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is greater than maximum {self.maximum}")
        return self

    def _is_filled(self, box: tuple[float, float, float, float]) -> bool:
        """Whether the cells reach from side to side of a box."""
        x, y, w, h = around(self.parts)
        off = box[0] - x, box[1] - y, box[0] + box[2] - x - w, box[1] + box[3] - y - h
        return max(abs(side) for side in off) <= FILLED_MM

    @property
    def parts(self) -> tuple[Box, ...]:
        """Its cells, or its open box."""
        if self.cell_boxes is not None:
            return tuple(Box(*cell) for cell in self.cell_boxes)
        assert self.box is not None  # its own check saw to it
        x, y, w, h = self.box
        count = self.cells or 1
        return tuple(Box(x + w * i / count, y, w / count, h) for i in range(count))


class TableSection(_Section):
    """A row of fields repeated downwards: `name[1].field` ... `name[rows].field`."""

    name: Name
    rows: Annotated[StrictInt, Field(ge=1, le=500)]
    pitch: Annotated[Millimetres, Field(description="from one row to the next, mm")]
    field: Annotated[tuple[FieldSection, ...], Field(min_length=1, description="the first row's fields")]


class CheckSection(_Section):
    """A rule between fields, such as `men + women == total` or `sum(person.amount) == total`."""

    rule: str


class FormSection(_Section):
    """A form definition."""

    name: Name
    page: PageSection
    registration: RegistrationSection = RegistrationSection()
    cleaning: CleaningSection = CleaningSection()
    accept_confidence: Annotated[
        Probability, Field(description="a field below it goes to review; a field's own value comes first")
    ] = 0.97
    accept_digit_confidence: DigitProbabilities = {}
    crossed: Literal["blank", "review"] = "blank"
    printed: Printed = "box"
    field: tuple[FieldSection, ...] = ()
    table: tuple[TableSection, ...] = ()
    check: tuple[CheckSection, ...] = ()
