"""Runs with invented readers: nothing lost, nothing read twice, the same bytes whatever happens."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from filelock import FileLock

from digitscan.batch import job, journal, listing, logs, runs, work
from digitscan.batch.job import Limits
from digitscan.batch.work import Read
from digitscan.errors import DigitscanError, OutputLocked, UsageError
from digitscan.forms import Form, load_form
from digitscan.records import PageRef
from tests.batch import fakes
from tests.batch.conftest import Run

TABLES = ("fields.csv", "digits.csv", "pages.csv")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables(output: Path) -> list[bytes]:
    return [(output / name).read_bytes() for name in TABLES]


def reads(output: Path) -> Counter[tuple[str, int]]:
    connection = sqlite3.connect(output / "journal.sqlite")
    try:
        return Counter(connection.execute("SELECT sha256, page FROM reads").fetchall())
    finally:
        connection.close()


def test_every_page_has_one_row_in_order_of_names(run: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "notes.txt").write_text("no page")
    (scans / ".hidden.png").write_text("no page")
    (scans / "broken.png").write_text("no page")
    (scans / "link.png").symlink_to(scans / "0.png")
    os.mkfifo(scans / "fifo.png")
    summary = run(scans)
    pages = rows(tmp_path / "out" / "pages.csv")
    assert [(row["file"], row["page"], row["status"]) for row in pages] == [
        (".hidden.png", "0", "skipped"),
        *((f"{number}.png", "1", "ok") for number in range(6)),
        ("broken.png", "0", "failed"),
        *(("deep/book.TIF", page, "ok") for page in "123"),
        ("fifo.png", "0", "skipped"),
        ("link.png", "0", "skipped"),
        ("notes.txt", "0", "skipped"),
    ]
    assert pages[-1]["reason"] == "not a page format (.txt)"
    assert (summary.counts.ok, summary.counts.failed, summary.counts.skipped) == (9, 1, 4)
    assert summary.read == 9
    fields = rows(tmp_path / "out" / "fields.csv")
    assert [row["value"] for row in fields[-3:]] == ["101", "102", "103"]
    assert fields[0] == {
        **{"file": "0.png", "page": "1", "form": "level", "field": "level", "value": "10", "raw": "10"},
        **{"confidence": "0.0333", "status": "review", "reason": "low"},
    }


def test_what_may_be_written_is_kept_for_the_review(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans)
    with journal.opened(tmp_path / "out") as book:
        assert [(key, of.digits) for key, of in book.limits().items()] == [(("level", "level"), (0, 3))]


def test_a_second_run_reads_nothing_again(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans)
    before = tables(tmp_path / "out")
    summary = run(scans, make_read=fakes.forbidden_read)
    assert summary.read == 0
    assert tables(tmp_path / "out") == before
    fakes.scan(scans / "later.png", 77)
    assert run(scans).read == 1


def test_what_a_reading_depends_on_makes_it_new(run: Run, scans: Path, form: Form, tmp_path: Path) -> None:
    run(scans)
    card = tmp_path / "model.json"
    card.write_text(card.read_text().replace('"tflite": "1"', '"tflite": "2"'))
    assert run(scans).read == 9
    assert run(scans, engine="tensorflow").read == 9
    form.path.write_text(form.path.read_text().replace("cells = 3", "cells = 4"))
    other = [load_form(form.path)]
    options: dict[str, Any] = {"workers": 0, "model": tmp_path / "model.keras"}
    assert job.run([scans], other, tmp_path / "out", make_read=fakes.plain_read, **options).read == 9
    assert set(reads(tmp_path / "out").values()) == {4}


def test_the_order_of_forms_makes_nothing_new(scans: Path, form: Form, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(form.path.read_text().replace('"level"', '"other"'))
    forms = [form, load_form(other)]
    for given, read in ((forms, fakes.plain_read), (forms[::-1], fakes.forbidden_read)):
        job.run([scans], given, tmp_path / "out", workers=0, model=model, make_read=read)
    assert set(reads(tmp_path / "out").values()) == {1}


def test_workers_change_no_byte(run: Run, scans: Path, tmp_path: Path) -> None:
    for workers in (0, 1, 2):
        run(scans, output=f"out{workers}", workers=workers)
    assert tables(tmp_path / "out0") == tables(tmp_path / "out1") == tables(tmp_path / "out2")


def test_copies_of_a_file_are_read_once(run: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "copy.tif").write_bytes((scans / "deep" / "book.TIF").read_bytes())
    summary = run(scans)
    assert (summary.read, summary.counts.ok, summary.copies) == (9, 12, 3)
    values = [(row["file"], row["value"]) for row in rows(tmp_path / "out" / "fields.csv")]
    for name in ("copy.tif", "deep/book.TIF"):
        assert [value for file, value in values if file == name] == ["101", "102", "103"]


def test_inputs_come_in_their_order_and_once(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans / "5.png", scans / "deep", scans)
    files = [row["file"] for row in rows(tmp_path / "out" / "pages.csv")]
    assert files == ["5.png", "book.TIF", "book.TIF", "book.TIF", *(f"{n}.png" for n in range(5))]


def test_an_output_within_the_input_is_left_out(run: Run, scans: Path) -> None:
    for _ in range(2):
        summary = run(scans, output="scans/out")
        assert summary.counts.skipped == 0


def test_a_worker_that_dies_or_hangs_costs_its_page(
    run: Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PAGE_SECONDS", 2.0)
    for number, name in enumerate(["exit", "kill", "hang", "wrong", "lost"]):
        fakes.scan(scans / f"{name}.png", 200 + number)
    summary = run(scans, workers=2, make_read=fakes.deadly_read)
    reasons = {row["file"]: row["reason"] for row in rows(tmp_path / "out" / "pages.csv") if row["reason"]}
    assert reasons == {
        "exit.png": "the process that read it died (exit code 7)",
        "kill.png": "the process that read it died (SIGKILL)",
        "hang.png": "took more than 2 s",
        "wrong.png": "internal error (ZeroDivisionError), see the log",
        "lost.png": "no form fits",
    }
    assert summary.counts.ok == 9


def test_what_a_limit_leaves_is_told_and_read_later(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans, output="whole")
    first = run(scans, limits=Limits(pages=4))
    assert (first.read, first.counts.ok, first.counts.left) == (4, 4, 5)
    left = [row for row in rows(tmp_path / "out" / "pages.csv") if row["status"] == "skipped"]
    assert [(row["file"], row["page"]) for row in left[:2]] == [("4.png", "1"), ("5.png", "1")]
    assert {row["reason"] for row in left} == {"left for the next run"}
    late = run(scans, limits=Limits(until=time.time() - 1))
    assert (late.read, late.counts.left) == (0, 5)
    assert run(scans).read == 5
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")


def test_no_file_is_opened_after_the_hour(run: Run, scans: Path, tmp_path: Path) -> None:
    summary = run(scans, limits=Limits(until=time.time() - 1))
    assert (summary.counts.ok, summary.counts.left) == (0, 7)
    assert {row["page"] for row in rows(tmp_path / "out" / "pages.csv")} == {"0"}
    assert run(scans).read == 9


def test_what_failed_is_read_again_when_that_is_asked(run: Run, scans: Path, tmp_path: Path) -> None:
    for number, name in enumerate(["wrong", "lost"]):
        fakes.scan(scans / f"{name}.png", 200 + number)
    (scans / "half.png").write_bytes(b"no picture")
    assert run(scans, make_read=fakes.deadly_read).counts.failed == 3
    assert run(scans).read == 0
    summary = run(scans, limits=Limits(retry_failed=True))
    assert (summary.read, summary.counts.failed) == (2, 1)
    assert "ZeroDivisionError: by nought" in (tmp_path / "out" / logs.NAME).read_text()


def test_what_the_disk_refused_is_always_tried_again(run: Run, scans: Path, tmp_path: Path) -> None:
    first = run(scans, make_read=fakes.refused_read)
    assert (first.counts.ok, first.counts.failed) == (0, 9)
    assert {row["reason"] for row in rows(tmp_path / "out" / "pages.csv")} == {
        "cannot be read now: Too many open files"
    }
    assert run(scans).read == 9


def test_what_was_never_read_comes_before_what_is_tried_again(run: Run, scans: Path, tmp_path: Path) -> None:
    """What takes too long every night must not keep all else waiting."""
    run(scans, limits=Limits(pages=2), make_read=fakes.refused_read)
    run(scans, limits=Limits(pages=7))
    failed = [row["file"] for row in rows(tmp_path / "out" / "pages.csv") if row["status"] == "failed"]
    assert failed == ["0.png", "1.png"]
    assert run(scans).counts.ok == 9


def test_nothing_is_begun_after_the_hour_though_it_was_handed_over_before(form: Form, model: Path) -> None:
    ref = PageRef(Path("none.png"), "none.png", 1, "")
    begin = work.maker(fakes.forbidden_read, (form,), model, "litert", time.time() - 1)
    assert begin()(ref) is None


def test_files_that_were_renamed_or_changed(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans)
    (scans / "0.png").rename(scans / "moved.png")
    assert run(scans, make_read=fakes.forbidden_read).read == 0
    assert rows(tmp_path / "out" / "fields.csv")[-1]["file"] == "moved.png"
    times = (scans / "1.png").stat()
    fakes.scan(scans / "1.png", 99)
    os.utime(scans / "1.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(scans).read == 1
    assert rows(tmp_path / "out" / "fields.csv")[0]["value"] == "99"


def test_a_scan_overwritten_before_it_is_read_is_read_by_the_next_run(
    run: Run, scans: Path, tmp_path: Path
) -> None:
    """Its size and times are as they were: what was read must not stand under the other's hash."""
    first, other = (fakes.scan(tmp_path / f"{level}.png", level).read_bytes() for level in (10, 99))
    times = (scans / "0.png").stat()

    def late(*given: Any) -> Read:
        (scans / "0.png").write_bytes(other)
        os.utime(scans / "0.png", ns=(times.st_atime_ns, times.st_mtime_ns))
        return fakes.plain_read(*given)

    assert run(scans, make_read=late).counts.failed == 1
    row = rows(tmp_path / "out" / "pages.csv")[0]
    assert row["reason"] == "changed since it was listed: read again by the next run"
    (scans / "0.png").write_bytes(first)
    assert run(scans).read == 1
    assert rows(tmp_path / "out" / "fields.csv")[0]["value"] == "10"


