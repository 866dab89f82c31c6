"""All that docs/accuracy.md tells: every table, measured anew.

    python -m benchmarks.accuracy --data DIR [--models DIR] [--train NAME ...] [--write docs/accuracy.md]

DIR of `--data` holds, each where at hand, `digits/mnist/` (idx files), `digits/optdigits-orig.windep` (UCI),
`digits/dida_dev.zip` (crops as CLASS/NAME.jpg), and `forms/c1/`, `forms/cdigital/`, `forms/nist_hsf/`,
`forms/votetally/`: pages, and in truth.csv what is written on them. What is missing is left out of the
tables, and they say so. The usual recipes are looked for in `--models` as NAME.keras; those named by
`--train` are trained there first. All of it takes most of an hour; `--table NAME` measures one table alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import networks, nondigits, oddities, pages, sets, singles
from benchmarks.tables import Table, replaced
from digitscan.errors import DigitscanError, UsageError
from digitscan.recognition import strings
from digitscan.recognition.classifier import fingerprint, load
from digitscan.recognition.training import train

_FOLDER = click.Path(path_type=Path, file_okay=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the tables are made of."""

    data: Path
    models: Path
    deck_pages: int

    @property
    def mnist(self) -> Path:
        """The directory of idx files."""
        return self.data / "digits" / "mnist"


def _digits(settings: Settings) -> Table:
    return singles.digits_table(singles.networks(settings.models), sets.found(settings.data / "digits"))


def _calibration(settings: Settings) -> Table:
    return singles.calibration_table(load(), sets.found(settings.data / "digits"))


def _nondigits(settings: Settings) -> Table:
    if not settings.mnist.exists():
        return Table((), (), ["MNIST test"])
    return nondigits.table(nondigits.refused_share(load(), settings.data / "digits"))


TABLES: dict[str, Callable[[Settings], Table]] = {
    "digits": _digits,
    "calibration": _calibration,
    "nondigits": _nondigits,
    "forms": lambda settings: pages.forms_table(settings.data / "forms"),
    "decks": lambda settings: pages.decks_table(settings.mnist, settings.deck_pages),
    "oddities": lambda settings: oddities.table(settings.mnist),
    "networks": lambda _: networks.networks_table(),
}


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--models", type=_FOLDER, default=Path("out/recipes"), show_default=True)
@click.option("--train", "recipes", multiple=True, type=click.Choice(singles.RECIPES))
@click.option("--deck-pages", type=click.IntRange(1), default=126, show_default=True)
@click.option("--table", "names", multiple=True, type=click.Choice(list(TABLES)), help="By default all.")
@click.option("--write", "document", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(
    data: Path,
    models: Path,
    recipes: tuple[str, ...],
    deck_pages: int,
    names: tuple[str, ...],
    document: Path | None,
) -> None:
    """Print the tables as Markdown, and put them into a document."""
    logging.disable(logging.WARNING)  # blank designs lie among the real forms
    settings, wanted = Settings(data, models, deck_pages), names or tuple(TABLES)
    try:
        if document:
            for name in wanted:  # told before anything is measured for an hour
                _with_table(document, name, "")
        for name in recipes:
            train(settings.mnist, name, models / f"{name}.keras", plots=models / "plots")
        for name in wanted:
            text = measured(name, settings)
            click.echo(f"## {name}\n{text}")
            if document:
                document.write_text(_with_table(document, name, text), encoding="utf-8")
    except DigitscanError as error:
        raise click.ClickException(str(error)) from None
    finally:
        logging.disable(logging.NOTSET)


def _with_table(document: Path, name: str, text: str) -> str:
    try:
        return replaced(document.read_text(encoding="utf-8"), name, text)
    except UsageError as error:
        raise UsageError(f"{document}: {error}") from None


def measured(name: str, settings: Settings) -> str:
    """One of `TABLES` as Markdown, and which networks it was measured with."""
    used = f"`{fingerprint()[:12]}` and, for whole numbers, `{strings.fingerprint()[:12]}`"
    return f"\n{TABLES[name](settings).markdown()}\n\nMeasured with the networks {used}.\n"


if __name__ == "__main__":
    main()
