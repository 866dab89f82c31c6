"""A form printed from its definition, and the ink people put on it.

All pictures are uint8, height x width; print and ink layers are coverage (0 paper, 255 full), pages are
grey (255 paper). `dpi` turns the form's millimetres into pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from digitscan.deck.handwriting import Hand, draw_cross, draw_dash
from digitscan.errors import UsageError
from digitscan.forms import Form, FormField
from digitscan.records import Box, Image

Placed = tuple[Image, float, float]
"""A picture and its left upper corner on the page, pixels."""

RULE = 0.22
"""Width of a printed rule, mm."""
RULE_DARKNESS = 170
ROW_DARKNESS = 70
TICK = 0.4
"""Height of a comb's ticks, in parts of its cells'."""
DASH = 0.9
"""Length of dashes, and of the gaps between them, mm."""
CAPTION = 2.5
"""Height of captions, mm."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who fills a page: a hand, and how it sits on the form."""

    hand: Hand
    draw_digit: Callable[[int, float, np.random.Generator], Image]
    """(digit 0-9, height in pixels, rng) -> coverage."""
    size: float
    """Height of a digit against its cell."""
    untidiness: float
    """How far digits stray from the middle of their cell, in parts of its size."""
    lift: float
    """How far all of them sit above (negative) or below the middle, in parts of the cell's height."""
    gap: float
    """Space between the digits of an open box, in parts of their height; some touch."""
    touching: float
    """Share of the digits in an open box that touch their neighbour."""
    dashes: bool
    """Strikes out with a dash, not an X."""


def draw_form(form: Form, dpi: float) -> Image:
    """Print coverage of the blank form: marks, frames, cells, captions.

    A form registered by `template` is its own reference picture; `UsageError` where that cannot be read.
    """
    if form.registration.method == "template" and form.registration.image is not None:
        return _printed_template(form.path.parent / form.registration.image, _pixels(form, dpi))
    width, height = _pixels(form, dpi)
    page = np.zeros((height, width), np.uint8)
    scale = dpi / 25.4
    for mark in form.registration.marks:
        _fill(page, Box(*mark), scale, 255)
    for frame in form.registration.frames:
        _outline(page, Box(*frame), scale, RULE_DARKNESS)
    for x, y, across, down in form.registration.rules:
        _fill(page, Box(x - RULE / 2, y - RULE / 2, across + RULE, down + RULE), scale, RULE_DARKNESS)
    for field in form.fields:
        _print_field(page, field, scale)
    for row in _row_lines(form):
        _fill(page, row, scale, ROW_DARKNESS)
    return np.maximum(page, _captions(form, (width, height), scale))


def write_page(
    form: Form, raws: Mapping[str, str], writer: Writer, dpi: float, rng: np.random.Generator
) -> Image:
    """Ink coverage of a page filled with `raws` (field name -> raw, see `filling`)."""
    width, height = _pixels(form, dpi)
    ink = np.zeros((height, width), np.uint8)
    scale = dpi / 25.4
    for field in form.fields:
        for picture, x, y in placed(field, raws[field.name], writer, scale, rng):
            stamp(ink, picture, x, y)
    return ink


def placed(
    field: FormField, raw: str, writer: Writer, scale: float, rng: np.random.Generator
) -> Iterator[Placed]:
    """A field's digits and crosses as this writer sets them; blank cells give none. scale: px/mm."""
    return (_in_cells if field.cells else _in_open_box)(field, raw, writer, scale, rng)


def stamp(ink: Image, picture: Image, left: float, top: float) -> None:
    """Lay a picture into the ink layer, cut where it leaves the page."""
    x, y = round(left), round(top)
    skip_x, skip_y = max(-x, 0), max(-y, 0)
    part = ink[y + skip_y : y + picture.shape[0], x + skip_x : x + picture.shape[1]]
    if part.size:
        fitting = picture[skip_y : skip_y + part.shape[0], skip_x : skip_x + part.shape[1]]
        np.maximum(part, fitting, out=part)


