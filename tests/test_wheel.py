"""The wheel is the whole program: it works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from digitscan.recognition.strokes import draw_digit

ROOT = Path(__file__).parent.parent


def ran(*arguments: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        cwd=environment.get("PYTHONPATH"),
        env={**os.environ, **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_installed_elsewhere_it_finds_its_model(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--quiet")
    ran("-m", "pip", "install", *offline, "--target", elsewhere, ROOT)
    assert (elsewhere / "digitscan" / "review" / "templates" / "report.html").is_file()
    assert (elsewhere / "digitscan" / "review" / "static" / "look.css").is_file()
    ink = draw_digit(4, np.random.default_rng(3))
    cv2.imwrite(str(tmp_path / "four.png"), np.pad(255 - ink, 10, constant_values=255))
    asked = "from digitscan.recognition.classifier import default_model; print(default_model())"
    found = ran("-c", asked, PYTHONPATH=str(elsewhere)).strip()
    assert found == str(elsewhere / "digitscan" / "models" / "digits.keras")
    told = ran("-m", "digitscan", "classify", tmp_path / "four.png", PYTHONPATH=str(elsewhere))
    assert f"{tmp_path / 'four.png'}: 4 (" in told
