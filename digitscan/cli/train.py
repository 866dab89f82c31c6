"""digitscan train: a network of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from digitscan.cli.options import PATH


@click.command()
@click.option(
    "--data", required=True, help="Directory of MNIST idx files, .npz file, or `keras` to fetch it."
)
@click.option("--architecture", default="digitscan", show_default=True, help="Name of the network.")
@click.option("--output", required=True, type=PATH, help="FILE.keras; .tflite and .json go beside it.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="By default as many as the recipe says.")
@click.option("--plots", type=PATH, help="Directory for learning curves and confusion.")
def train(
    data: str, architecture: str, output: Path, seed: int, epochs: int | None, plots: Path | None
) -> None:
    """Train a network on MNIST and export it."""
    from digitscan.recognition import training

    card = training.train(data, architecture, output, seed=seed, epochs=epochs, plots=plots)
    for name, share in card.accuracy.items():
        click.echo(f"{name}: {share:.2%}")
    click.echo(output)
