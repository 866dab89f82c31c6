"""Pages laid onto their form, whichever way up they lie; pages of other forms refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

from digitscan.errors import PageError
from digitscan.forms import Form
from digitscan.records import Image
from digitscan.vision.registration import RegisteredPage, register
from digitscan.vision.transforms import apply
from tests.drawn_pages import DPI, SMALL_FORM, as_page, blank, filled, household, write_form

SCALE = DPI / 25.4
SECTION = SMALL_FORM[SMALL_FORM.index("[registration]") : SMALL_FORM.index("[[field]]")]
METHODS = {
    "marks": SECTION,
    "lines": '[registration]\nmethod = "lines"\n',
    "none": '[registration]\nmethod = "none"\n',
    "template": '[registration]\nmethod = "template"\nimage = "blank.png"\n',
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Form]:
    """The small form, by method."""
    made: dict[str, Form] = {}
    for method, section in METHODS.items():
        folder = tmp_path_factory.mktemp(method)
        if method == "template":
            Pictures.fromarray(blank(made["marks"])).save(folder / "blank.png")
        made[method] = write_form(folder, SMALL_FORM.replace(SECTION, section))
    return made


def turned(image: Image, rotation: int) -> Image:
    """The picture so that it has to be turned clockwise by `rotation` to stand upright."""
    return np.ascontiguousarray(np.rot90(image, rotation // 90))


def furthest(found: RegisteredPage, rotation: int) -> float:
    """How far, in mm, a field's corner lies from where it was drawn on a page that lies straight."""
    width, height = found.form.page.size
    apart = []
    for field, placement in zip(found.form.fields, found.placements, strict=True):
        x, y, w, h = field.box
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        there = {
            0: corners,
            90: np.column_stack([corners[:, 1], width - corners[:, 0]]),
            180: np.array([width, height]) - corners,
            270: np.column_stack([height - corners[:, 1], corners[:, 0]]),
        }[rotation]
        apart.append(np.hypot(*(apply(placement, corners) / SCALE - there).T).max())
    return float(max(apart))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_finds_the_page_in_every_rotation(
    forms: dict[str, Form], method: str, rotation: int
) -> None:
    form = forms["marks"]
    found = register(as_page(turned(filled(form, 3)[0], rotation)), (forms[method],))
    assert found.rotation == rotation
    assert found.score > 0.9
    assert furthest(found, rotation) < 0.2


@pytest.mark.parametrize("preset", ["clean", "scanner_grey", "scanner_bilevel", "fax", "phone"])
@pytest.mark.parametrize("method", ["marks", "template"])
def test_scans_and_photos_are_found(forms: dict[str, Form], method: str, preset: str) -> None:
    found = register(as_page(filled(forms["marks"], 7, preset=preset)[0], None), (forms[method],))
    assert found.rotation == 0
    assert found.score > 0.8


@pytest.mark.parametrize("preset", ["clean", "scanner_grey", "scanner_bilevel", "fax"])
@pytest.mark.parametrize("method", ["lines", "none"])
def test_scans_need_no_marks(forms: dict[str, Form], method: str, preset: str) -> None:
    found = register(as_page(filled(forms["marks"], 8, preset=preset)[0], None), (forms[method],))
    assert found.rotation == 0
    assert found.score > 0.6


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_schedule_is_found_in_every_rotation(rotation: int) -> None:
    image, _ = filled(household(), 11 + rotation, dpi=150, preset="scanner_grey")
    found = register(as_page(turned(image, rotation), 150), (household(),))
    assert found.rotation == rotation
    assert found.score > 0.9
    assert len(found.placements) == len(household().fields)


def test_a_lost_mark_is_forgiven(forms: dict[str, Form]) -> None:
    image = filled(forms["marks"], 3)[0].copy()
    image[: round(11 * SCALE), round(79 * SCALE) :] = 255  # a corner torn off
    found = register(as_page(image), (forms["marks"],))
    assert found.rotation == 0
    assert found.score == pytest.approx(0.8, abs=0.1)
    assert furthest(found, 0) < 0.3


@pytest.mark.parametrize("flaw", ["lines", "dots"])
def test_marks_broken_up_by_a_scanner_are_found(forms: dict[str, Form], flaw: str) -> None:
    image = filled(forms["marks"], 3)[0].copy()
    if flaw == "lines":
        image[:, ::9] = 255
    else:
        image[np.random.default_rng(2).random(image.shape) < 0.06] = 255
    found = register(as_page(image), (forms["marks"],))
    assert found.score > 0.8
    assert furthest(found, 0) < 0.3


