"""digitscan deck: filled-in pages for tests."""

from __future__ import annotations

from pathlib import Path

import click

from digitscan.cli.options import PATH, echo_path, load_forms


@click.command()
@click.argument("form", metavar="FORM.toml", type=PATH)
@click.option("--pages", required=True, type=click.IntRange(1))
@click.option("--seed", required=True, type=click.IntRange(0))
@click.option("--output", required=True, type=PATH, help="Directory for the scans and truth.csv.")
@click.option("--digits", type=PATH, help="MNIST files to take the handwriting from; by default it is drawn.")
@click.option("--hand", type=click.IntRange(0), help="All pages by one writer, the one of that number.")
def deck(form: Path, pages: int, seed: int, output: Path, digits: Path | None, hand: int | None) -> None:
    """Make filled-in, scanned pages of a form, with the truth, for tests."""
    (definition,) = load_forms([form])
    from digitscan.deck.deck import make_deck

    for path in make_deck(definition, pages, seed, output, digits=digits, hand=hand):
        echo_path(path)
