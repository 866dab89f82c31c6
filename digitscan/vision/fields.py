"""Cut the fields out of a registered page and take the printed rules out of their ink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.definition import CleaningSection
from digitscan.forms import MARGIN_MM, FormField
from digitscan.records import Box, Image, Matrix
from digitscan.vision import cleaning
from digitscan.vision.cleaning import Darkness, InkLevel
from digitscan.vision.edges import REACH_MM, Edge, ticks
from digitscan.vision.fillers import remove_fillers
from digitscan.vision.pieces import SLIM
from digitscan.vision.placement import cut
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.rules import remove_rules
from digitscan.vision.streaks import across, find_streaks
from digitscan.vision.transforms import crop_transform, px_per_mm

Ink = NDArray[np.bool_]

BESIDE_RULE_MM = 0.35  # from a rule: it reaches less far, a 1 written along it farther
NARROW_MM = 1.2  # between cells, that rules on both sides leave hardly any paper of
SLIVER = 0.35  # of the usual stroke's width: what is thinner is a rest of a rule, or noise,
SLIVER_STROKES, SLIVER_MM = 4.0, 1.5  # if no longer than this: beside felt pens, a ballpoint's 1 is
RULES_MM = 0.7  # within a cell, rules may lie so far from its edges
SHOWS = 0.22  # darkness by which print with ink on it stands out from print alone; by less it may hide ink
HIDING = 0.4  # of its cell's height: lower print hides no digit, and lower ink over it is none
BLOT_MM = 1.3  # across: no printed rule is as wide
PALE_HEIGHT = 0.25  # of its cell's: a mark that is lower is no digit
PALE_STROKES = 2.0  # of the usual stroke's width: what is thicker is no stroke
PALE_PENS, PALE_PRINT = 4, 0.25  # of the fields looked at: more that show pale marks may show print,
PALE_ALIKE = 0.5  # if they correlate: writing differs
PALE_PICTURE = 12  # px, high and wide, as which they are compared


@dataclass(frozen=True, slots=True)
class FieldCrop:
    """One field cut out upright; all boxes in crop px."""

    field: FormField
    image: Image
    dark: Darkness
    box: Box
    cells: tuple[Box, ...]
    to_page: Matrix
    """3x3, crop px -> page px."""
    scale: float
    """px/mm"""
    evidence: float
    """0-1: how much of the field's printed rules was found; see `RegisteredPage`."""
    streaks: tuple[list[Edge], list[Edge]]
    """Upright and level lines that run on across the page, and across this field."""
    printed: NDArray[np.float32] | None = None
    """Height x width: how dark the print that is taken out of it is, 0-1, on the page or on the blank form,
    whichever is darker; None for none."""

    @property
    def streak_boxes(self) -> tuple[Box, ...]:
        """The same as boxes without width or without height."""
        upright, level = self.streaks
        return (
            *(Box(x, start, 0, stop - start) for x, start, stop in upright),
            *(Box(start, y, stop - start, 0) for y, start, stop in level),
        )


def cut_fields(registered: RegisteredPage) -> list[FieldCrop]:
    """All fields of a page, in the form's order, at the form's resolution."""
    scale = registered.form.scale
    cuts: list[tuple[Image, Matrix]] = []
    for field, placement in zip(registered.form.fields, registered.placements, strict=True):
        box = field.box
        to_page = crop_transform(placement, (box.x - MARGIN_MM, box.y - MARGIN_MM), scale)
        size = (round((box.width + 2 * MARGIN_MM) * scale), round((box.height + 2 * MARGIN_MM) * scale))
        cuts.append((cut(registered.page.image, to_page, size), to_page))
    darks = cleaning.darknesses([image for image, _ in cuts], scale)
    streaks = find_streaks(registered.page.image, px_per_mm(registered.transform))
    boxes = [_boxes(field, scale) for field in registered.form.fields]
    crossing = across(
        streaks,
        [to_page for _, to_page in cuts],
        [(dark.shape[1], dark.shape[0]) for dark in darks],
        [cells or [box] for box, *cells in boxes],
        scale,
    )
    return [
        FieldCrop(field, image, dark, box, tuple(cells), to_page, scale, evidence, lines)
        for field, (image, to_page), dark, (box, *cells), evidence, lines in zip(
            registered.form.fields, cuts, darks, boxes, registered.evidence, crossing, strict=True
        )
    ]