def test_a_field_that_the_picture_cuts_has_no_evidence(forms: dict[str, Form]) -> None:
    image = filled(forms["marks"], 3)[0]
    found = register(as_page(image[:, : round(80 * SCALE)]), (forms["marks"],))  # the last cell of `sum`
    evidence = {field.name: e for field, e in zip(found.form.fields, found.evidence, strict=True)}
    assert evidence.pop("sum") == 0
    assert min(evidence.values()) > 0.4


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("method", ["marks", "lines"])
def test_two_forms_on_one_picture_are_never_read_as_one(
    forms: dict[str, Form], method: str, axis: int
) -> None:
    one, two = (filled(forms["marks"], seed)[0] for seed in (3, 4))
    with pytest.raises(PageError, match=r"more than one form|was not found"):
        register(as_page(np.concatenate([one, two], axis)), (forms[method],))
    paper = np.full_like(one, 255)
    assert register(as_page(np.concatenate([one, paper], axis)), (forms[method],)).score > 0.8


@pytest.mark.parametrize("method", list(METHODS))
def test_a_page_of_another_form_is_refused(forms: dict[str, Form], method: str) -> None:
    other = write_form_with_fields_elsewhere(forms["marks"])
    with pytest.raises(PageError) as caught:
        register(as_page(filled(other, 5)[0]), (forms[method],))
    assert caught.value.stage == "registration"
    reason = caught.value.reason
    assert reason.startswith("the form was not found: form 'small' scores 0.")
    assert reason.endswith(", its minimum is 0.50")


def write_form_with_fields_elsewhere(form: Form) -> Form:
    """A form of the same size, without marks, with one long field in the middle."""
    folder = form.path.parent / "other"
    folder.mkdir(exist_ok=True)
    text = '[[field]]\nname = "x"\nbox = [12, 64, 60, 12]\ncells = 5\n'
    return write_form(folder, f'name = "other"\n[page]\nsize = [90, 120]\n{text}')


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("shape", [(945, 709), (1, 1), (3, 2000), (2000, 3)])
def test_a_page_with_nothing_on_it_is_refused(
    forms: dict[str, Form], method: str, shape: tuple[int, int]
) -> None:
    for tone in (255, 0):
        with pytest.raises(
            PageError, match=r"'small' scores 0\.00, its minimum is 0\.50|is no page of a form"
        ):
            register(as_page(np.full(shape, tone, np.uint8)), (forms[method],))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(100, 200_000), (200_000, 100), (99, 200)])
def test_a_strip_is_no_page(forms: dict[str, Form], method: str, size: tuple[int, int]) -> None:
    strip = as_page(np.full(size, 230, np.uint8))
    with pytest.raises(PageError, match=f"^a picture of {size[1]} x {size[0]} pixels is no page of a form$"):
        register(strip, (forms[method],))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(100, 2500), (2500, 100)])
def test_a_slip_is_looked_at(forms: dict[str, Form], method: str, size: tuple[int, int]) -> None:
    with pytest.raises(PageError, match="the form was not found"):
        register(as_page(np.full(size, 230, np.uint8)), (forms[method],))


@pytest.mark.parametrize("method", list(METHODS))
def test_a_letter_is_refused(forms: dict[str, Form], method: str) -> None:
    page = np.full((945, 709), 240, np.uint8)
    for row in range(30):
        at = (20 - 37 * row % 60, 40 + 30 * row)
        cv2.putText(page, "To whom it may concern, we beg to say", at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 40, 2)
    with pytest.raises(PageError, match="the form was not found"):
        register(as_page(page), (forms[method],))


def test_the_minimum_is_the_form_s(forms: dict[str, Form], tmp_path: Path) -> None:
    image = filled(forms["marks"], 3)[0].copy()
    image[: round(11 * SCALE), round(79 * SCALE) :] = 255
    strict = write_form(tmp_path, SMALL_FORM.replace(SECTION, SECTION + "minimum_score = 0.95\n"))
    with pytest.raises(PageError, match=r"'small' scores 0\.8\d?, its minimum is 0\.95"):
        register(as_page(image), (strict,))


@pytest.mark.parametrize("wanted", ["small", "household"])
def test_in_a_mixed_batch_each_page_is_its_own_form(forms: dict[str, Form], wanted: str) -> None:
    form = {"small": forms["marks"], "household": household()}[wanted]
    page = as_page(filled(form, 6, dpi=150, preset="scanner_grey")[0], 150)
    for order in ((forms["marks"], household()), (household(), forms["marks"])):
        assert register(page, order).form.name == wanted


