"""digitscan train: a network of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from digitscan.cli.options import PATH, echo_path, load_forms
from digitscan.errors import UsageError


@click.command()
@click.option(
    "--data", required=True, help="Directory of MNIST idx files, .npz file, or `keras` to fetch it."
)
@click.option("--architecture", help="Name of the network; `digitscan` by default.")
@click.option("--output", required=True, type=PATH, help="FILE.keras; .tflite and .json go beside it.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="By default as many as the recipe says.")
@click.option("--plots", type=PATH, help="Directory for learning curves and confusion.")
@click.option(
    "--from-reviews",
    metavar="DIR",
    type=PATH,
    help="Go on training the model that comes along on what people decided in an output directory.",
)
@click.option("--form", "forms", multiple=True, type=PATH, help="With --from-reviews: the run's forms.")
def train(
    data: str,
    architecture: str | None,
    output: Path,
    seed: int,
    epochs: int | None,
    plots: Path | None,
    from_reviews: Path | None,
    forms: tuple[Path, ...],
) -> None:
    """Train a network on MNIST, or go on with what people decided, and export it."""
    if from_reviews is not None:
        if architecture or epochs or plots:
            raise UsageError("--from-reviews: takes no --architecture, --epochs or --plots: leave them out")
        _finetune(from_reviews, forms, data, output, seed)
        return
    if forms:
        raise UsageError("--form: is of use with --from-reviews alone: leave it out")
    from digitscan.recognition import training

    card = training.train(data, architecture or "digitscan", output, seed=seed, epochs=epochs, plots=plots)
    for name, share in card.accuracy.items():
        click.echo(f"{name}: {share:.2%}")
    echo_path(output)


def _finetune(directory: Path, forms: tuple[Path, ...], data: str, output: Path, seed: int) -> None:
    if not forms:
        raise UsageError("--from-reviews: the forms that the run was given are needed: name them with --form")
    definitions = load_forms(forms)
    from digitscan.recognition import finetuning
    from digitscan.recognition.cards import prepare
    from digitscan.recognition.datasets import read_digits
    from digitscan.review.learning import lessons

    prepare(output)  # to find the lessons takes minutes
    digits = read_digits(data)
    found = lessons(directory, definitions, seed)
    tuned = finetuning.finetune(
        found.learnt, found.held, digits, output, described=found.described, seed=seed
    )
    click.echo(finetuning.told(tuned.old, tuned.new, tuned.held))
    echo_path(output)
