"""The definition of a form: what is printed on it, where, and what may be written there.

A definition is a TOML file. It is checked as a whole, all its faults are told at once, and what
comes out is frozen: a `Form` whose tables are written out and whose boxes are in millimetres.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from digitscan.errors import FormError
from digitscan.records import Box


def _checked_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if box[2] <= 0 or box[3] <= 0:
        raise ValueError("width and height must be greater than 0")
    return box


def _checked_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Millimetres = Annotated[float, Field(gt=0, le=2000)]
BoxValues = Annotated[tuple[float, float, float, float], AfterValidator(_checked_box)]
Pattern = Annotated[str, AfterValidator(_checked_pattern)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PageSection(_Section):
    """The frame in which every box is given."""

    size: Annotated[tuple[Millimetres, Millimetres], Field(description="width and height in mm")]
    resolution: Annotated[float, Field(ge=72, le=1200, description="dpi at which fields are read")] = 200.0


class RegistrationSection(_Section):
    """How a scanned page is laid onto the form's frame."""

    method: Annotated[
        Literal["marks", "template", "lines", "none"],
        Field(description="solid marks, a reference image, ruled frames, or deskew and scale only"),
    ] = "none"
    marks: Annotated[
        tuple[BoxValues, ...], Field(description="printed solid marks, x, y, width, height")
    ] = ()
    frames: Annotated[
        tuple[BoxValues, ...], Field(description="printed ruled frames other than the fields' boxes")
    ] = ()
    image: Annotated[str | None, Field(description="reference image, relative to this file")] = None
    minimum_score: Annotated[Probability, Field(description="below it a page is failed, never read")] = 0.5

    @model_validator(mode="after")
    def _complete(self) -> RegistrationSection:
        if self.method == "marks" and len(self.marks) < 4:
            raise ValueError("method 'marks' needs at least four boxes under 'marks'")
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
    box: Annotated[BoxValues | None, Field(description="x, y, width, height in mm")] = None
    cells: Annotated[int | None, Field(ge=1, le=40, description="printed cells of equal width")] = None
    cell_boxes: Annotated[tuple[BoxValues, ...] | None, Field(min_length=1, max_length=40)] = None
    digits: Annotated[
        tuple[Annotated[int, Field(ge=0, le=40)], Annotated[int, Field(ge=1, le=40)]] | None,
        Field(description="an open box: fewest and most digits"),
    ] = None
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    values: Annotated[tuple[str | int, ...] | None, Field(min_length=1)] = None
    values_file: Annotated[str | None, Field(description="one value a line, relative to this file")] = None
    pattern: Annotated[Pattern | None, Field(description="regular expression the whole value fits")] = None
    crossed: Annotated[Literal["blank", "review"] | None, Field(description="a struck-out cell means")] = None
    accept_confidence: Probability | None = None

    @model_validator(mode="after")
    def _consistent(self) -> FieldSection:
        layouts = [k for k in ("cells", "cell_boxes", "digits") if getattr(self, k) is not None]
        if len(layouts) != 1:
            raise ValueError(f"give exactly one of cells, cell_boxes, digits (found {layouts or 'none'})")
        if self.cell_boxes is None and self.box is None:
            raise ValueError("'box' is missing")
        if self.digits is not None and self.digits[0] > self.digits[1]:
            raise ValueError("'digits' is [fewest, most]: fewest is greater than most")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is greater than maximum {self.maximum}")
        return self


class TableSection(_Section):
    """A row of fields repeated downwards: `name[1].field` ... `name[rows].field`."""

    name: Name
    rows: Annotated[int, Field(ge=1, le=500)]
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
    crossed: Literal["blank", "review"] = "blank"
    field: tuple[FieldSection, ...] = ()
    table: tuple[TableSection, ...] = ()
    check: tuple[CheckSection, ...] = ()


@dataclass(frozen=True, slots=True)
class FormField:
    """One field; boxes in mm in the form's frame."""

    name: str
    box: Box
    cells: tuple[Box, ...]
    """Empty for an open box."""
    digits: tuple[int, int]
    """Fewest and most digits."""
    required: bool
    minimum: int | None
    maximum: int | None
    values: frozenset[str] | None
    pattern: str | None
    crossed: str
    accept_confidence: float


@dataclass(frozen=True, slots=True)
class Check:
    """`constant + sum(coefficient * value of field)` compared with 0 by `operator`."""

    rule: str
    terms: tuple[tuple[str, int], ...]
    constant: int
    operator: Literal["==", "<=", ">="]


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


