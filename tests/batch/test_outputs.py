"""Rows and cells of the output files."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from digitscan.batch import outputs
from digitscan.records import DigitReading, FieldReading, PageFailure, PageRef, PageResult

REF = PageRef(Path("x"), "a/b.pdf", 2, "0" * 64)


def test_the_columns_are_those_of_the_documentation(tmp_path: Path) -> None:
    outputs.write(tmp_path, [], dict)
    heads = [(tmp_path / name).read_text() for name in outputs.NAMES[:3]]
    assert heads == [
        "file,page,form,field,value,raw,confidence,status,reason\n",
        "file,page,form,field,position,digit,confidence,alternative,alternative_confidence,x,y,width,height\n",
        "file,page,form,status,reason,rotation,registration_score,fields,review\n",
    ]


def test_rows(tmp_path: Path) -> None:
    digits = (
        DigitReading(1, "0", 0.99994, "6", 0.00006, (5, 6, 7, 8)),
        DigitReading(2, "_", 1.0, "?", 0.0, (-1, 6, 7, 8)),
    )
    readings = (
        FieldReading("age", "0", "0_", 0.5, "review", "rule: maximum 120", digits),
        FieldReading("sex", "", "_", 1.0, "accepted"),
    )
    outcomes: list[outputs.PageRows | PageFailure] = [
        outputs.rendered(PageResult(REF, "household", 90, 0.75, readings)),
        PageFailure(REF, "decode", "damaged, says Pillow"),
        PageFailure(REF, outputs.SKIPPED, "symbolic link"),
    ]
    counts = outputs.write(tmp_path, outcomes, lambda: {"engine": "none"})
    assert counts == outputs.Counts(ok=1, failed=1, skipped=1, left=0, fields=2, review=1)
    assert (tmp_path / "fields.csv").read_text().splitlines()[1:] == [
        "a/b.pdf,2,household,age,0,0_,0.5000,review,rule: maximum 120",
        "a/b.pdf,2,household,sex,,_,1.0000,accepted,",
    ]
    assert (tmp_path / "digits.csv").read_text().splitlines()[1:] == [
        "a/b.pdf,2,household,age,1,0,0.9999,6,0.0001,5,6,7,8",
        "a/b.pdf,2,household,age,2,_,1.0000,?,0.0000,-1,6,7,8",
    ]
    assert (tmp_path / "pages.csv").read_text().splitlines()[1:] == [
        "a/b.pdf,2,household,ok,,90,0.7500,2,1",
        'a/b.pdf,2,,failed,"damaged, says Pillow",,,0,0',
        "a/b.pdf,2,,skipped,symbolic link,,,0,0",
    ]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["engine"] == "none"
    assert summary["counts"]["review"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(outputs.NAMES)


@given(st.binary(min_size=1).map(lambda name: name.decode("utf-8", "surrogateescape")))
def test_any_name_becomes_a_harmless_cell(name: str) -> None:
    cell = outputs.cell(name)
    cell.encode("utf-8")
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert "\r" not in cell
