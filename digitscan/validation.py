"""A definition held against its sections: what is wrong with it, in sentences."""

from __future__ import annotations

import copy
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from digitscan.definition import FormSection


def validated(raw: dict[str, Any], faults: list[str]) -> FormSection | None:
    """The definition; where parts of it are wrong, what remains without them, so that all faults are told."""
    try:
        return FormSection.model_validate(raw)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
    faults += [_sentence(fault) for fault in wrong]
    rest = copy.deepcopy(raw)
    for fault in wrong:
        _take_out(rest, fault["loc"], whole=fault["type"] != "extra_forbidden")
    for key, section in rest.items():
        if isinstance(section, list):
            rest[key] = [s for s in section if s is not None]
    try:
        return FormSection.model_validate({"name": "unnamed", **rest})
    except ValidationError:
        return None


def _take_out(rest: dict[str, Any], loc: tuple[int | str, ...], *, whole: bool) -> None:
    """Remove what a fault names: an unknown key alone, otherwise the section's key or the list's entry."""
    holder: Any = rest
    for depth, part in enumerate(loc):
        if whole and isinstance(holder, list):
            holder[int(part)] = None
            return
        if depth == len(loc) - 1 or (whole and depth == 1):
            if isinstance(holder, dict):
                holder.pop(str(part), None)
            return
        holder = holder[int(part)] if isinstance(holder, list) else holder.get(part)
        if holder is None:
            return


def _sentence(fault: ErrorDetails) -> str:
    loc = fault["loc"]
    key = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".")
    key = key.removesuffix(".[key]")  # so pydantic says that a key itself is wrong
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(str(loc[-1]), _keys_at(FormSection, loc[:-1]), n=1)
        return f"{key}: unknown key" + (f", did you mean '{near[0]}'?" if near else "")
    if fault["type"] == "missing":
        return f"{key}: missing"
    given = fault["input"]
    shown = "" if isinstance(given, dict) else f" (found {given!r})"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{key}: {message[:1].lower()}{message[1:]}{shown}"


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
