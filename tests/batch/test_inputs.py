"""Files that may still be on their way are waited for, or left."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path

import pytest

from digitscan.batch import inputs
from digitscan.batch.outputs import LEFT, SKIPPED
from digitscan.errors import ACCESS
from digitscan.records import PageFailure
from digitscan.vision import pages


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on only while one sleeps; how long that was."""
    begun, slept = time.time() + 0.5, list[float]()  # later than the files of the test
    monkeypatch.setattr(time, "time", lambda: begun + sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def found(folder: Path, settle: float) -> dict[str, str]:
    """The stage at which each file failed, if it did."""
    listed = inputs.find([folder], folder / "out", settle=settle)
    return {(f.ref.file if isinstance(f, PageFailure) else f.file): getattr(f, "stage", "") for f in listed}


def test_fresh_files_are_waited_for_once(tmp_path: Path, waits: list[float]) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    assert found(tmp_path, 10) == {"a.png": "", "b.png": ""}
    assert 9 < sum(waits) <= 10


def test_rested_files_are_not_waited_for(tmp_path: Path, waits: list[float]) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    waits.append(11)
    assert found(tmp_path, 10) == {"a.png": ""}
    assert waits == [11]


def test_a_file_that_goes_on_changing_is_left(
    tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    growing, still = tmp_path / "growing.png", tmp_path / "still.png"
    growing.write_bytes(b"x")
    still.write_bytes(b"x")

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        os.utime(growing, (time.time() - 1,) * 2)  # of the time that the wait has come to

    monkeypatch.setattr(time, "sleep", sleep)
    assert found(tmp_path, 10) == {"growing.png": LEFT, "still.png": ""}


def test_a_server_ahead_of_us_has_its_files_left(tmp_path: Path, waits: list[float]) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    os.utime(tmp_path / "a.png", (time.time() + 60,) * 2)
    waits.append(11)
    assert found(tmp_path, 10) == {"a.png": LEFT}


def test_a_time_far_to_come_says_nothing(tmp_path: Path, waits: list[float]) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    os.utime(tmp_path / "a.png", (4102444800,) * 2)
    waits.append(11)
    assert found(tmp_path, 10) == {"a.png": ""}


def test_a_beginning_tells_what_has_no_suffix(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"%PDF-1.7 and so on")
    (tmp_path / "README").write_bytes(b"Read me")
    (tmp_path / "nothing").write_bytes(b"")
    assert found(tmp_path, 0) == {"page": "", "README": SKIPPED, "nothing": SKIPPED}


def test_what_is_hidden_is_listed_and_not_opened(tmp_path: Path) -> None:
    for name in (".scan.png", "..png", ".trash/scan.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert found(tmp_path, 0) == {".scan.png": SKIPPED, ".trash": SKIPPED, "..png": ""}


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    name = "e" * 200
    for _ in range(25):
        os.mkdir(name, dir_fd=handle)
        deeper = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    os.close(handle)
    (stage,) = found(tmp_path, 0).values()
    assert stage == ACCESS


def test_what_is_named_wrongly_is_refused_beside_its_copy(tmp_path: Path) -> None:
    for name, content in (("a.pdf", b"%PDF-1.7"), ("b.png", b"%PDF-1.7"), ("c.pdf", b"x"), ("d.png", b"x")):
        (tmp_path / name).write_bytes(content)
    assert found(tmp_path, 0) == {"a.pdf": "", "b.png": "open", "c.pdf": "open", "d.png": ""}


def test_what_is_known_is_opened_only_where_its_name_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "page", "README"):
        (tmp_path / name).write_bytes(b"%PDF-1.7" if name == "page" else b"x")
    opened = list[str]()
    real = pages.open_file

    def noted(path: Path) -> AbstractContextManager[BufferedReader]:
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(pages, "open_file", noted)
    listed = list(inputs.find([tmp_path], tmp_path / "out", known=lambda _path, _stamp: "its hash"))
    hashes = {f.file: f.sha256 for f in listed if isinstance(f, inputs.InputFile)}
    assert hashes == {"a.png": "its hash", "page": "its hash"}
    assert opened == ["README", "page"]
