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
from digitscan.records import Box, Image, Ink, Matrix
from digitscan.vision import cleaning
from digitscan.vision.cleaning import Darkness, InkLevel
from digitscan.vision.edges import REACH_MM, Edge, ticks
from digitscan.vision.fillers import remove_fillers
from digitscan.vision.placement import cut
from digitscan.vision.registration import RegisteredPage
from digitscan.vision.rules import remove_rules
from digitscan.vision.streaks import across, find_streaks
from digitscan.vision.transforms import crop_transform, px_per_mm

BESIDE_RULE_MM = 0.35  # from a rule: it reaches less far, a 1 written along it farther
NARROW_MM = 1.2  # between cells, that rules on both sides leave hardly any paper of
SLIVER = 0.35  # of the usual stroke's width: what is thinner is a rest of a rule, or noise,
SLIVER_STROKES, SLIVER_MM = 4.0, 1.5  # if no longer than this: beside felt pens, a ballpoint's 1 is
RULES_MM = 0.7  # within a cell, rules may lie so far from its edges


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
            rows, columns = part(box, -inner)
            insides.append(crop.dark[rows, columns])
            for edge in (round(box.x), round(box.x + box.width)):
                # the rule is the darkest line along the edge, wherever it lies within reach
                beside = crop.dark[rows, max(0, edge - reach) : edge + reach + 1]
                rules.append(cleaning.median(beside.max(axis=1)) / 255)
    return cleaning.ink_level(insides, rules, settings, crops[0].scale)


def field_inks(
    crops: Sequence[FieldCrop], level: InkLevel, settings: CleaningSection
) -> list[tuple[Ink, Ink]]:
    """Each field's ink without its printed rules and fillers, and these; both height x width of the crop."""
    written = [i for i, crop in enumerate(crops) if _written_in(crop, level.threshold * 255)]
    inks = [(np.zeros(crop.dark.shape, np.bool_),) * 2 for crop in crops]
    scale = crops[0].scale
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


def _written_in(crop: FieldCrop, threshold: float) -> bool:
    """Whether anything is dark where the field's rules do not reach, beside it too: many fields are blank."""
    inset = BESIDE_RULE_MM * crop.scale
    if any(crop.dark[part(box, -inset)].max(initial=0) > threshold for box in crop.cells or (crop.box,)):
        return True
    rows, columns = part(crop.box, inset)
    above, below = crop.dark[: rows.start], crop.dark[rows.stop :]
    left, right = crop.dark[:, : columns.start], crop.dark[:, columns.stop :]
    return any(beside.max(initial=0) > threshold for beside in (above, below, left, right))


def _without_slivers(ink: Ink, stroke: float, scale: float) -> Ink:
    """The ink without what is far too thin for this page's pen: rests of rules and scanner noise."""
    seen = ink.astype(np.uint8)
    labels, stats = cleaning.components(seen)
    length = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    thin = stats[:, cv2.CC_STAT_AREA] / length < SLIVER * stroke
    thin &= length < min(SLIVER_STROKES * stroke, SLIVER_MM * scale)
    return cleaning.only(~thin, labels, seen)


def part(box: Box, grow: float = 0.0) -> tuple[slice, slice]:
    """The rows and columns of a crop that a box covers, in px, so much larger to all sides."""
    x, y, w, h = box
    rows, columns = (
        slice(max(round(at - grow), 0), max(round(at + size + grow), 0)) for at, size in ((y, h), (x, w))
    )
    return rows, columns
