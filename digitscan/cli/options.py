"""What several commands ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitscan.errors import FormError, UsageError

if TYPE_CHECKING:
    from digitscan.forms import Form

PATH = click.Path(path_type=Path)
model_option = click.option("--model", type=PATH, help="A model file; by default the one that comes along.")
engine_option = click.option(
    "--engine",
    type=click.Choice(["litert", "tensorflow"]),
    default="litert",
    show_default=True,
    help="What runs the model.",
)


def echo_path(path: Path) -> None:
    """Print a path, bytes of it that are no UTF-8 as the CSVs have them."""
    from digitscan.batch.outputs import plain

    click.echo(plain(str(path)))


def load_forms(paths: Sequence[Path]) -> list[Form]:
    """The definitions; `FormError` names all faults of all of them, `UsageError` a name used twice."""
    from digitscan.forms import load_form

    forms: dict[str, Form] = {}
    faults: list[str] = []
    for path in paths:
        try:
            form = load_form(path)
        except FormError as error:
            faults.append(str(error))
            continue
        if form.name in forms:
            faults.append(f"{path}: name: {form.name!r} is also the name of {forms[form.name].path}")
        forms[form.name] = form
    if faults:
        raise UsageError("\n".join(faults))
    return list(forms.values())
