"""The commands as a person or cron calls them: messages, exit codes, and what is not imported."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import click
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

import digitscan
from digitscan.batch.job import Summary
from digitscan.batch.outputs import Counts
from digitscan.cli import run as run_command
from digitscan.deck.drawing import draw_form
from digitscan.forms import load_form
from tests.batch.test_scoring import DIGITS, FIELDS, TRUTH
from tests.drawn_pages import DPI, SMALL_FORM
from tests.review import made

ROOT = Path(__file__).parents[1]
FORM = ROOT / "configs" / "household.toml"
SAMPLES = ROOT / "sample_scans"
PAGE = SAMPLES / "004_flatbed.png"


def command(*arguments: object, without: tuple[str, ...] = (), folder: Path | None = None) -> list[str]:
    """The command line; modules named in `without` cannot be imported by it or its workers."""
    if not without:
        return [sys.executable, "-m", "digitscan", *map(str, arguments)]
    assert folder is not None
    for name in without:
        (folder / f"{name}.py").write_text("raise SystemError('imported in vain')")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from digitscan.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def called(
    *arguments: object, without: tuple[str, ...] = (), folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    line = command(*arguments, without=without, folder=folder)
    paths = os.pathsep.join(str(path) for path in (folder, ROOT) if path)
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def digit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = Pillow.new("L", (60, 80), 235)
    font = ImageFont.load_default(60)
    ImageDraw.Draw(picture).text((12, 2), "4", fill=20, font=font)
    path = tmp_path_factory.mktemp("digit") / "four.png"
    picture.save(path)
    return path


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("numpy", "cv2", "scipy", "tensorflow", "pydantic", "PIL", "matplotlib")
    done = called("--help", without=heavy, folder=tmp_path)
    assert done.returncode == 0
    assert "Usage: digitscan" in done.stdout
    assert called("run", "--nonsense", without=heavy, folder=tmp_path).returncode == 2


@pytest.mark.parametrize("name", ["run", "status", "check", "classify", "train", "evaluate", "deck"])
def test_every_command_has_help(name: str) -> None:
    done = called(name, "--help")
    assert done.returncode == 0
    assert f"Usage: digitscan {name}" in done.stdout


def test_the_version_is_that_of_the_package() -> None:
    stated = next(
        line.split('"')[1]
        for line in (ROOT / "pyproject.toml").read_text().splitlines()
        if line.startswith("version")
    )
    assert digitscan.__version__ == stated


def test_a_run_reads_without_tensorflow_and_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    line = ["run", PAGE, "--form", FORM, "--output", tmp_path / "out", "--workers", "1"]
    done = called(*line, without=("tensorflow", "keras"), folder=tmp_path / "modules")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 pages read now" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert str(tmp_path / "out") in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["counts"]["ok"] == 1
    again = called(*line)
    assert "nothing to read" in again.stdout
    assert called(*line, "--quiet").stdout == ""
    later = called(*line, "--until", "06:00", "--max-pages", "1", "--retry-failed")
    assert (later.returncode, later.stderr) == (0, "")
    told = called("status", tmp_path / "out").stdout
    assert "pages    1 of 1 done, 0 left" in told
    assert json.loads(called("status", "--json", tmp_path / "out").stdout)["ending"] == "done"


def test_standard_streams_may_be_closed(tmp_path: Path) -> None:
    line = command("run", PAGE, "--form", FORM, "--output", tmp_path, "--workers", "1")
    closed = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *line]
    assert subprocess.run(closed, check=False, timeout=120, cwd=ROOT).returncode == 0
    assert '"ok": 1' in (tmp_path / "summary.json").read_text()
    assert (tmp_path / "report.html").exists()


def test_neither_the_summary_nor_the_report_decides_how_a_run_ends(tmp_path: Path) -> None:
    line = command("run", PAGE, "--form", FORM, "--output", tmp_path, "--workers", "1")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert "standard output: cannot be written: No space left" in done.stderr
    assert (tmp_path / "report.html").exists()
    (tmp_path / "corrections").write_text("in the way")
    again = called(*line[3:])
    assert (again.returncode, len(again.stdout.splitlines()), len(again.stderr.splitlines())) == (0, 1, 1)
    assert "no report was made" in again.stderr
    assert "ERROR no report was made" in (tmp_path / "digitscan.log").read_text()


def test_the_summary_tells_what_no_table_holds() -> None:
    counts = Counts(ok=9, failed=0, skipped=0, left=0, fields=9, review=0)
    usual = run_command._told(Summary(counts, 9, gone=0, copies=0, seconds=1, paths=()), Path("out"))
    assert not set(usual.split()) & {"inputs;", "copies"}
    told = run_command._told(Summary(counts, 9, gone=4, copies=3, seconds=1, paths=()), Path("out"))
    assert "; 4 pages of the last run are no longer in the inputs; 3 pages are copies of others;" in told


def test_a_bad_page_is_a_row_and_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "broken.pdf").write_bytes(b"%PDF-1.7 half")
    (tmp_path / "scans" / "good.png").write_bytes(PAGE.read_bytes())
    line = ["run", tmp_path / "scans", "--form", FORM, "--output", tmp_path / "out", "--workers", "1"]
    done = called(*line)
    assert done.returncode == 3
    assert "1 pages ok, 1 failed" in done.stdout
    assert done.stderr == ""
    assert "WARNING broken.pdf page 0" in (tmp_path / "out" / "digitscan.log").read_text()
    with (tmp_path / "out" / "pages.csv").open(newline="") as file:
        statuses = {row["file"]: row["status"] for row in csv.DictReader(file)}
    assert statuses == {"broken.pdf": "failed", "good.png": "ok"}


def test_usage_errors_are_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\nfeild = 1\n[page]\nsize = [1]\n')
    (tmp_path / "empty").mkdir()
    out = ["--output", tmp_path / "out"]
    cases: list[tuple[list[object], tuple[str, ...]]] = [
        (["run"], ("INPUT",)),
        (["run", PAGE, "--form", FORM], ("--output",)),
        (["run", tmp_path / "missing", "--form", FORM, *out], ("no such file", "missing")),
        (["run", tmp_path / "empty", "--form", FORM, *out], ("no input", "empty")),
        (["run", PAGE, "--form", bad, *out], ("bad.toml", "feild", "page.size")),
        (["run", PAGE, "--form", FORM, "--form", FORM, *out], ("household",)),
        (["run", PAGE, "--form", tmp_path / "missing.toml", *out], ("missing.toml",)),
        (["run", PAGE, "--form", FORM, "--output", bad], ("bad.toml", "output directory")),
        (["run", PAGE, "--form", FORM, "--until", "6", *out], ("--until",)),
        (["status", tmp_path], ("not the output directory",)),
        (["check", FORM, "--page", PAGE], ("--preview",)),
        (["check", FORM, "--page", bad, "--preview", tmp_path / "x.png"], ("bad.toml",)),
        (["train", "--data", tmp_path / "missing", "--output", tmp_path / "x.keras"], ("missing",)),
        (["evaluate", "--model", ROOT / "models/digits.keras", "--data", tmp_path / "empty"], ("empty",)),
        (["evaluate", "--run", tmp_path, "--truth", bad, "--target-error", "1"], ("--target-error",)),
        (["evaluate", "--run", tmp_path], ("--truth",)),
        (["deck", FORM, "--pages", "0", "--seed", "1", *out], ("--pages",)),
    ]
    for arguments, words in cases:
        done = called(*arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize(
    ("now", "until", "minutes"),
    [
        ("00:10+00:00", "02:30", 20),  # 02:10, summer time
        ("01:10+00:00", "02:30", 20),  # 02:10 once more, the clock was set back at three
        ("01:40+00:00", "02:30", 24 * 60 - 10),
        ("01:40+00:00", "06:00", 3 * 60 + 20),
    ],
)
def test_until_in_the_night_in_which_the_clock_is_set_back(
    now: str, until: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = datetime.fromisoformat(f"2026-10-25T{now}").timestamp()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        patch.setattr(time, "time", lambda: seconds)
        time.tzset()
        clock = datetime.strptime(until, "%H:%M")
        then = run_command._next(click.Context(run_command.run), click.Option(["--until"]), clock)
    time.tzset()
    assert then == seconds + 60 * minutes


def test_pipes_are_refused_where_files_are_expected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "form.toml")
    os.mkfifo(tmp_path / "digitscan.log")
    for form in (tmp_path / "form.toml", FORM):
        done = called("run", PAGE, "--form", form, "--output", tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "a pipe, not a file" in done.stderr


def test_a_missing_model_is_exit_code_5(tmp_path: Path) -> None:
    model = ["--model", tmp_path / "none.keras"]
    done = called("run", PAGE, "--form", FORM, "--output", tmp_path / "out", *model)
    assert done.returncode == 5
    assert "none" in done.stderr
    assert called("classify", PAGE, *model).returncode == 5


def test_a_held_output_directory_is_exit_code_4(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        done = called("run", PAGE, "--form", FORM, "--output", tmp_path, "--log-format", "json")
    assert done.returncode == 4
    (message,) = map(json.loads, done.stderr.splitlines())
    assert message["level"] == "error"
    assert "another run" in message["message"]


def test_sigterm_keeps_what_was_done_and_is_exit_code_130(tmp_path: Path) -> None:
    line = command("run", SAMPLES, "--form", FORM, "--output", tmp_path, "--workers", "1")
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    journal = tmp_path / "journal.sqlite"
    for _ in range(600):
        time.sleep(0.1)
        if journal.exists() and _reads(journal):
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert _reads(journal)
    assert not (tmp_path / "fields.csv").exists()


def _reads(journal: Path) -> int:
    connection = sqlite3.connect(journal)
    try:
        return int(connection.execute("SELECT count(*) FROM reads").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_classify_prints_a_line_for_each_picture(digit: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    done = called("classify", digit, missing, digit)
    assert done.returncode == 3
    first, second, third = done.stdout.splitlines()
    assert first == third
    assert first.startswith(f"{digit}: 4 (")
    assert second == f"{missing}: cannot be opened: No such file or directory"
    assert called("classify", digit).returncode == 0


def test_classify_as_csv(digit: Path, tmp_path: Path) -> None:
    done = called("classify", "--csv", "--preprocess", "resize", digit, tmp_path / "missing.png")
    read, missing = csv.DictReader(io.StringIO(done.stdout))
    assert list(read) == [
        *("file", "digit", "confidence", "alternative", "alternative_confidence", "error"),
    ]
    assert read["digit"]
    assert missing["error"]
    assert not missing["digit"]


def test_check_tells_what_a_form_asks_for(tmp_path: Path) -> None:
    done = called("check", FORM)
    assert done.returncode == 0
    for words in ("household", "district", "4 cells", "check: men + women == total"):
        assert words in done.stdout
    preview = tmp_path / "preview.png"
    assert called("check", FORM, "--page", PAGE, "--preview", preview).returncode == 0
    with Pillow.open(preview) as picture:
        assert min(picture.size) > 500
    assert json.loads(called("check", "--schema").stdout)["properties"]["name"]


def test_check_tells_what_the_picture_of_a_form_is_good_for(tmp_path: Path) -> None:
    form = tmp_path / "form.toml"
    form.write_text(SMALL_FORM, encoding="utf-8")
    print_ = 255 - draw_form(load_form(form), DPI)
    form.write_text(
        SMALL_FORM.replace("[registration]", '[registration]\nimage = "blank.png"'), encoding="utf-8"
    )
    Pillow.fromarray(print_).save(tmp_path / "blank.png")
    assert "blank.png: print in the cells of 0 fields is taken out: -" in called("check", form).stdout
    Pillow.fromarray(np.full_like(print_, 255)).save(tmp_path / "blank.png")
    done = called("check", form)
    assert done.returncode == 2
    assert "on blank.png, its own picture, the form was not found" in done.stderr


def test_check_draws_over_nothing_that_it_is_drawn_from(tmp_path: Path) -> None:
    form, page, blank = (tmp_path / name for name in ("form.toml", "page.png", "blank.png"))
    form.write_text(
        SMALL_FORM.replace("[registration]", '[registration]\nimage = "blank.png"'), encoding="utf-8"
    )
    for path in (page, blank):
        path.write_bytes(PAGE.read_bytes())
    link = tmp_path / "link.png"
    link.symlink_to(page)
    before = {path: path.read_bytes() for path in (form, page, blank)}
    for preview in (form, page, blank, link):
        done = called("check", form, "--page", page, "--preview", preview)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{preview}: is " in done.stderr
        assert "give --preview another name" in done.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_names_that_are_no_text_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    made.run(tmp_path / "out\udcff", [])
    told = f"{tmp_path}/out\\xff/report.html\n"
    done = called("report", tmp_path / "out\udcff")
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    done = called("deck", FORM, "--pages", "1", "--seed", "3", "--output", tmp_path / "\udcff")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path}/\\xff/")


def test_evaluate_prints_tables_or_one_json_object(tmp_path: Path) -> None:
    line = ["evaluate", "--run", tmp_path, "--truth", tmp_path / "truth.csv", "--target-error", "0.5"]
    for name, text in (("fields", FIELDS), ("digits", DIGITS), ("truth", TRUTH)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    done = called(*line, "--plots", tmp_path / "plots")
    assert done.returncode == 0
    assert done.stdout.startswith("5 fields: 60.00% right")
    assert str(tmp_path / "plots" / "run-whole.png") in done.stdout
    told = json.loads(called(*line, "--json", "--plots", tmp_path / "plots").stdout)
    assert told["toml"] in done.stdout
    nowhere = called(*line, "--plots", tmp_path / "truth.csv")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "plots cannot be written there" in nowhere.stderr


def test_deck_writes_scans_and_truth(tmp_path: Path) -> None:
    done = called("deck", FORM, "--pages", "1", "--seed", "3", "--output", tmp_path)
    assert done.returncode == 0
    (scan,) = done.stdout.split()
    assert Path(scan).exists()
    assert (tmp_path / "truth.csv").read_text().startswith("file,page,field,raw\n")
