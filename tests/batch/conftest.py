"""A form and a model card, as small as they can be, and runs with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digitscan.batch import job
from digitscan.forms import Form, load_form
from digitscan.records import CLASSES
from tests.batch import fakes

Run = Callable[..., job.Summary]

FORM = """
name = "level"
[page]
size = [100, 100]
[[field]]
name = "level"
box = [10, 10, 30, 10]
cells = 3
"""


@pytest.fixture
def form(tmp_path: Path) -> Form:
    """A form of one field."""
    path = tmp_path / "form.toml"
    path.write_text(FORM)
    return load_form(path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of which there is only the card: enough for resume keys."""
    return write_card(tmp_path)


@pytest.fixture
def run(form: Form, model: Path, tmp_path: Path) -> Run:
    """A run that reads grey levels."""

    def do(*inputs: Path, output: str = "out", workers: int = 0, **options: Any) -> job.Summary:
        options.setdefault("make_read", fakes.plain_read)
        return job.run(inputs, [form], tmp_path / output, workers=workers, model=model, **options)

    return do


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six pictures and a TIFF of three pages."""
    folder = tmp_path / "scans"
    for number in range(6):
        fakes.scan(folder / f"{number}.png", 10 + number)
    fakes.scan(folder / "deep" / "book.TIF", 101, 102, 103)
    return folder


def write_card(folder: Path) -> Path:
    """The model file that would be there."""
    card = {"classes": list(CLASSES), "sha256": {"keras": "0", "tflite": "1"}}
    (folder / "model.json").write_text(json.dumps(card))
    return folder / "model.keras"
