"""How soon a run finds that all was read before, and writes its outputs: `python -m benchmarks.resume`.

As many files as are asked are read once by an invented reader that finds the fields of a sample scan on each;
then the real command is started on them again and again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from benchmarks.speed import FORM, POLL, ROOT, peak_memory
from digitscan.batch import job, logs
from digitscan.batch.work import Read
from digitscan.forms import Form, load_form
from digitscan.pipeline import read_page
from digitscan.recognition.classifier import Engine, load
from digitscan.records import PageRef

SAMPLE = ROOT / "sample_scans" / "001_office.pdf"


@dataclass(frozen=True, slots=True)
class Resumed:
    """A start of the command where all was read before."""

    start: float
    """Seconds until it knew what is left to read."""
    outputs: float
    """Seconds from then on, until the outputs were written."""
    cpu: float
    """Seconds of processor, of both."""
    peak: float
    """MB of memory."""


def filled(root: Path, count: int) -> None:
    """Make so many scans under `root`, and an output directory in which all of them were read."""
    scans = root / "scans"
    scans.mkdir()
    for number in range(count):
        bits = np.frombuffer(number.to_bytes(4, "little") * 4, np.uint8).reshape(4, 4)
        _, content = cv2.imencode(".png", bits)
        (scans / f"{number:06}.png").write_bytes(bytes(content))
    job.run([scans], [load_form(FORM)], root / "out", workers=0, progress=False, make_read=_invented)


def _invented(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    sample = read_page(PageRef(SAMPLE, SAMPLE.name, 1, ""), forms, load(model, engine))
    return lambda ref: replace(sample, ref=ref)


def resumed(root: Path) -> Resumed:
    """Start the command on what `filled` made."""
    log = root / "out" / logs.NAME
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "digitscan", "run", str(root / "scans"), "--form", str(FORM)]
    command += ["--output", str(root / "out"), "--settle", "0", "--quiet", "--log-format", "json"]
    begun, before, peak = time.time(), os.times(), 0.0
    with subprocess.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            time.sleep(POLL)
    if process.returncode:
        raise RuntimeError(f"digitscan run ended with {process.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    said = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    times = {line["message"]: datetime.fromisoformat(line["time"]).timestamp() for line in said}
    knew = times["0 pages to read"]
    return Resumed(knew - begun, max(times.values()) - knew, cpu, peak)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        filled(Path(folder), asked.pages)
        for _ in range(asked.times):
            found = resumed(Path(folder))
            said = f"start {found.start:.1f} s, outputs {found.outputs:.1f} s, {found.cpu:.1f} s of processor"
            sys.stdout.write(f"{asked.pages} pages: {said}, {found.peak:.0f} MB\n")


if __name__ == "__main__":
    main()
