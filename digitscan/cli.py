"""The commands; the only place that exits.

What a command needs is imported inside it: `--help` and a wrong option cost nothing.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from digitscan import __version__
from digitscan.commands_review import export, report
from digitscan.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    DigitscanError,
    FormError,
    PageError,
    UsageError,
)

if TYPE_CHECKING:
    from digitscan.batch.job import Summary
    from digitscan.batch.scoring import RunScore
    from digitscan.forms import Form
    from digitscan.recognition.evaluation import ModelScore

_PATH = click.Path(path_type=Path)
_model = click.option("--model", type=_PATH, help="A model file; by default the one that comes along.")
_engine = click.option(
    "--engine",
    type=click.Choice(["litert", "tensorflow"]),
    default="litert",
    show_default=True,
    help="What runs the model.",
)


def main() -> NoReturn:
    """Run the command line and exit with its code, as listed in `digitscan.errors`."""
    signal.signal(signal.SIGTERM, _interrupt)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("digitscan: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log = logging.getLogger("digitscan")
    code = EXIT_OK
    try:
        code = commands.main(prog_name="digitscan", standalone_mode=False) or EXIT_OK
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see `{context.command_path} --help`)" if context else ""
        log.error("%s%s", error.format_message(), hint)
        code = EXIT_USAGE
    except DigitscanError as error:
        for line in str(error).splitlines():
            log.error("%s", line)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        log.error("interrupted: what was done is kept")
        code = EXIT_INTERRUPTED
    except Exception:
        traceback.print_exc()
        code = EXIT_INTERNAL
    sys.exit(code)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"level": record.levelname.lower(), "message": super().format(record)})


def _log_as_json(_context: click.Context, _parameter: click.Parameter, log_format: str) -> str:
    if log_format == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JsonLines())
    return log_format


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="digitscan")
def commands() -> None:
    """Read handwritten digit fields on scanned forms."""


for _command in (report, export):
    commands.add_command(_command)


@commands.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=_PATH)
@click.option("--form", "form_paths", multiple=True, required=True, type=_PATH, help="A form definition.")
@click.option("--output", required=True, type=_PATH, help="Directory for the CSVs and the journal.")
@click.option("--workers", type=click.IntRange(0), help="Processes that read; by default one a core.")
@_model
@_engine
@click.option("--quiet", is_flag=True, help="No progress, no summary, no warnings: errors only.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    expose_value=False,
    callback=_log_as_json,
    help="Of messages on stderr.",
)
def run(
    inputs: tuple[Path, ...],
    form_paths: tuple[Path, ...],
    output: Path,
    workers: int | None,
    model: Path | None,
    engine: Literal["litert", "tensorflow"],
    quiet: bool,
) -> int:
    """Read all forms in files and directories; what was read before is not read again."""
    forms = _load_forms(form_paths)
    from digitscan.batch import job
    from digitscan.review.report import write as write_report

    if quiet:
        logging.getLogger().setLevel(logging.ERROR)
    workers = len(os.sched_getaffinity(0)) if workers is None else workers
    summary = job.run(inputs, forms, output, workers=workers, model=model, engine=engine, progress=not quiet)
    report_path = write_report(output)
    if not quiet:
        click.echo(f"{_told(summary)}\n{report_path}")
    return EXIT_SOME_FAILED if summary.counts.failed else EXIT_OK


def _told(summary: Summary) -> str:
    counts = summary.counts
    nothing = "nothing to read: all that can be read was read before"
    return "\n".join(
        [
            f"{summary.read} pages read now" if summary.read else nothing,
            f"{counts.ok} pages ok, {counts.failed} failed; files skipped: {counts.skipped}",
            f"{counts.fields} fields, {counts.review} of them for review",
            *(str(path) for path in summary.paths),
        ]
    )


@commands.command()
@click.argument("form", metavar="FORM.toml", required=False, type=_PATH)
@click.option("--page", type=_PATH, help="A scan to draw the form on.")
@click.option("--preview", type=_PATH, help="Where to write the drawing, a PNG file.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of definitions, for editors.")
@_model
@_engine
def check(
    form: Path | None,
    page: Path | None,
    preview: Path | None,
    schema: bool,
    model: Path | None,
    engine: Literal["litert", "tensorflow"],
) -> None:
    """Say what a form asks for, or draw it, and what was read, on a scan."""
    if (page is None) != (preview is None):
        raise click.UsageError("--page and --preview go together")
    if schema:
        from digitscan.forms import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if form is None:
        raise click.UsageError("give a FORM.toml")
    (definition,) = _load_forms([form])
    if page is None or preview is None:
        click.echo(_described(definition))
        return
    import cv2

    from digitscan import pipeline
    from digitscan.recognition.classifier import load
    from digitscan.records import PageRef

    try:
        drawn = pipeline.preview(PageRef(page, page.name, 1, ""), definition, load(model, engine))
    except PageError as error:
        raise UsageError(f"{page}: {error.reason}") from None
    _, content = cv2.imencode(".png", drawn)
    try:
        preview.write_bytes(content.tobytes())
    except OSError as error:
        raise UsageError(f"{preview}: cannot be written: {error.strerror}") from None
    click.echo(preview)


def _described(form: Form) -> str:
    """The form as a table for people."""
    rows = [("field", "digits", "rules", "accepted from")]
    for field in form.fields:
        fewest, most = field.digits
        digits = f"{len(field.cells)} cells" if field.cells else f"{fewest} to {most}, open box"
        rules = [
            "required" if field.required else "",
            "" if field.minimum is None else f"at least {field.minimum}",
            "" if field.maximum is None else f"at most {field.maximum}",
            "" if field.values is None else f"one of {len(field.values)} values",
            "" if field.pattern is None else f"like {field.pattern}",
            "" if field.crossed == "blank" else "crossed goes to review",
        ]
        least = enumerate(field.accept_digit_confidence)
        accepted = [f"{field.accept_confidence:g}", *(f"{digit}: {c:g}" for digit, c in least if c)]
        rows.append((field.name, digits, ", ".join(filter(None, rules)), ", ".join(accepted)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    width, height = form.page.size
    lines = [
        f"{form.name}: {width:g} x {height:g} mm, read at {form.page.resolution:g} dpi,"
        f" found by {form.registration.method}, {len(form.fields)} fields",
        "",
        *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows),
        *(f"check: {rule.rule}" for rule in form.checks),
    ]
    return "\n".join(lines)


@commands.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=_PATH)
@click.option(
    "--preprocess",
    type=click.Choice(["fit", "resize"]),
    default="fit",
    show_default=True,
    help="Fit the ink as MNIST was made, or squeeze the whole picture.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@_model
@_engine
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
                click.echo(f"{name}: cannot be read: {error.reason}")
            continue
        first, second = f"{read.confidence:.4f}", f"{read.alternative_confidence:.4f}"
        if as_csv:
            table.writerow([cell(name), read.digit, first, read.alternative, second, ""])
        else:
            click.echo(f"{name}: {read.digit} ({first}), else {read.alternative} ({second})")
    return code


@commands.command()
@click.option(
    "--data", required=True, help="Directory of MNIST idx files, .npz file, or `keras` to fetch it."
)
@click.option("--architecture", default="digitscan", show_default=True, help="Name of the network.")
@click.option("--output", required=True, type=_PATH, help="FILE.keras; .tflite and .json go beside it.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="By default as many as the recipe says.")
@click.option("--plots", type=_PATH, help="Directory for learning curves and confusion.")
def train(
    data: str, architecture: str, output: Path, seed: int, epochs: int | None, plots: Path | None
) -> None:
    """Train a network on MNIST and export it."""
    from digitscan.recognition import training

    card = training.train(data, architecture, output, seed=seed, epochs=epochs, plots=plots)
    for name, share in card.accuracy.items():
        click.echo(f"{name}: {share:.2%}")
    click.echo(output)


@commands.command()
@click.option("--model", type=_PATH, help="A model file, measured on --data.")
@click.option("--data", help="Directory of MNIST idx files, .npz file, or `keras` to fetch it.")
@click.option("--run", "run_directory", type=_PATH, help="Output directory of a run, held against --truth.")
@click.option("--truth", type=_PATH, help="CSV with file, page, field and raw.")
@click.option(
    "--target-error",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Recommend thresholds for an error of at most this, such as 0.001.",
)
@click.option("--plots", type=_PATH, help="Directory for pictures of confusion, error and reliability.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_engine
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
        click.echo(path)


def _evaluated_model(
    model: Path, data: str, engine: Literal["litert", "tensorflow"], target_error: float | None
) -> ModelScore:
    from digitscan.recognition.classifier import load
    from digitscan.recognition.datasets import read_digits
    from digitscan.recognition.evaluation import evaluate_model

    return evaluate_model(load(model, engine), read_digits(data), target_error)


@commands.command()
@click.argument("form", metavar="FORM.toml", type=_PATH)
@click.option("--pages", required=True, type=click.IntRange(1))
@click.option("--seed", required=True, type=click.IntRange(0))
@click.option("--output", required=True, type=_PATH, help="Directory for the scans and truth.csv.")
@click.option(
    "--digits", type=_PATH, help="MNIST files to take the handwriting from; by default it is drawn."
)
def deck(form: Path, pages: int, seed: int, output: Path, digits: Path | None) -> None:
    """Make filled-in, scanned pages of a form, with the truth, for tests."""
    (definition,) = _load_forms([form])
    from digitscan.deck.deck import make_deck

    for path in make_deck(definition, pages, seed, output, digits=digits):
        click.echo(path)


def _load_forms(paths: Sequence[Path]) -> list[Form]:
    """The definitions; `FormError` names all faults of all of them, `UsageError` a name used twice."""
    from digitscan.forms import load_form

    forms: dict[str, Form] = {}
    faults: list[str] = []
    for path in paths:
        try:
            form = load_form(path)
        except FormError as error:
            faults.append(str(error))
            continue
        if form.name in forms:
            faults.append(f"{path}: name: {form.name!r} is also the name of {forms[form.name].path}")
        forms[form.name] = form
    if faults:
        raise UsageError("\n".join(faults))
    return list(forms.values())
