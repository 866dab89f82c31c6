"""A run is held against a manifest file by file."""

from __future__ import annotations

import pytest

from benchmarks.badinputs import Known, differences

ROWS = {
    "ok.png": [{"status": "ok", "reason": ""}],
    "bad.png": [{"status": "failed", "reason": "truncated"}],
    "half.tif": [{"status": "ok", "reason": ""}, {"status": "failed", "reason": "truncated"}],
    "mute.png": [{"status": "failed", "reason": ""}],
    "broken.png": [{"status": "failed", "reason": "internal error (KeyError), see the log"}],
    "link.png": [{"status": "skipped", "reason": "symbolic link"}],
}


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        ("ok.png", {"ok", "either"}),
        ("bad.png", {"error", "either"}),
        ("half.tif", {"error", "either"}),
        ("mute.png", set()),
        ("broken.png", set()),
        ("link.png", {"error", "skip", "either"}),
        ("missing.png", set()),
    ],
)
def test_what_fits_a_manifest(file: str, fits: set[str]) -> None:
    expected = ["ok", "error", "skip", "either"]
    assert {e for e in expected if not differences(ROWS, {file: Known(e, False)})} == fits


def test_what_is_wrongly_accepted_is_told() -> None:
    (line,) = differences(ROWS, {"ok.png": Known("error", True)})
    assert "silently" in line
