"""digitscan report: report.html made anew."""

from __future__ import annotations

from pathlib import Path

import click

from digitscan.cli.options import PATH, echo_path


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
def report(directory: Path) -> None:
    """Write report.html of an output directory anew, with what is still in doubt."""
    from digitscan.review.report import write

    echo_path(write(directory))
