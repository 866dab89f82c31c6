"""The definition of a form: what is printed on it, where, and what may be written there.

A definition is a TOML file. It is checked as a whole, all its faults are told at once, and what
comes out is frozen: a `Form` whose tables are written out and whose boxes are in millimetres.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np

from digitscan.definition import (
    OVERLAP,
    CheckSection,
    CleaningSection,
    FieldSection,
    FormSection,
    PageSection,
    Printed,
    RegistrationSection,
    around,
)
from digitscan.errors import FormError
from digitscan.records import Box
from digitscan.validation import validated

Operator = Literal["==", "<=", ">="]
MOST_PIXELS = 25e6  # of all fields of a page: of 35 million a worker's memory was too small
MARGIN_MM = 2.2  # is cut out around each, for digits that leave it
FEWEST_FRAMES = 3  # at different places: of fewer `lines` cannot tell where a page lies


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be written in a field."""

    digits: tuple[int, int]
    """Fewest and most; of cells, as few as none."""
    required: bool
    minimum: int | None
    maximum: int | None
    values: frozenset[str] | None
    pattern: str | None


@dataclass(frozen=True, slots=True)
class FormField(Limits):
    """One field; boxes in mm in the form's frame."""

    name: str
    box: Box
    cells: tuple[Box, ...]
    """Empty for an open box."""
    crossed: str
    accept_confidence: float
    accept_digit_confidence: tuple[float, ...] = (0.0,) * 10
    """Of each digit, 0 to 9."""
    printed: Printed = "box"
    """What scans show of its box or its cells: all sides, whole or dashed, a line with ticks, or less."""

    @property
    def is_boxed(self) -> bool:
        """Whether its own rules show where it is."""
        return self.printed in ("box", "dashed")


@dataclass(frozen=True, slots=True)
class Check:
    """`constant + sum(coefficient * value of field)` compared with 0 by `operator`."""

    rule: str
    terms: tuple[tuple[str, int], ...]
    constant: int
    operator: Operator


