"""The samples that come along, read by the program itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drawn_pages import ROOT
from tests.scoring import digitscan_run, rows, score

SAMPLES = ROOT / "sample_scans"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("samples") / "out"
    done = digitscan_run(SAMPLES, [ROOT / "configs" / "household.toml"], directory)
    assert (done.returncode, done.stderr) == (0, "")
    return directory


def test_every_page_is_read(output: Path) -> None:
    truth = {(row["file"], row["page"]) for row in rows(SAMPLES / "truth.csv")}
    pages = [row for row in rows(output / "pages.csv") if row["status"] != "skipped"]
    assert {(row["file"], row["page"]) for row in pages} == truth
    assert len(pages) == len(truth)
    assert {(row["form"], row["status"]) for row in pages} == {("household", "ok")}
    assert {row["rotation"] for row in pages} == {"0", "90", "180", "270"}


def test_the_samples_are_read_right(output: Path) -> None:
    result = score(output / "fields.csv", SAMPLES / "truth.csv")
    assert result.fields == 28 * 80
    assert result.accuracy >= 0.98, result.wrong


def test_no_accepted_field_is_wrong(output: Path) -> None:
    result = score(output / "fields.csv", SAMPLES / "truth.csv")
    assert result.accepted_wrong == (), {key: result.wrong[key] for key in result.accepted_wrong}
    fields = rows(output / "fields.csv")
    assert sum(row["status"] == "accepted" for row in fields) > 0.5 * len(fields)


def test_the_sum_that_does_not_come_out_is_told(output: Path) -> None:
    told = {
        row["field"]: row["reason"]
        for row in rows(output / "fields.csv")
        if (row["file"], row["page"]) == ("008_archive.pdf", "4") and "check" in row["reason"]
    }
    assert set(told) == {"men", "women", "total"}
    assert all("check: men + women == total" in reason for reason in told.values())
