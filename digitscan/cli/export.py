"""digitscan export: the final values."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitscan.cli.options import PATH, echo_path

if TYPE_CHECKING:
    from digitscan.review.export import Wide
    from digitscan.review.tables import Format

_log = logging.getLogger("digitscan")

NAMED = 10
"""Values that are not as the form allows that are named: all stand in final.csv."""


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
@click.option(
    "--corrections",
    multiple=True,
    type=PATH,
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
@click.option("--output", type=PATH, help="Directory for the tables; by default DIR itself.")
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
    from digitscan.review import ledger
    from digitscan.review.corrections import keep, read
    from digitscan.review.queue import opened

    with opened(directory) as book:
        limits = book.limits()
        for changes in [read(path, who, limits) for path in corrections]:
            keep(directory, changes)
        known = ledger.known(directory, book)
    done = exporting.write(
        directory,
        output or directory,
        known.settled,
        formats=list(dict.fromkeys(formats)),
        wide=wide,
        with_open=with_open,
        reopened=known.reopened,
        history=known.history if history else None,
    )
    if done.stray:
        _log.warning("%d decisions are on fields that this run does not hold: they are kept", done.stray)
    if known.moved:
        _log.warning("%d decisions are on fields that lay elsewhere: they no longer count", known.moved)
    if done.odd:
        told = "; ".join(done.odd[:NAMED]) + ("; ..." if len(done.odd) > NAMED else "")
        _log.warning(
            "%d decisions break a rule or a check of the form, or lost zeros in front, and are exported as"
            " they are: look whether they stand so on the scans: %s",
            *(len(done.odd), told),
        )
    if done.unread:
        _log.warning("%d pages or files were not read: see pages.csv", done.unread)
    click.echo(f"{done.fields} fields, {done.people} of them decided by people, {done.open} open")
    for path in done.paths:
        echo_path(path)
