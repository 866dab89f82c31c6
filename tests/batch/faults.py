"""Runs that are killed, started twice, or whose calls fail: `python -m tests.batch.faults`, or `make faults`.

Every trial lets one run come to grief, and a second go on from there. Meanwhile no output may ever be seen
in part; afterwards all are what an undisturbed run writes. Runs are the real command with an invented reader;
they are forked, since starting Python takes longer than they do.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from digitscan import cli
from digitscan.batch import job, outputs
from digitscan.batch.work import Read
from digitscan.records import PageRef, PageResult
from digitscan.review import report
from tests.batch import fakes
from tests.batch.conftest import FORM, write_card

HERE = Path(__file__).resolve().parents[2]
TABLES = ("fields.csv", "digits.csv", "pages.csv")
DOCUMENTED = (0, 1, 2, 3, 4, 5, 130)
CALLS = "%file,%desc"
"""System calls that are made to fail: all that are given a path or an open file of the run."""
ERRORS = {
    "write": ["ENOSPC", "EIO"],
    "pwrite64": ["ENOSPC", "EIO"],
    "openat": ["EMFILE", "EACCES", "EROFS", "EIO", "ENOSPC"],
    "rename": ["EROFS", "EIO", "ENOSPC"],
    "unlink": ["EROFS", "EIO"],
    "mkdir": ["EROFS", "EACCES", "ENOSPC"],
    "ftruncate": ["EIO", "ENOSPC"],
    "mmap": ["ENOMEM"],
}
"""What each of them may say; all others `EIO`."""


class Bench:
    """A directory with scans, a run of half of them, and what an undisturbed run of all of them writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "form.toml").write_text(FORM)
        write_card(root)
        for number in range(6):
            fakes.scan(root / "scans" / f"{number}.png", 10 + number)
        self.run_well(root / "before")
        for number in range(6, 12):
            fakes.scan(root / "scans" / f"{number}.png", 10 + number)
        fakes.scan(root / "scans" / "deep" / "book.tif", *range(101, 106))
        begun = time.monotonic()
        self.run_well(root / "whole")
        self.seconds = time.monotonic() - begun
        self.before, self.whole = self.tables("before"), self.tables("whole")

    def arguments(self, output: Path, workers: int = 0) -> list[str]:
        given = [self.root / "scans", "--form", self.root / "form.toml", "--model", self.root / "model.keras"]
        known = ["--output", str(output), "--workers", str(workers), "--settle", "0"]
        return ["run", *map(str, given), *known]

    def started(self, output: Path, workers: int = 0, first: Callable[[], object] = lambda: None) -> int:
        """The number of a process that runs the command, after it has called `first`."""
        process = os.fork()
        if process == 0:
            try:
                handle = os.open(self.root / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(handle, 1)
                os.dup2(handle, 2)
                first()
                command(self.arguments(output, workers))
            except SystemExit as end:
                sys.stderr.flush()
                os._exit(int(end.code or 0))
            finally:
                os._exit(99)
        return process

    def run_well(self, output: Path, workers: int = 0) -> None:
        code = ended(self.started(output, workers))
        assert code == 0, f"exit code {code}: {(self.root / 'said').read_text()}"

    def tables(self, output: str) -> list[bytes]:
        return [(self.root / output / name).read_bytes() for name in TABLES]

    def begun(self, name: str, anew: bool) -> Path:
        """An output directory: a new one, or that of the run of half of the scans."""
        output = self.root / name
        shutil.rmtree(output, ignore_errors=True)
        if not anew:
            shutil.copytree(self.root / "before", output)
        return output

    def look(self, output: Path) -> None:
        """Every output is there as a whole, old or new, or not at all."""
        for name, old, new in zip(TABLES, self.before, self.whole, strict=True):
            with contextlib.suppress(FileNotFoundError):
                assert (output / name).read_bytes() in (old, new), f"{name} is there in part"
        with contextlib.suppress(FileNotFoundError):
            json.loads((output / "summary.json").read_text())
        with contextlib.suppress(FileNotFoundError):
            assert (output / report.NAME).read_text().rstrip().endswith("</html>"), "report.html in part"

    def go_on(self, output: Path, workers: int = 0) -> None:
        """The next start completes what is there, and reads no page a second time."""
        done = reads(output)
        self.run_well(output, workers)
        assert self.tables(output.name) == self.whole, "the outputs are not those of an undisturbed run"
        counts = json.loads((output / "summary.json").read_text())["counts"]
        assert counts == json.loads((self.root / "whole" / "summary.json").read_text())["counts"]
        self.look(output)
        assert not list(output.glob(".*.part")), "files written aside are left"
        again = reads(output)
        assert all(again[page] == 1 for page in done), "pages that were kept are read again"
        connection = sqlite3.connect(output / "journal.sqlite")
        with contextlib.closing(connection):
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def command(arguments: list[str]) -> NoReturn:
    """The real command line, with an invented reader."""
    job.run = partial(job.run, make_read=fakes.wide_read)
    sys.argv = ["digitscan", *arguments]
    cli.main()


def ended(process: int) -> int:
    """The exit code of a process, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def reads(output: Path) -> Counter[tuple[str, int]]:
    """How often each page was read that was read well."""
    if not (output / "journal.sqlite").exists():
        return Counter()
    with contextlib.closing(sqlite3.connect(output / "journal.sqlite")) as connection:
        try:
            query = "SELECT sha256, page FROM reads JOIN pages USING (sha256, page, setup) WHERE stage = ''"
            return Counter(connection.execute(query).fetchall())
        except sqlite3.OperationalError:  # killed before there were tables
            return Counter()


def kills(bench: Bench, count: int, seed: int, workers: int = 0) -> Counter[str]:
    """Kill so many runs with -9, half of them while they write the outputs; where they were."""
    drawn = random.Random(seed)
    places: Counter[str] = Counter()
    started = time.monotonic()
    bench.run_well(bench.begun("timed", anew=True), workers)
    seconds = time.monotonic() - started
    for number in range(count):
        output = bench.begun("killed", anew=number % 4 < 2)
        process = bench.started(output, workers)
        begun, writing = time.monotonic(), 0.0
        at = drawn.uniform(0, seconds if number % 2 else 0.2 * seconds)
        while os.waitpid(process, os.WNOHANG) == (0, 0):
            if number % 2 == 0 and not writing:
                writing = time.monotonic() if (output / ".fields.csv.part").exists() else 0.0
            since = begun if number % 2 else writing
            if since and time.monotonic() - since >= at:
                os.kill(process, signal.SIGKILL)
                ended(process)
                break
            bench.look(output)
        bench.look(output)
        places[_place(bench, output)] += 1
        bench.go_on(output, workers)
    return places


def _place(bench: Bench, output: Path) -> str:
    if not (output / "journal.sqlite").exists():
        return "before the journal"
    if (output / "fields.csv").exists() and (output / "fields.csv").read_bytes() == bench.whole[0]:
        return "outputs renamed, or all done"
    return "outputs being written" if (output / ".fields.csv.part").exists() else "looking or reading"


def real_kills(bench: Bench, count: int, seed: int) -> Counter[str]:
    """Kill so many runs of the program as it is, every other one at its first page; pages they had read."""
    drawn = random.Random(seed)
    scans = [HERE / "sample_scans" / name for name in ("001_office.pdf", "004_flatbed.png")]
    line = [sys.executable, "-m", "digitscan", "run", *map(str, scans)]
    line += ["--form", str(HERE / "configs" / "household.toml"), "--workers", "1", "--output"]
    call = partial(subprocess.Popen, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    assert call([*line, str(bench.root / "real")]).wait() == 0
    seconds = time.monotonic() - begun
    places: Counter[str] = Counter()
    for number in range(count):
        output = bench.root / f"real{number}"
        killed = call([*line, str(output)])
        if number % 2:
            time.sleep(drawn.uniform(0.2, 1) * seconds)
        while number % 2 == 0 and killed.poll() is None and not reads(output):
            time.sleep(0.02)
        killed.kill()
        killed.wait()
        done = reads(output)
        places[f"{len(done)} pages read"] += 1
        assert call([*line, str(output)]).wait() == 0
        assert bench.tables(output.name) == bench.tables("real")
        assert all(reads(output)[page] == 1 for page in done)
    return places


def double_starts(bench: Bench, count: int) -> None:
    """Start two at once so often: always one runs, and the other exits with 4."""
    for number in range(count):
        output = bench.begun("doubled", anew=number % 2 == 0)
        ready, go = os.pipe()
        lasting = partial(_wait_and_last, ready, go)
        both = [bench.started(output, first=lasting) for _ in range(2)]
        os.close(ready)
        os.close(go)
        codes = sorted(map(ended, both))
        assert codes == [0, 4], f"double start {number} ended with {codes}"
        assert bench.tables(output.name) == bench.whole


def _wait_and_last(ready: int, go: int) -> None:
    """Both begin when the pipe is closed, and read so slowly that neither ends before the other begins."""
    os.close(go)
    os.read(ready, 1)
    real = fakes.wide_read
    fakes.wide_read = lambda *given: _lasting(real(*given))


def _lasting(read: Read) -> Read:
    def slow(ref: PageRef) -> PageResult:
        time.sleep(0.1)
        return read(ref)

    return slow


def limits(bench: Bench, count: int) -> Counter[int]:
    """So many runs whose files may grow no further than to some size; the exit codes."""
    most = max(path.stat().st_size for path in (bench.root / "whole").iterdir())
    codes: Counter[int] = Counter()
    for number in range(count):
        size = round(most * (number + 0.5) / count)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
        codes[_grieved(bench, number, limit)] += 1
    return codes


def refusals(bench: Bench, count: int) -> Counter[int]:
    """So many runs, in each of which Python is refused another opening, renaming or the like; exit codes."""
    watched = bench.root / "events"
    ended(bench.started(bench.begun("failed", anew=True), first=partial(_audited, bench.root, -1, watched)))
    seen = watched.read_text().split()
    codes: Counter[int] = Counter()
    for number in range(count):
        at = round((number + 0.5) * len(seen) / count)
        codes[_grieved(bench, 0, partial(_audited, bench.root, at, watched))] += 1
    return codes


def _audited(root: Path, fails: int, watched: Path) -> None:
    """Let the call with that number fail that names something in the directory, and note all of them."""
    kinds = ("open", "os.", "sqlite3.connect", "fcntl.flock")
    state = {"calls": 0}

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if not event.startswith(kinds) or not any(str(root) in str(a) for a in arguments):
            return
        if str(watched) in str(arguments):
            return
        number, state["calls"] = state["calls"], state["calls"] + 1
        if fails < 0:
            with watched.open("a") as file:
                print(event, file=file)
        elif number == fails:
            code = (errno.EMFILE, errno.EIO, errno.EACCES, errno.EROFS, errno.ENOSPC)[number % 5]
            raise OSError(code, os.strerror(code))

    watched.unlink(missing_ok=True)
    sys.addaudithook(hook)


def _grieved(bench: Bench, number: int, first: Callable[[], object]) -> int:
    output = bench.begun("failed", anew=number % 2 == 0)
    code = ended(bench.started(output, first=first))
    return _judged(bench, output, code, (bench.root / "said").read_text())


def _judged(bench: Bench, output: Path, code: int, said: str) -> int:
    """What has to hold of a run that met with an error, and of the next one."""
    assert code in DOCUMENTED, f"exit code {code}: {said}"
    assert "Traceback" not in said, said
    if code not in (0, 3):  # 3: a scan could not be read, and that is in the outputs
        assert said.strip(), "no reason given"
        bench.look(output)
    bench.go_on(output)
    return code


def failing_calls(bench: Bench, count: int) -> Counter[str]:
    """So many runs, in each of which the kernel lets another system call fail; what became of which call."""
    made = list(_calls(bench))
    step = max(1, len(made) // count)
    results: Counter[str] = Counter()
    for number, (call, nth) in enumerate(made[::step][:count]):
        kinds = ERRORS.get(call, ["EIO"])
        kind = kinds[number % len(kinds)]
        output = bench.begun("failed", anew=True)
        inject = ["-e", f"inject={call}:error={kind}:when={nth}"]
        said, trace = _traced(bench, output, inject)
        assert "(INJECTED)" in trace, f"{call} number {nth} was not made"
        code = _judged(bench, output, said.returncode, said.stderr + said.stdout)
        results[f"{call} {kind}: exit code {code}"] += 1
    return results


def _calls(bench: Bench) -> Iterator[tuple[str, int]]:
    """Name and number of each call that an undisturbed run makes on its files."""
    _, trace = _traced(bench, bench.begun("failed", anew=True), [])
    counts: Counter[str] = Counter()
    for call in re.findall(r"^(?:\d+ +)?(\w+)\(.*\) += ", trace, re.M):
        if call in ("close", "exit", "lseek", "munmap"):  # nobody asks them
            continue
        counts[call] += 1
        yield call, counts[call]


def _traced(bench: Bench, output: Path, inject: list[str]) -> tuple[subprocess.CompletedProcess[str], str]:
    files = (*outputs.NAMES, report.NAME)
    names = [
        *("", ".lock", "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "digitscan.log"),
        *files,
        *(f".{name}.part" for name in files),
    ]
    scans = [bench.root / "scans", *sorted((bench.root / "scans").rglob("*"))]
    paths = [str(path) for path in (*(output / name for name in names), *scans)]
    trace = bench.root / "trace"
    line = ["strace", "-f", "-o", str(trace), "-e", f"trace={CALLS}", *inject]
    line += [word for path in paths for word in ("-P", path)]
    line += [sys.executable, "-m", "tests.batch.faults", "--command", *bench.arguments(output)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, cwd=HERE)
    return done, trace.read_text(errors="replace")


def main() -> None:
    """Say how often each thing was tried, and what came of it; the first that does not hold ends it."""
    if sys.argv[1:2] == ["--command"]:
        command(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=180, help="runs killed that read in one process")
    parser.add_argument("--worker-kills", type=int, default=20, help="runs killed that have two workers")
    parser.add_argument("--real-kills", type=int, default=5, help="runs of the program as it is, killed")
    parser.add_argument("--doubles", type=int, default=100, help="double starts")
    parser.add_argument("--limits", type=int, default=40, help="runs whose files cannot grow")
    parser.add_argument("--refusals", type=int, default=60, help="runs refused a call by Python")
    parser.add_argument(
        "--calls", type=int, default=100, help="runs refused a call by the kernel: needs strace"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder).resolve())
        trials: list[tuple[str, int, Callable[[], Counter[str] | Counter[int] | None]]] = [
            ("killed", asked.kills, lambda: kills(bench, asked.kills, asked.seed)),
            ("two workers", asked.worker_kills, lambda: kills(bench, asked.worker_kills, asked.seed, 2)),
            ("killed, as it is", asked.real_kills, lambda: real_kills(bench, asked.real_kills, asked.seed)),
            ("started twice", asked.doubles, lambda: double_starts(bench, asked.doubles)),
            ("files that cannot grow", asked.limits, lambda: limits(bench, asked.limits)),
            ("calls refused by Python", asked.refusals, lambda: refusals(bench, asked.refusals)),
            ("calls refused by the kernel", asked.calls, lambda: failing_calls(bench, asked.calls)),
        ]
        for name, count, tried in trials:
            if count:
                found = tried()
                sys.stdout.write(f"{name}: {count} times; outputs whole, and right after the next start\n")
                for what, times in sorted((found or {}).items()):
                    sys.stdout.write(f"    {times:4} {what}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
