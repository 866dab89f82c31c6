"""Work done here, one task after the other, or in worker processes: the same interface.

A worker process that dies, or takes too long or too much memory for a task, costs that task alone, and only
after a second try with no other task beside it: at the first it may have lacked what the others took.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from digitscan.errors import DigitscanError

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Work = Callable[[Task], Outcome]
Make = Callable[[], Work[Any, Any]]
"""Makes the work; called once in each process, so that it may load what is costly. Has to be picklable."""
Begin = Callable[[], None]
"""What a worker does first."""

_AHEAD = 4
"""Tasks handed to the pool for each worker: few, so that memory stays flat; enough, so that none waits."""
_REVIVALS = 3
"""Times that a pool is made anew without a single task done before the run is given up."""

_MALLOPT = ((-1, 1 << 28), (-3, 1 << 25))
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc, bytes: free memory above the first goes back to the kernel,
and blocks above the second come from there."""

_make: Make | None = None
_work: Work[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of a task whose worker died, or took too long or too much memory."""

    reason: str


_NO_MEMORY = Lost("needs too much memory")

Each = Callable[[Iterable[Task]], Iterator[tuple[Task, "Outcome | Lost"]]]
"""Does the tasks and yields each with its outcome, in no certain order."""


@contextmanager
def executor(make: Make, *, workers: int, seconds: float, memory: int) -> Iterator[Each[Any, Any]]:
    """What does tasks in `workers` processes, or in this one where that is 0.

    `seconds` is the time limit of a task, `memory` the bytes of data that a worker may hold; in this process
    there is neither. Exceptions that the work raises end the run, as does `DigitscanError` where no process
    can be started.
    """
    if workers == 0:
        yield partial(_each_here, make)
        return
    pools: list[ProcessPool] = []
    try:
        yield partial(_each_there, pools, workers, seconds, partial(_begin, make, memory))
    finally:
        for pool in pools:
            _stop(pool)


def _each_here(make: Make, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
    work: Work[Task, Any] | None = None
    for task in tasks:
        work = work or make()
        try:
            outcome = work(task)
        except MemoryError:
            outcome = _NO_MEMORY
        yield task, outcome


def _each_there(
    pools: list[ProcessPool], workers: int, seconds: float, begin: Begin, tasks: Iterable[Task]
) -> Iterator[tuple[Task, Any]]:
    remaining = iter(tasks)
    lost: list[Task] = []

    def until_lost() -> Iterator[Task]:
        while not lost:
            try:
                yield next(remaining)
            except StopIteration:
                return

    while True:
        for task, outcome in _each_once(pools, workers, workers * _AHEAD, seconds, begin, until_lost()):
            if isinstance(outcome, Lost):
                lost.append(task)
            else:
                yield task, outcome
        if not lost:
            return
        yield from _each_once(pools, workers, 1, seconds, begin, lost)
        lost.clear()


def _each_once(
    pools: list[ProcessPool],
    workers: int,
    at_once: int,
    seconds: float,
    begin: Begin,
    tasks: Iterable[Task],
) -> Iterator[tuple[Task, Any]]:
    remaining = iter(tasks)
    pending: dict[Any, Task] = {}
    again: list[Task] = []
    breaks = 0
    why: BaseException | None = None
    while True:
        ready = again + list(islice(remaining, at_once - len(pending) - len(again)))
        again = []
        if ready and not pools:
            context = multiprocessing.get_context("spawn")  # forking after threads have run hangs the child
            pools.append(ProcessPool(workers, initializer=begin, context=context))
        for number, task in enumerate(ready):
            try:
                pending[pools[0].schedule(_do, args=[task], timeout=seconds)] = task
            except (RuntimeError, OSError) as error:  # it cannot be started, or was given up
                again, why = ready[number:], error.__cause__ or error
                break
        if not pending and not again:
            return
        done, _ = wait(pending, timeout=0 if again else None, return_when=FIRST_COMPLETED)
        for future in done:
            task = pending.pop(future)
            try:
                outcome = future.result()
            except TimeoutError:
                outcome = Lost(f"took more than {seconds:g} s")
            except MemoryError:
                outcome = _NO_MEMORY
            except ProcessExpired as error:
                outcome = Lost(f"the process that read it died ({_ending(error.exitcode)})")
            except BrokenProcessPool as error:
                # Pebble gives a pool up when a worker dies between two tasks
                again.append(task)
                why = error.__cause__ or error
                continue
            breaks = 0
            yield task, outcome
        if again:
            breaks += 1
            if breaks > _REVIVALS:
                raise DigitscanError(f"no worker process can be started ({why}): give fewer --workers")
            again += pending.values()
            pending.clear()
            _stop(pools.pop())


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _begin(make: Make, memory: int) -> None:
    global _make  # noqa: PLW0603 (a task cannot bring a classifier along)
    _make = make
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or memory < most:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))  # its children too
    _keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent alone answers Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _keep_memory() -> None:
    """The memory of one page serves the next: the kernel takes a while to hand it out, page by page."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc alone has it
        for option, size in _MALLOPT:
            libc.mallopt(option, size)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _do(task: Any) -> Any:
    global _work  # noqa: PLW0603
    if _work is None:
        assert _make is not None
        _work = _make()
    return _work(task)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