def _boxes(field: FormField, scale: float) -> list[Box]:
    """Its own and those of its cells, crop px."""
    left, top = field.box.x - MARGIN_MM, field.box.y - MARGIN_MM
    return [
        Box((b.x - left) * scale, (b.y - top) * scale, b.width * scale, b.height * scale)
        for b in (field.box, *field.cells)
    ]


def page_ink_level(crops: list[FieldCrop], settings: CleaningSection) -> InkLevel:
    """What ink is on this page: see `cleaning.ink_level`."""
    insides, rules = [], []
    for crop in crops:
        reach = round(REACH_MM * crop.scale)
        for box in crop.cells or (crop.box,):
            inner = 0.12 * min(box.width, box.height)
            x, y, right, bottom = (round(v) for v in _corners(box, -inner))
            insides.append(crop.dark[y:bottom, x:right])
            for edge in (round(box.x), round(box.x + box.width)):
                # the rule is the darkest line along the edge, wherever it lies within reach
                beside = crop.dark[y:bottom, max(0, edge - reach) : edge + reach + 1]
                rules.append(cleaning.median(beside.max(axis=1)) / 255)
    return cleaning.ink_level(insides, rules, settings, crops[0].scale if crops else 1.0)


def field_inks(
    crops: Sequence[FieldCrop], level: InkLevel, settings: CleaningSection
) -> list[tuple[Ink, Ink]]:
    """Each field's ink without its printed rules and fillers, and these; both height x width of the crop."""
    written = [i for i, crop in enumerate(crops) if _written_in(crop, level.threshold * 255)]
    inks = [(np.zeros(crop.dark.shape, np.bool_),) * 2 for crop in crops]
    scale = crops[0].scale if crops else 1.0
    gaps = [_gaps(crops[i]) for i in written]
    found = cleaning.find_inks([crops[i].dark for i in written], level, settings, scale, gaps)
    boxes, edges = _ruled([crops[i] for i in written], found, scale)
    cleaned = remove_rules(found, boxes, scale, level.stroke, edges)
    for i, seen, ink in zip(written, found, cleaned, strict=True):
        left = ink if crops[i].cells else remove_fillers(ink, crops[i].box, level.stroke)
        inks[i] = _without_slivers(left, level.stroke, scale), seen & ~ink
    return inks


def _gaps(crop: FieldCrop) -> list[tuple[int, int]]:
    """The columns between cells that stand a little apart."""
    reach = BESIDE_RULE_MM * crop.scale
    between = [(one.x + one.width, other.x) for one, other in pairwise(crop.cells)]
    narrow = ((left, right) for left, right in between if 0 < right - left < NARROW_MM * crop.scale)
    return [(max(round(left - reach), 0), round(right + reach)) for left, right in narrow]


def _ruled(
    crops: Sequence[FieldCrop], inks: Sequence[Ink], scale: float
) -> tuple[list[tuple[Box, ...]], list[tuple[list[Edge], list[Edge]]]]:
    """Of each field boxes of which all sides may be printed rules, and upright and level edges besides that
    may be some.
    """
    boxes = [(c.cells or (c.box,)) if c.field.is_boxed else () for c in crops]
    edges = [c.streaks for c in crops]
    combs = [i for i, c in enumerate(crops) if c.field.printed == "comb"]
    spans = [_comb(crops[i]) for i in combs]
    standing = ticks([inks[i] for i in combs], spans, scale)
    for i, (columns, _, bottom), own in zip(combs, spans, standing, strict=True):
        upright, level = edges[i]
        edges[i] = [*upright, *own], [*level, (bottom, columns[0], columns[-1])]
    return boxes, edges


