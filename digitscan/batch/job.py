"""A run: inputs -> what is not done yet -> execute -> record -> outputs."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import cv2
from filelock import FileLock, Timeout
from tqdm import tqdm

from digitscan import __version__
from digitscan.batch import journal, outputs
from digitscan.batch.executors import Each, Lost, executor
from digitscan.batch.inputs import InputFile, find
from digitscan.errors import DigitscanError, OutputLocked, PageError, UsageError
from digitscan.forms import Form
from digitscan.pipeline import read_page
from digitscan.recognition.classifier import Engine, fingerprint, load
from digitscan.records import PageFailure, PageRef, PageResult
from digitscan.vision import pages

Read = Callable[[PageRef], PageResult]
_Value = TypeVar("_Value")
MakeRead = Callable[[Sequence[Form], Path | None, Engine], Read]
_Listed = Sequence[InputFile | PageFailure]

PAGE_SECONDS = 60.0
"""Most that a page may take; an honest one takes a second or two."""

_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pypdfium2", "ai-edge-litert")
_CHANGED = "the file changed while it was read"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, and what its output directory now holds."""

    counts: outputs.Counts
    read: int
    """Pages read by this run, well or badly; the rest had been read before, or are copies."""
    paths: tuple[Path, ...]


def pipeline_reader(forms: Sequence[Form], model: Path | None, engine: Engine) -> Read:
    """What reads a page as one of the forms; raises `ModelError` for a missing or refused model."""
    cv2.setNumThreads(1)  # the pages share the cores already
    return partial(read_page, forms=forms, classifier=load(model, engine))


def run(
    inputs: Sequence[Path],
    forms: Sequence[Form],
    output: Path,
    *,
    workers: int,
    model: Path | None = None,
    engine: Engine = "litert",
    progress: bool = True,
    make_read: MakeRead = pipeline_reader,
) -> Summary:
    """Read all pages of the inputs that were not read before, and write the outputs of all of them.

    Args:
        inputs: files and directories.
        forms: definitions; each page is read as the one that fits it best.
        output: directory, made where there is none; holds the journal and the outputs.
        workers: processes that read; 0 to read in this one, without time limits.
        model: a model file; None for the one that comes with the program.
        engine: what runs it.
        progress: whether to show a bar where stderr is a terminal.
        make_read: makes what reads a page; called once in each process.

    Raises:
        UsageError: an input does not exist, there is none, or the output directory cannot be used.
        OutputLocked: another run holds the output directory.
        ModelError: the model is missing or refused.
        KeyboardInterrupt: what was read till then is in the journal; the outputs are still the old ones.
    """
    started = datetime.now(UTC)
    known = {"forms": [form.fingerprint for form in forms], "model": fingerprint(model), "engine": engine}
    setup = hashlib.sha256(json.dumps([__version__, known]).encode()).hexdigest()
    with _held(output), journal.opened(output) as book:
        listed = list(find(inputs, output))
        if not listed:
            raise UsageError(f"no input: there are no files in {', '.join(map(str, inputs))}")
        distinct = {file.sha256: file for file in listed if isinstance(file, InputFile)}
        make = partial(_worker, make_read, tuple(forms), model, engine)
        with executor(make, workers=workers, seconds=PAGE_SECONDS) as each:
            _count_pages(distinct, book, each)
            refs = partial(_unread, distinct, book, setup)
            total = sum(1 for _ in refs())
            with tqdm(total=total, unit="page", disable=None if progress else True) as bar:
                for outcome in _outcomes(each(refs())):
                    if distinct[outcome.ref.sha256].unchanged():
                        book.record_page(setup, outcome)
                    bar.update()

        def about() -> dict[str, Any]:
            return {
                "started": started.isoformat(timespec="seconds"),
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                "read": total,
                **known,
                "forms": [{"name": form.name, "fingerprint": form.fingerprint} for form in forms],
                "versions": _versions(),
            }

        try:
            counts = outputs.write(output, book.listing(setup, _rows(listed, book, setup)), about)
        except OSError as error:
            raise DigitscanError(f"{output}: the outputs cannot be written: {error.strerror}") from error
    return Summary(counts, total, tuple(output / name for name in outputs.NAMES))


