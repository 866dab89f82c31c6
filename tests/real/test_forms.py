"""Real scans of forms that nobody here drew, where DIGITSCAN_TEST_DATA points to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.drawn_pages import ROOT
from tests.scoring import Score, digitscan_run, rows, score

DATA = os.environ.get("DIGITSCAN_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="DIGITSCAN_TEST_DATA names no directory of real data")

SETS = {
    "c1": "c1.toml",
    "cdigital": "cdigital_*.toml",
    "nist_hsf": "nist_hsf.toml",
    "votetally": "votetally.toml",
}


class Runs:
    """Runs of whole directories, each made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def output(self, name: str) -> Path:
        output = self.folder / name
        if not output.exists():
            done = digitscan_run(self.pages(name), sorted((ROOT / "configs").glob(SETS[name])), output)
            assert done.returncode in (0, 3), done.stderr  # some pages are blank designs
        return output

    def pages(self, name: str) -> Path:
        return Path(DATA or "") / "forms" / name

    def score(self, name: str) -> Score:
        return score(self.output(name) / "fields.csv", self.pages(name) / "truth.csv")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("real"))


@pytest.mark.parametrize(("name", "least"), [("c1", 0.90), ("cdigital", 0.85), ("nist_hsf", 24 / 28)])
def test_fields_are_read_right(runs: Runs, name: str, least: float) -> None:
    result = runs.score(name)
    assert result.fields > 20
    assert result.accuracy >= least, result.wrong


def test_rows_between_single_rules_are_read_right(runs: Runs) -> None:
    result = runs.score("votetally")
    assert result.fields == 20
    assert result.accuracy >= 12 / 20, result.wrong
    assert not result.accepted_wrong


def test_every_c1_page_is_found(runs: Runs) -> None:
    pages = rows(runs.output("c1") / "pages.csv")
    scans = [row for row in pages if row["file"].endswith(".jpg")]
    assert len(scans) == 12
    assert {(row["form"], row["status"], row["rotation"]) for row in scans} == {("c1", "ok", "0")}


@pytest.mark.parametrize("form", ["cdigital_data", "cdigital_dpr10", "cdigital_pwp"])
def test_each_photo_is_read_as_its_own_form(runs: Runs, form: str) -> None:
    (photo,) = (
        row
        for row in rows(runs.output("cdigital") / "pages.csv")
        if row["file"].startswith(form.removeprefix("cdigital_").replace("data", "data_sample"))
        and "sample" in row["file"]
    )
    assert (photo["form"], photo["status"]) == (form, "ok")


@pytest.mark.parametrize("name", ["c1", "nist_hsf"])
def test_doubt_goes_with_error(runs: Runs, name: str) -> None:
    """What is wrong is mostly in review already."""
    result = runs.score(name)
    assert len(result.accepted_wrong) <= max(1, len(result.wrong) // 2), result.wrong
