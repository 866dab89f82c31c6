"""The log of a run: a file in the output directory, and messages on stderr; as text or as JSON lines.

What was read in a field is in neither.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Literal

from digitscan.batch.outputs import plain
from digitscan.errors import DigitscanError, UsageError

NAME = "digitscan.log"
Format = Literal["text", "json"]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class TextLines(logging.Formatter):
    """One line a message, whatever the names of files hold; a traceback may follow."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        return _CONTROL.sub(lambda c: f"\\x{ord(c[0]):02x}", plain(super().formatMessage(record)))

    def format(self, record: logging.LogRecord) -> str:
        """The message, and the traceback that came with it from a worker."""
        return "\n".join(filter(None, [super().format(record), plain(getattr(record, "traceback", ""))]))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": plain(record.getMessage()),
        }
        traceback = self.formatException(record.exc_info) if record.exc_info else None
        traceback = getattr(record, "traceback", traceback)
        return json.dumps(said if traceback is None else {**said, "traceback": plain(traceback)})


class _LogFile(WatchedFileHandler):
    """Opened anew when logrotate has moved it; a full disk costs lines of the log, not the run."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        del record


@contextmanager
def kept(directory: Path, form: Format) -> Iterator[None]:
    """Within the block, what digitscan logs from level INFO on also goes to the directory's digitscan.log.

    Raises `UsageError` where that is a pipe: opening it waits until somebody reads.
    """
    if (directory / NAME).is_fifo():
        raise UsageError(f"{directory / NAME}: a pipe, not a file: move it away")
    handler = _LogFile(directory / NAME, encoding="utf-8", delay=True)
    text = TextLines("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    handler.setFormatter(JsonLines() if form == "json" else text)
    log = logging.getLogger("digitscan")
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    except BaseException as error:
        # stderr has it from whoever catches it
        told = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        cause = None if isinstance(error, KeyboardInterrupt | DigitscanError) else error
        info = None if cause is None else (type(cause), cause, cause.__traceback__)
        handler.handle(log.makeRecord(log.name, logging.ERROR, "", 0, "ended: %s", (told,), info))
        raise
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
        with suppress(OSError):
            handler.close()
