"""digitscan check: what a form asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from digitscan.cli.options import PATH, echo_path, engine_option, load_forms, model_option
from digitscan.errors import PageError, UsageError

if TYPE_CHECKING:
    from digitscan.forms import Form

NAMED = 10
"""Fields of which print is taken out that are named: dirt on a picture is in few."""


@click.command()
@click.argument("form", metavar="FORM.toml", required=False, type=PATH)
@click.option("--page", type=PATH, help="A scan to draw the form on.")
@click.option("--preview", type=PATH, help="Where to write the drawing, a PNG file.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of definitions, for editors.")
@model_option
@engine_option
def check(
    form: Path | None,
    page: Path | None,
    preview: Path | None,
    schema: bool,
    model: Path | None,
    engine: Literal["litert", "tensorflow"],
) -> None:
    """Say what a form asks for, or draw it, and what was read, on a scan."""
    if (page is None) != (preview is None):
        raise click.UsageError("--page and --preview go together")
    if schema:
        from digitscan.forms import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if form is None:
        raise click.UsageError("give a FORM.toml")
    (definition,) = load_forms([form])
    if page is None or preview is None:
        click.echo(_described(definition))
        if definition.registration.image is not None:
            click.echo(_print_taken_out(definition))
        return
    _refuse_overwriting(preview, page, definition)
    import cv2

    from digitscan import pipeline
    from digitscan.recognition.classifier import FIELD_CLASSES, load
    from digitscan.recognition.strings import load_strings
    from digitscan.records import PageRef

    try:
        ref = PageRef(page.resolve(), page.name, 1, "")
        strings = load_strings() if definition.has_open_boxes else None
        drawn = pipeline.preview(ref, definition, load(model, engine, *FIELD_CLASSES), strings)
    except PageError as error:
        raise UsageError(f"{page}: {error.reason}") from None
    _, content = cv2.imencode(".png", drawn)
    try:
        preview.write_bytes(content.tobytes())
    except OSError as error:
        raise UsageError(f"{preview}: cannot be written: {error.strerror}") from None
    echo_path(preview)


def _refuse_overwriting(preview: Path, page: Path, form: Form) -> None:
    """`UsageError` where the drawing would take the place of what it is drawn from."""
    image = form.registration.image
    for given in (page, form.path, *([form.path.parent / image] if image else [])):
        if preview.exists() and given.exists() and preview.samefile(given):
            raise UsageError(f"{preview}: is what it would be drawn from: give --preview another name")


def _print_taken_out(form: Form) -> str:
    """What the picture of the blank form shows in its cells; `UsageError` where it does not show the form."""
    from digitscan.vision.preprint import prints

    try:
        printed = [field.name for field, own in zip(form.fields, prints(form), strict=True) if own]
    except PageError as error:
        raise UsageError(f"{form.path}: {error.reason}") from None
    names = ", ".join(printed[:NAMED]) + (" ..." if len(printed) > NAMED else "")
    return (
        f"{form.registration.image}: print in the cells of {len(printed)} fields is taken out: {names or '-'}"
    )


def _described(form: Form) -> str:
    """The form as a table for people."""
    rows = [("field", "digits", "rules", "accepted from")]
    for field in form.fields:
        fewest, most = field.digits
        digits = f"{len(field.cells)} cells" if field.cells else f"{fewest} to {most}, open box"
        rules = [
            "required" if field.required else "",
            "" if field.minimum is None else f"at least {field.minimum}",
            "" if field.maximum is None else f"at most {field.maximum}",
            "" if field.values is None else f"one of {len(field.values)} values",
            "" if field.pattern is None else f"like {field.pattern}",
            "" if field.crossed == "blank" else "crossed goes to review",
        ]
        least = enumerate(field.accept_digit_confidence)
        accepted = [f"{field.accept_confidence:g}", *(f"{digit}: {c:g}" for digit, c in least if c)]
        rows.append((field.name, digits, ", ".join(filter(None, rules)), ", ".join(accepted)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    width, height = form.page.size
    lines = [
        f"{form.name}: {width:g} x {height:g} mm, read at {form.page.resolution:g} dpi,"
        f" found by {form.registration.method}, {len(form.fields)} fields",
        "",
        *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows),
        *(f"check: {rule.rule}" for rule in form.checks),
    ]
    return "\n".join(lines)
