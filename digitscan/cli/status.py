"""digitscan status: how far the last run of an output directory is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitscan.cli.options import PATH
from digitscan.errors import UsageError

if TYPE_CHECKING:
    from digitscan.batch.runs import State
    from digitscan.review.audits import Figure


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(directory: Path, as_json: bool) -> None:
    """Say what is done, failed, in doubt and left, how quickly it goes, and what an audit gave."""
    import json
    import os
    import time
    from dataclasses import asdict

    from digitscan.batch import runs
    from digitscan.review import decisions, ledger
    from digitscan.review.queue import opened

    with opened(directory) as book:
        state = runs.state(book, held=runs.held(directory))
        # what people decide is for the service's user alone
        mine = os.access(directory / decisions.FOLDER / decisions.NAME, os.R_OK | os.W_OK)
        audit = ledger.audit_figure(directory, book) if mine else None
    if state is None:
        raise UsageError(f"{directory}: no run was begun there yet")
    gone = _gone(directory)
    if as_json:
        more = {"left": state.left, "gone": gone, "audit": asdict(audit) if audit else None}
        click.echo(json.dumps({**asdict(state), **more}))
    else:
        click.echo(_told(state, gone, audit, time.time()))


def _gone(directory: Path) -> int:
    """Pages that the last run that wrote its outputs no longer found in its inputs."""
    import json

    try:
        return int(json.loads((directory / "summary.json").read_text(encoding="utf-8"))["gone"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # there are no outputs to be asked about


_ENDINGS = {
    "running": "running, begun",
    "done": "done",
    "stopped": "stopped at its limit",
    "interrupted": "interrupted",
    "failed": "failed (see digitscan.log)",
    "died": "died, begun",
}


def _told(state: State, gone: int, audit: Figure | None, now: float) -> str:
    unopened = f", and {state.unopened} files not opened yet" if state.unopened else ""
    lines = [
        f"run      {_ENDINGS[state.ending]} {_when(state.ended or state.started)}",
        f"pages    {state.done} of {state.pages} done, {state.left} left{unopened}",
        f"failed   {state.failed} pages or files; files skipped: {state.skipped}",
        f"fields   {state.fields} read, {state.review} of them for review",
    ]
    if gone:
        lines.append(f"gone     {gone} pages of the run before are no longer in the inputs")
    if state.pace:
        end = ""
        if state.ending == "running" and state.left:
            end = f", done {_when(now + state.left / state.pace)} at that pace"
        lines.append(f"pace     {60 * state.pace:.1f} pages a minute{end}")
    if audit:
        lines.append(f"audit    {audit.told.removeprefix('Audit: ')}")
    return "\n".join(lines)


def _when(seconds: float) -> str:
    """The time of day, and the day where that is another one."""
    then = datetime.fromtimestamp(seconds)
    today = abs(datetime.now() - then) < timedelta(hours=12)
    return then.strftime("at %H:%M:%S" if today else "on %Y-%m-%d at %H:%M")
