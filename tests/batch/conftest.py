"""A form and a model card, as small as they can be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from digitscan.forms import Form, load_form
from digitscan.records import CLASSES

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


def write_card(folder: Path) -> Path:
    """The model file that would be there."""
    card = {"classes": list(CLASSES), "sha256": {"keras": "0", "tflite": "1"}}
    (folder / "model.json").write_text(json.dumps(card))
    return folder / "model.keras"
