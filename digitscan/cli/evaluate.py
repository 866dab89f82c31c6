"""digitscan evaluate: how good a model or a run is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from digitscan.cli.options import PATH, echo_path, engine_option
from digitscan.errors import UsageError

if TYPE_CHECKING:
    from digitscan.batch.scoring import RunScore
    from digitscan.recognition.evaluation import ModelScore


@click.command()
@click.option("--model", type=PATH, help="A model file, measured on --data.")
@click.option("--data", help="Directory of MNIST idx files, .npz file, or `keras` to fetch it.")
@click.option("--run", "run_directory", type=PATH, help="Output directory of a run, held against --truth.")
@click.option("--truth", type=PATH, help="CSV with file, page, field and raw.")
@click.option(
    "--target-error",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Recommend thresholds for an error of at most this, such as 0.001.",
)
@click.option("--plots", type=PATH, help="Directory for pictures of confusion, error and reliability.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@engine_option
def evaluate(
    model: Path | None,
    data: str | None,
    run_directory: Path | None,
    truth: Path | None,
    target_error: float | None,
    plots: Path | None,
    as_json: bool,
    engine: Literal["litert", "tensorflow"],
) -> None:
    """Measure a model on the test part of MNIST, or a run against the truth."""
    score: ModelScore | RunScore
    if model is not None and data is not None and run_directory is None and truth is None:
        score = _evaluated_model(model, data, engine, target_error)
    elif run_directory is not None and truth is not None and model is None and data is None:
        from digitscan.batch.scoring import score_run

        score = score_run(run_directory, truth, target_error)
    else:
        raise UsageError("give either --model and --data, or --run and --truth")
    from digitscan.batch import summaries

    written: list[Path] = []
    if plots is not None:
        try:
            written = summaries.write_plots(score, plots, "run" if model is None else model.stem)
        except OSError as error:
            raise UsageError(f"{plots}: plots cannot be written there: {error.strerror}") from None
    click.echo(summaries.as_json(score) if as_json else summaries.as_text(score))
    for path in [] if as_json else written:
        echo_path(path)


def _evaluated_model(
    model: Path, data: str, engine: Literal["litert", "tensorflow"], target_error: float | None
) -> ModelScore:
    from digitscan.recognition.classifier import load
    from digitscan.recognition.datasets import read_digits
    from digitscan.recognition.evaluation import evaluate_model

    return evaluate_model(load(model, engine), read_digits(data), target_error)
