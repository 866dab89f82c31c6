"""digitscan review: the fields in doubt and more, settled in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from digitscan.cli.options import PATH, echo_path


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="By default one that is free.")
@click.option(
    "--sample",
    type=click.IntRange(1, 100_000),
    default=300,
    show_default=True,
    help="Accepted fields to audit, where an audit is drawn.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the choice of these.")
@click.option(
    "--double",
    multiple=True,
    metavar="FIELD",
    help="Two people key that field, such as person[].age; kept in DIR; may be repeated.",
)
@click.option("--single", multiple=True, metavar="FIELD", help="They no longer do; may be repeated.")
def review(
    directory: Path, port: int, sample: int, seed: int, double: tuple[str, ...], single: tuple[str, ...]
) -> None:
    """Serve screens to settle what is in doubt, on this machine alone, until Ctrl+C."""
    from digitscan.review.report import write
    from digitscan.review.server import serve

    def ready(address: str) -> None:
        click.echo(f"Open {address}\nThe address is the key: who has it can decide. Ctrl+C ends.")

    serve(directory, ready, port=port, sample=sample, seed=seed, double=double, single=single)
    echo_path(write(directory))
