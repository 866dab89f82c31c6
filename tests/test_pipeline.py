"""A whole page, from its file to readings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitscan import pipeline
from digitscan.deck import drawing
from digitscan.deck.deck import make_deck
from digitscan.deck.files import write_jpeg, write_png
from digitscan.deck.filling import value_of
from digitscan.errors import PageError
from digitscan.forms import Form, load_form
from digitscan.recognition.classifier import Classifier, FakeClassifier, Probabilities, load
from digitscan.records import CLASSES, Image, PageRef, PageResult
from digitscan.vision.views import frame, on_view
from tests.drawn_pages import DPI, ROOT, SMALL_FORM, blank, filled, household, write_form


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Form:
    return write_form(tmp_path_factory.mktemp("form"), SMALL_FORM)


def always(digit: str, certainty: float = 0.999) -> FakeClassifier:
    """A network that takes everything for the same."""

    def answer(glyphs: Image) -> Probabilities:
        row = np.full(len(CLASSES), (1 - certainty) / (len(CLASSES) - 1), np.float32)
        row[CLASSES.index(digit)] = certainty
        return np.tile(row, (len(glyphs), 1))

    return FakeClassifier(answer)


def written(folder: Path, image: Image, dpi: float = DPI) -> PageRef:
    path = folder / "scan.png"
    write_png(path, image, dpi)
    return PageRef(path, path.name, 1, "0" * 64)


def right(result: PageResult, truth: dict[str, str]) -> float:
    """Share of the fields whose value is the true one."""
    assert [r.field for r in result.readings] == list(truth)
    return float(np.mean([r.value == value_of(truth[r.field]) for r in result.readings]))


def test_a_blank_form_is_read_as_blank(tmp_path: Path, small: Form) -> None:
    result = pipeline.read_page(written(tmp_path, blank(small)), (small,), always("8"))
    assert (result.form, result.rotation) == ("small", 0)
    assert result.registration_score > 0.9
    assert {(r.value, r.status) for r in result.readings} == {("", "accepted")}
    assert [r.raw for r in result.readings] == ["_" * len(field.cells) for field in small.fields]


def test_all_glyphs_of_a_page_go_to_the_network_at_once(tmp_path: Path, small: Form) -> None:
    batches: list[Image] = []

    def answer(glyphs: Image) -> Probabilities:
        batches.append(glyphs)
        return always("8").answer(glyphs)

    image, truth = filled(small, 3, raws={"code": "123"})
    result = pipeline.read_page(written(tmp_path, image), (small,), FakeClassifier(answer))
    (glyphs,) = batches
    assert glyphs.shape[1:] == (28, 28)
    assert glyphs.dtype == np.uint8
    assert len(glyphs) >= sum(len(value_of(raw)) for raw in truth.values())
    assert {r.field: r for r in result.readings}["code"].value == "888"


def test_the_form_s_rules_and_checks_are_applied(tmp_path: Path, small: Form) -> None:
    image, _ = filled(small, 3)
    result = pipeline.read_page(written(tmp_path, image), (small,), always("8"))
    summed = [r for r in result.readings if "amount" in r.field or r.field == "sum"]
    assert len(summed) == 4
    assert all("check: sum(item.amount) == sum" in r.reason for r in summed)
    doubtful = pipeline.read_page(written(tmp_path, image), (small,), always("8", 0.5))
    assert all(r.status == "review" for r in doubtful.readings if r.value)


def test_a_sum_broken_in_ink_goes_to_review_as_it_was_written(
    tmp_path: Path, small: Form, shipped: Classifier
) -> None:
    written_down = {f"item[{row}].amount": raw for row, raw in enumerate(["230", "014", "105"], 1)}
    for total, status in (("0349", "accepted"), ("0346", "review")):
        image, _ = filled(small, 3, preset="clean", raws=written_down | {"sum": total})
        result = pipeline.read_page(written(tmp_path, image), (small,), shipped)
        read = {r.field: r for r in result.readings}
        for name, raw in (written_down | {"sum": total}).items():
            assert (read[name].value, read[name].status) == (raw, status)
            assert read[name].reason == ("" if status == "accepted" else "check: sum(item.amount) == sum")


@pytest.mark.parametrize(
    ("printed", "tick"), [("comb", 0.4), ("comb", 0.7), ("comb", 1.0), ("dashed", 0.4), ("nothing", 0.4)]
)
def test_fields_of_which_scans_show_less_than_boxes_are_read(
    tmp_path: Path, shipped: Classifier, monkeypatch: pytest.MonkeyPatch, printed: str, tick: float
) -> None:
    monkeypatch.setattr(drawing, "TICK", tick)
    form = write_form(tmp_path, SMALL_FORM.replace("[page]", f'printed = "{printed}"\n[page]', 1))
    empty = pipeline.read_page(written(tmp_path, blank(form)), (form,), shipped)
    assert {(r.value, r.status) for r in empty.readings} == {("", "accepted")}
    for seed in range(3):
        image, truth = filled(form, seed, preset="scanner_grey")
        result = pipeline.read_page(written(tmp_path, image), (form,), shipped)
        assert result.registration_score > 0.9
        assert right(result, truth) > 0.8
        assert not any("box not found" in r.reason for r in result.readings)
        accepted = [r for r in result.readings if r.status == "accepted"]
        assert len(accepted) >= 5
        assert all(r.value == value_of(truth[r.field]) for r in accepted)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_digits_are_where_they_were_scanned(tmp_path: Path, small: Form, rotation: int) -> None:
    image, _ = filled(small, 3, raws={"code": "_7_"})
    scan = np.ascontiguousarray(np.rot90(image, rotation // 90))
    result = pipeline.read_page(written(tmp_path, scan), (small,), always("7"))
    assert result.rotation == rotation
    middle = {r.field: r for r in result.readings}["code"].digits[1]
    x, y, w, h = middle.box
    scale = DPI / 25.4
    ink = np.argwhere(scan[y : y + h, x : x + w] < 128)
    assert len(ink) > 50  # the digit's own
    upright = {
        0: (x, y, w, h),
        90: (image.shape[1] - y - h, x, h, w),
        180: (image.shape[1] - x - w, image.shape[0] - y - h, w, h),
        270: (y, image.shape[0] - x - w, h, w),
    }[rotation]
    assert 37 * scale - 4 < upright[0] + upright[2] / 2 < 44 * scale + 4
    assert 18 * scale < upright[1] + upright[3] / 2 < 27 * scale


@pytest.mark.parametrize("rotation", [0, 90])
def test_fields_in_review_come_with_views(tmp_path: Path, small: Form, rotation: int) -> None:
    image, _ = filled(small, 3, raws={"code": "_7_"})
    scan = np.ascontiguousarray(np.rot90(image, rotation // 90))
    result = pipeline.read_page(written(tmp_path, scan), (small,), always("7", 0.5))
    assert result.size == scan.shape[::-1]
    assert all(bool(r.view) == (r.status == "review") for r in result.readings)
    read = {r.field: r for r in result.readings}["code"]
    field = {f.name: f for f in small.fields}["code"].box
    left, top, width, height = on_view(read.corners, rotation, result.size)
    across, down = small.page.size
    expected = (field.x / across, field.y / down, field.width / across, field.height / down)
    assert (left, top, width, height) == pytest.approx(expected, abs=0.01)
    seen = cv2.imdecode(np.frombuffer(read.view, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert seen is not None
    place = frame(read.corners)
    assert seen.shape == (place.height, place.width)
    x, y, w, h = (round(v) for v in place.field)
    cell = seen[y + 8 : y + h - 8, x + 8 : x + w - 8]
    third = cell.shape[1] // 3
    dark = [int((cell[:, i * third + 6 : (i + 1) * third - 6] < 100).sum()) for i in range(3)]
    assert dark[1] > 50 > dark[0] + dark[2]
    clean = pipeline.read_page(written(tmp_path, blank(small)), (small,), always("8"))
    assert (clean.view, {r.view for r in clean.readings}) == (b"", {b""})


def assert_accepted(result: PageResult, truth: dict[str, str]) -> None:
    """Most fields are accepted, and none of them wrong."""
    accepted = [r for r in result.readings if r.status == "accepted"]
    assert len(accepted) > len(truth) / 2
    assert not [r.field for r in accepted if r.value != value_of(truth[r.field])]


def test_a_clean_page_is_read(tmp_path: Path, shipped: Classifier) -> None:
    image, truth = filled(household(), 5, preset="clean")
    result = pipeline.read_page(written(tmp_path, image), (household(),), shipped)
    assert right(result, truth) >= 0.9
    assert_accepted(result, truth)


@pytest.mark.parametrize("preset", ["scanner_grey", "scanner_bilevel", "fax", "phone"])
def test_scans_are_read(tmp_path: Path, shipped: Classifier, preset: str) -> None:
    image, truth = filled(household(), 21, preset=preset)
    result = pipeline.read_page(written(tmp_path, image), (household(),), shipped)
    assert right(result, truth) >= 0.85
    assert_accepted(result, truth)


@pytest.mark.parametrize("dpi", [150, 300])
def test_other_resolutions_are_read(tmp_path: Path, small: Form, shipped: Classifier, dpi: int) -> None:
    image, truth = filled(small, 31, dpi=dpi, preset="clean")
    result = pipeline.read_page(written(tmp_path, image, dpi), (small,), shipped)
    assert right(result, truth) >= 0.75


def test_a_photo_without_a_resolution_is_read(tmp_path: Path, small: Form, shipped: Classifier) -> None:
    image, truth = filled(small, 41, preset="phone", dpi=250)
    path = tmp_path / "photo.jpg"
    write_jpeg(path, image, None, orientation=6)
    result = pipeline.read_page(PageRef(path, path.name, 1, "0" * 64), (small,), shipped)
    assert (result.rotation, right(result, truth) >= 0.75) == (0, True)


def test_white_on_black_is_read_as_black_on_white(tmp_path: Path, small: Form, shipped: Classifier) -> None:
    image, truth = filled(small, 5)
    for scan in (image, 255 - image):
        page = pipeline.read_page(written(tmp_path, scan), (small,), shipped)
        assert right(page, truth) > 0.9
        assert page.negative == (scan is not image)
    with pytest.raises(PageError, match="was not found"):
        pipeline.read_page(written(tmp_path, np.full_like(image, 20)), (small,), shipped)


def test_in_a_mixed_batch_each_page_is_read_as_its_own_form(
    tmp_path: Path, small: Form, shipped: Classifier
) -> None:
    for form in (small, household()):
        image, truth = filled(form, 6, preset="clean")
        for forms in ((small, household()), (household(), small)):
            result = pipeline.read_page(written(tmp_path, image), forms, shipped)
            assert result.form == form.name
            assert right(result, truth) >= 0.75


def test_the_order_of_the_forms_counts_nothing(tmp_path: Path, small: Form) -> None:
    empty = written(tmp_path, np.full((945, 709), 255, np.uint8))
    said = set()
    for forms in ((small, household()), (household(), small)):
        with pytest.raises(PageError, match="no form fits") as caught:
            pipeline.register_page(empty, forms)
        said.add(caught.value.reason)
    assert len(said) == 1
    # a resolution that only of the other one is nonsense
    large = small.page.model_copy(update={"size": (420.0, 594.0)})
    poster = replace(small, name="poster", page=large, fingerprint="0")
    for forms in ((small, poster), (poster, small)):
        found = pipeline.register_page(written(tmp_path, blank(small)), forms)
        assert found.form.name == "small"
        assert found.page.dpi == pytest.approx(DPI, abs=0.1)


def test_the_same_page_gives_the_same_result(tmp_path: Path, small: Form, shipped: Classifier) -> None:
    ref = written(tmp_path, filled(small, 8, preset="scanner_grey")[0])
    assert pipeline.read_page(ref, (small,), shipped) == pipeline.read_page(ref, (small,), shipped)


def test_a_page_that_cannot_be_read_says_why(tmp_path: Path, small: Form) -> None:
    missing = PageRef(tmp_path / "none.png", "none.png", 1, "")
    with pytest.raises(PageError) as caught:
        pipeline.read_page(missing, (small,), always("8"))
    assert caught.value.stage == "access"
    empty = written(tmp_path, np.full((945, 709), 255, np.uint8))
    with pytest.raises(PageError, match="the form was not found: form 'small' scores 0") as caught:
        pipeline.read_page(empty, (small,), always("8"))
    assert caught.value.stage == "registration"


def test_a_preview_is_the_page_with_the_form_on_it(tmp_path: Path, small: Form, shipped: Classifier) -> None:
    image, _ = filled(small, 3)
    ref = written(tmp_path, np.ascontiguousarray(np.rot90(image, 2)))
    seen = pipeline.preview(ref, small, shipped)
    assert seen.shape == (*image.shape, 3)
    same = (seen == image[..., None]).all(axis=-1)
    assert 0.7 < same.mean() < 0.999


def test_a_page_of_a_multi_page_sample_is_read(tmp_path: Path, shipped: Classifier) -> None:
    path = tmp_path / "copy.tif"
    shutil.copy(ROOT / "sample_scans" / "003_fax.tif", path)
    results = [
        pipeline.read_page(PageRef(path, path.name, page, "0" * 64), (household(),), shipped)
        for page in (1, 2)
    ]
    assert results[0].readings != results[1].readings
    assert all(r.registration_score > 0.8 for r in results)


def test_a_field_whose_printed_box_is_not_there_goes_to_review(tmp_path: Path) -> None:
    text = 'name = "{}"\n[page]\nsize = [100, 120]\n[registration]\nmethod = "marks"\nmarks = {}\n{}'
    marks = "[[5, 5, 5, 5], [90, 5, 5, 5], [5, 110, 5, 5], [90, 110, 5, 5], [15, 5, 5, 5]]"
    box = '[[field]]\nname = "{}"\nbox = [{}, {}, 24, 8]\ncells = 3\n'
    printed = [box.format(f"f{i}", 20 + 30 * (i % 2), 20 + 20 * (i // 2)) for i in range(6)]
    definition = tmp_path / "printed.toml"
    definition.write_text(text.format("printed", marks, "".join(printed)), encoding="utf-8")
    make_deck(load_form(definition), 1, 3, tmp_path / "deck")
    elsewhere = [*printed, box.format("astray", 35, 90)]
    definition.write_text(text.format("printed", marks, "".join(elsewhere)), encoding="utf-8")
    (scan,) = (p for p in (tmp_path / "deck").iterdir() if p.suffix != ".csv")
    result = pipeline.read_page(PageRef(scan, scan.name, 1, ""), (load_form(definition),), load())
    by_name = {reading.field: reading for reading in result.readings}
    assert by_name["astray"].status == "review"
    assert "printed box not found" in by_name["astray"].reason
    assert not any("printed box" in by_name[f"f{i}"].reason for i in range(6))


@pytest.mark.parametrize(
    ("spread", "darkness", "reason"),
    [
        (0.0, 200, "low confidence: the same in many fields"),
        (1.5, 200, ""),
        (1.5, 95, "low confidence: paler than the page's ink"),
    ],
)
def test_print_in_a_column_and_ink_that_shows_through_are_not_taken_for_digits(
    tmp_path: Path, spread: float, darkness: int, reason: str
) -> None:
    """Strokes that stand alike in each box, or not, one of them so dark."""
    box = '[[field]]\nname = "f{}"\nbox = [{}, {}, 30, 9]\ndigits = [0, 6]\n'
    boxes = [box.format(i, 12 + 36 * (i % 2), 16 + 14 * (i // 2)) for i in range(12)]
    text = SMALL_FORM[: SMALL_FORM.index("[[field]]")] + "".join(boxes)
    form, rng = write_form(tmp_path, text), np.random.default_rng(1)
    image, scale = blank(form).copy(), DPI / 25.4
    for i, (x, y, _, _) in enumerate(field.box for field in form.fields):
        left, top = x + 10 + spread * rng.uniform(-1, 1), y + 2 + spread * rng.uniform(-0.5, 0.5)
        rows = slice(round(top * scale), round((top + 5.5) * scale))
        image[rows, round(left * scale) : round(left * scale) + 4] -= np.uint8(darkness if i == 5 else 200)
    result = pipeline.read_page(written(tmp_path, image), (form,), always("1"))
    usual = reason if darkness == 200 else ""
    assert [r.reason for r in result.readings] == [reason if i == 5 else usual for i in range(12)]


@pytest.mark.parametrize("digit", ["0", "1"])
def test_the_same_digit_in_a_whole_column_is_read(tmp_path: Path, shipped: Classifier, digit: str) -> None:
    form, columns = household(), ("relationship", "birth_year", "occupation")
    raws = {f.name: digit * max(len(f.cells), 1) for f in form.fields if f.name.endswith(columns)}
    image, _ = filled(form, 5, raws=raws, untidiness=0.04)
    result = pipeline.read_page(written(tmp_path, image), (form,), shipped)
    assert not any("in many fields" in reading.reason for reading in result.readings)
