"""What people decided is never lost, changed or shown to others."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from digitscan.errors import UsageError
from digitscan.review import decisions
from digitscan.review.decisions import Entry, Mode, Store
from digitscan.review.queue import Key, State

AGE = Key("a" * 64, 1, "census", "person[1].age")
YEAR = Key("a" * 64, 1, "census", "year")
SCRIPT = "<script>alert(1)</script>"
WRITER = """
import sys
from pathlib import Path
from digitscan.review import decisions
from tests.review.test_decisions import AGE, said
with decisions.opened(Path(sys.argv[1])) as store:
    for number in range(10**6):
        store.decide(said(AGE, value=str(number)))
        print(number, flush=True)
"""


def said(
    key: Key, who: str = "Ada", state: State = "value", value: str = "12", mode: Mode = "doubtful"
) -> Entry:
    return Entry(0, "", who, mode, key, "a.png", state, value, "17", "value", "17", "")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with decisions.opened(tmp_path) as store:
        yield store


def test_an_entry_is_kept_with_who_when_what_was_shown_and_what_was_before(store: Store) -> None:
    kept = store.decide(said(AGE))
    (entry,) = store.entries()
    assert entry == kept
    assert (entry.who, entry.state, entry.value, entry.shown) == ("Ada", "value", "12", "17")
    assert (entry.was_state, entry.was_value, entry.was_who) == ("value", "17", "")
    assert datetime.fromisoformat(entry.at).tzinfo is not None


def test_times_grow_with_the_entries(store: Store) -> None:
    times = [store.decide(said(AGE)).at for _ in range(20)]
    assert times == sorted(set(times))


def test_a_person_takes_back_only_her_own_last_entry_of_a_mode(store: Store) -> None:
    store.decide(said(AGE, "Ada"))
    store.decide(said(YEAR, "Ada", mode="audit"))
    store.decide(said(AGE, "Bea", value="13"))
    assert store.take_back("Ada", "doubtful")
    assert [bool(entry.undone_at) for entry in store.entries()] == [True, False, False]
    assert store.take_back("Ada", "doubtful") is None
    assert store.take_back("Cyd", "doubtful") is None


def test_a_carpet_is_looked_over_and_taken_back_as_one(store: Store) -> None:
    glyphs = [(AGE, 1), (AGE, 2), (YEAR, 1)]
    odd = [said(AGE, state="open", value="", mode="carpet")]
    store.look_over("Ada", "7", glyphs, odd)
    assert store.looked_over(AGE.sha256, 1) == {("person[1].age", 1), ("person[1].age", 2), ("year", 1)}
    assert store.take_back("Ada", "carpet") is not None
    assert store.looked_over(AGE.sha256, 1) == set()
    assert [bool(entry.undone_at) for entry in store.entries()] == [True]


def test_fields_that_two_people_key_can_be_named_and_unnamed(store: Store) -> None:
    store.double("year", True)
    store.double("person[].age", True)
    store.double("year", False)
    assert store.doubled() == {"person[].age"}


@pytest.mark.parametrize("change", ["UPDATE entries SET value = '99'", "DELETE FROM entries"])
def test_nothing_is_changed_or_deleted(tmp_path: Path, store: Store, change: str) -> None:
    store.decide(said(AGE))
    book = sqlite3.connect(tmp_path / "review" / "decisions.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="nothing is changed here"):
        book.execute(change)
    book.close()
    assert [entry.value for entry in store.entries()] == ["12"]


def test_texts_are_kept_as_they_are(store: Store) -> None:
    store.decide(said(AGE, who=f"=cmd{SCRIPT}'; DROP TABLE entries; --"))
    assert [entry.who for entry in store.entries()] == [f"=cmd{SCRIPT}'; DROP TABLE entries; --"]


@pytest.mark.parametrize("after", [1, 40, 200])
def test_what_was_told_to_be_kept_outlives_kill_9(tmp_path: Path, after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split()]  # each line is written whole
    with decisions.opened(tmp_path) as store:
        kept = [int(entry.value) for entry in store.entries()]
    assert kept[: len(told)] == told
    assert len(kept) - len(told) in (0, 1)  # one may be on the disk that was not told yet


def test_others_may_not_read_it(tmp_path: Path, store: Store) -> None:
    store.decide(said(AGE))
    folder = tmp_path / "review"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = list(folder.iterdir())
    assert {path.name for path in files} == {f"decisions.sqlite{more}" for more in ("", "-wal", "-shm")}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused(tmp_path: Path, store: Store) -> None:
    store.decide(said(AGE))
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)  # so that only the folder itself stands in the way
    tried = subprocess.run(
        ["/bin/cat", tmp_path / "review" / "decisions.sqlite"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    assert (tried.returncode, tried.stdout) == (1, b"")
    assert b"Permission denied" in tried.stderr


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "decisions.sqlite").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="cannot be opened"), decisions.opened(tmp_path):
        pass
    assert elsewhere.read_bytes() == b""


def test_a_damaged_store_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "decisions.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(UsageError, match="damaged"), decisions.opened(tmp_path):
        pass


def test_looking_makes_none(tmp_path: Path) -> None:
    with decisions.found(tmp_path) as store:
        assert store is None
    assert not list(tmp_path.iterdir())
