"""All commands together; the only place that exits."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from typing import NoReturn

import click

from digitscan import __version__
from digitscan.cli.check import check
from digitscan.cli.classify import classify
from digitscan.cli.deck import deck
from digitscan.cli.evaluate import evaluate
from digitscan.cli.export import export
from digitscan.cli.report import report
from digitscan.cli.review import review
from digitscan.cli.run import run
from digitscan.cli.status import status
from digitscan.cli.train import train
from digitscan.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, DigitscanError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="digitscan")
def commands() -> None:
    """Read handwritten digit fields on scanned forms."""


for _command in (run, status, check, classify, deck, train, evaluate, report, review, export):
    commands.add_command(_command)


def main() -> NoReturn:
    """Run the command line and exit with its code, as listed in `digitscan.errors`."""
    _open_standard_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        signal.signal(signal.SIGHUP, _interrupt)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("digitscan: %(message)s"))
    handler.setLevel(logging.WARNING)
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
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        log.error("%scannot be read or written: %s", where, error.strerror or error)
        code = EXIT_INTERNAL
    except (KeyboardInterrupt, click.Abort):
        log.error("interrupted: what was done is kept")
        code = EXIT_INTERRUPTED
    except Exception:
        traceback.print_exc()
        code = EXIT_INTERNAL
    sys.exit(code)


def _open_standard_streams() -> None:
    """Daemons may close stdin, stdout and stderr: the next file opened would get one of their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(handle, True)  # for workers
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w"))


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
