from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image as Pictures
from PIL import ImageOps

from digitscan.deck import deck as deck_module
from digitscan.deck import drawing
from digitscan.deck.deck import make_deck
from digitscan.deck.drawing import Writer
from digitscan.deck.filling import holds, obeys, value_of
from digitscan.errors import UsageError
from digitscan.forms import Form, load_form
from digitscan.records import Image

ROOT = Path(__file__).parents[2]
Truth = dict[tuple[str, int], dict[str, str]]


def read_truth(path: Path) -> Truth:
    truth: Truth = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            truth.setdefault((row["file"], int(row["page"])), {})[row["field"]] = row["raw"]
    return truth


def page_count(path: Path) -> int:
    if path.suffix == ".pdf":
        with pypdfium2.PdfDocument(path) as document:
            return len(document)
    with Pictures.open(path) as picture:
        return int(getattr(picture, "n_frames", 1))


@pytest.fixture(scope="module")
def deck(form: Form, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("deck") / "made"
    make_deck(form, 17, 5, output)
    return output


def test_streaks_change_pages_but_not_what_is_written(form: Form, deck: Path, tmp_path: Path) -> None:
    lined = make_deck(form, 17, 5, tmp_path, streaks=True)
    assert (tmp_path / "truth.csv").read_bytes() == (deck / "truth.csv").read_bytes()
    assert all(path.read_bytes() != (deck / path.name).read_bytes() for path in lined)


def test_truth_has_every_field_of_every_page_written(form: Form, deck: Path) -> None:
    truth = read_truth(deck / "truth.csv")
    files = [path for path in sorted(deck.iterdir()) if path.name != "truth.csv"]
    assert Counter(name for name, _ in truth) == {path.name: page_count(path) for path in files}
    assert len(truth) == 17
    assert {path.suffix for path in files} == {".pdf", ".tif", ".png", ".jpg"}
    for raws in truth.values():
        assert list(raws) == [field.name for field in form.fields]
        assert all(obeys(field, value_of(raws[field.name])) for field in form.fields)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    form: Form, deck: Path, tmp_path: Path
) -> None:
    again = make_deck(form, 17, 5, tmp_path / "again")
    assert [path.name for path in again] == sorted(p.name for p in deck.iterdir() if p.suffix != ".csv")
    for path in (*again, tmp_path / "again" / "truth.csv"):
        assert path.read_bytes() == (deck / path.name).read_bytes(), path.name
    make_deck(form, 1, 6, tmp_path / "other")
    assert (tmp_path / "other" / "truth.csv").read_bytes() != (deck / "truth.csv").read_bytes()


def test_a_deck_is_written_by_many_hands_or_by_one(
    form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[Writer] = []

    def write_page(*arguments: Any) -> Image:
        writers.append(arguments[2])
        return drawing.write_page(*arguments)

    monkeypatch.setattr(deck_module, "write_page", write_page)
    make_deck(form, 3, 5, tmp_path / "many")
    make_deck(form, 2, 5, tmp_path / "one", hand=4)
    make_deck(form, 1, 6, tmp_path / "the same", hand=4)
    make_deck(form, 1, 6, tmp_path / "another", hand=5)
    assert [len(set(map(repr, part))) for part in (writers[:3], writers[3:6], writers[5:])] == [3, 1, 2]


def test_nothing_in_a_file_comes_from_the_clock(deck: Path) -> None:
    files = [path.read_bytes() for path in deck.glob("*.pdf")]
    assert files
    assert not any(b"Date" in content for content in files)


def test_scans_are_written_as_scanners_do(deck: Path) -> None:
    assert b"/DCTDecode" in (deck / "001_office.pdf").read_bytes()
    assert b"/CCITTFaxDecode" in (deck / "002_archive.pdf").read_bytes()
    with Pictures.open(deck / "003_fax.tif") as fax:
        assert fax.info["compression"] == "group4" and fax.info["dpi"] == (200, 200)


def test_a_g4_pdf_shows_dark_ink_on_light_paper(form: Form, deck: Path) -> None:
    with pypdfium2.PdfDocument(deck / "002_archive.pdf") as document:
        assert document[0].render(scale=1, grayscale=True).to_numpy().mean() > 180
        width, height = document[0].get_size()
    assert sorted((width, height)) == pytest.approx([mm / 25.4 * 72 for mm in form.page.size], abs=0.5)


def test_a_photo_is_upright_once_its_orientation_is_heeded(deck: Path) -> None:
    with Pictures.open(deck / "005_photo.jpg") as photo:
        assert photo.getexif()[0x0112] in (3, 6, 8)
        upright = np.asarray(ImageOps.exif_transpose(photo))
    height, width = upright.shape
    assert height > width
    # the fifth mark stands beside the left upper corner, and beside no other
    marks = upright[int(0.02 * height) : int(0.16 * height)] < 60
    left, right = marks[:, int(0.05 * width) : width // 3], marks[:, -width // 3 : -int(0.05 * width)]
    assert left.sum() > 1.4 * right.sum()


def test_presets_limit_the_kinds_of_file(form: Form, tmp_path: Path) -> None:
    written = make_deck(form, 2, 1, tmp_path, presets=["clean"])
    assert [path.name for path in written] == ["001_flatbed.png", "002_flatbed.png"]


@pytest.mark.parametrize(
    ("pages", "seed", "presets", "complaint"),
    [
        (0, 1, ["clean"], "0 pages"),
        (1, -1, ["clean"], "seed -1"),
        (1, 1, ["tidy"], "unknown presets .'tidy'.; choose from clean"),
        (1, 1, [], "choose from clean"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    form: Form, tmp_path: Path, *, pages: int, seed: int, presets: list[str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_deck(form, pages, seed, tmp_path / "deck", presets=presets)
    assert not (tmp_path / "deck").exists()


def test_the_samples_are_what_their_truth_says_they_are() -> None:
    samples = ROOT / "sample_scans"
    form = load_form(ROOT / "configs" / "household.toml")
    truth = read_truth(samples / "truth.csv")
    files = [path for path in samples.iterdir() if path.suffix not in (".csv", ".md")]
    assert len(files) >= 8
    assert len(truth) >= 24
    assert sum(path.stat().st_size for path in files) < 12e6
    assert Counter(name for name, _ in truth) == {path.name: page_count(path) for path in files}
    values = [{name: value_of(raw) for name, raw in raws.items()} for raws in truth.values()]
    assert all(obeys(field, page[field.name]) for page in values for field in form.fields)
    assert sum(not holds(form.checks[0], page) for page in values) == 1
    table = (samples / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in table for path in files)