@pytest.mark.parametrize("method", ["marks", "lines", "none"])
@pytest.mark.parametrize("first", ["short", "long"])
@pytest.mark.parametrize("wanted", ["short", "long"])
def test_of_two_editions_the_page_s_own_is_taken(
    tmp_path: Path, method: str, first: str, wanted: str
) -> None:
    section = METHODS[method]
    short = SMALL_FORM.replace(SECTION, section).replace('"small"', '"short"')
    # its numbers have one digit more, on the left
    long = short.replace('"short"', '"long"').replace(
        "box = [34, 52, 21, 9]\ncells = 3", "box = [27, 52, 28, 9]\ncells = 4"
    )
    editions = {}
    for name, text in (("short", short), ("long", long)):
        (tmp_path / name).mkdir()
        editions[name] = write_form(tmp_path / name, text)
    other = next(name for name in editions if name != first)
    page = as_page(filled(editions[wanted], 5)[0])
    assert register(page, (editions[first], editions[other])).form.name == wanted


def test_a_table_whose_last_row_is_missing_has_no_evidence() -> None:
    form, image = household(), blank(household()).copy()
    rows = [field.box for field in form.fields if field.name.startswith("person[12]")]
    for x, y, w, h in rows:
        top, bottom = round((y - 0.5) * SCALE), round((y + h + 0.5) * SCALE)
        image[top:bottom, round((x - 0.5) * SCALE) : round((x + w + 0.5) * SCALE)] = 255
    found = register(as_page(image), (form,))
    for field, share in zip(form.fields, found.evidence, strict=True):
        assert (share == 0) is field.name.startswith("person")


@pytest.mark.parametrize(("lost", "believed"), [(("line",), True), (("line", "amount"), False)])
def test_where_most_boxes_are_elsewhere_those_that_fit_are_not_believed(
    tmp_path: Path, lost: tuple[str, ...], *, believed: bool
) -> None:
    form = write_form(tmp_path, SMALL_FORM.replace("[registration]", "[registration]\nminimum_score = 0.2"))
    image = blank(form).copy()
    for x, y, w, h in (field.box for field in form.fields if field.name.endswith(lost)):
        top, bottom = round((y - 0.5) * SCALE), round((y + h + 0.5) * SCALE)
        image[top:bottom, round((x - 0.5) * SCALE) : round((x + w + 0.5) * SCALE)] = 255
    found = register(as_page(image), (form,))
    for field, share in zip(form.fields, found.evidence, strict=True):
        assert (share > 0.9) is (believed and not field.name.endswith(lost))


@pytest.mark.parametrize("top", [40, 60])
def test_where_a_table_is_printed_a_row_off_its_marks_the_marks_are_believed_and_it_is_told(
    tmp_path: Path, top: int
) -> None:
    head = SMALL_FORM[: SMALL_FORM.index("[[field]]", SMALL_FORM.index("code"))]
    table, *_ = SMALL_FORM[SMALL_FORM.index("[[table]]") :].partition("[[field]]")
    text = head + table.replace("rows = 3\npitch = 14", "rows = 4\npitch = 10")
    made = []
    for name, begin in (("told", 50), ("printed", top)):
        (tmp_path / name).mkdir()
        made.append(write_form(tmp_path / name, text.replace(", 52, ", f", {begin}, ")))
    told, printed = made
    found = register(as_page(blank(printed)), (told,))
    assert found.transform @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.7 * SCALE)
    assert not any(found.evidence[1:])


@pytest.mark.parametrize(("scale", "found"), [(1.0, True), (0.35, False)])
def test_blots_that_lie_like_marks_make_no_small_form_without_boxes(
    tmp_path: Path, scale: float, *, found: bool
) -> None:
    marks = SMALL_FORM[: SMALL_FORM.index("[[field]]")]
    text = marks + '[[field]]\nname = "code"\nbox = [30, 18, 21, 9]\ncells = 3\nprinted = "comb"\n'
    form = write_form(tmp_path, text)
    page = np.full_like(blank(form), 255)
    small = cv2.resize(blank(form), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    page[: small.shape[0], : small.shape[1]] = small
    if found:
        assert register(as_page(page), (form,)).score > 0.9
    else:
        with pytest.raises(PageError, match="was not found"):
            register(as_page(page), (form,))


def test_forms_that_print_the_same_are_not_guessed_at(forms: dict[str, Form], tmp_path: Path) -> None:
    same = write_form(tmp_path, SMALL_FORM.replace('"small"', '"same"'))
    with pytest.raises(PageError, match="'small' and 'same' fit it alike"):
        register(as_page(filled(same, 5)[0]), (forms["marks"], same))


def test_no_form_fits_names_the_best(forms: dict[str, Form]) -> None:
    page = as_page(np.full((945, 709), 255, np.uint8))
    with pytest.raises(
        PageError, match=r"no form fits: the best, '(small|household)', scores 0\.00, its minimum"
    ):
        register(page, (forms["marks"], household()))
