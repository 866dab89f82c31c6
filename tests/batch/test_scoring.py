"""A run against the truth: what counts as right, reviewed, and accepted wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitscan.batch.scoring import SIGNS, RunScore, score_run
from digitscan.errors import UsageError

FIELDS = """file,page,form,field,value,raw,confidence,status,reason
deep/a.png,1,f,age,007,007,0.99,accepted,
deep/a.png,1,f,year,1901,1901,0.98,accepted,
deep/a.png,1,f,row[1].n,4,_4,0.50,review,low confidence: mark between digits
deep/a.png,1,f,row[2].n,,XX,0.99,accepted,
"""
DIGITS = """file,page,form,field,position,digit,confidence,alternative,alternative_confidence,x,y,width,height
deep/a.png,1,f,age,1,0,0.99,6,0.01,1,1,1,1
deep/a.png,1,f,age,2,0,0.98,6,0.01,1,1,1,1
deep/a.png,1,f,age,3,7,0.97,1,0.01,1,1,1,1
deep/a.png,1,f,year,1,1,0.99,7,0.01,1,1,1,1
deep/a.png,1,f,year,2,9,0.99,4,0.01,1,1,1,1
deep/a.png,1,f,year,3,0,0.99,6,0.01,1,1,1,1
deep/a.png,1,f,year,4,1,0.96,7,0.03,1,1,1,1
deep/a.png,1,f,row[1].n,1,_,0.99,,0.0,1,1,1,1
deep/a.png,1,f,row[1].n,2,4,0.50,9,0.49,1,1,1,1
deep/a.png,1,f,row[2].n,1,X,0.99,,0.0,1,1,1,1
deep/a.png,1,f,row[2].n,2,X,0.99,,0.0,1,1,1,1
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
    (tmp_path / "digits.csv").write_text(DIGITS, encoding="utf-8")
    (tmp_path / "truth.csv").write_text(TRUTH, encoding="utf-8")
    return tmp_path


