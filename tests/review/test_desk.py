"""Who is asked what next, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digitscan.records import PageResult
from digitscan.review import corrections, decisions, ledger, queue
from digitscan.review.crops import Cuttings
from digitscan.review.desk import Desk, Reviewer
from digitscan.review.queue import Change, Decision
from tests.review import made

BEA = Reviewer("Bea", "0123456789abcdef")


async def no_scan(_page: PageResult) -> Cuttings:
    raise AssertionError("no page is cut")


@pytest.mark.parametrize("set_back", [0, 3600])
def test_desk_and_export_agree_though_a_clock_was_ahead(tmp_path: Path, set_back: int) -> None:
    """That of the browser whose decision was handed in, and then that of the machine itself."""
    made.run(tmp_path, [made.usual("a.png")])
    ahead = (datetime.now(UTC) + timedelta(hours=5)).isoformat(timespec="milliseconds")
    with queue.opened(tmp_path) as book, decisions.opened(tmp_path) as store:
        (item,) = queue.doubtful(book)
        ada = Decision("value", "11", "person", "Ada", ahead)
        corrections.keep(tmp_path, [Change(item.key, "a.png", ada, "41", item.place)])
        (path,) = (tmp_path / "corrections").iterdir()
        then = datetime.now(UTC) + timedelta(seconds=set_back)
        path.rename(path.with_name(f"{then:%Y%m%dT%H%M%S.%fZ}-{path.name.partition('-')[2]}"))
        desk = Desk(tmp_path, book, store, no_scan, sample=1, seed=1)
        entry = desk.decide("doubtful", BEA, item.key, "value", "12", desk._last("doubtful", item.key))
        assert desk._ledger.decision(item.key) == ledger.known(tmp_path, book).settled[item.key]
    assert entry.value == "12"
