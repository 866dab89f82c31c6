"""Lines of the log: one a message, whatever names hold."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from digitscan.batch import logs
from digitscan.errors import UsageError

LOG = logging.getLogger("digitscan.tests")
NAME = "a\nb\x1b[31m\x85" + os.fsdecode(b"\xff") + ".png"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_message_is_a_line(tmp_path: Path, form: logs.Format) -> None:
    with logs.kept(tmp_path, form):
        LOG.info("%s page %d", NAME, 1)
        LOG.debug("not kept")
    LOG.warning("not kept either")
    (line,) = (tmp_path / logs.NAME).read_text(encoding="utf-8").splitlines()
    if form == "json":
        assert json.loads(line)["level"] == "info"
        assert json.loads(line)["message"] == "a\nb\x1b[31m\x85\\xff.png page 1"
    else:
        assert line.endswith("INFO a\\x0ab\\x1b[31m\\x85\\xff.png page 1")


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_are_kept(tmp_path: Path, form: logs.Format) -> None:
    with pytest.raises(ZeroDivisionError), logs.kept(tmp_path, form):
        LOG.error("a page", extra={"traceback": "of a worker"})
        raise ZeroDivisionError("by nought")
    kept = (tmp_path / logs.NAME).read_text(encoding="utf-8")
    assert "of a worker" in kept
    assert "Traceback" in kept
    assert "ended: by nought" in kept


def test_the_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError), logs.kept(tmp_path, "text"):
        raise UsageError("no input")
    with pytest.raises(KeyboardInterrupt), logs.kept(tmp_path, "text"):
        raise KeyboardInterrupt
    first, second = (tmp_path / logs.NAME).read_text(encoding="utf-8").splitlines()
    assert first.endswith("ERROR ended: no input")
    assert second.endswith("ERROR ended: interrupted")


def test_a_log_that_was_moved_is_begun_anew(tmp_path: Path) -> None:
    with logs.kept(tmp_path, "text"):
        LOG.info("before")
        (tmp_path / logs.NAME).rename(tmp_path / "digitscan.log.1")
        LOG.info("after")
    assert "after" in (tmp_path / logs.NAME).read_text()
    assert "after" not in (tmp_path / "digitscan.log.1").read_text()


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / logs.NAME).mkdir()
    with logs.kept(tmp_path, "text"):
        LOG.info("lost")
