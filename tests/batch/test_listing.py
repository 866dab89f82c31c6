"""What the inputs of a run held, and no longer hold."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from digitscan.batch import logs
from digitscan.cli import commands
from tests.batch import fakes
from tests.batch.conftest import Run


def test_pages_that_are_no_longer_in_the_inputs_are_told_once(run: Run, scans: Path, tmp_path: Path) -> None:
    assert run(scans).gone == 0
    (scans / "0.png").rename(scans / "moved.png")
    fakes.scan(scans / "1.png", 99)
    (scans / "2.png").unlink()
    (scans / "deep" / "book.TIF").unlink()
    assert run(scans).gone == 4
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["gone"] == 4
    assert "WARNING 4 pages of the last run are no longer" in (tmp_path / "out" / logs.NAME).read_text()
    assert "gone     4 pages" in CliRunner().invoke(commands, ["status", str(tmp_path / "out")]).output
    assert run(scans).gone == 0


def test_an_input_without_files_is_named_beside_others(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "unmounted").mkdir()
    run(tmp_path / "unmounted", scans)
    log = (tmp_path / "out" / logs.NAME).read_text()
    assert f"WARNING {tmp_path / 'unmounted'}: there are no files in it" in log
    assert log.count("there are no files") == 1
