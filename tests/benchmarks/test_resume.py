"""What is resumed was read before, and nothing is read again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.resume import filled, resumed


def test_all_is_found_to_be_read(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    found = resumed(tmp_path)
    assert found.start > 0 and found.outputs > 0 and found.cpu > 0 and found.peak > 0
    assert len((tmp_path / "out" / "pages.csv").read_text().splitlines()) == 4
