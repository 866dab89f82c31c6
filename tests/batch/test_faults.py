"""The short form of `make faults`: some trials of each kind."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tests.batch.faults import HERE


def test_outputs_are_whole_and_right_after_every_fault() -> None:
    trials = {
        "kills": 8,
        "worker-kills": 1,
        "real-kills": 0,
        "doubles": 3,
        "limits": 4,
        "refusals": 8,
        "calls": 2 if shutil.which("strace") else 0,
    }
    line = [word for name, count in trials.items() for word in (f"--{name}", str(count))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch.faults", *line],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.returncode == 0, done.stderr
    assert "killed: 8 times" in done.stdout