_Model = TypeVar("_Model", bound=BaseModel)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a definition, for editors that complete TOML."""
    return FormSection.model_json_schema()


def load_form(path: Path) -> Form:
    """Read and check a definition; `FormError` names every fault in it."""
    where = str(path)
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise FormError(where, [f"cannot be read: {error.strerror}"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormError(where, [f"not a TOML file: {error}"]) from None
    faults: list[str] = []
    form = _validated(FormSection, raw, faults)
    if form is None:
        raise FormError(where, faults + _cross_faults(raw))
    extra = hashlib.sha256(json.dumps(raw, sort_keys=True, default=str).encode())
    fields = tuple(_written_out(form, path.parent, extra, faults))
    faults += _placement_faults(form, fields)
    checks = tuple(c for s in enumerate(form.check) if (c := _parsed_check(*s, form, fields, faults)))
    if form.registration.image is not None:
        extra.update(_file_bytes(path.parent / form.registration.image, "registration.image", faults))
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


def _validated(model: type[_Model], raw: dict[str, Any], faults: list[str]) -> _Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            key = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in fault["loc"]).lstrip(".")
            if fault["type"] == "extra_forbidden":
                near = get_close_matches(str(fault["loc"][-1]), _keys_at(model, fault["loc"][:-1]), n=1)
                faults.append(f"{key}: unknown key" + (f", did you mean '{near[0]}'?" if near else ""))
            elif fault["type"] == "missing":
                faults.append(f"{key}: missing")
            else:
                given = fault["input"]
                shown = "" if isinstance(given, dict) else f" (found {given!r})"
                faults.append(f"{key or 'form'}: {fault['msg'].removeprefix('Value error, ')}{shown}")
        return None


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Valid keys of the section at a pydantic error location."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            inner = _section_of(model.model_fields[part].annotation)
            if inner is not None:
                model = inner
    return list(model.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_of(a) for a in getattr(annotation, "__args__", ()))
    return next((f for f in found if f is not None), None)


def _cross_faults(raw: dict[str, Any]) -> list[str]:
    """What can be said of names even where the structure is wrong, so that faults come at once."""
    listed = raw.get("field")
    names = (
        [f["name"] for f in listed if isinstance(f, dict) and "name" in f] if isinstance(listed, list) else []
    )
    return [
        f"field: the name '{n}' is used twice" for n in sorted({str(n) for n in names if names.count(n) > 1})
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
    if section.cell_boxes is not None:
        cells = tuple(Box(x, y + down, w, h) for x, y, w, h in section.cell_boxes)
        left, top = min(c.x for c in cells), min(c.y for c in cells)
        right, bottom = max(c.x + c.width for c in cells), max(c.y + c.height for c in cells)
        box = Box(left, top, right - left, bottom - top)
    else:
        assert section.box is not None  # the section's own check saw to it
        x, y, w, h = section.box
        box = Box(x, y + down, w, h)
        count = section.cells or 0
        cells = tuple(Box(x + w * i / count, box.y, w / count, h) for i in range(count))
    values = None if section.values is None else frozenset(str(v) for v in section.values)
    if section.values_file is not None:
        content = _file_bytes(folder / section.values_file, f"{where}.values_file", faults)
        extra.update(content)
        lines = (line.split(",")[0].strip() for line in content.decode("utf-8", "replace").splitlines())
        values = (values or frozenset()) | frozenset(v for v in lines if v.isdigit())
        if not values:
            faults.append(f"{where}.values_file: no line of {section.values_file} begins with digits")
    accept = form.accept_confidence if section.accept_confidence is None else section.accept_confidence
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
    )


def _file_bytes(path: Path, key: str, faults: list[str]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.append(f"{key}: {path} cannot be read: {error.strerror}")
        return b""


def _placement_faults(form: FormSection, fields: tuple[FormField, ...]) -> list[str]:
    faults = [] if fields else ["field: a form needs at least one [[field]] or [[table]]"]
    names = [f.name for f in fields]
    faults += [
        f"field: the name '{n}' is used twice" for n in sorted({n for n in names if names.count(n) > 1})
    ]
    width, height = form.page.size
    places = [(f.name, b) for f in fields for b in (f.box, *f.cells)]
    places += [(f"registration.marks[{i}]", Box(*b)) for i, b in enumerate(form.registration.marks, 1)]
    places += [(f"registration.frames[{i}]", Box(*b)) for i, b in enumerate(form.registration.frames, 1)]
    outside = {
        name: box
        for name, box in places
        if box.x < 0 or box.y < 0 or box.x + box.width > width + 1e-6 or box.y + box.height > height + 1e-6
    }
    faults += [
        f"{n}: box {[round(v, 2) for v in b]} leaves the page of {width:g} x {height:g} mm"
        for n, b in outside.items()
    ]
    if form.registration.method == "lines" and not (form.registration.frames or fields):
        faults.append("registration: method 'lines' needs ruled frames or fields")
    return faults


def _parsed_check(
    index: int, section: CheckSection, form: FormSection, fields: tuple[FormField, ...], faults: list[str]
) -> Check | None:
    where = f"check[{index + 1}].rule"
    sides = re.split(r"(==|<=|>=)", section.rule)
    if len(sides) != 3:
        faults.append(f"{where}: expected one of ==, <=, >= between two sums (found {section.rule!r})")
        return None
    names = {f.name for f in fields}
    columns = {f"{t.name}.{f.name}": t for t in form.table for f in t.field}
    terms: list[tuple[str, int]] = []
    constant = 0
    good = True
    for side, turn in ((sides[0], 1), (sides[2], -1)):
        for sign, term in re.findall(r"(^|[+-])\s*([^+-]+)", side.strip()):
            word, factor = term.strip(), -turn if sign == "-" else turn
            column = re.fullmatch(r"sum\(\s*([^)]+?)\s*\)", word)
            if word in names:
                terms.append((word, factor))
            elif column and column[1] in columns:
                table, last = columns[column[1]], column[1].split(".")[1]
                terms += [(f"{table.name}[{row}].{last}", factor) for row in range(1, table.rows + 1)]
            elif word.isdigit():
                constant += factor * int(word)
            else:
                near = get_close_matches(word, [*names, *(f"sum({c})" for c in columns)], n=1)
                hint = f", did you mean '{near[0]}'?" if near else ""
                faults.append(f"{where}: '{word}' is neither a field nor a whole number{hint}")
                good = False
    operator = sides[1]
    assert operator in ("==", "<=", ">=")  # what the split looks for
    return Check(section.rule, tuple(terms), constant, operator) if good else None
