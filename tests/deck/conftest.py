"""A small form with every kind of field, so that decks are made in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitscan.forms import Form, load_form

SMALL_FORM = """
name = "small"
[page]
size = [90.0, 120.0]
[registration]
method = "marks"
marks = [[4, 4, 5, 5], [81, 4, 5, 5], [4, 111, 5, 5], [81, 111, 5, 5], [14, 4, 5, 5]]
[[field]]
name = "code"
box = [30, 15, 21, 8]
cells = 3
required = true
values = ["007", "042", "913"]
[[field]]
name = "open"
box = [30, 30, 45, 9]
digits = [2, 6]
[[field]]
name = "plate"
cell_boxes = [[60, 15, 6, 8], [68, 15, 6, 8]]
pattern = "[1-4][5-9]"
[[table]]
name = "item"
rows = 3
pitch = 12
[[table.field]]
name = "line"
box = [16, 52, 6, 8]
cells = 1
[[table.field]]
name = "amount"
box = [30, 52, 18, 8]
cells = 3
minimum = 5
maximum = 400
[[field]]
name = "sum"
box = [60, 92, 24, 8]
cells = 4
required = true
[[check]]
rule = "sum(item.amount) == sum"
"""


@pytest.fixture(scope="session")
def form(tmp_path_factory: pytest.TempPathFactory) -> Form:
    path: Path = tmp_path_factory.mktemp("form") / "small.toml"
    path.write_text(SMALL_FORM, encoding="utf-8")
    return load_form(path)
