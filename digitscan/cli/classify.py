"""digitscan classify: pictures of one digit each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from digitscan.cli.options import PATH, engine_option, model_option
from digitscan.errors import EXIT_OK, EXIT_SOME_FAILED, PageError


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=PATH)
@click.option(
    "--preprocess",
    type=click.Choice(["fit", "resize"]),
    default="fit",
    show_default=True,
    help="Fit the ink as MNIST was made, or squeeze the whole picture.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@model_option
@engine_option
def classify(
    images: tuple[Path, ...],
    preprocess: Literal["fit", "resize"],
    as_csv: bool,
    model: Path | None,
    engine: Literal["litert", "tensorflow"],
) -> int:
    """Read pictures of one digit each, dark on light or light on dark."""
    import csv

    from digitscan.batch.outputs import cell, plain
    from digitscan.recognition.classifier import load
    from digitscan.recognition.pictures import classify_picture

    classifier = load(model, engine)
    table = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        table.writerow(["file", "digit", "confidence", "alternative", "alternative_confidence", "error"])
    code = EXIT_OK
    for path in images:
        name = plain(str(path))
        try:
            read = classify_picture(path, classifier, preprocess)
        except PageError as error:
            code = EXIT_SOME_FAILED
            if as_csv:
                table.writerow([cell(name), "", "", "", "", cell(error.reason)])
            else:
                click.echo(f"{name}: {error.reason}")
            continue
        first, second = f"{read.confidence:.4f}", f"{read.alternative_confidence:.4f}"
        if as_csv:
            table.writerow([cell(name), read.digit, first, read.alternative, second, ""])
        else:
            click.echo(f"{name}: {read.digit} ({first}), else {read.alternative} ({second})")
    return code
