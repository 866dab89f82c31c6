"""What a worker does: counts the pages of a file, or reads a page; what goes wrong is an outcome too."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2

from digitscan.batch.inputs import InputFile
from digitscan.errors import ACCESS, PageError
from digitscan.forms import Form
from digitscan.pipeline import read_page
from digitscan.recognition.classifier import FIELD_CLASSES, Engine, load
from digitscan.recognition.strings import load_strings
from digitscan.records import PageFailure, PageRef, PageResult
from digitscan.vision import pages

Read = Callable[[PageRef], PageResult]
MakeRead = Callable[[Sequence[Form], Path | None, Engine], Read]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault of the program itself, at one page."""

    failure: PageFailure
    traceback: str
    """For the log; workers write none."""


Work = Callable[[InputFile | PageRef], int | PageResult | PageFailure | Broken | None]
"""None where it was too late to begin."""


def pipeline_reader(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    """What reads a page as one of the forms; raises `ModelError` for a missing or refused model."""
    cv2.setNumThreads(1)  # the pages share the cores already
    strings = load_strings() if any(form.has_open_boxes for form in forms) else None
    return partial(read_page, forms=forms, classifier=load(model, engine, *FIELD_CLASSES), strings=strings)


def maker(
    make_read: MakeRead, forms: Sequence[Form], model: Path | None, engine: Engine, until: float | None
) -> Callable[[], Work]:
    """Makes the work in a worker; can be pickled. until: Unix time from which on no task is begun."""
    return partial(_worker, make_read, forms, model, engine, until)


def _worker(
    make_read: MakeRead, forms: Sequence[Form], model: Path | None, engine: Engine, until: float | None
) -> Work:
    read: Read | None = None

    def work(task: InputFile | PageRef) -> int | PageResult | PageFailure | Broken | None:
        nonlocal read
        if until is not None and time.time() >= until:
            return None  # it was handed over in time, and waited for others
        if isinstance(task, InputFile):
            ref = PageRef(task.path, task.file, 0, task.sha256, task.stamp)
            return _guarded(ref, lambda: pages.count_pages(pages.read_listed(ref)))
        if read is None:
            read = make_read(forms, model, engine)
        return _guarded(task, partial(read, task))

    return work


def _guarded(ref: PageRef, read: Callable[[], _Value]) -> _Value | PageFailure | Broken:
    try:
        return read()
    except PageError as error:
        return PageFailure(ref, error.stage, error.reason)
    except OSError as error:
        return PageFailure(ref, ACCESS, f"cannot be read now: {error.strerror or error}")
    except MemoryError:
        raise  # there may be enough at a second try
    except Exception as error:  # a bad page is a row, never the end of the run
        if isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        reason = f"internal error ({type(error).__name__}), see the log"
        return Broken(PageFailure(ref, "read", reason), traceback.format_exc())
