"""Workers that die, hang or want too much cost one task, after a second try on its own."""

from __future__ import annotations

import os
import resource
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from digitscan.batch.executors import Lost, Work, executor
from digitscan.errors import DigitscanError


def making(folder: Path) -> Work[str, str]:
    return partial(_work, folder)


def _work(folder: Path, task: str) -> str:
    tries = folder / f"{task}.tries"
    with tries.open("a") as file:
        file.write("x")
    again = tries.stat().st_size > 1
    running = folder / f"{task}.running"
    running.touch()
    beside = [path for path in folder.glob("*.running") if path != running]
    if task.startswith("dies") or (task.startswith("faints") and not again):
        running.unlink()
        os._exit(3)
    if task.startswith("hangs"):
        running.unlink()
        time.sleep(60)
    if task.startswith("greedy"):
        running.unlink()
        bytearray(2 << 30)
    time.sleep(0.05)
    running.unlink()
    return "alone" if not beside else "with others"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_whose_worker_dies_is_done_again_alone(tmp_path: Path, workers: int) -> None:
    tasks = ["a", "faints", "b", "dies", "c", "hangs", "d", "greedy", "e"]
    with executor(partial(making, tmp_path), workers=workers, seconds=2, memory=1 << 30) as each:
        outcomes = dict(each(iter(tasks)))
    assert set(outcomes) == set(tasks)
    assert outcomes["faints"] == "alone"
    assert outcomes["dies"] == Lost("the process that read it died (exit code 3)")
    assert outcomes["hangs"] == Lost("took more than 2 s")
    assert outcomes["greedy"] == Lost("needs too much memory")
    tries = {task: (tmp_path / f"{task}.tries").stat().st_size for task in tasks}
    assert [task for task in tasks if tries[task] == 2] == ["faints", "dies", "hangs", "greedy"]
    assert max(tries.values()) == 2


class Deadly:
    """Ends the process that unpickles it, as the kernel does where memory is short."""

    def __call__(self) -> Work[str, str]:
        raise AssertionError

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_workers_that_die_at_their_start_end_the_run_in_a_sentence() -> None:
    with (
        executor(Deadly(), workers=1, seconds=2, memory=1 << 30) as each,
        pytest.raises(DigitscanError, match=r"no worker process can be started \(All workers expired\)"),
    ):
        list(each(["a"]))


def test_workers_that_cannot_be_started_end_the_run_in_a_sentence(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        with (
            executor(partial(making, tmp_path), workers=1, seconds=2, memory=1 << 30) as each,
            pytest.raises(DigitscanError, match=r"Too many open files.*fewer --workers"),
        ):
            list(each(["a"]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
