"""Poppler is held to its limits, and what it leaves behind is looked at: here it is any small script."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from digitscan.errors import ACCESS, PageError
from digitscan.records import Image
from digitscan.vision import poppler

PICTURE = "printf 'P5\\n3 2\\n255\\nabcdef'"


def drawn(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> tuple[Image, bool]:
    """What comes of a poppler that is that shell script."""
    program = folder / "pdftoppm"
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    with tempfile.TemporaryFile() as file:
        file.write(b"%PDF-")
        file.flush()
        return poppler.draw(file, 1, 100, 6)


def test_the_picture_comes_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, complained = drawn(tmp_path, monkeypatch, PICTURE)
    assert np.array_equal(image, np.frombuffer(b"abcdef", np.uint8).reshape(2, 3))
    assert not complained
    assert drawn(tmp_path, monkeypatch, f"echo Syntax Error >&2; {PICTURE}")[1]


def test_it_is_given_the_file_that_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(tmp_path, monkeypatch, f'[ "$(cat "${{@: -1}}")" = %PDF- ] && {PICTURE}')


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 99", "cannot draw"),
        ("kill -9 $$", "cannot draw"),
        ("echo hello", "cannot draw"),
        ("printf 'P5\\n3 2\\n255\\nabc'", "only a part"),
        (f"echo Out of memory >&2; {PICTURE}", "memory"),
        (f"head -c 3000000 /dev/zero >&2; [ $? = 0 ] && {PICTURE}", "cannot draw"),
        (f"{sys.executable} -I -S -c 'bytearray(3 << 29)' && {PICTURE}", "cannot draw"),
        ("exec cat /dev/zero", "cannot draw"),
    ],
)
def test_what_it_cannot_do_is_one_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    with pytest.raises(PageError, match=reason):
        drawn(tmp_path, monkeypatch, script)


def test_it_is_stopped_when_it_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poppler, "_SECONDS", 1)
    with pytest.raises(PageError, match="more than 1 s"):
        drawn(tmp_path, monkeypatch, "exec sleep 600")


def test_where_it_is_missing_the_page_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with tempfile.TemporaryFile() as file, pytest.raises(PageError, match="poppler-utils") as caught:
        poppler.draw(file, 1, 100, 6)
    assert caught.value.stage == ACCESS