@dataclass(frozen=True, slots=True)
class Form:
    """A checked form definition."""

    name: str
    path: Path
    page: PageSection
    registration: RegistrationSection
    cleaning: CleaningSection
    fields: tuple[FormField, ...]
    checks: tuple[Check, ...]
    fingerprint: str
    """SHA-256 of the definition and of the files it names, in hexadecimal."""

    @property
    def scale(self) -> float:
        """Crop pixels per millimetre."""
        return self.page.resolution / 25.4

    @property
    def has_open_boxes(self) -> bool:
        """Whether a field has no printed cells: the network of whole numbers is asked as well."""
        return any(not field.cells for field in self.fields)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a definition, for editors that complete TOML."""
    return FormSection.model_json_schema()


def load_form(path: Path) -> Form:
    """Read and check a definition; `FormError` names every fault in it."""
    try:
        return _checked(path, _parsed(path))
    except RecursionError:
        raise FormError(str(path), ["not a form: its lists or sections are nested too deeply"]) from None


def _parsed(path: Path) -> dict[str, Any]:
    if path.is_fifo():  # opening it waits until somebody writes
        raise FormError(str(path), ["a pipe, not a file"])
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise FormError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except ValueError as error:  # no UTF-8, no TOML, or a number of thousands of digits
        raise FormError(str(path), [f"not a TOML file: {error}"]) from None


def _checked(path: Path, raw: dict[str, Any]) -> Form:
    where = str(path)
    faults: list[str] = []
    form = validated(raw, faults)
    if form is None:
        raise FormError(where, faults)
    extra = hashlib.sha256(json.dumps(raw, sort_keys=True, default=str).encode())
    fields = tuple(_written_out(form, path.parent, extra, faults))
    faults += _naming_faults(raw, form) + _placement_faults(raw, form, fields)
    names = {*_names(raw), *(f.name for f in fields)}
    checks = tuple(c for i, s in enumerate(form.check, 1) if (c := _parsed_check(i, s, form, names, faults)))
    if form.registration.image is not None:
        content = _file_bytes(path.parent / form.registration.image, "registration.image", faults)
        if content and cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) is None:
            faults.append(f"registration.image: {form.registration.image} is not a picture")
        extra.update(content)
    if faults:
        raise FormError(where, faults)
    return Form(
        name=form.name,
        path=path,
        page=form.page,
        registration=form.registration,
        cleaning=form.cleaning,
        fields=fields,
        checks=checks,
        fingerprint=extra.hexdigest(),
    )


def _names(raw: dict[str, Any]) -> list[str]:
    """Names of single fields, also of those that are wrong otherwise."""
    listed = raw.get("field")
    return (
        [str(f["name"]) for f in listed if isinstance(f, dict) and "name" in f]
        if isinstance(listed, list)
        else []
    )


def _naming_faults(raw: dict[str, Any], form: FormSection) -> list[str]:
    scopes = [("field", _names(raw)), ("table", [t.name for t in form.table])]
    scopes += [(f"table '{t.name}'", [f.name for f in t.field]) for t in form.table]
    return [
        f"{scope}: the name '{n}' is used twice"
        for scope, names in scopes
        for n in sorted({n for n in names if names.count(n) > 1})
    ]


def _written_out(form: FormSection, folder: Path, extra: Any, faults: list[str]) -> Iterator[FormField]:
    for i, section in enumerate(form.field, 1):
        yield _form_field(form, section, section.name, 0.0, f"field[{i}]", folder, extra, faults)
    for i, table in enumerate(form.table, 1):
        for row in range(table.rows):
            for k, section in enumerate(table.field, 1):
                name = f"{table.name}[{row + 1}].{section.name}"
                where = f"table[{i}].field[{k}]"
                # files and faults of a table's column are the same in every row
                told = faults if row == 0 else []
                yield _form_field(form, section, name, row * table.pitch, where, folder, extra, told)


def _form_field(
    form: FormSection,
    section: FieldSection,
    name: str,
    down: float,
    where: str,
    folder: Path,
    extra: Any,
    faults: list[str],
) -> FormField:
    parts = tuple(part._replace(y=part.y + down) for part in section.parts)
    box = around(parts)
    if section.cell_boxes is None:
        assert section.box is not None  # the section's own check saw to it
        x, y, w, h = section.box
        box = Box(x, y + down, w, h)  # which its cells, each a part of the width, miss by a hair
    cells = parts if section.digits is None else ()
    values = _values(section, where, folder, extra, faults)
    accept = form.accept_confidence if section.accept_confidence is None else section.accept_confidence
    by_digit = {**form.accept_digit_confidence, **section.accept_digit_confidence}
    return FormField(
        name=name,
        box=box,
        cells=cells,
        digits=section.digits or (0, len(cells)),
        required=section.required,
        minimum=section.minimum,
        maximum=section.maximum,
        values=values,
        pattern=section.pattern,
        crossed=section.crossed or form.crossed,
        accept_confidence=accept,
        accept_digit_confidence=tuple(by_digit.get(digit, 0.0) for digit in "0123456789"),
        printed=form.printed if section.printed is None else section.printed,
    )


def _values(
    section: FieldSection, where: str, folder: Path, extra: Any, faults: list[str]
) -> frozenset[str] | None:
    """The only ones allowed, those of its file too; None for any."""
    values = None if section.values is None else frozenset(str(v) for v in section.values)
    if section.values_file is None:
        return values
    content = _file_bytes(folder / section.values_file, f"{where}.values_file", faults)
    extra.update(content)
    try:
        listed = _first_cells(content)
    except csv.Error as error:
        said = "is no CSV file, or a quote in it is left open"
        faults.append(f"{where}.values_file: {section.values_file} {said}: {error}")
        return values
    odd = [v for v in listed if re.search("[0-9]", v) and not re.fullmatch("[0-9]+", v)]
    values = (values or frozenset()) | frozenset(v for v in listed if re.fullmatch("[0-9]+", v))
    if odd:
        faults.append(f"{where}.values_file: {odd[0]!r} in {section.values_file} is no number")
    elif not values and content:
        faults.append(f"{where}.values_file: no line of {section.values_file} begins with digits")
    return values


def _first_cells(content: bytes) -> list[str]:
    """The first cell of each line of a CSV, as spreadsheets write it too: with a mark in front, in quotes."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    return [row[0].strip() for row in rows if row]


