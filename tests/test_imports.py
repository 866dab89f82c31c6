"""Imports point downwards, as CONTRIBUTING.md says."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "digitscan"
FLOORS = (
    *("errors", "records", "definition", "validation", "forms", "deck", "vision", "recognition", "pipeline"),
    *("batch", "review", "cli"),
)
"""The lowest first."""


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports, anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "digitscan":
            names += [f"digitscan.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return {name.split(".")[1] for name in names if name.startswith("digitscan.")}


def test_no_part_imports_one_above_it() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "__main__")]
    seen = set()
    for path in modules:
        floor = path.relative_to(PACKAGE).with_suffix("").parts[0]
        parts = imported(path) & set(FLOORS)
        seen |= parts
        above = [part for part in parts if FLOORS.index(part) > FLOORS.index(floor)]
        assert not above, f"{path.name} imports {above}"
    assert len(modules) > 100
    assert seen > {"errors", "records", "forms", "vision"}


def test_the_document_tells_the_same_order() -> None:
    text = " ".join((PACKAGE.parent / "CONTRIBUTING.md").read_text().split())
    said = text.partition("Imports point downwards: ")[2].partition(". ")[0]
    told = [word for word in said.replace(",", " ").split() if word in FLOORS]
    assert told == list(reversed(FLOORS))
