"""Readers for tests of the batch: they open the page, and leave the rest to invention."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from digitscan.batch.work import Read
from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.recognition.classifier import Engine
from digitscan.records import DigitReading, FieldReading, PageRef, PageResult
from digitscan.vision import pages


def plain_read(forms: Sequence[Form], _model: Path | None, _engine: Engine) -> Read:
    """Reads every page as the first form, its fields from the grey level of the page."""

    def read(ref: PageRef) -> PageResult:
        page = pages.read_page(ref, resolution=72, size=(100, 100))
        level = int(page.image[0, 0])
        digit = DigitReading(1, str(level % 10), level / 255, "?", 0.0, (1, 2, 3, 4))
        reading = FieldReading("level", str(level), str(level), level / 300, "review", "low", (digit,))
        return PageResult(ref, forms[0].name, 0, 0.5, (reading,))

    return read


def wide_read(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    """Reads a hundred fields on every page, the first of them for review."""
    read = plain_read(forms, model, engine)

    def wide(ref: PageRef) -> PageResult:
        result = read(ref)
        (reading,) = result.readings
        known = replace(reading, status="accepted", corners=((1, 1), (9, 1), (9, 4), (1, 4)))
        readings = [replace(known, field=f"level[{i}]", digits=known.digits * 3) for i in range(100)]
        readings[0] = replace(readings[0], status="review")
        return replace(result, readings=tuple(readings), size=(10, 12))

    return wide


def slow_read(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    """Takes a tenth of a second a page."""
    read = plain_read(forms, model, engine)

    def slow(ref: PageRef) -> PageResult:
        time.sleep(0.1)
        return read(ref)

    return slow


def deadly_read(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    """Does what the name of the file says."""
    read = plain_read(forms, model, engine)

    def deadly(ref: PageRef) -> PageResult:
        if "exit" in ref.file:
            os._exit(7)
        if "kill" in ref.file:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in ref.file:
            time.sleep(600)
        if "wrong" in ref.file:
            raise ZeroDivisionError("by nought")
        if "lost" in ref.file:
            raise PageError("registration", "no form fits")
        return read(ref)

    return deadly


def refused_read(_forms: Sequence[Form], _model: Path | None, _engine: Engine) -> Read:
    """Fails as where too many files are open."""

    def refuse(_ref: PageRef) -> PageResult:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    return refuse


def forbidden_read(_forms: Sequence[Form], _model: Path | None, _engine: Engine) -> Read:
    """Reads nothing: for runs that have nothing left to read."""

    def refuse(ref: PageRef) -> PageResult:
        raise AssertionError(f"{ref.file} is read again")

    return refuse


def scan(path: Path, *levels: int) -> Path:
    """A PNG, or a TIFF of several pages, each of one grey level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = (Pillow.fromarray(np.full((12, 10), level, np.uint8)) for level in levels)
    if rest:
        first.save(path, "TIFF", save_all=True, append_images=rest)
    else:
        first.save(path, "PNG")
    return path