def _comb(crop: FieldCrop) -> tuple[list[int], int, int]:
    """The columns where a comb may have ticks, and the rows of its cells' top and base line."""
    columns = {round(x) for cell in crop.cells or (crop.box,) for x in (cell.x, cell.x + cell.width)}
    return sorted(columns), round(crop.box.y), round(crop.box.y + crop.box.height)


def pale_marks(crops: Sequence[FieldCrop], inks: Sequence[tuple[Ink, Ink]], level: InkLevel) -> list[float]:
    """Of each field the height, px, of the tallest mark too pale to be ink; 0 for none.

    Another pen may have written it: looked for in blank cells, and in open boxes beside the ink. Where many
    fields show some that look alike, they are printed. inks: ink and rules, as `field_inks` gives them.
    """
    found = [_pale_mark(crop, ink | rules, level) for crop, (ink, rules) in zip(crops, inks, strict=True)]
    looked_at = [mark for mark in found if mark is not None]
    marks = [mark for mark in looked_at if mark.height > 0]
    many = len(marks) > max(PALE_PENS, PALE_PRINT * len(looked_at))
    printed = many and _alike([mark.picture for mark in marks])
    return [0.0 if printed or mark is None else mark.height for mark in found]


def _alike(pictures: Sequence[NDArray[np.float32]]) -> bool:
    """Whether most pictures show the same."""
    likeness = np.corrcoef([picture.ravel() for picture in pictures])
    return bool(np.nanmedian(likeness[np.triu_indices(len(pictures), 1)]) > PALE_ALIKE)


def hidden_marks(crops: Sequence[FieldCrop], inks: Sequence[tuple[Ink, Ink]], level: InkLevel) -> list[float]:
    """Of each field the height, px, of what was taken for print but may be none; 0 for nothing.

    That is a 1 along a line across the page: where a stroke lies on it, it is wider than beyond the field.
    And it is a blot over a cell, too wide for a rule, and dark print in a blank cell, as high as a digit.
    inks: ink and rules, as `field_inks` gives them.
    """
    return [
        max(
            _blot(crop, rules),
            _hidden(crop, ink, level.ink),
            *(_widened(crop, ink | rules, x) for x, _, _ in crop.streaks[0]),
        )
        for crop, (ink, rules) in zip(crops, inks, strict=True)
    ]


def _blot(crop: FieldCrop, rules: Ink) -> float:
    """Px that the tallest solid part of what was taken for rules is high within a cell."""
    side, tallest = round(BLOT_MM * crop.scale), 0
    for box in crop.cells or (crop.box,):
        x, y, right, bottom = (max(0, round(v)) for v in _corners(box, -RULES_MM * crop.scale))
        part = rules[y:bottom, x:right]
        if np.count_nonzero(part) < side**2:
            continue
        solid = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
        tallest = max(tallest, int(np.count_nonzero(solid.any(axis=1))))
    return float(tallest)


def _hidden(crop: FieldCrop, ink: Ink, darkness: float) -> float:
    """Rows of the tallest print taken out where no digit is left, and on which ink as dark as this may lie.

    0 where it is too low to hide one. In an open box only what is slim, like a 1, may: units beside a number
    are seen to be whole.
    """
    if crop.printed is None:
        return 0.0
    tallest = 0
    for box in crop.cells or (crop.box,):
        x, y, right, bottom = (round(v) for v in _corners(box, -RULES_MM * crop.scale))
        printed, least = crop.printed[y:bottom, x:right], HIDING * box.height
        hiding = ((1 - printed) * darkness < SHOWS) | (printed + SHOWS / 2 > darkness)
        if not hiding.any():
            continue
        _, stats = cleaning.components(hiding.astype(np.uint8))
        for left, _, wide, rows, _ in stats[1:].tolist():
            if rows > least and (crop.cells or wide < SLIM * rows):
                over = ink[y:bottom, x + left : x + left + wide]
                if np.count_nonzero(over.any(axis=1)) < least:
                    tallest = max(tallest, rows)
    return float(tallest)


