"""What is told of a run while it is on, and after it died."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from digitscan.batch import journal, runs


def test_a_run_is_on_as_long_as_it_holds_the_directory(tmp_path: Path) -> None:
    assert not runs.held(tmp_path)
    with journal.opened(tmp_path) as book, runs.begun(book, "setup", "1"):
        for held, ending in ((True, "running"), (False, "died")):
            state = runs.state(book, held=held)
            assert state is not None
            assert state.ending == ending
    with FileLock(tmp_path / runs.LOCK):
        assert runs.held(tmp_path)
    assert not runs.held(tmp_path)
