"""The examples of docs/operations.md are run as they stand there, but below another root."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from digitscan.cli import commands

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def example(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.M | re.S)
    return str(found)


def unit(kind: str) -> ConfigParser:
    read = ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(example(kind))
    return read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which the examples are set up, with one scan."""
    program = tmp_path / "opt/digitscan/.venv/bin/digitscan"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m digitscan "$@"\n')
    program.chmod(0o755)
    forms = tmp_path / "srv/forms"
    (forms / "scans").mkdir(parents=True)
    shutil.copy(ROOT / "sample_scans" / "004_flatbed.png", forms / "scans")
    for path in (ROOT / "configs").glob("household*"):
        shutil.copy(path, forms)
    return tmp_path


def below(root: Path, text: str) -> str:
    return re.sub(r"(?<![\w/.])/(opt|srv)/", rf"{root}/\1/", text)


def done(root: Path, line: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """As cron and systemd call it: hardly any environment, no terminal."""
    return subprocess.run(
        line,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={"HOME": str(root), "PATH": "/usr/bin:/bin"},
    )


def test_the_crontab(root: Path) -> None:
    mail, line = example("crontab").splitlines()
    assert mail.startswith("MAILTO=")
    *when, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*,/-]+", part) for part in when)
    assert "%" not in command  # cron makes new lines of them
    ran = done(root, ["/bin/sh", "-c", below(root, command)], root)
    assert (ran.returncode, ran.stderr) == (0, "")
    (told,) = ran.stdout.splitlines()
    (shown,) = re.findall(r"^    (\d+ pages read now .*)$", TEXT, re.M)
    assert re.sub(r"\d+", "0", told) == re.sub(r"\d+", "0", shown).replace(", 0 left", "")
    with (root / "srv/forms/out/pages.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["ok"]


def test_the_service(root: Path) -> None:
    service = unit("service")["Service"]
    folder = Path(below(root, service["WorkingDirectory"]))
    assert Path(below(root, service["ReadWritePaths"])) == folder / "out"
    (root / "srv/forms/scans/half.png").write_bytes(b"half a pic")
    ran = done(root, shlex.split(below(root, service["ExecStart"])), folder)
    assert str(ran.returncode) in service["SuccessExitStatus"].split()
    for line in ran.stderr.splitlines():
        assert json.loads(line)["level"] == "warning"
    assert "half.png" in ran.stderr
    for line in (folder / "out" / "digitscan.log").read_text().splitlines():
        assert json.loads(line)["message"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_systemd_takes_the_units(root: Path) -> None:
    for kind in ("service", "timer"):
        (root / f"digitscan.{kind}").write_text(
            below(root, example(kind)).replace("User=digitscan\n", "User=root\n")
        )
    units = [root / f"digitscan.{kind}" for kind in ("service", "timer")]
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    said = [line for line in ran.stderr.splitlines() if "digitscan." in line]
    assert (ran.returncode, said) == (0, [])
    when = unit("timer")["Timer"]["OnCalendar"]
    assert (
        subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not there")
def test_logrotate_takes_its_file(root: Path) -> None:
    path = root / "rotate"
    path.write_text(below(root, example("logrotate")).replace("su digitscan digitscan", "su root root"))
    path.chmod(0o644)
    line = ["logrotate", "--debug", "--state", str(root / "state"), str(path)]
    ran = subprocess.run(line, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert ran.returncode == 0
    assert "error" not in ran.stderr


def test_options_of_the_examples_exist() -> None:
    known = {name for parameter in commands.commands["run"].params for name in parameter.opts}
    for line in (example("crontab"), example("service")):
        assert set(re.findall(r"(?<= )--[a-z][a-z-]*", line)) <= known