def _widened(crop: FieldCrop, seen: Ink, x: int) -> float:
    """Rows of a field in which the upright line at `x` is wider than beyond it; 0 where they are few."""
    reach, inset = round(RULES_MM * crop.scale), RULES_MM * crop.scale
    widths = np.count_nonzero(seen[:, max(x - reach, 0) : x + reach + 1], axis=1)
    top, bottom = round(crop.box.y + inset), round(crop.box.y + crop.box.height - inset)
    beyond = np.concatenate([widths[: round(top - 2 * inset)], widths[round(bottom + 2 * inset) :]])
    usual = float(cleaning.percentile(beyond[beyond > 0], 25)) if beyond.any() else 0.0
    wider = int(np.count_nonzero(widths[top:bottom] > usual + 1))
    return float(wider) if wider > PALE_HEIGHT * crop.box.height else 0.0


@dataclass(frozen=True, slots=True)
class _PaleMark:
    """The tallest pale mark in a field, if there is any, and the cell or box it lies in."""

    height: float
    """px; 0 for none."""
    picture: NDArray[np.float32]
    """Darkness, coarsely."""


def _pale_mark(crop: FieldCrop, seen: Ink, level: InkLevel) -> _PaleMark | None:
    """The tallest pale mark in a field's blank cells or open box; None where all are written in."""
    inset = RULES_MM * crop.scale
    side = round(1.2 * level.stroke) | 1  # what is dark fades out
    tallest = None
    for box in crop.cells or (crop.box,):
        x, y, right, bottom = (round(v) for v in _corners(box, -inset))
        part = slice(max(y, 0), max(bottom, 0)), slice(max(x, 0), max(right, 0))
        dark = crop.dark[part]
        written = np.count_nonzero(seen[part]) > level.stroke**2
        if not dark.size or (written and crop.cells):
            continue
        tallest = tallest or _PaleMark(0.0, np.zeros((PALE_PICTURE, PALE_PICTURE), np.float32))
        if dark.max() <= level.faintest * 255:
            continue
        inked = seen[part] | (dark > level.threshold * 255)
        near = cv2.dilate(inked.astype(np.uint8), np.ones((side, side), np.uint8))
        if written:  # what lies in the shadow of ink is pale all over, not in strokes
            thick = np.ones((round(PALE_STROKES * level.stroke),) * 2, np.uint8)
            dark = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_TOPHAT, thick), np.uint8)
        pale = np.where(near == 0, dark, np.uint8(0))
        _, stats = cleaning.components((pale > level.faintest * 255).astype(np.uint8))
        for _, _, w, h, area in stats[1:].tolist():
            if h > max(PALE_HEIGHT * box.height, tallest.height) and area / max(w, h) > SLIVER * level.stroke:
                coarse = cv2.resize(pale, (PALE_PICTURE,) * 2, interpolation=cv2.INTER_AREA)
                tallest = _PaleMark(h, coarse.astype(np.float32))
    return tallest


def _written_in(crop: FieldCrop, threshold: float) -> bool:
    """Whether anything is dark where the field's rules do not reach, beside it too: many fields are blank."""
    inset = BESIDE_RULE_MM * crop.scale
    for box in crop.cells or (crop.box,):
        x, y, right, bottom = (round(v) for v in _corners(box, -inset))
        if crop.dark[y:bottom, x:right].max(initial=0) > threshold:
            return True
    x, y, right, bottom = (max(0, round(v)) for v in _corners(crop.box, inset))
    parts = crop.dark[:y], crop.dark[bottom:], crop.dark[:, :x], crop.dark[:, right:]
    return any(part.max(initial=0) > threshold for part in parts)


def _without_slivers(ink: Ink, stroke: float, scale: float) -> Ink:
    """The ink without what is far too thin for this page's pen: rests of rules and scanner noise."""
    seen = ink.astype(np.uint8)
    labels, stats = cleaning.components(seen)
    length = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    thin = stats[:, cv2.CC_STAT_AREA] / length < SLIVER * stroke
    thin &= length < min(SLIVER_STROKES * stroke, SLIVER_MM * scale)
    return cleaning.only(~thin, labels, seen)


def _corners(box: Box, grow: float) -> tuple[float, float, float, float]:
    return box.x - grow, box.y - grow, box.x + box.width + grow, box.y + box.height + grow
