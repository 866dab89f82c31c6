"""A run against the truth: what counts as right, reviewed, and accepted wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitscan.batch.scoring import score_run, wilson_upper
from digitscan.errors import UsageError

FIELDS = """file,page,form,field,value,raw,confidence,status,reason
deep/a.png,1,f,age,007,007,0.99,accepted,
deep/a.png,1,f,year,1901,1901,0.98,accepted,
deep/a.png,1,f,row[1].n,4,_4,0.50,review,low confidence
deep/a.png,1,f,row[2].n,,XX,0.99,accepted,
"""
TRUTH = """file,page,field,raw
a.png,1,age,007
a.png,1,year,1907
a.png,1,row[1].n,_4
a.png,1,row[2].n,XX
a.png,1,row[3].n,12
a.png,1,unclear,1?
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "fields.csv").write_text(FIELDS, encoding="utf-8")
    (tmp_path / "truth.csv").write_text(TRUTH, encoding="utf-8")
    return tmp_path


def test_right_reviewed_and_accepted_wrong(run: Path) -> None:
    score = score_run(run, run / "truth.csv")
    assert score.fields == 5  # the unclear one is left out
    assert score.right == pytest.approx(3 / 5)
    assert score.reviewed == pytest.approx(2 / 5)  # the doubtful one, and the one never written
    assert score.accepted_wrong == 1
    assert score.wrong["field"].tolist() == ["year", "row[3].n"]


def test_a_column_of_a_table_is_one_field(run: Path) -> None:
    by_field = score_run(run, run / "truth.csv").by_field
    assert by_field.loc["row[].n", "fields"] == 3
    assert by_field.loc["year", "accepted_wrong"] == 1


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ("file,page,field\na.png,1,age\n", "column raw is missing"),
        ("file,page,field,raw\nb.png,1,age,1\n", "none of its fields"),
        ("file,page,field,raw\na.png,1,age,1\na.png,1,age,2\n", "is there twice"),
    ],
)
def test_a_truth_that_cannot_be_used_is_told(run: Path, truth: str, said: str) -> None:
    (run / "truth.csv").write_text(truth, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        score_run(run, run / "truth.csv")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fields\.csv"):
        score_run(tmp_path, tmp_path / "truth.csv")


def test_wilson_interval_of_published_examples() -> None:
    # Newcombe 1998, table I: 15 of 148 and 0 of 20
    assert wilson_upper(15, 148) == pytest.approx(0.1605, abs=2e-4)
    assert wilson_upper(0, 20) == pytest.approx(0.1611, abs=2e-4)
    assert wilson_upper(0, 0) == 1.0