def _file_bytes(path: Path, key: str, faults: list[str]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.append(f"{key}: {path} cannot be read: {error.strerror}")
    except ValueError:  # a NUL byte in the name
        faults.append(f"{key}: {str(path)!r} is no name of a file")
    return b""


def _placement_faults(raw: dict[str, Any], form: FormSection, fields: tuple[FormField, ...]) -> list[str]:
    faults = (
        []
        if fields or raw.get("field") or raw.get("table")
        else ["field: a form needs at least one [[field]] or [[table]]"]
    )
    names = [f.name for f in fields]
    faults += [
        f"field: the name '{n}' is used twice" for n in sorted({n for n in names if names.count(n) > 1})
    ]
    width, height = form.page.size
    places = [(f.name, f.box) for f in fields]
    places += [(f"registration.marks[{i}]", Box(*b)) for i, b in enumerate(form.registration.marks, 1)]
    places += [(f"registration.frames[{i}]", Box(*b)) for i, b in enumerate(form.registration.frames, 1)]
    places += [(f"registration.rules[{i}]", Box(*b)) for i, b in enumerate(form.registration.rules, 1)]
    faults += [
        f"{place}: box {[round(v, 2) for v in box]} leaves the page of {width:g} x {height:g} mm"
        for place, box in places
        if box.x < 0 or box.y < 0 or box.x + box.width > width + 1e-6 or box.y + box.height > height + 1e-6
    ]
    return faults + _overlap_faults(fields) + _lying_faults(form, fields) + _size_faults(form, fields)


def _size_faults(form: FormSection, fields: tuple[FormField, ...]) -> list[str]:
    """Whether all fields of a page fit into memory."""
    resolution = form.page.resolution
    area = sum((f.box.width + 2 * MARGIN_MM) * (f.box.height + 2 * MARGIN_MM) for f in fields)
    most = math.floor(25.4 * math.sqrt(MOST_PIXELS / area)) if area else resolution
    if resolution <= most:
        return []
    return [
        f"page.resolution: {resolution:g} dpi need too much memory for fields so large: take {most} at most"
    ]


def _overlap_faults(fields: tuple[FormField, ...]) -> list[str]:
    """What lies over what; of the rows of a table once."""
    parts = [(f.name, part) for f in fields for part in f.cells or (f.box,)]
    told: dict[frozenset[str], str] = {}
    for i, j in _overlapping([part for _, part in parts]):
        (one, first), (other, second) = parts[i], parts[j]
        columns = frozenset(re.sub(r"\[\d+\]", "", name) for name in (one, other))
        if one != other and columns not in told:
            here, there = ([round(v, 2) for v in part] for part in (first, second))
            told[columns] = f"{one}: box {here} lies over {other}, {there}: fields, and rows, stand apart"
    return list(told.values())


def _overlapping(boxes: list[Box]) -> list[tuple[int, int]]:
    """Pairs of boxes that lie over each other by more than they may."""
    left, top, wide, high = np.array(boxes, np.float64).reshape(-1, 4).T
    right, bottom, order, pairs = left + wide, top + high, np.argsort(top, kind="stable"), []
    beneath = np.searchsorted(top[order], bottom)  # where those begin that a box does not reach
    for place, i in enumerate(order.tolist()):
        near = order[place + 1 : beneath[i]]
        across = np.minimum(right[near], right[i]) - np.maximum(left[near], left[i])
        down = np.minimum(bottom[near], bottom[i]) - top[near]
        smaller = np.minimum(wide[near] * high[near], wide[i] * high[i])
        both = np.maximum(across, 0) * down > OVERLAP * smaller
        pairs += [(min(i, j), max(i, j)) for j in near[both].tolist()]
    return sorted(pairs)


def _lying_faults(form: FormSection, fields: tuple[FormField, ...]) -> list[str]:
    """What is missing for `lines` and `none` to tell where a page lies."""
    registration = form.registration
    told = registration.frames or registration.rules
    if fields and registration.method == "none" and not (told or any(f.is_boxed for f in fields)):
        return ["registration: method 'none' needs printed boxes or frames"]
    # frames are found by rules that are whole
    frames = [b for f in fields if f.printed == "box" for b in (f.cells or (f.box,))]
    frames += [Box(*f) for f in registration.frames]
    places = {(round(x + w / 2, 1), round(y + h / 2, 1)) for x, y, w, h in frames}
    if fields and registration.method == "lines" and len(places) < FEWEST_FRAMES:
        return [
            f"registration: method 'lines' needs at least {FEWEST_FRAMES} printed cells, boxes or frames at"
            f" different places (found {len(places)}): name more of what is printed under 'frames', or take"
            " another method"
        ]
    return []


def _parsed_check(
    position: int, section: CheckSection, form: FormSection, names: set[str], faults: list[str]
) -> Check | None:
    where = f"check[{position}].rule"
    sides = re.split(r"(==|<=|>=)", section.rule)
    if len(sides) != 3:
        faults.append(f"{where}: expected one of ==, <=, >= between two sums (found {section.rule!r})")
        return None
    columns = {f"{t.name}.{f.name}": t for t in form.table for f in t.field}
    terms: list[tuple[str, int]] = []
    constant = 0
    told: list[str] = []
    for side, turn in ((sides[0], 1), (sides[2], -1)):
        # signs and terms in turn; a sign may stand before the first term, none after the last
        parts = [part.strip() for part in re.split(r"([+-])", side)]
        parts = parts[1:] if not parts[0] and len(parts) > 1 else ["+", *parts]
        for sign, word in zip(parts[::2], parts[1::2], strict=True):
            factor = -turn if sign == "-" else turn
            column = re.fullmatch(r"sum\(\s*([^)]+?)\s*\)", word)
            if word in names:
                terms.append((word, factor))
            elif column and column[1] in columns:
                table, last = columns[column[1]], column[1].split(".")[1]
                terms += [(f"{table.name}[{row}].{last}", factor) for row in range(1, table.rows + 1)]
            elif re.fullmatch("[0-9]{1,40}", word):
                constant += factor * int(word)
            else:
                near = get_close_matches(word, [*names, *(f"sum({c})" for c in columns)], n=1)
                hint = f", did you mean '{near[0]}'?" if near else ""
                told.append(
                    f"'{word}' is neither a field nor a whole number{hint}" if word else "a term is missing"
                )
    operator = next(o for o in get_args(Operator) if o == sides[1])
    if not terms and not told:
        told.append("no field is named, so there is nothing to check")
    faults += [f"{where}: {said} (in {section.rule!r})" for said in dict.fromkeys(told)]
    return None if told else Check(section.rule, tuple(terms), constant, operator)
