"""Files that may still be on their way are waited for, or left."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path

import pytest

from digitscan.batch import inputs
from digitscan.batch.outputs import LEFT, SKIPPED, cell
from digitscan.errors import ACCESS
from digitscan.records import PageFailure
from digitscan.vision import pages
from tests.batch import fakes
from tests.batch.conftest import Run
from tests.batch.test_job import rows


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on only while one sleeps; how long that was."""
    begun, slept = time.time() + 0.5, list[float]()  # later than the files of the test
    monkeypatch.setattr(time, "time", lambda: begun + sum(slept))
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def found(folder: Path, settle: float) -> dict[str, str]:
    """The stage at which each file failed, if it did."""
    return dict(told(folder, settle=settle))


def told(*given: Path, settle: float = 0) -> list[tuple[str, str]]:
    """The same for several inputs, one of which may hold a file of the same name as another."""
    listed = inputs.find(given, given[0] / "out", settle=settle)
    return [((f.ref.file if isinstance(f, PageFailure) else f.file), getattr(f, "stage", "")) for f in listed]


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


def test_a_clock_set_back_makes_no_wait_endless(
    tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    set_back = time.time() - 1800
    real = time.sleep

    def sleep(seconds: float) -> None:
        real(seconds)
        monkeypatch.setattr(time, "time", lambda: set_back + sum(waits))

    monkeypatch.setattr(time, "sleep", sleep)
    assert found(tmp_path, 10) == {"a.png": LEFT}
    assert sum(waits) <= 20


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


def test_a_number_is_no_suffix(tmp_path: Path) -> None:
    (tmp_path / "scan 30.11.2026").write_bytes(b"%PDF-1.7 and so on")
    (tmp_path / "notes.1").write_bytes(b"Read me")
    assert found(tmp_path, 0) == {"scan 30.11.2026": "", "notes.1": SKIPPED}


def test_what_is_hidden_is_listed_and_not_opened(tmp_path: Path) -> None:
    for name in (".scan.png", "..png", ".trash/scan.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert found(tmp_path, 0) == {".scan.png": SKIPPED, ".trash": SKIPPED, "..png": ""}


@pytest.mark.parametrize("name", ["e" * 200, "e" * 196 + ".old"])
def test_a_path_that_is_too_long_is_named(tmp_path: Path, name: str) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
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


def test_files_of_one_name_in_two_inputs_are_not_read(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for name in ("1.png", "deep/1.png", "2.png", "notes.txt", "README", "broken.pdf"):
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_bytes(b"x")
    for name in ("1.png", "3.png", "notes.txt", "README", "broken.pdf"):
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).write_bytes(b"x")
    listed = list(inputs.find([one, other], tmp_path / "out"))
    shared = [f for f in listed if isinstance(f, PageFailure) and "two inputs" in f.reason]
    assert [(f.ref.path, f.ref.file, f.stage) for f in shared] == [
        (one / "1.png", "1.png", "open"),
        (other / "1.png", "1.png", "open"),
    ]
    assert {f.file for f in listed if isinstance(f, inputs.InputFile)} == {"deep/1.png", "2.png", "3.png"}
    told_of = {f.ref.file: f.stage for f in listed if isinstance(f, PageFailure)}
    assert told_of == {"1.png": "open", "notes.txt": SKIPPED, "README": SKIPPED, "broken.pdf": "open"}
    assert told(one / "1.png", other / "1.png") == [("1.png", "open"), ("1.png", "open")]


def test_no_two_files_have_one_name_in_the_outputs(tmp_path: Path) -> None:
    names = [b"a\\.png", b"a\\x5cxff.png", b"a\\xff.png", b"a\xff.png"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    shown = [cell(file) for file in found(tmp_path, 0)]
    assert shown == [r"a\.png", r"a\x5cx5cxff.png", r"a\x5cxff.png", r"a\xff.png"]


def test_an_input_given_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    for name in ("1.png", "deep/2.png"):
        (tmp_path / name).write_bytes(b"x")
    assert told(tmp_path / "deep", tmp_path / "deep") == [("2.png", "")]
    assert told(tmp_path / "deep", tmp_path / "link", tmp_path / "deep" / "2.png") == [("2.png", "")]


def test_files_of_one_name_in_two_inputs_fail_and_the_others_are_read(
    run: Run, scans: Path, tmp_path: Path
) -> None:
    fakes.scan(tmp_path / "more" / "0.png", 70)
    fakes.scan(tmp_path / "more" / "9.png", 79)
    summary = run(scans, tmp_path / "more")
    assert (summary.counts.ok, summary.counts.failed) == (9, 2)
    failed = [row for row in rows(tmp_path / "out" / "pages.csv") if row["status"] == "failed"]
    reason = "two inputs hold a file of this name: give the directory above both"
    assert [(row["file"], row["page"], row["reason"]) for row in failed] == [("0.png", "0", reason)] * 2
    files = [row["file"] for row in rows(tmp_path / "out" / "fields.csv")]
    assert ("0.png" in files, "9.png" in files) == (False, True)
    again = run(tmp_path / "more")
    assert (again.read, again.counts.failed) == (1, 0)
