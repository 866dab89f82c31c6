"""digitscan run: the forms in files and directories, read into an output directory."""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from digitscan.cli.options import PATH, engine_option, load_forms, model_option
from digitscan.errors import EXIT_OK, EXIT_SOME_FAILED, DigitscanError

if TYPE_CHECKING:
    from digitscan.batch.job import Summary


def _next(_context: click.Context, _parameter: click.Parameter, clock: datetime | None) -> float | None:
    """When the clock next shows that time, as Unix time."""
    if clock is None:
        return None
    now = time.time()
    today = datetime.combine(datetime.fromtimestamp(now), clock.time())  # local, as the clock on the wall
    # in the night in which it is set back it shows some times twice
    thens = (today, today.replace(fold=1), today + timedelta(days=1))
    return next(then.timestamp() for then in thens if then.timestamp() > now)


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=PATH)
@click.option("--form", "form_paths", multiple=True, required=True, type=PATH, help="A form definition.")
@click.option("--output", required=True, type=PATH, help="Directory for the CSVs, the journal and the log.")
@click.option("--workers", type=click.IntRange(0), help="Processes that read; by default one a core.")
@model_option
@engine_option
@click.option(
    "--until",
    type=click.DateTime(["%H:%M"]),
    metavar="HH:MM",
    callback=_next,
    help="Begin no page after that time; what is left is for the next run.",
)
@click.option("--max-pages", type=click.IntRange(1), help="Read so many pages at most.")
@click.option("--retry-failed", is_flag=True, help="Read once more what could not be read before.")
@click.option(
    "--settle",
    type=click.FloatRange(0, 3600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Leave a file alone until it has not changed for so long: it may still be on its way.",
)
@click.option("--quiet", is_flag=True, help="No progress, no summary, no warnings: errors only.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of messages on stderr and in the log.",
)
def run(
    inputs: tuple[Path, ...],
    form_paths: tuple[Path, ...],
    output: Path,
    workers: int | None,
    model: Path | None,
    engine: Literal["litert", "tensorflow"],
    until: float | None,
    max_pages: int | None,
    retry_failed: bool,
    settle: float,
    quiet: bool,
    log_format: Literal["text", "json"],
) -> int:
    """Read all forms in files and directories; what was read before is not read again."""
    from digitscan.batch import logs

    for handler in logging.getLogger().handlers:
        handler.setFormatter(logs.JsonLines() if log_format == "json" else logs.TextLines(_TEXT))
        # cron mails one line: which pages failed is in pages.csv and in the log
        listened = log_format == "json" or sys.stderr.isatty()
        handler.setLevel(logging.WARNING if listened and not quiet else logging.ERROR)
    forms = load_forms(form_paths)
    from digitscan.batch import job

    summary = job.run(
        inputs,
        forms,
        output,
        workers=len(os.sched_getaffinity(0)) if workers is None else workers,
        model=model,
        engine=engine,
        limits=job.Limits(until, max_pages, retry_failed),
        settle=settle,
        progress=not quiet,
        log_format=log_format,
    )
    with logs.kept(output, log_format):
        _report(output)
        if not quiet:
            _say(_told(summary, output))
    return EXIT_SOME_FAILED if summary.counts.failed else EXIT_OK


_TEXT = "digitscan: %(message)s"
_log = logging.getLogger(__name__)


def _report(output: Path) -> None:
    """Write the report; where that cannot be, all was read nevertheless, and the tables are whole."""
    from digitscan.review.report import write

    try:
        write(output)
    except (DigitscanError, OSError) as error:
        _log.error("no report was made: %s; mend that, then `digitscan report %s`", error, output)


def _say(line: str) -> None:
    """Print it; where that cannot be, all was read nevertheless."""
    try:
        click.echo(line)
    except OSError as error:
        _log.error("standard output: cannot be written: %s", error.strerror)
        # or Python tries once more at its end, and exits with a code of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(summary: Summary, output: Path) -> str:
    """One line, for the mail from cron."""
    from digitscan.batch.outputs import plain

    counts, took = summary.counts, timedelta(seconds=round(summary.seconds))
    read = f"{summary.read} pages read now" if summary.read else "nothing to read"
    pace = f" in {took}" if summary.read else ": all that can be read was read before"
    more = f", {counts.left} left for the next run" if counts.left else ""
    more += f"; {summary.gone} pages of the last run are no longer in the inputs" if summary.gone else ""
    more += f"; {summary.copies} pages are copies of others" if summary.copies else ""
    return (
        f"{read}{pace}; {counts.ok} pages ok, {counts.failed} failed; files skipped: {counts.skipped}{more};"
        f" {counts.fields} fields, {counts.review} of them for review: see {plain(str(output))}"
    )