def scored(folder: Path, fields: list[tuple[str, str, str, float, str]]) -> RunScore:
    """The score of fields of one cell (name, written, read, confidence, reason); wanted: 10% wrong."""
    head, *_ = FIELDS.splitlines()
    rows = [
        f"a.png,1,f,{name},{read},{read},{sure:.4f},{'review' if why else 'accepted'},{why}"
        for name, _, read, sure, why in fields
    ]
    digits = [f"a.png,1,f,{name},1,{read},{sure:.4f},0,0,1,1,1,1" for name, _, read, sure, _ in fields]
    truth = [f"a.png,1,{name},{raw}" for name, raw, *_ in fields]
    (folder / "fields.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    (folder / "digits.csv").write_text("\n".join([DIGITS.splitlines()[0], *digits]), encoding="utf-8")
    (folder / "truth.csv").write_text("\n".join(["file,page,field,raw", *truth]), encoding="utf-8")
    return score_run(folder, folder / "truth.csv", target_error=0.1)


def test_a_run_without_digits_has_a_score(run: Path) -> None:
    (run / "digits.csv").write_text(DIGITS.splitlines()[0], encoding="utf-8")
    score = score_run(run, run / "truth.csv")
    assert score.whole.measured.right.count == 3
    assert score.by_digit["4"].right.of == 0


def test_right_reviewed_and_accepted_wrong(run: Path) -> None:
    score = score_run(run, run / "truth.csv")
    whole = score.whole
    assert (whole.measured.right.count, whole.measured.right.of) == (3, 5)  # the unclear one is left out
    assert whole.reviewed.count == 2  # the doubtful one, and the one never written
    assert (whole.accepted_wrong.count, whole.accepted_wrong.of) == (1, 3)
    assert score.wrong["field"].tolist() == ["year", "row[3].n"]
    assert score.advice is None


def test_a_column_of_a_table_is_one_field(run: Path) -> None:
    by_field = score_run(run, run / "truth.csv").by_field
    assert list(by_field) == ["age", "year", "row[].n"]
    assert by_field["row[].n"].measured.right.of == 3
    assert by_field["year"].accepted_wrong.count == 1


def test_fields_of_several_forms_are_told_apart(run: Path) -> None:
    with (run / "fields.csv").open("a", encoding="utf-8") as file:
        file.write("b.png,1,g,age,5,5,0.9900,accepted,\n")
    with (run / "truth.csv").open("a", encoding="utf-8") as file:
        file.write("b.png,1,age,5\nc.png,1,age,5\n")
    score = score_run(run, run / "truth.csv")
    assert list(score.by_field) == ["f: age", "f: year", "f: row[].n", "g: age", "not read: age"]


def test_files_of_one_name_in_two_folders_are_two(run: Path) -> None:
    head = (run / "fields.csv").read_text(encoding="utf-8").splitlines()[0]
    rows = [head, "day1/a.png,1,f,age,5,5,0.99,accepted,", "day2/a.png,1,f,age,6,6,0.99,accepted,"]
    (run / "fields.csv").write_text("\n".join(rows), encoding="utf-8")
    truth = "file,page,field,raw\nday1/a.png,1,age,5\nday2/a.png,1,age,7\na.png,1,age,5\n"
    (run / "truth.csv").write_text(truth, encoding="utf-8")
    score = score_run(run, run / "truth.csv")
    assert (score.whole.measured.right.count, score.whole.measured.right.of) == (1, 3)
    assert list(score.wrong["file"]) == ["day2/a.png", "a.png"]  # which of the two the last is nobody knows


@pytest.mark.parametrize("name", ["-a.png", "'-a.png"])
def test_a_truth_names_files_as_they_are_called_or_as_tables_do(run: Path, name: str) -> None:
    """A name that a spreadsheet would run has a quote in front in fields.csv and digits.csv."""
    expected = score_run(run, run / "truth.csv")
    for table, text in (("fields", FIELDS), ("digits", DIGITS)):
        (run / f"{table}.csv").write_text(text.replace("deep/a.png", "'-a.png"), encoding="utf-8")
    (run / "truth.csv").write_text(TRUTH.replace("a.png", name), encoding="utf-8")
    score = score_run(run, run / "truth.csv")
    assert (score.whole, score.by_digit) == (expected.whole, expected.by_digit)


def test_digits_are_right_or_wrong_by_their_place(run: Path) -> None:
    score = score_run(run, run / "truth.csv")
    shares = {digit: (m.right.count, m.right.of) for digit, m in score.by_digit.items() if m.right.of}
    assert shares == {"0": (3, 3), "1": (1, 2), "4": (1, 1), "7": (1, 1), "9": (1, 1)}
    place = SIGNS.index
    assert score.confusion[place("7"), place("1")] == 1
    assert score.confusion[place("X"), place("X")] == 2
    assert score.confusion.sum() == 11  # row[3].n was never read


def test_a_missed_glyph_does_not_make_its_neighbours_wrong(run: Path) -> None:
    truth = (run / "truth.csv").read_text(encoding="utf-8").replace("year,1907", "year,19201")
    (run / "truth.csv").write_text(truth, encoding="utf-8")
    score = score_run(run, run / "truth.csv")
    assert score.by_digit["1"].right.count == 2
    assert score.by_digit["9"].right.count == 1


def test_thresholds_lie_above_the_errors_and_let_pass_what_is_written_so(tmp_path: Path) -> None:
    rows = [(f"t[{i}].n", "1", "1", 0.9 + 0.001 * i, "") for i in range(60)]
    rows += [(f"u[{i}].n", "1", "7", 0.6, "low confidence") for i in range(10)]
    advice = scored(tmp_path, rows).advice
    assert advice is not None
    assert advice.whole.kept
    assert advice.whole.confidence == 0.89995
    assert advice.whole.effect.review.count == 10
    assert advice.by_field["t[].n"].kept
    assert not advice.by_field["u[].n"].kept
    assert advice.by_digit["1"].kept
    assert not advice.by_digit["7"].kept
    assert advice.together is not None
    assert (advice.together.review.count, advice.together.error.count) == (10, 0)


def test_a_broken_rule_is_for_review_at_any_threshold(tmp_path: Path) -> None:
    rows = [(f"t[{i}].n", "1", "1", 0.99, "rule: maximum 0" if i < 20 else "") for i in range(80)]
    advice = scored(tmp_path, rows).advice
    assert advice is not None
    assert advice.whole.effect.review.count == 20
    assert advice.by_digit["1"].effect.error.of == 60


def test_digits_below_their_threshold_send_their_field_to_review(tmp_path: Path) -> None:
    rows = [(f"t[{i}].n", "1", "1", 0.99, "") for i in range(400)]
    rows += [(f"t[{i}].n", "1", "7", 0.985, "") for i in range(400, 420)]
    rows += [(f"t[{i}].n", "7", "7", 0.99, "") for i in range(420, 480)]
    advice = scored(tmp_path, rows).advice
    assert advice is not None
    assert advice.whole.confidence == 0.98495  # 20 of 480 are within 10%
    assert advice.by_digit["7"].confidence == 0.98995
    assert advice.together is not None
    assert (advice.together.review.count, advice.together.error.count) == (20, 0)


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
