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
