"""digitscan run: the forms in files and directories, read into an output directory."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from digitscan.cli.options import PATH, engine_option, load_forms, model_option
from digitscan.errors import EXIT_OK, EXIT_SOME_FAILED

if TYPE_CHECKING:
    from digitscan.batch.job import Summary


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"level": record.levelname.lower(), "message": super().format(record)})


def _log_as_json(_context: click.Context, _parameter: click.Parameter, log_format: str) -> str:
    if log_format == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JsonLines())
    return log_format


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=PATH)
@click.option("--form", "form_paths", multiple=True, required=True, type=PATH, help="A form definition.")
@click.option("--output", required=True, type=PATH, help="Directory for the CSVs and the journal.")
@click.option("--workers", type=click.IntRange(0), help="Processes that read; by default one a core.")
@model_option
@engine_option
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
    forms = load_forms(form_paths)
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