@contextmanager
def _held(output: Path) -> Iterator[None]:
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output / ".lock", blocking=False)
        lock.acquire()
    except Timeout:
        raise OutputLocked(f"{output}: another run holds this output directory") from None
    except OSError as error:
        raise UsageError(f"{output}: cannot be used as output directory: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def _count_pages(distinct: dict[str, InputFile], book: journal.Journal, each: Each[Any, Any]) -> None:
    """Let the journal know how many pages each file has."""
    uncounted = (f for f in distinct.values() if book.pages_in(f.sha256, __version__) is None)
    for file, count in each(uncounted):
        if file.unchanged():
            failed = PageFailure(_ref(file, 0), "open", count.reason) if isinstance(count, Lost) else count
            if isinstance(failed, PageFailure):
                _log.warning("%s: %s", outputs.plain(file.file), failed.reason)
            book.record_file(file.sha256, __version__, failed)


def _unread(distinct: dict[str, InputFile], book: journal.Journal, setup: str) -> Iterator[PageRef]:
    for file in distinct.values():
        count = book.pages_in(file.sha256, __version__)
        for page in range(1, count + 1 if isinstance(count, int) else 1):
            ref = _ref(file, page)
            if not book.has_page(ref, setup):
                yield ref


def _outcomes(done: Iterable[tuple[PageRef, Any]]) -> Iterator[PageResult | PageFailure]:
    for ref, outcome in done:
        failed = PageFailure(ref, "read", outcome.reason) if isinstance(outcome, Lost) else outcome
        if isinstance(failed, PageFailure):
            _log.warning("%s page %d: %s", outputs.plain(ref.file), ref.page, failed.reason)
        yield failed


def _rows(listed: _Listed, book: journal.Journal, setup: str) -> Iterator[PageResult | PageFailure]:
    """What became of every page of every file; copies of a file share what was read once."""
    for file in listed:
        if isinstance(file, PageFailure):
            yield file
            continue
        count = book.pages_in(file.sha256, __version__)
        if isinstance(count, PageFailure):
            yield replace(count, ref=_ref(file, 0))
        elif count is None:
            yield PageFailure(_ref(file, 0), "open", _CHANGED)
        else:
            for ref in (_ref(file, page) for page in range(1, count + 1)):
                yield book.outcome(ref, setup) or PageFailure(ref, "open", _CHANGED)


def _ref(file: InputFile, page: int) -> PageRef:
    return PageRef(file.path, file.file, page, file.sha256)


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in _LIBRARIES}
    return {"digitscan": __version__, "python": platform.python_version(), **libraries}


def _worker(
    make_read: MakeRead, forms: Sequence[Form], model: Path | None, engine: Engine
) -> Callable[[InputFile | PageRef], int | PageResult | PageFailure]:
    """What a worker does: counts the pages of a file, and reads a page."""
    read: Read | None = None

    def work(task: InputFile | PageRef) -> int | PageResult | PageFailure:
        nonlocal read
        if isinstance(task, InputFile):
            return _guarded(_ref(task, 0), lambda: pages.count_pages(pages.read_file(task.path)))
        if read is None:
            read = make_read(forms, model, engine)
        return _guarded(task, partial(read, task))

    return work


def _guarded(ref: PageRef, read: Callable[[], _Value]) -> _Value | PageFailure:
    try:
        return read()
    except PageError as error:
        return PageFailure(ref, error.stage, error.reason)
    except MemoryError:
        return PageFailure(ref, "read", "needs too much memory")
    except Exception as error:  # a bad page is a row, never the end of the run
        _log.exception("%s page %d", outputs.plain(ref.file), ref.page)
        return PageFailure(ref, "read", f"internal error ({type(error).__name__}), see the log")
