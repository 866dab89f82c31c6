"""A run over files that are awkward, broken or hostile, held against what is known of each.

    python -m benchmarks.badinputs DATA [--keep DIR]

DATA is a directory with badinputs_dev.tar.xz and make_special.py. To be called as an ordinary user: root may
read what others may not. Exit code 1 where a file did not come out as it should.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from digitscan.batch import journal
from digitscan.batch.outputs import cell

FORM = """
name = "page"
[page]
size = [210, 297]
[[field]]
name = "number"
box = [20, 20, 30, 10]
cells = 3
"""
"""Most of the pages show no form: they count as read where none is found."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest says of a file."""

    expected: str
    silent: bool
    """Whether common readers accept it although it is damaged."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of the command: its rows of pages.csv by file, pages without a form as `ok`, and what it took."""

    rows: dict[str, list[dict[str, str]]]
    code: int
    seconds: float
    cpu_seconds: float
    growth: int
    """Bytes by which the memory of the parent grew after its first two seconds."""
    said: str


def run(inputs: Path, output: Path, workers: int) -> Ran:
    """Read all files of a directory."""
    output.mkdir(parents=True)
    form = output.with_suffix(".toml")
    form.write_text(FORM)
    line = [sys.executable, "-m", "digitscan", "run", str(inputs), "--form", str(form), "--settle", "0"]
    before = os.times()
    begun = time.monotonic()
    first = most = 0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*line, "--output", str(output), "--workers", str(workers)], stdout=said, stderr=said
        )
        while process.poll() is None:
            time.sleep(0.2)
            size = _resident(process.pid)
            most = max(most, size)
            if time.monotonic() - begun < 2:
                first = size
        after = os.times()
        said.seek(0)
        told = said.read().decode(errors="replace")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with journal.opened(output) as book:
        formless = {(cell(f.ref.file), str(f.ref.page)) for f in book.failures() if f.stage == "registration"}
    if (output / "pages.csv").exists():
        with (output / "pages.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                read = (row["file"], row["page"]) in formless
                rows[row["file"]].append({**row, "status": "ok", "reason": ""} if read else row)
    return Ran(rows, process.returncode, time.monotonic() - begun, cpu, most - first, told)


def _resident(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGESIZE")


def differences(rows: dict[str, list[dict[str, str]]], known: dict[str, Known]) -> list[str]:
    """One line for each file that did not come out as it should; hidden files have no row."""
    wrong = []
    for file, manifest in known.items():
        found = rows.get(file, [])
        statuses = {row["status"] for row in found}
        reasons = "; ".join(dict.fromkeys(row["reason"] for row in found if row["reason"]))
        if not _as_expected(manifest, found, statuses):
            silent = ", silently" if manifest.silent and statuses == {"ok"} else ""
            came = ", ".join(sorted(statuses)) or "no row"
            wrong.append(f"{file}: should be {manifest.expected}, is {came}{silent} {reasons}".rstrip())
    return wrong


def _as_expected(manifest: Known, found: list[dict[str, str]], statuses: set[str]) -> bool:
    if not found or any(row["status"] != "ok" and not row["reason"] for row in found):
        return False
    if any("internal error" in row["reason"] for row in found):
        return False
    if manifest.expected == "ok":
        return statuses == {"ok"}
    if manifest.expected == "error":
        return bool(statuses - {"ok"})
    if manifest.expected == "skip":
        return statuses == {"skipped"}
    return True


def manifest_of(path: Path) -> dict[str, Known]:
    """By file as pages.csv names it."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            cell(os.fsdecode(unquote_to_bytes(row["file"]))): Known(row["expected"], bool(row["silent"]))
            for row in csv.DictReader(file)
        }


def main() -> int:
    """Run over both sets and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="directory of the sets")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="an empty directory for the files and outputs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as aside:
        root = given.keep or Path(aside)
        with tarfile.open(given.data / "badinputs_dev.tar.xz") as archive:
            if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
                archive.extraction_filter = staticmethod(tarfile.data_filter)
            archive.extractall(root)
        subprocess.run(
            [sys.executable, given.data / "make_special.py", root / "special"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        ran = run(root / "badinputs" / "files", root / "out", given.workers)
        known = manifest_of(root / "badinputs" / "manifest.csv")
        wrong = differences(ran.rows, known)
        _tell("files", ran, len(known), wrong)
        special = run(root / "special", root / "special_out", given.workers)
        odd = differences(special.rows, SPECIAL)
        unread = sum(file.startswith("many/") and len(rows) == 1 for file, rows in special.rows.items())
        if unread != 3000:
            odd.append(f"many/: 3000 empty files should have a row each, {unread} have")
        _tell("specials", special, len(SPECIAL) + 3000, odd)
        subprocess.run(["chmod", "-R", "u+rwX", root / "special"], check=False, stderr=subprocess.DEVNULL)
    return 1 if wrong or odd else 0


_SKIPPED = (
    *("fifo.png", "sock.png", "loop_a.png", "loop_b.png", "selfdir", "updir", "dangling.png", "escape.png"),
    *("escape_dir", "passwd.png", "devzero.png", "devrandom.tif", "stdin.png", "procmem.png"),
)
_REFUSED = ("noread.png", "nodir", "writeonly.pdf", "sparse_10GB.png", "sparse_10GB.tif", "sparse_5GB.pdf")
_READ = ("good.png", "hardlink.png", "future.png", "x.pdf/inner.png", "/".join(["d" * 60] * 60) + "/deep.png")
SPECIAL = {
    **dict.fromkeys(_SKIPPED, Known("skip", False)),
    **dict.fromkeys(_REFUSED, Known("error", False)),
    **dict.fromkeys(_READ, Known("ok", False)),
}


def _tell(name: str, ran: Ran, files: int, wrong: list[str]) -> None:
    print(f"{name}: {files}, not as they should be: {len(wrong)}; exit code {ran.code}")  # noqa: T201
    print(f"  {ran.seconds:.0f} s, {ran.cpu_seconds:.0f} s of processor, parent grew {ran.growth >> 20} MiB")  # noqa: T201
    for line in wrong:
        print(f"  {line}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