def on_paper(printed: Image, ink: Image, ink_darkness: float, rng: np.random.Generator) -> Image:
    """Grey page of a print and an ink layer; the ink is uneven, as pens are.

    `ink_darkness` runs from 0, invisible, to 1, black.
    """
    height, width = ink.shape
    coarse = rng.uniform(0.82, 1.0, (height // 24 + 2, width // 24 + 2)).astype(np.float32)
    uneven = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    through_print = 1 - printed.astype(np.float32) * (0.92 / 255)
    through_ink = 1 - ink.astype(np.float32) * uneven * (ink_darkness / 255)
    return np.asarray(255 * through_print * through_ink, np.uint8)


def punch_holes(page: Image, form: Form, dpi: float) -> Image:
    """A copy of a grey page with the two holes of a file, 80 mm apart, unless they would hit a field."""
    scale, radius, left = dpi / 25.4, 3.0, 9.5
    middle = form.page.size[1] / 2
    holes = [Box(left - radius, middle + side - radius, 2 * radius, 2 * radius) for side in (-40, 40)]
    taken = [field.box for field in form.fields] + [Box(*mark) for mark in form.registration.marks]
    if any(_overlap(hole, box) for hole in holes for box in taken):
        return page.copy()
    punched = page.copy()
    for hole in holes:
        centre = (round((hole.x + radius) * scale * 16), round((hole.y + radius) * scale * 16))
        cv2.circle(punched, centre, round(radius * scale * 16), 70, -1, cv2.LINE_AA, 4)
    return punched


def _pixels(form: Form, dpi: float) -> tuple[int, int]:
    return round(form.page.size[0] * dpi / 25.4), round(form.page.size[1] * dpi / 25.4)


def _printed_template(path: Path, size: tuple[int, int]) -> Image:
    try:
        with Pictures.open(path) as picture:
            grey = picture.convert("L").resize(size, Pictures.Resampling.LANCZOS)
    except OSError as error:
        raise UsageError(f"{path}: the form's reference picture cannot be read ({error})") from None
    return 255 - np.asarray(grey, np.uint8)


def _fill(page: Image, box: Box, scale: float, darkness: int) -> None:
    """Darken a box (mm), its edges as far as they cover their pixels."""
    height, width = page.shape
    columns = _covered(box.x * scale, (box.x + box.width) * scale, width)
    rows = _covered(box.y * scale, (box.y + box.height) * scale, height)
    (x,), (y,) = np.nonzero(columns), np.nonzero(rows)
    if len(x) and len(y):
        part = page[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
        cover = darkness * np.outer(rows[y[0] : y[-1] + 1], columns[x[0] : x[-1] + 1])
        np.maximum(part, cover.astype(np.uint8), out=part)


def _covered(start: float, end: float, count: int) -> NDArray[np.float64]:
    at = np.arange(count)
    return np.asarray(np.clip(np.minimum(at + 1, end) - np.maximum(at, start), 0, 1), np.float64)


def _outline(page: Image, box: Box, scale: float, darkness: int) -> None:
    for side in _sides(box):
        _fill(page, side, scale, darkness)


def _sides(box: Box) -> tuple[Box, Box, Box, Box]:
    """The rules around a box."""
    (x, y, w, h), half = box, RULE / 2
    left, top = Box(x - half, y - half, RULE, h + RULE), Box(x - half, y - half, w + RULE, RULE)
    return left, left._replace(x=left.x + w), top, top._replace(y=top.y + h)


def _dashes(rule: Box) -> Iterator[Box]:
    """What is printed of a dashed rule."""
    for start in np.arange(0.0, max(rule.width, rule.height), 2 * DASH).tolist():
        if rule.width > rule.height:
            yield rule._replace(x=rule.x + start, width=min(DASH, rule.width - start))
        else:
            yield rule._replace(y=rule.y + start, height=min(DASH, rule.height - start))


def _print_field(page: Image, field: FormField, scale: float) -> None:
    cells = field.cells or (field.box,)
    if field.printed == "box":
        for cell in cells:
            _outline(page, cell, scale, RULE_DARKNESS)
    if field.printed == "dashed":
        for dash in (dash for cell in cells for side in _sides(cell) for dash in _dashes(side)):
            _fill(page, dash, scale, RULE_DARKNESS)
    if field.printed == "comb":
        for x, y, width, height in cells:
            bottom, tick, half = y + height, TICK * height, RULE / 2
            _fill(page, Box(x - half, bottom - half, width + RULE, RULE), scale, RULE_DARKNESS)
            for at in (x, x + width):
                _fill(page, Box(at - half, bottom - tick, RULE, tick), scale, RULE_DARKNESS)


def _tables(form: Form) -> dict[str, list[list[FormField]]]:
    """Table name -> its rows of fields, in order."""
    tables: dict[str, dict[int, list[FormField]]] = {}
    for field in form.fields:
        match = re.fullmatch(r"(\w+)\[(\d+)\]\.\w+", field.name)
        if match:
            tables.setdefault(match[1], {}).setdefault(int(match[2]), []).append(field)
    return {name: [rows[i] for i in sorted(rows)] for name, rows in tables.items()}


def _row_lines(form: Form) -> list[Box]:
    """Pale lines midway between the rows of every table that leaves room for them."""
    lines = []
    for rows in _tables(form).values():
        for upper, lower in pairwise(rows):
            bottom = max(field.box.y + field.box.height for field in upper)
            top = min(field.box.y for field in lower)
            if top - bottom > 3 * RULE:
                left = min(field.box.x for field in upper)
                right = max(field.box.x + field.box.width for field in upper)
                lines.append(Box(left, (top + bottom) / 2, right - left, RULE))
    return lines


def _captions(form: Form, size: tuple[int, int], scale: float) -> Image:
    """The form's name, the fields' names above them, row numbers before them; where there is room."""
    canvas = Pictures.new("L", size, 0)
    draw = ImageDraw.Draw(canvas)
    taken = [field.box for field in form.fields] + [Box(*mark) for mark in form.registration.marks]

    def put(text: str, x: float, y: float, height: float, anchor: str) -> None:
        font = ImageFont.load_default(height * scale)
        left, top, right, bottom = (
            v / scale for v in draw.textbbox((x * scale, y * scale), text, font=font, anchor=anchor)
        )
        box = Box(left, top, right - left, bottom - top)
        on_page = min(left, top) > 0 and right < form.page.size[0] and bottom < form.page.size[1]
        if on_page and not any(_overlap(box, other) for other in taken):
            draw.text((x * scale, y * scale), text, fill=200, font=font, anchor=anchor)
            taken.append(box)

    put(form.name.replace("_", " ").upper(), form.page.size[0] / 2, 13.0, 6.0, "mm")
    for field in form.fields:
        if "[" not in field.name:
            middle = field.box.x + field.box.width / 2
            put(field.name.replace("_", " "), middle, field.box.y - 1.2, CAPTION, "ms")
    for rows in _tables(form).values():
        for field in rows[0]:
            middle = field.box.x + field.box.width / 2
            put(field.name.split(".")[1].replace("_", " "), middle, field.box.y - 1.6, CAPTION, "ms")
        for number, row in enumerate(rows, 1):
            first = min((field.box for field in row), key=lambda box: box.x)
            put(str(number), first.x - 2.0, first.y + first.height / 2, CAPTION, "rm")
    return np.array(canvas, np.uint8)


def _overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def _in_cells(
    field: FormField, raw: str, writer: Writer, scale: float, rng: np.random.Generator
) -> Iterator[Placed]:
    for cell, character in zip(field.cells, raw, strict=True):
        if character == "_":
            continue
        width, height = cell.width * scale, cell.height * scale
        if character != "X":
            picture = writer.draw_digit(int(character), writer.size * min(height, 1.4 * width), rng)
        elif writer.dashes:
            picture = draw_dash(writer.hand, 0.55 * width, rng)
        else:
            size = rng.uniform(0.6, 0.9)
            picture = draw_cross(writer.hand, size * width, size * height, rng)
        x = (cell.x + cell.width * (0.5 + rng.normal(0, writer.untidiness))) * scale
        y = (cell.y + cell.height * (0.5 + writer.lift + rng.normal(0, 0.7 * writer.untidiness))) * scale
        yield picture, x - picture.shape[1] / 2, y - picture.shape[0] / 2


def _in_open_box(
    field: FormField, raw: str, writer: Writer, scale: float, rng: np.random.Generator
) -> Iterator[Placed]:
    """The digits one after the other, smaller where the box is too narrow for them."""
    room = field.box.width * scale
    height = 0.85 * writer.size * field.box.height * scale
    pictures = [writer.draw_digit(int(digit), height, rng) for digit in raw]
    wanted = sum(picture.shape[1] for picture in pictures) + len(raw) * writer.gap * height
    if wanted > 0.96 * room:
        height *= 0.96 * room / wanted
        pictures = [writer.draw_digit(int(digit), height, rng) for digit in raw]
    gaps = [abs(rng.normal(writer.gap, 0.05)) * height for _ in pictures]
    for i, (left, right) in enumerate(pairwise(pictures)):
        if rng.random() < writer.touching:
            gaps[i] = _touching_gap(_paper_between(left, right), height)
    length = sum(picture.shape[1] for picture in pictures) + sum(gaps)
    x = field.box.x * scale + max(min(0.3 * height, (room - length) / 2), 0.02 * room)
    middle = (field.box.y + field.box.height * (0.5 + writer.lift)) * scale
    for picture, gap in zip(pictures, gaps, strict=True):
        yield picture, x, middle + rng.normal(0, writer.untidiness) * height - picture.shape[0] / 2
        x += picture.shape[1] + gap


def _touching_gap(paper: NDArray[np.int64], height: float) -> float:
    """Space at which two digits touch, or nearly: bars along each other would be one, as nobody writes them.

    paper: columns between their inks in each row; in two thirds of the rows some of them stay.
    """
    apart = np.sort(paper)[len(paper) // 3]
    return float(max(-paper.min() - 0.03 * height, max(0.05 * height, 2.0) - apart))


def _paper_between(left: Image, right: Image) -> NDArray[np.int64]:
    """Columns of paper between the inks of two pictures that abut, middle beside middle, in each row."""
    rows = min(len(left), len(right))
    after = np.argmax(_middle(left, rows)[:, ::-1] > 127, axis=1) + _no_ink(_middle(left, rows))
    before = np.argmax(_middle(right, rows) > 127, axis=1) + _no_ink(_middle(right, rows))
    return np.asarray(after + before, np.int64)


def _middle(picture: Image, rows: int) -> Image:
    top = (len(picture) - rows) // 2
    return picture[top : top + rows]


def _no_ink(picture: Image) -> NDArray[np.int64]:
    """The whole width in rows without ink, 0 in the others."""
    return np.where((picture > 127).any(axis=1), 0, picture.shape[1])
