"""The exceptions of digitscan, and the exit code that each means.

    DigitscanError              1  internal error
    +-- UsageError              2  usage or bad configuration
    |   +-- FormError           2  a form definition is wrong (all its faults at once)
    +-- OutputLocked            4  another run holds the output directory
    +-- ModelError              5  model missing or refused
    +-- PageError               -  one page cannot be read: a row in pages.csv, never the end of a run

Exit code 0 means that all pages were read, 3 that the run finished but some pages failed, and
130 that it was interrupted. A disk that fails or is full is exit code 1 too, but in one sentence; what
was read is kept. `cli/app.py` is the only place that exits.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_LOCKED = 4
EXIT_MODEL = 5
EXIT_INTERRUPTED = 130


class DigitscanError(Exception):
    """Base of all errors that digitscan raises on purpose; the message is one sentence."""

    exit_code = EXIT_INTERNAL


class UsageError(DigitscanError):
    """The command line or a file named on it cannot be used."""

    exit_code = EXIT_USAGE


class FormError(UsageError):
    """A form definition is wrong; `faults` holds one sentence for each fault found."""

    def __init__(self, path: str, faults: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))
        self.path = path
        self.faults = faults


class OutputLocked(DigitscanError):  # noqa: N818 - reads as what happened
    """Another run holds the output directory."""

    exit_code = EXIT_LOCKED


class ModelError(DigitscanError):
    """The model is missing, damaged, or of a kind that is not loaded."""

    exit_code = EXIT_MODEL


ACCESS = "access"
"""The stage of a failure of the disk, or of who may read the file."""
LIMIT = "limit"
"""The stage of a failure for want of time or memory."""
PASSING = frozenset((ACCESS, LIMIT))
"""Stages of failures that may be no fault of the page, and be gone tomorrow: every run tries again."""


class PageError(DigitscanError):
    """One page cannot be read; `stage` is `access`, `limit`, `open`, `decode`, `registration` or `read`."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason
