"""A run: inputs -> what is not done yet -> execute -> record -> outputs."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from digitscan import __version__
from digitscan.batch import journal, logs, outputs, runs, work
from digitscan.batch.executors import Each, Lost, executor
from digitscan.batch.inputs import InputFile, find
from digitscan.batch.listing import Listing
from digitscan.batch.work import Broken, MakeRead, pipeline_reader
from digitscan.errors import LIMIT, PASSING, DigitscanError, OutputLocked, UsageError
from digitscan.forms import Form
from digitscan.recognition.classifier import FIELD_CLASSES, Engine, fingerprint
from digitscan.recognition.strings import fingerprint as strings_fingerprint
from digitscan.records import PageFailure, PageRef, PageResult

_Value = TypeVar("_Value")

PAGE_SECONDS = 30.0
"""Most that a page may take; an honest one takes a second or two."""
PAGE_MEMORY = 1 << 30
"""Most bytes of data that a worker may hold."""

_LOCK_SECONDS = 0.5
"""A run that is killed while it starts a worker leaves the lock to it for some milliseconds."""
_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pypdfium2", "ai-edge-litert")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run stops, and what it tries again."""

    until: float | None = None
    """Unix time from which on no page is begun."""
    pages: int | None = None
    """Most pages to read."""
    retry_failed: bool = False
    """Read what failed before once more; what failed at a stage of `PASSING` always is."""

    @property
    def may_stop(self) -> bool:
        """Whether the run may end before all is read."""
        return self.until is not None or self.pages is not None

    def until_over(self, tasks: Iterable[_Value]) -> Iterator[_Value]:
        """The tasks, as long as there is time."""
        for task in tasks:
            if self.until is not None and time.time() >= self.until:
                return
            yield task

    def again(self, stage: str) -> bool:
        """Whether to read once more what came out of an earlier run so: "" where it was read well."""
        return stage in PASSING or (stage != "" and self.retry_failed)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, and what its output directory now holds."""

    counts: outputs.Counts
    read: int
    """Pages read by this run, well or badly; the rest had been read before, or are copies."""
    gone: int
    """Pages that the last run had in its outputs, and that are no longer in the inputs."""
    copies: int
    """Pages of files that have the same content as another one: they count among the others."""
    seconds: float
    paths: tuple[Path, ...]


def run(
    inputs: Sequence[Path],
    forms: Sequence[Form],
    output: Path,
    *,
    workers: int,
    model: Path | None = None,
    engine: Engine = "litert",
    limits: Limits = Limits(),
    settle: float = 0,
    progress: bool = True,
    log_format: logs.Format = "text",
    make_read: MakeRead = pipeline_reader,
) -> Summary:
    """Read all pages of the inputs that were not read before, and write the outputs of all of them.

    Args:
        inputs: files and directories.
        forms: definitions; each page is read as the one that fits it best.
        output: directory, made where there is none; holds the journal, the log and the outputs.
        workers: processes that read; 0 to read in this one, without limits of time and memory.
        model: a model file; None for the one that comes with the program.
        engine: what runs it.
        limits: when to stop before all is read; the outputs then hold what was read.
        settle: seconds that a file has to have stood still to be read.
        progress: whether to show a bar where stderr is a terminal.
        log_format: of digitscan.log.
        make_read: makes what reads a page; called once in each process.

    Raises:
        UsageError: an input does not exist, there is none, or the output directory cannot be used.
        OutputLocked: another run holds the output directory.
        ModelError: the model is missing or refused.
        DigitscanError: the disk failed; what was read till then is in the journal.
        KeyboardInterrupt: what was read till then is in the journal; the outputs are still the old ones.
    """
    known = {
        "forms": sorted(form.fingerprint for form in forms),  # their order counts nothing
        "model": fingerprint(model, *FIELD_CLASSES),
        "engine": engine,
    }
    if any(form.has_open_boxes for form in forms):
        known["strings"] = strings_fingerprint()
    setup = hashlib.sha256(json.dumps([__version__, known]).encode()).hexdigest()
    with (
        _held(output),
        logs.kept(output, log_format),
        _disk_named(output),
        journal.opened(output) as book,
        runs.begun(book, setup, __version__) as this,
    ):
        _log.info("begun: %s into %s", ", ".join(map(str, inputs)), output)
        listing = Listing(book, this.number)
        listing.fill(find(inputs, output, listing.known, settle))
        gone = _missed(listing, inputs, output)
        make = work.maker(make_read, tuple(forms), model, engine, limits.until)
        with executor(make, workers=workers, seconds=PAGE_SECONDS, memory=PAGE_MEMORY) as each:
            _count_pages(listing, book, limits, each)
            read = _read_pages(listing, book, setup, limits, each, progress)

        copies = listing.copies(__version__)

        def about() -> dict[str, Any]:
            return {
                "started": _iso(this.started),
                "ended": _iso(time.time()),
                "read": read,
                "gone": gone,
                "copies": copies,
                **known,
                "forms": [{"name": form.name, "fingerprint": form.fingerprint} for form in forms],
                "versions": _versions(),
            }

        book.keep_rules(setup, forms)
        with book.listing(setup, _rows(listing, book, setup)) as rows:
            counts = outputs.write(output, rows, about)
        this.end("stopped" if counts.left and limits.may_stop else "done")
        seconds = time.time() - this.started
        told = (read, counts.ok, counts.failed, counts.left, copies)
        _log.info("ended: %d pages read; %d ok, %d failed, %d left for the next run, %d are copies", *told)
    return Summary(counts, read, gone, copies, seconds, tuple(output / name for name in outputs.NAMES))


@contextmanager
def _held(output: Path) -> Iterator[None]:
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output / runs.LOCK, timeout=_LOCK_SECONDS)
        lock.acquire()
    except Timeout:
        raise OutputLocked(f"{output}: another run holds this output directory") from None
    except OSError as error:
        raise UsageError(f"{output}: cannot be used as output directory: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk_named(output: Path) -> Iterator[None]:
    """Failures of the disk as one sentence."""
    try:
        yield
    except OSError as error:
        raise DigitscanError(
            f"{error.filename or output}: cannot be read or written ({error.strerror}):"
            " what was read is kept, start again when that is mended"
        ) from error


def _missed(listing: Listing, inputs: Sequence[Path], output: Path) -> int:
    """Tell what may have been unmounted; pages of the last run that are no longer there."""
    if next(iter(listing), None) is None:
        if any(directory.resolve() == output.resolve() for directory in inputs):
            raise UsageError(f"no input: {output} is the output directory, give another --output")
        raise UsageError(f"no input: there are no files in {', '.join(map(str, inputs))}")
    for directory in inputs:
        if directory.is_dir() and not listing.holds(directory):
            _log.warning("%s: there are no files in it", directory)
    gone = listing.gone()
    if gone:
        _log.warning("%d pages of the last run are no longer in the inputs", gone)
    return gone


def _count_pages(listing: Listing, book: journal.Journal, limits: Limits, each: Each[Any, Any]) -> None:
    """Let the journal know how many pages each file has."""

    def uncounted() -> Iterator[InputFile]:
        once_more = list[InputFile]()
        for file in listing.uncounted(__version__):
            count = book.pages_in(file.sha256, __version__)
            if not isinstance(count, PageFailure):
                yield file
            elif limits.again(count.stage):
                once_more.append(file)
        yield from once_more

    for file, outcome in each(limits.until_over(uncounted())):
        if outcome is None:
            continue
        book.record_file(file.sha256, __version__, _settled(_ref(file, 0), outcome))


def _read_pages(
    listing: Listing,
    book: journal.Journal,
    setup: str,
    limits: Limits,
    each: Each[Any, Any],
    progress: bool,
) -> int:
    """Read what is not read yet; how many pages that were."""

    def unread() -> Iterator[PageRef]:
        once_more = list[PageRef]()  # last: what takes too long every night must not keep the others waiting
        for file in listing.unfinished(__version__, setup):
            count = book.pages_in(file.sha256, __version__)
            assert isinstance(count, int)  # of the others none has pages
            stages = book.stages(file.sha256, setup)
            for n in range(1, count + 1):
                if n not in stages:
                    yield _ref(file, n)
                elif limits.again(stages[n]):
                    once_more.append(_ref(file, n))
        yield from once_more

    total = sum(1 for _ in islice(unread(), limits.pages))
    _log.info("%d pages to read", total)
    read = 0
    with tqdm(total=total, unit="page", disable=None if progress else True) as bar:
        for ref, done in each(limits.until_over(islice(unread(), limits.pages))):
            if done is None:
                continue
            outcome = _settled(ref, done)
            book.record_page(setup, outcome)
            if isinstance(outcome, PageResult):
                doubtful = sum(reading.status == "review" for reading in outcome.readings)
                told = (outcome.form, len(outcome.readings), doubtful)
                _log.info("%s page %d: %s, %d fields, %d for review", ref.file, ref.page, *told)
            read += 1
            bar.update()
    return read


def _settled(ref: PageRef, outcome: _Value | PageFailure | Lost | Broken) -> _Value | PageFailure:
    """The outcome of a task as the journal keeps it; failures are logged."""
    extra = {}
    if isinstance(outcome, Lost):
        outcome = PageFailure(ref, LIMIT, outcome.reason)
    elif isinstance(outcome, Broken):
        extra["traceback"] = outcome.traceback
        outcome = outcome.failure
    if isinstance(outcome, PageFailure):
        _log.warning("%s page %d: %s", ref.file, ref.page, outcome.reason, extra=extra)
    return outcome


def _rows(listing: Listing, book: journal.Journal, setup: str) -> Iterator[outputs.PageRows | PageFailure]:
    """What became of every page of every file; copies of a file share what was read once."""
    for file in listing:
        if isinstance(file, PageFailure):
            yield file
            continue
        count = book.pages_in(file.sha256, __version__)
        if isinstance(count, PageFailure):
            yield replace(count, ref=_ref(file, 0))
        elif count is None:
            yield _unread(file, 0)
        else:
            for ref in (_ref(file, page) for page in range(1, count + 1)):
                yield book.rows(ref, setup) or _unread(file, ref.page)


def _unread(file: InputFile, page: int) -> PageFailure:
    return PageFailure(_ref(file, page), outputs.LEFT, "left for the next run")


def _ref(file: InputFile, page: int) -> PageRef:
    return PageRef(file.path, file.file, page, file.sha256, file.stamp)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    return {"digitscan": __version__, "python": platform.python_version(), **libraries}
