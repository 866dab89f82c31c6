"""What is learnt from decisions: only digits whose place is certain, seen as the network saw them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from digitscan.batch import journal
from digitscan.cli import commands
from digitscan.deck.deck import make_deck
from digitscan.errors import UsageError
from digitscan.forms import Form
from digitscan.pipeline import read_glyphs, read_page, register_page
from digitscan.recognition import finetuning
from digitscan.recognition.classifier import FakeClassifier, Probabilities
from digitscan.records import CROSSED, FieldReading, Image, PageRef, PageResult
from digitscan.review import corrections, learning
from digitscan.review.learning import labels, lessons
from digitscan.review.queue import Change, Decision, Key, State
from tests.drawn_pages import SMALL_FORM, write_form
from tests.recognition.drawn import data_set
from tests.review import made

NOW = "2021-01-01T00:00:00.000+00:00"


def decision(state: State, value: str = "") -> Decision:
    return Decision(state, value, "person", "ada", NOW)


def reading(value: str, raw: str) -> FieldReading:
    return made.reading("age", value, 0.5, "review", made.corners(0, 0), raw)


@pytest.mark.parametrize(
    ("value", "raw", "end", "expected"),
    [
        ("12", "_12", decision("value", "12"), {2: 1, 3: 2}),  # confirmed
        ("12", "_12", decision("value", "17"), {2: 1, 3: 7}),  # as many digits as glyphs
        ("12", "12", decision("value", "127"), {}),
        ("12", "12", decision("value", "1"), {}),
        ("", "1?", decision("value", "14"), {1: 1, 2: 4}),
        ("", "XX", decision("blank"), {1: CROSSED, 2: CROSSED}),
        ("1", "X1", decision("value", "1"), {1: CROSSED, 2: 1}),
        ("1", "X1", decision("value", "71"), {}),
        ("12", "12", decision("blank"), {}),
        ("", "?", decision("blank"), {}),
        ("", "__", decision("blank"), {}),
        ("12", "12", decision("unreadable"), {}),
        ("12", "12", decision("open"), {}),
    ],
)
def test_only_digits_whose_place_is_certain_are_labelled(
    value: str, raw: str, end: Decision, expected: dict[int, int]
) -> None:
    assert labels(reading(value, raw), end) == expected


@dataclass
class Seen:
    """A network that sees a 3 everywhere, and keeps what it was shown."""

    glyphs: list[Image]

    def __call__(self, glyphs: Image) -> Probabilities:
        self.glyphs += list(glyphs)
        answer = np.full((len(glyphs), 12), 0.001, np.float32)
        answer[:, 3] = 0.989
        return answer


@dataclass(frozen=True)
class Reviewed:
    """A deck of three pages, read."""

    form: Form
    output: Path
    pages: tuple[PageResult, ...]
    seen: tuple[bytes, ...]

    def decide(self, pages: Sequence[PageResult]) -> None:
        """Every field of these pages is confirmed."""
        changes = [
            Change(Key(p.ref.sha256, p.ref.page, p.form, r.field), p.ref.file, decision("value", r.value), "")
            for p in pages
            for r in p.readings
            if r.value
        ]
        corrections.keep(self.output, changes)


@pytest.fixture
def reviewed(tmp_path: Path) -> Reviewed:
    form = write_form(tmp_path, SMALL_FORM)
    files = make_deck(form, 3, 5, tmp_path / "deck", presets=["clean"], hand=2)
    seen = Seen([])
    results = []
    for path in files:
        ref = PageRef(path, path.name, 1, hashlib.sha256(path.read_bytes()).hexdigest())
        results.append(read_page(ref, [form], FakeClassifier(seen)))
    output = tmp_path / "out"
    output.mkdir()
    with journal.opened(output) as book:
        for result in results:
            book.record_page("setup", result)
        with book.listing("setup", results) as rows:
            list(rows)
    return Reviewed(form, output, tuple(results), tuple(glyph.tobytes() for glyph in seen.glyphs))


def test_the_very_glyphs_are_found_again(reviewed: Reviewed) -> None:
    for page in reviewed.pages:
        glyphs = read_glyphs(register_page(page.ref, [reviewed.form]), page.readings)
        written = {(r.field, d.position) for r in page.readings for d in r.digits if d.digit != "_"}
        assert set(glyphs) == written
        assert {glyph.tobytes() for glyph in glyphs.values()} <= set(reviewed.seen)


def test_whole_pages_are_held_back(reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "LEAST", 10)
    reviewed.decide(reviewed.pages)
    found = lessons(reviewed.output, [reviewed.form])
    assert found.described["pages"] == 3
    assert found.described["pages_held_back"] == 1
    sizes = {
        sum(d.digit != "_" for r in page.readings if r.value for d in r.digits) for page in reviewed.pages
    }
    assert len(found.held.labels) in sizes
    assert set(found.learnt.labels) | set(found.held.labels) == {3}
    again = lessons(reviewed.output, [reviewed.form])
    assert again.described == found.described
    assert np.array_equal(again.learnt.pictures, found.learnt.pictures)


def test_changed_and_missing_scans_are_left_out(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(learning, "LEAST", 2)
    reviewed.decide(reviewed.pages)
    path = reviewed.pages[0].ref.path
    path.write_bytes(path.read_bytes() + b" ")
    with caplog.at_level(logging.WARNING):
        assert lessons(reviewed.output, [reviewed.form]).described["pages_left_out"] == 1
    assert "has changed since it was read" in caplog.text
    reviewed.pages[1].ref.path.unlink()
    with pytest.raises(UsageError, match="on 1 pages can be found again"):
        lessons(reviewed.output, [reviewed.form])


def test_too_few_decisions_are_refused(reviewed: Reviewed) -> None:
    with pytest.raises(UsageError, match="0 decided digits"):
        lessons(reviewed.output, [reviewed.form])
    with pytest.raises(UsageError, match="not the output directory"):
        lessons(reviewed.output.parent, [reviewed.form])


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, ["train", *map(str, arguments)])


def test_the_command_hands_over_what_was_decided(
    reviewed: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "LEAST", 10)
    reviewed.decide(reviewed.pages)
    data = data_set(20, 10)
    mnist = tmp_path / "drawn.npz"
    np.savez(mnist, x_train=data.train, y_train=data.train_labels, x_test=data.test, y_test=data.test_labels)
    figures = finetuning.Figures(9, 0.1, 0.99, 0.0)
    handed: list[tuple[finetuning.Decided, int]] = []

    def finetune(learnt: finetuning.Decided, *_: object, seed: int, **__: object) -> finetuning.Tuned:
        handed.append((learnt, seed))
        return finetuning.Tuned(figures, figures, 10)

    monkeypatch.setattr(finetuning, "finetune", finetune)
    where = ("--from-reviews", reviewed.output, "--form", reviewed.form.path)
    said = train(*where, "--data", mnist, "--output", "tuned.keras", "--seed", "4")
    assert said.exception is None
    assert said.output.endswith("\ntuned.keras\n")
    said = train(*where, "--data", "nowhere", "--output", mnist / "tuned.keras")
    assert "choose another --output" in str(said.exception)
    expected = lessons(reviewed.output, [reviewed.form], seed=4).learnt
    ((learnt, seed),) = handed
    assert seed == 4
    assert np.array_equal(learnt.pictures, expected.pictures)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--from-reviews", "out"], "name them with --form"),
        (["--from-reviews", "out", "--form", "f.toml", "--epochs", "3"], "leave them out"),
        (["--form", "f.toml"], "leave it out"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], fault: str) -> None:
    said = train(*arguments, "--data", "nowhere", "--output", "tuned.keras")
    assert isinstance(said.exception, UsageError)
    assert fault in str(said.exception)