def test_files_that_lie_still_are_hashed_once(run: Run, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_REST_NS", 0)
    run(scans)

    def refuse(*_: object) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    assert run(scans).read == 0


def test_how_far_a_run_is(run: Run, scans: Path, tmp_path: Path) -> None:
    fakes.scan(scans / "lost.png", 200)
    (scans / "half.png").write_bytes(b"no picture")
    (scans / "notes.txt").write_text("no page")
    run(scans, limits=Limits(pages=8), make_read=fakes.deadly_read)
    with journal.opened(tmp_path / "out") as book:
        state = runs.state(book, held=False)
    assert state is not None
    assert (state.ending, state.pages, state.done, state.left, state.unopened) == ("stopped", 10, 8, 2, 0)
    assert (state.failed, state.skipped, state.fields, state.review) == (1, 1, 8, 8)
    run(scans, make_read=fakes.deadly_read)
    with journal.opened(tmp_path / "out") as book:
        state = runs.state(book, held=False)
    assert state is not None
    assert (state.ending, state.done, state.left, state.failed) == ("done", 10, 0, 2)
    assert state.pace is not None


def test_a_file_still_being_written_is_neither_failed_nor_a_limit(
    run: Run, scans: Path, tmp_path: Path
) -> None:
    soon = time.time() + 300
    os.utime(scans / "0.png", (soon, soon))
    assert run(scans, settle=1).counts.left == 1
    with journal.opened(tmp_path / "out") as book:
        state = runs.state(book, held=False)
    assert state is not None
    assert (state.ending, state.failed, state.unopened) == ("done", 0, 1)


def test_the_log_has_pages_and_no_digits(run: Run, scans: Path, tmp_path: Path) -> None:
    run(scans, output="first")
    log = (tmp_path / "first" / logs.NAME).read_text().replace(str(tmp_path), "")
    assert "INFO deep/book.TIF page 3: level, 1 fields, 1 for review" in log
    assert "103" not in log


def test_names_that_are_not_utf8_and_formulas_are_defused(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    fakes.scan(folder / "=1+1.png", 1)
    fakes.scan(folder / 'a "b",\nc.png', 2)
    fakes.scan(folder / "x.png", 3).rename(folder / os.fsdecode(b"z\xff\xfe.png"))
    run(folder)
    assert [row["file"] for row in rows(tmp_path / "out" / "fields.csv")] == [
        "'=1+1.png",
        'a "b",\nc.png',
        "z\\xff\\xfe.png",
    ]


def test_one_run_at_a_time(run: Run, scans: Path, tmp_path: Path) -> None:
    with job._held(tmp_path / "out"), pytest.raises(OutputLocked):
        run(scans)
    run(scans)


def test_a_lock_that_is_let_go_a_moment_later_is_no_other_run(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    lock = FileLock(tmp_path / "out" / ".lock", thread_local=False)
    lock.acquire()
    Timer(0.1, lock.release).start()
    run(scans)


def test_no_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(UsageError):
            run(tmp_path / name)
    with pytest.raises(UsageError, match="out is the output directory"):
        run(tmp_path / "out")


def test_a_damaged_journal_is_named(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "journal.sqlite").write_bytes(b"no journal " * 1000)
    with pytest.raises(UsageError, match="journal"):
        run(scans)


def test_a_full_disk_leaves_the_old_outputs(
    run: Run, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scans)
    before = tables(tmp_path / "out")
    fakes.scan(scans / "later.png", 77)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DigitscanError, match="No space left"):
            run(scans)
    assert tables(tmp_path / "out") == before
    assert not list((tmp_path / "out").glob(".*.part"))
    assert run(scans).read == 0


SCRIPT = """
import sys
from pathlib import Path
from digitscan.batch import job, journal, listing, logs, runs
from digitscan.batch.job import Limits
from digitscan.forms import load_form
from tests.batch import fakes
if __name__ == "__main__":
    root = Path(sys.argv[1])
    forms = [load_form(root / "form.toml")]
    try:
        job.run([root / "scans"], forms, root / "out", workers=2, model=root / "model.keras",
                make_read=fakes.slow_read)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def started(root: Path, pages: int) -> subprocess.Popen[bytes]:
    """A run in a process of its own, once it has read some pages."""
    (root / "script.py").write_text(SCRIPT)
    here = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, root / "script.py", root], env={**os.environ, "PYTHONPATH": str(here)}
    )
    for _ in range(600):
        time.sleep(0.05)
        try:
            if sum(reads(root / "out").values()) >= pages:
                return process
        except sqlite3.OperationalError:
            assert process.poll() is None
    raise AssertionError("the run does not begin")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_is_continued(
    run: Run, scans: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    for number in range(6, 40):
        fakes.scan(scans / f"{number}.png", 110 + number)
    process = started(tmp_path, pages=5)
    process.send_signal(ending)
    assert process.wait(20) == (130 if ending == signal.SIGINT else -signal.SIGKILL)
    done = sum(reads(tmp_path / "out").values())
    assert 5 <= done < 43
    assert not (tmp_path / "out" / "pages.csv").exists()
    assert run(scans, workers=1).read == 43 - done
    assert set(reads(tmp_path / "out").values()) == {1}
    run(scans, output="whole")
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")
