"""What is asked, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitscan.errors import UsageError
from digitscan.review import queue
from tests.review import made


def test_the_least_sure_come_first_and_copies_once(tmp_path: Path) -> None:
    sure, unsure = made.usual("sure.png", 0.9), made.usual("unsure.png", 0.2)
    made.run(tmp_path, [sure, made.renamed(unsure, "first.png"), unsure])
    with queue.opened(tmp_path) as book:
        items = list(queue.doubtful(book))
        assert len(list(queue.fields(book))) == 9
    assert [(i.page.ref.file, i.reading.field) for i in items] == [
        ("first.png", "person[1].age"),
        ("sure.png", "person[1].age"),
    ]
    assert items[0].worth == pytest.approx(0.8)
    assert items[0].reading.candidates == unsure.readings[1].candidates
    assert items[0].key == queue.Key(unsure.ref.sha256, 1, "census", "person[1].age")


def test_like_goes_with_like(tmp_path: Path) -> None:
    readings = [
        made.reading("district", "1", 0.1, "review", made.corners(20, 10)),
        made.reading("person[1].age", "2", 0.3, "review", made.corners(20, 70)),
        made.reading("person[2].age", "3", 0.05, "review", made.corners(20, 130)),
    ]
    made.run(tmp_path, [made.page("a.png", readings), made.page("b.png", readings)])
    with queue.opened(tmp_path) as book:
        items = queue.like_with_like(queue.doubtful(book))
    assert [i.column for i in items] == ["person[].age"] * 4 + ["district"] * 2
    assert [i.reading.value for i in items] == ["3", "3", "2", "2", "1", "1"]


def test_what_is_read_anew_is_no_longer_asked_as_it_was(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png"), made.usual("b.png")])
    made.run(
        tmp_path, [made.page("a.png", [made.reading("district", "1", 1, "accepted", made.corners(9, 9))])]
    )
    with queue.opened(tmp_path) as book:
        assert list(queue.doubtful(book)) == []


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the output directory"), queue.opened(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "raw", "value", "odd"),
    [
        ("district", "045", "045", []),
        ("district", "045", "45", ["read 045"]),
        ("district", "0?5", "45", ["read 0?5"]),
        ("district", "_45", "45", []),
        ("district", "X0_", "7", []),
        ("district", "0", "7", []),
        ("district", "7123", "7123", ["rule: 0 to 3 digits", "rule: maximum 290"]),
        ("district", "1", "1", ["rule: minimum 2"]),
        ("district", "12", "291", ["rule: maximum 290"]),
        ("person[].age", "41", "77", []),
        ("person[].age", "0041", "41", ["read 0041"]),
        ("person[].age", "77", "42", ["rule: not a listed value"]),
        ("person[].age", "4", "4", ["rule: 2 to 4 digits", "rule: not a listed value"]),
        ("person[].age", "88", "88", ["rule: not a listed value", "rule: pattern [^8]+"]),
    ],
)
def test_what_is_not_as_the_form_allows_or_as_was_read(
    tmp_path: Path, column: str, raw: str, value: str, odd: list[str]
) -> None:
    reading = made.reading(column, raw.strip("_X"), 0.5, "review", made.corners(20, 10), raw)
    made.run(tmp_path, [made.page("a.png", [reading])], [made.form(tmp_path)])
    with queue.opened(tmp_path) as book:
        limits = book.limits()["census", column]
    assert queue.oddities(value, reading, limits) == odd
    assert queue.oddities(value, reading, None) == [o for o in odd if o.startswith("read")]
    assert bool(queue.too_long(value, limits)) == (len(value) > limits.digits[1])


def test_a_number_too_long_is_told_with_its_room(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png")], [made.form(tmp_path)])
    with queue.opened(tmp_path) as book:
        limits = book.limits()["census", "district"]
    assert queue.too_long("0012", limits) == "0012 has 4 digits, and the form has room for 3"
    assert queue.too_long("0012", None) == ""
