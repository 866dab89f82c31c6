"""The commands for the morning after: the report, and the export of the final values."""

# ruff: noqa: PLC0415 (as in cli.py: what a command needs is imported inside it)

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from digitscan.review.export import Wide
    from digitscan.review.tables import Format

_PATH = click.Path(path_type=Path)
_log = logging.getLogger("digitscan")


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
def report(directory: Path) -> None:
    """Write report.html of an output directory anew, with what is still in doubt."""
    from digitscan.review.corrections import kept
    from digitscan.review.queue import latest
    from digitscan.review.report import write

    click.echo(write(directory, latest(kept(directory))))


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--corrections",
    multiple=True,
    type=_PATH,
    help="A corrections.csv from report.html, to be kept in DIR; may be repeated.",
)
@click.option("--who", default="", help="Who decided, where a corrections.csv names nobody.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default=["csv"],
    show_default=True,
    help="Of the tables; may be repeated.",
)
@click.option(
    "--wide",
    multiple=True,
    type=click.Choice(["page", "row"]),
    help="Also a table with one row a page, or one row a row of the form's table; may be repeated.",
)
@click.option("--with-open", is_flag=True, help="Export even if fields in doubt are still open.")
@click.option("--history", is_flag=True, help="Also a table of every decision that was ever taken.")
@click.option("--output", type=_PATH, help="Directory for the tables; by default DIR itself.")
def export(
    directory: Path,
    corrections: tuple[Path, ...],
    who: str,
    formats: tuple[Format, ...],
    wide: tuple[Wide, ...],
    with_open: bool,
    history: bool,
    output: Path | None,
) -> None:
    """Write the final values: as read where sure, as people decided where in doubt."""
    from digitscan.review import export as exporting
    from digitscan.review.corrections import keep, kept, read
    from digitscan.review.queue import latest, opened

    with opened(directory):
        handed_in = [read(path, who) for path in corrections]
    for changes in handed_in:
        keep(directory, changes)
    taken = kept(directory)
    done = exporting.write(
        directory,
        output or directory,
        latest(taken),
        formats=list(dict.fromkeys(formats)),
        wide=wide,
        with_open=with_open,
        history=taken if history else None,
    )
    if done.stray:
        _log.warning("%d decisions are on fields that this run does not hold: they are kept", done.stray)
    click.echo(f"{done.fields} fields, {done.people} of them decided by people, {done.open} open")
    for path in done.paths:
        click.echo(path)
