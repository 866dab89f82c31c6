"""How fast pages are read, and beside what: `python -m benchmarks.speed`, or `make bench`.

A deck of grey JPEG pages, A4 at 300 dpi, is decoded and no more (the floor), read by digitscan with one and
with two workers, and read the classic way; Tesseract, where it is installed, is given the same fields. All of
it in one run, in processes of their own, one after the other. Then how the journal and the outputs grow.
"""

# ruff: noqa: PLC0415 - what only one contender needs, it alone imports

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pypdfium2

from benchmarks.tables import Table, thousands
from digitscan.batch import journal, outputs
from digitscan.deck.deck import FileKind, make_deck
from digitscan.forms import load_form
from digitscan.pipeline import read_page, register_page
from digitscan.recognition.classifier import default_model, load
from digitscan.records import PageRef, PageResult
from digitscan.vision.fields import cut_fields

ROOT = Path(__file__).resolve().parents[1]
FORM = ROOT / "configs" / "household.toml"
KIND = FileKind("page", ".pdf", "scanner_grey", 300, 1)
FEW = 2
"""Pages of a run that is mostly start-up: what a run of more takes beyond it is what pages take."""
SLOW = 2
"""Pages that slow contenders read."""
GROWTH = (100, 1_000, 10_000)
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one contender: seconds a page, and the peak memory of its largest process and of its parent."""

    wall: float
    cpu: float
    peak: float
    parent: float | None = None
    """MB; where it has worker processes."""


def decode(paths: list[Path]) -> Callable[[], None]:
    """The floor: the embedded JPEG to a full grey picture."""
    pictures = []
    for path in paths:
        with pypdfium2.PdfDocument(path) as document:
            (scan,) = document[0].get_objects()
            pictures.append(np.frombuffer(bytes(scan.get_data(decode_simple=True)), np.uint8))

    def work() -> None:
        for picture in pictures:
            cv2.imdecode(picture, cv2.IMREAD_GRAYSCALE)

    return work


def classic(paths: list[Path]) -> Callable[[], None]:
    """Drawn in colour, one threshold for the page, and the network asked for each written cell by itself."""
    import keras
    from pdf2image import convert_from_path

    from digitscan.vision.glyphs import fit

    model = keras.saving.load_model(default_model(), compile=False)
    form = load_form(FORM)
    model.predict(np.zeros((1, 28, 28, 1), np.float32), verbose=0)

    def work() -> None:
        for path in paths:
            (drawn,) = convert_from_path(path, dpi=300)
            grey = cv2.cvtColor(np.asarray(drawn), cv2.COLOR_RGB2GRAY)
            _, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
            scale = grey.shape[1] / form.page.size[0]
            for cell in (c for field in form.fields for c in field.cells):
                x, y, w, h = (
                    round(v * scale) for v in (cell.x + 1, cell.y + 1, cell.width - 2, cell.height - 2)
                )
                inside = ink[y : y + h, x : x + w]
                if inside.mean() > 255 * 0.02:
                    model.predict(
                        fit(np.asarray(inside, np.uint8))[None, ..., None].astype(np.float32), verbose=0
                    )

    return work


def tesseract(paths: list[Path]) -> Callable[[], None]:
    """Digits only, a field at a time, of the crops that digitscan cuts."""
    form = load_form(FORM)
    crops = [cut_fields(register_page(_ref(path), [form])) for path in paths]
    options = ["--psm", "7", "-c", "tessedit_char_whitelist=0123456789"]

    def work() -> None:
        for crop in (crop for page in crops for crop in page):
            _, content = cv2.imencode(".png", crop.image)
            subprocess.run(
                ["tesseract", "-", "-", *options], input=bytes(content), capture_output=True, check=True
            )

    return work


CONTENDERS = {"decode": decode, "classic": classic, "tesseract": tesseract}


def measured_here(name: str, paths: list[Path]) -> Measured:
    """One contender in this process, what it prepares not counted."""
    cv2.setNumThreads(1)
    work = CONTENDERS[name](paths)
    rounds = 3 if name == "decode" else 1
    begin, spent = time.perf_counter(), _cpu()
    for _ in range(rounds):
        work()
    done = rounds * len(paths)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return Measured((time.perf_counter() - begin) / done, (_cpu() - spent) / done, peak)


def measured_apart(name: str, paths: list[Path]) -> Measured:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed", "--only", name, *map(str, paths)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return Measured(**json.loads(said.stdout.splitlines()[-1]))


def digitscan_run(inputs: list[Path], workers: int) -> tuple[float, float, dict[str, float]]:
    """Seconds, CPU seconds, and peak MB (`parent` and `worker`, the largest) of the real command."""
    spent, begin = _cpu(), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "digitscan", "run", *map(str, inputs), "--form", str(FORM)]
        # the pages were made a moment ago: not waited for, as files that may still grow are
        command += ["--output", out, "--workers", str(workers), "--settle", "0", "--quiet"]
        with subprocess.Popen(command, cwd=ROOT) as process:
            peaks: dict[int, float] = {}
            while process.poll() is None:
                for pid in (process.pid, *_children(process.pid)):
                    peaks[pid] = max(peak_memory(pid), peaks.get(pid, 0))
                time.sleep(POLL)
            if process.returncode:
                raise RuntimeError(f"digitscan run ended with exit code {process.returncode}")
    parent = peaks.pop(process.pid)
    elapsed = time.perf_counter() - begin
    return elapsed, _cpu() - spent, {"parent": parent, "worker": max(peaks.values(), default=0)}


def measured_digitscan(paths: list[Path], workers: int) -> tuple[Measured, float]:
    """Of a run, what `FEW` pages take taken off; and the seconds of those, start-up and all."""
    few, few_cpu, _ = digitscan_run(paths[:FEW], workers)
    wall, cpu, peaks = digitscan_run(paths, workers)
    pages = len(paths) - FEW
    return Measured((wall - few) / pages, (cpu - few_cpu) / pages, peaks["worker"], peaks["parent"]), few


def growth(sample: PageResult) -> Table:
    """Seconds and disk to record pages in the journal, and to write the outputs of all of them."""
    rows = []
    for count in GROWTH:
        with tempfile.TemporaryDirectory() as made, journal.opened(Path(made)) as book:
            begin = time.perf_counter()
            for i in range(count):
                book.record_page("measured", _copy(sample, i))
            recorded = time.perf_counter()
            kept = (book.rows(_copy(sample, i).ref, "measured") for i in range(count))
            rows_of = (row for row in kept if row is not None)
            with book.listing("measured", rows_of) as passed:
                outputs.write(Path(made), passed, dict)
            written = time.perf_counter()
            size = sum(file.stat().st_size for file in Path(made).iterdir()) / count / 1e3
        rows.append(
            [
                thousands(count),
                f"{recorded - begin:.2f} s",
                f"{written - recorded:.2f} s",
                f"{count / (written - begin):,.0f}",
                f"{size:.1f} kB",
            ]
        )
    return Table(["pages", "journal", "outputs", "pages a second", "disk a page"], rows)


def report(pages: int) -> str:
    """All that is measured, as Markdown."""
    with tempfile.TemporaryDirectory() as made:
        paths = make_deck(load_form(FORM), pages, 5, Path(made), kinds=(KIND,), presets=(KIND.preset,))
        found = {"bare decoding": measured_apart("decode", paths)}
        found["digitscan, 1 worker"], first = measured_digitscan(paths, 1)
        found["digitscan, 2 workers"], _ = measured_digitscan(paths, 2)
        found["the classic way"] = measured_apart("classic", paths[:SLOW])
        left_out = []
        if shutil.which("tesseract"):
            found["Tesseract, same fields"] = measured_apart("tesseract", paths[:SLOW])
        else:
            left_out = ["Tesseract"]
        one, two = found["digitscan, 1 worker"], found["digitscan, 2 workers"]
        rows = [
            [
                name,
                f"{1 / m.wall:.2f}",
                f"{m.cpu:.3f}",
                f"{m.cpu / found['bare decoding'].cpu:.1f}",
                f"{m.peak:.0f} MB",
                "-" if m.parent is None else f"{m.parent:.0f} MB",
            ]
            for name, m in found.items()
        ]
        head = ["", "pages a second", "CPU s a page", "x decoding", "peak memory", "of the parent"]
        classics = found["the classic way"].wall
        said = [
            f"CPU a page against bare decoding: {one.cpu / found['bare decoding'].cpu:.2f} times",
            f"two workers against one: {one.wall / two.wall:.2f} times, on {os.cpu_count()} CPUs",
            f"the classic way against one worker: {classics / one.wall:.1f} times",
            f"the classic way against two workers: {classics / two.wall:.1f} times",
            f"start-up and {FEW} pages, one worker: {first:.1f} s",
        ]
        table = Table(head, rows, left_out).markdown()
        sample = read_page(_ref(paths[0]), [load_form(FORM)], load())
        return "\n".join([table, "", *said, "", growth(sample).markdown()])


def _ref(path: Path) -> PageRef:
    return PageRef(path, path.name, 1, hashlib.sha256(path.read_bytes()).hexdigest())


def _copy(page: PageResult, number: int) -> PageResult:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return replace(page, ref=replace(page.ref, file=f"{number:06}.pdf", sha256=digest))


def _cpu() -> float:
    """CPU seconds of this process and of the children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]


def peak_memory(pid: int) -> float:
    """MB that a process used at most up to now; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pages", type=int, default=30, help="of the deck, more than %(default)s for a calm figure"
    )
    parser.add_argument("--only", choices=CONTENDERS, help="measure one contender, here; as JSON")
    parser.add_argument("paths", nargs="*", type=Path, help="what it reads")
    asked = parser.parse_args()
    if asked.only:
        measured = measured_here(asked.only, asked.paths)
        print(json.dumps({"wall": measured.wall, "cpu": measured.cpu, "peak": measured.peak}))  # noqa: T201
    else:
        print(report(asked.pages))  # noqa: T201


if __name__ == "__main__":
    main()
