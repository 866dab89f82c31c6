"""The interval of an audit holds the truth, also where errors are rare."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy.stats import hypergeom

from digitscan.batch import runs
from digitscan.cli.status import status
from digitscan.review import audits, decisions, queue
from digitscan.review.decisions import Entry
from digitscan.review.queue import Key
from tests.review import made


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Key]]:
    """A run of 1,000 accepted fields and 10 in doubt, and the accepted."""
    out = tmp_path_factory.mktemp("deck")
    pages = []
    for number in range(10):
        readings = [
            made.reading(f"f{i}", str(i), 0.99, "review" if i == 50 else "accepted", made.corners(10, 10))
            for i in range(101)
        ]
        pages.append(made.page(f"{number}.png", readings))
    made.run(out, pages)
    with queue.opened(out) as book:
        return out, [item.key for item in queue.fields(book) if item.reading.status == "accepted"]


def test_the_truth_lies_in_at_least_93_of_100_seeded_audits(deck: tuple[Path, list[Key]]) -> None:
    out, accepted = deck
    with queue.opened(out) as book:
        samples = [audits.draw(book, 150, seed) for seed in range(100)]
    for wrong in (3, 10, 40):
        bad = set(random.Random(wrong).sample(accepted, wrong))
        found = [len(bad.intersection(sample)) for sample in samples]
        intervals = {n: audits.interval(n, 150, len(accepted)) for n in set(found)}
        assert sum(intervals[n][0] <= wrong / len(accepted) <= intervals[n][1] for n in found) >= 93


@pytest.mark.parametrize(("population", "judged"), [(200, 50), (1000, 100), (20_000, 300)])
def test_it_holds_the_truth_at_least_as_often_as_it_says(population: int, judged: int) -> None:
    intervals = [audits.interval(wrong, judged, population) for wrong in range(judged + 1)]
    for truth in (0, 1, 2, 3, 5, 8, 13, 20, population // 20, population // 10):
        holds = [low <= truth / population <= high for low, high in intervals]
        chances = hypergeom.pmf(range(judged + 1), population, truth, judged)
        assert sum(c for c, held in zip(chances, holds, strict=True) if held) >= audits.CONFIDENCE


def test_the_interval_at_its_ends() -> None:
    assert audits.interval(0, 0, 50) == (0.0, 1.0)
    assert audits.interval(3, 50, 50) == (0.06, 0.06)
    low, high = audits.interval(0, 300, 10**6)
    assert low == 0
    assert 0.0121 < high < 0.0124  # 1 - 0.025 ** (1 / 300), of a population without end
    assert audits.interval(50, 50, 1000)[1] == 1


def test_a_sample_is_of_accepted_fields_each_once_and_by_its_seed(deck: tuple[Path, list[Key]]) -> None:
    out, accepted = deck
    with queue.opened(out) as book:
        sample = audits.draw(book, 150, 7)
        assert sample == audits.draw(book, 150, 7)
        assert sample != audits.draw(book, 150, 8)
        assert len(set(sample)) == 150
        assert set(sample) <= set(accepted)
        assert sorted(audits.draw(book, 10**6, 1)) == sorted(accepted)
        assert audits.outputs(book)[1] == len(accepted)


def test_status_tells_what_an_audit_gave(tmp_path: Path) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{i}.png") for i in range(20)])
    with queue.opened(out) as book, runs.begun(book, "setup", "1") as run:
        run.end("done")
    told = CliRunner()
    assert json.loads(told.invoke(status, [str(out), "--json"]).stdout)["audit"] is None
    assert "audit" not in told.invoke(status, [str(out)]).stdout
    with queue.opened(out) as book, decisions.opened(out) as store:
        hashed, population = audits.outputs(book)
        sample = audits.draw(book, 10, 1)
        store.draw(1, population, hashed, sample)
        key = sample[0]
        store.decide(Entry(0, "", "Ada", "audit", key, "0.png", "value", "999", "", "value", "007", ""))
    figure = json.loads(told.invoke(status, [str(out), "--json"]).stdout)["audit"]
    assert (figure["population"], figure["sample"], figure["judged"], figure["wrong"]) == (40, 10, 1, 1)
    assert figure["high"] == 1
    assert "audit    1 of 1 accepted fields drawn from 40 are wrong" in told.invoke(status, [str(out)]).stdout
