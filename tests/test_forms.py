"""Definitions: what is right is written out in millimetres, what is wrong is told, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digitscan.errors import EXIT_USAGE, FormError
from digitscan.forms import Check, Form, json_schema, load_form
from digitscan.records import Box

ROOT = Path(__file__).parent.parent
HEAD = """
name = "tally"
[page]
size = [100, 100]
"""
FIELD = """
[[field]]
name = "count"
box = [10, 20, 30, 8]
cells = 3
"""
LINES = '[registration]\nmethod = "lines"\n'
OTHER_FIELD = """
[[field]]
name = "total"
box = [10, 40, 30, 8]
cells = 3
"""
TABLE = """
[[table]]
name = "person"
rows = 4
pitch = 10.5
[[table.field]]
name = "age"
box = [50, 30, 15, 8]
cells = 3
[[table.field]]
name = "sex"
box = [70, 30, 5, 8]
cells = 1
"""


def loaded(folder: Path, text: str) -> Form:
    path = folder / "form.toml"
    path.write_text(text, encoding="utf-8")
    return load_form(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(FormError) as caught:
        loaded(folder, text)
    return caught.value.faults


def field(settings: str) -> str:
    return f"{HEAD}{FIELD}{settings}\n"


def check(rule: str) -> str:
    return f"{HEAD}{FIELD}{OTHER_FIELD}{TABLE}[[check]]\nrule = {json.dumps(rule)}\n"


# What is right


def test_cells_share_the_box_and_rules_have_their_defaults(tmp_path: Path) -> None:
    (read,) = loaded(tmp_path, HEAD + FIELD).fields
    assert (read.name, read.box) == ("count", Box(10, 20, 30, 8))
    assert read.cells == (Box(10, 20, 10, 8), Box(20, 20, 10, 8), Box(30, 20, 10, 8))
    assert (read.digits, read.required, read.crossed, read.accept_confidence) == (
        (0, 3),
        False,
        "blank",
        0.97,
    )
    assert (read.minimum, read.maximum, read.values, read.pattern) == (None, None, None, None)


def test_cell_boxes_span_their_field(tmp_path: Path) -> None:
    text = f'{HEAD}[[field]]\nname = "a"\ncell_boxes = [[5, 6, 7, 8], [20, 5, 7, 8]]\n'
    (read,) = loaded(tmp_path, text).fields
    assert read.cells == (Box(5, 6, 7, 8), Box(20, 5, 7, 8))
    assert read.box == Box(5, 5, 22, 9)
    assert read.digits == (0, 2)


def test_an_open_box_has_no_cells(tmp_path: Path) -> None:
    text = f'{HEAD}[[field]]\nname = "a"\nbox = [5, 5, 40, 9]\ndigits = [2, 6]\n'
    (read,) = loaded(tmp_path, text).fields
    assert (read.cells, read.digits) == ((), (2, 6))


def test_a_table_is_written_out_row_by_row(tmp_path: Path) -> None:
    fields = loaded(tmp_path, HEAD + FIELD + TABLE).fields
    assert [f.name for f in fields] == ["count"] + [
        f"person[{row}].{column}" for row in (1, 2, 3, 4) for column in ("age", "sex")
    ]
    age = {f.name: f for f in fields}["person[3].age"]
    assert age.box == Box(50, 51, 15, 8)
    assert age.cells == (Box(50, 51, 5, 8), Box(55, 51, 5, 8), Box(60, 51, 5, 8))


def test_a_field_overrules_its_form(tmp_path: Path) -> None:
    text = (
        'accept_confidence = 0.9\ncrossed = "review"\n'
        + HEAD
        + FIELD
        + OTHER_FIELD
        + 'accept_confidence = 0.5\ncrossed = "blank"\n'
    )
    count, total = loaded(tmp_path, text).fields
    assert (count.accept_confidence, count.crossed) == (0.9, "review")
    assert (total.accept_confidence, total.crossed) == (0.5, "blank")


def test_thresholds_of_digits_come_from_the_form_and_from_the_field(tmp_path: Path) -> None:
    text = (
        "accept_digit_confidence = { 1 = 0.9, 7 = 0.8 }\n"
        + HEAD
        + FIELD
        + OTHER_FIELD
        + "accept_digit_confidence = { 7 = 0.99, 0 = 0.5 }\n"
    )
    count, total = loaded(tmp_path, text).fields
    assert list(count.accept_digit_confidence) == [0, 0.9, 0, 0, 0, 0, 0, 0.8, 0, 0]
    assert list(total.accept_digit_confidence) == [0.5, 0.9, 0, 0, 0, 0, 0, 0.99, 0, 0]


def test_listed_values_keep_their_zeros_and_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,name\n007,smith\n 042 ,clerk\n\n", encoding="utf-8")
    (read,) = loaded(tmp_path, field('values = ["01", 12]\nvalues_file = "codes.csv"')).fields
    assert read.values == frozenset({"01", "12", "007", "042"})


@pytest.mark.parametrize(
    ("rule", "terms", "constant", "operator"),
    [
        ("count == total", (("count", 1), ("total", -1)), 0, "=="),
        ("  count+2<=total - 30 ", (("count", 1), ("total", -1)), 32, "<="),
        ("-count >= -12", (("count", -1),), 12, ">="),
        ("person[2].age - person[1].age >= 0", (("person[2].age", 1), ("person[1].age", -1)), 0, ">="),
        (
            "sum(person.age) == total",
            (*((f"person[{row}].age", 1) for row in (1, 2, 3, 4)), ("total", -1)),
            0,
            "==",
        ),
        (
            "total == sum( person.sex ) - 1",
            (("total", 1), *((f"person[{r}].sex", -1) for r in range(1, 5))),
            1,
            "==",
        ),
    ],
)
def test_a_check_is_a_sum_compared_with_zero(
    tmp_path: Path, *, rule: str, terms: tuple[tuple[str, int], ...], constant: int, operator: str
) -> None:
    (read,) = loaded(tmp_path, check(rule)).checks
    assert read == Check(rule, terms, constant, operator)  # type: ignore[arg-type]


def test_a_name_that_looks_like_a_number_is_a_name(tmp_path: Path) -> None:
    text = check("01 + 2 == total").replace('"count"', '"01"')
    (read,) = loaded(tmp_path, text).checks
    assert (read.terms, read.constant) == ((("01", 1), ("total", -1)), 2)


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["+", "-"]), st.sampled_from(["count", "total", "3", "17"])),
        min_size=1,
        max_size=6,
    ),
    right=st.sampled_from(["count", "total", "5"]),
)
def test_a_check_weighs_every_term_as_written(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]], right: str
) -> None:
    assume(any(not word.isdigit() for word in (*(word for _, word in parts), right)))
    rule = " ".join(f"{sign} {word}" for sign, word in parts).removeprefix("+ ") + f" == {right}"
    (read,) = loaded(tmp_path_factory.mktemp("check"), check(rule)).checks
    values = {"count": 1000, "total": 70000}
    weighed = [(1 if sign == "+" else -1) * values.get(word, 0) for sign, word in parts]
    constants = [(1 if sign == "+" else -1) * int(word) for sign, word in parts if word.isdigit()]
    told = sum(weighed) + sum(constants) - (int(right) if right.isdigit() else values[right])
    assert read.constant + sum(factor * values[name] for name, factor in read.terms) == told


# What is wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (field("maximun = 3"), ["field[1].maximun: unknown key, did you mean 'maximum'?"]),
        (field("qqqqqq = 3"), ["field[1].qqqqqq: unknown key"]),
        (field("[cleaning]\nmedain = 0.2"), ["cleaning.medain: unknown key, did you mean 'median'?"]),
        (
            HEAD + TABLE + "requird = true\n",
            ["table[1].field[2].requird: unknown key, did you mean 'required'?"],
        ),
        ('name = "a"\n' + FIELD, ["page: missing"]),
        (HEAD.replace("size", "# size") + FIELD, ["page.size: missing"]),
        (HEAD + FIELD.replace("name", "# name"), ["field[1].name: missing"]),
        (HEAD + FIELD.replace("box", "# box"), ["field[1]: 'box' is missing"]),
        (HEAD, ["field: a form needs at least one [[field]] or [[table]]"]),
        (
            HEAD + FIELD + FIELD,
            ["field: the name 'count' is used twice"],
        ),
        (
            field("digits = [3, 2]").replace("cells", "# cells"),
            ["field[1]: 'digits' is [fewest, most]: fewest is greater than most"],
        ),
        (field("minimum = 7\nmaximum = 3"), ["field[1]: minimum 7 is greater than maximum 3"]),
        (field('pattern = "(1"'), ["field[1].pattern: not a regular expression: missing ), unterminated"]),
        (HEAD + FIELD.replace("30, 8]", "0, 8]"), ["field[1].box: width and height must be greater than 0"]),
        (
            HEAD + FIELD.replace("30, 8]", "90.5, 8]"),
            ["count: box [10.0, 20.0, 90.5, 8.0] leaves the page of 100 x 100 mm"],
        ),
        (
            HEAD + FIELD.replace("10,", "-1,"),
            ["count: box [-1.0, 20.0, 30.0, 8.0] leaves the page of 100 x 100 mm"],
        ),
        (HEAD + TABLE.replace("10.5", "21"), ["person[4].age: box", "person[4].sex: box"]),
        (
            field("[registration]\nmarks = [[1, 1, 5, 5], [98, 1, 5, 5]]"),
            ["registration.marks[2]: box [98.0, 1.0, 5.0, 5.0] leaves the page of 100 x 100 mm"],
        ),
        (
            field('[registration]\nmethod = "marks"\nmarks = [[1, 1, 5, 5], [9, 9, 5, 5], [9, 1, 5, 5]]'),
            ["registration: method 'marks' needs at least four boxes under 'marks'"],
        ),
        (
            field(
                '[registration]\nmethod = "rules"\nrules = [[50, 5, 0, 80], [5, 9, 45, 0], [5, 18, 45, 0]]'
            ),
            ["registration: method 'rules' needs an upright rule and three level ones that meet it"],
        ),
        (
            field('[registration]\nmethod = "rules"\nrules = [[50, 5, 3, 80]]'),
            ["registration.rules[1]: a rule is [x, y, length, 0] where it lies level, [x, y, 0, length]"],
        ),
        (
            field("[registration]\nrules = [[50, 5, 0, 99]]"),
            ["registration.rules[1]: box [50.0, 5.0, 0.0, 99.0] leaves the page of 100 x 100 mm"],
        ),
        (
            field('[registration]\nmethod = "template"'),
            ["registration: method 'template' needs 'image', a picture of the blank form"],
        ),
        (
            field('values_file = "none.csv"'),
            ["field[1].values_file: ", "none.csv cannot be read: No such file"],
        ),
        (
            field('[registration]\nmethod = "template"\nimage = "none.png"'),
            ["registration.image: ", "none.png cannot be read"],
        ),
        (
            check("count = total"),
            ["check[1].rule: expected one of ==, <=, >= between two sums (found 'count = total')"],
        ),
        (check("count == total == 3"), ["check[1].rule: expected one of ==, <=, >= between two sums"]),
        (
            check("coumt == total"),
            ["check[1].rule: 'coumt' is neither a field nor a whole number, did you mean 'count'?"],
        ),
        (check("zzz == total"), ["check[1].rule: 'zzz' is neither a field nor a whole number"]),
        (
            check("sum(person.aeg) == total"),
            ["check[1].rule: 'sum(person.aeg)' is neither", ", did you mean 'sum(person.age)'?"],
        ),
    ],
)
def test_each_fault_names_its_key_and_what_was_expected(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    said = "\n".join(faults(tmp_path, text))
    assert [part for part in expected if part not in said] == [], said


@pytest.mark.parametrize(
    ("text", "key", "expected", "found"),
    [
        (field('minimum = "few"'), "field[1].minimum", "integer", "'few'"),
        (field('crossed = "ignore"'), "field[1].crossed", "'blank' or 'review'", "'ignore'"),
        (field("accept_confidence = 1.5"), "field[1].accept_confidence", "less than or equal to 1", "1.5"),
        (
            field("accept_digit_confidence = { 10 = 0.9 }"),
            *("field[1].accept_digit_confidence.10", "a digit, 0 to 9", "'10'"),
        ),
        (
            field("accept_digit_confidence = { 1 = 99 }"),
            *("field[1].accept_digit_confidence.1", "less than or equal to 1", "99"),
        ),
        (field("required = 2.5"), "field[1].required", "boolean", "2.5"),
        (field('[registration]\nmethod = "mark"'), "registration.method", "'marks', 'template'", "'mark'"),
        (HEAD.replace("[100, 100]", '"A4"') + FIELD, "page.size", "tuple", "'A4'"),
        (HEAD.replace("[100, 100]", "[100, -1]") + FIELD, "page.size[2]", "greater than 0", "-1"),
        (HEAD + "resolution = 20\n" + FIELD, "page.resolution", "greater than or equal to 72", "20"),
        (HEAD + FIELD.replace("cells = 3", "cells = 99"), "field[1].cells", "less than or equal to 40", "99"),
        (HEAD + FIELD.replace("count", "a b"), "field[1].name", "", "'a b'"),
        (HEAD + TABLE.replace("rows = 4", "rows = 0"), "table[1].rows", "greater than or equal to 1", "0"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_what_was_found(
    tmp_path: Path, *, text: str, key: str, expected: str, found: str
) -> None:
    said = next(fault for fault in faults(tmp_path, text) if fault.startswith(f"{key}: "))
    assert expected in said
    assert said.endswith(f"(found {found})")


@pytest.mark.parametrize(
    "layout", ["", "cells = 3\ndigits = [1, 3]", "cell_boxes = [[1, 1, 5, 5]]\ncells = 1"]
)
def test_a_field_has_exactly_one_layout(tmp_path: Path, layout: str) -> None:
    (said,) = faults(tmp_path, HEAD + FIELD.replace("cells = 3", layout))
    assert said.startswith("field[1]: give exactly one of cells, cell_boxes, digits (found ")


CELLS = f'{HEAD}[[field]]\nname = "a"\ncell_boxes = '


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        ("[[20, 20, 7, 9], [13, 20, 7, 9]]", 2),
        ("[[20, 20, 7, 9], [20, 29, 7, 9]]", 2),
        ("[[20, 20, 7, 9], [27, 20, 7, 9], [27, 20, 7, 9]]", 3),
        ("[[20, 20, 7, 9], [25, 20, 7, 9]]", 2),
    ],
    ids=["reversed", "stacked", "twice the same", "one over another"],
)
def test_cells_stand_side_by_side_from_left_to_right(tmp_path: Path, cells: str, number: int) -> None:
    (said,) = faults(tmp_path, CELLS + cells)
    expected = f"cells stand side by side, from left to right: cell {number} is not right of {number - 1}"
    assert said.startswith(f"field[1].cell_boxes: {expected}")


def test_cells_measured_by_hand_may_touch(tmp_path: Path) -> None:
    (read,) = loaded(tmp_path, f"{CELLS}[[20, 20, 7, 9], [26.5, 20.4, 7, 9]]").fields
    assert len(read.cells) == 2


@pytest.mark.parametrize("box", ["[20, 20, 14, 9]", "[18, 20, 9, 9]", "[20, 20, 7, 12]"])
def test_a_box_that_its_cells_do_not_fill_is_refused(tmp_path: Path, box: str) -> None:
    """Of two cells one would be read, and a written 11 be a 1."""
    (said,) = faults(tmp_path, f"{CELLS}[[20, 20, 7, 9]]\nbox = {box}")
    assert said == "field[1]: 'box' is not what 'cell_boxes' fill: name all cells, or leave it out"
    assert loaded(tmp_path, f"{CELLS}[[20, 20, 7, 9], [29, 20, 7, 9]]\nbox = [19.5, 20, 16.5, 9]").fields


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("cell_boxes = [[20, 20, 7, 9], [27, 20, 0.5, 9]]", "field[1].cell_boxes[2]"),
        ("box = [20, 20, 14, 1.9]\ncells = 2", "field[1].box"),
        ("box = [20, 20, 1.9, 9]\ndigits = [0, 1]", "field[1].box"),
        ("box = [20, 20, 14, 9]\ncells = 8", "field[1]"),
    ],
)
def test_a_place_too_small_for_a_digit_is_refused(tmp_path: Path, layout: str, key: str) -> None:
    (said,) = faults(tmp_path, f'{HEAD}[[field]]\nname = "a"\n{layout}\n')
    assert said.startswith(f"{key}: ")
    assert "2 mm" in said


def test_small_cells_are_taken(tmp_path: Path) -> None:
    assert loaded(tmp_path, f'{HEAD}[[field]]\nname = "a"\nbox = [20, 20, 14, 2]\ncells = 7').fields


def test_fields_stand_apart(tmp_path: Path) -> None:
    over = FIELD.replace("count", "other").replace("[10, 20, 30, 8]", "[33, 22, 30, 8]")
    (said,) = faults(tmp_path, HEAD + FIELD + over)
    boxes = "box [30.0, 20.0, 10.0, 8.0] lies over other, [33.0, 22.0, 10.0, 8.0]"
    assert said == f"count: {boxes}: fields, and rows, stand apart"
    beside = FIELD.replace("count", "other").replace("[10, 20, 30, 8]", "[38.5, 22, 30, 8]")
    assert loaded(tmp_path, HEAD + FIELD + beside).fields


def test_rows_of_a_table_stand_apart(tmp_path: Path) -> None:
    said = faults(tmp_path, HEAD + TABLE.replace("10.5", "2"))
    assert [fault.split(": ")[0] for fault in said] == ["person[1].age", "person[1].sex"]
    assert "lies over person[2].age, [50.0, 32.0, 5.0, 8.0]" in said[0]
    assert loaded(tmp_path, HEAD + TABLE.replace("10.5", "7")).fields


def test_fields_that_would_not_fit_into_memory_are_refused(tmp_path: Path) -> None:
    fine = HEAD.replace("[100, 100]", "[200, 100]\nresolution = 1200")
    box = '[[field]]\nname = "a{0}"\nbox = [10, {1}, 180, {2}]\ndigits = [1, 9]\n'
    large = box.format(1, 5, 45) + box.format(2, 50, 45)
    assert loaded(tmp_path, fine + FIELD).fields
    (said,) = faults(tmp_path, fine + large)
    assert said == "page.resolution: 1200 dpi need too much memory for fields so large: take 940 at most"
    assert loaded(tmp_path, fine.replace("1200", "940") + large).fields


def test_cells_of_one_field_may_stand_between_those_of_another(tmp_path: Path) -> None:
    between = '[[field]]\nname = "b"\nbox = [27, 20, 6, 9]\ncells = 1\n'
    assert loaded(tmp_path, f"{CELLS}[[20, 20, 7, 9], [33, 20, 7, 9]]\n{between}").fields


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = """
name = "bad form"
colour = "red"
[page]
size = [100, 100]
[registration]
method = "stars"
[[field]]
name = "a"
box = [10, 10, 10, 8]
cells = 2
maximun = 7
[[field]]
name = "b"
box = [10, 30, 200, 8]
cells = 2
values_file = "none.csv"
[[check]]
rule = "a + c == b"
"""
    said = faults(tmp_path, text)
    for key in (
        "name: ",
        "colour: ",
        "registration.method: ",
        "field[1].maximun: ",
        "field[2].values_file: ",
    ):
        assert any(fault.startswith(key) for fault in said), (key, said)
    assert any("'c' is neither a field" in fault for fault in said)
    assert any("leaves the page" in fault for fault in said)
    assert len(said) == len(set(said))


def test_the_message_names_the_file_before_every_fault(tmp_path: Path) -> None:
    with pytest.raises(FormError) as caught:
        loaded(tmp_path, field("maximun = 3\nminimun = 2"))
    path = str(tmp_path / "form.toml")
    assert caught.value.path == path
    assert caught.value.exit_code == EXIT_USAGE
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{path}: field[1].m") for line in lines)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b"[page", b"name = 'a'\nname = 'b'\n"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "form.toml"
    path.write_bytes(content)
    with pytest.raises(FormError) as caught:
        load_form(path)
    (said,) = caught.value.faults
    assert said.startswith("not a TOML file: ")


@pytest.mark.parametrize(
    "deep",
    ["x = " + "[" * 3000 + "]" * 3000, "x = " + "{a=" * 1500 + "1" + "}" * 1500, "a" + ".a" * 3000 + " = 1"],
    ids=["lists", "tables", "keys"],
)
def test_what_is_nested_too_deeply_is_refused(tmp_path: Path, deep: str) -> None:
    assert faults(tmp_path, deep) == ["not a form: its lists or sections are nested too deeply"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (field(f"minimum = {'1' * 5000}"), "not a TOML file: "),
        (check(f"count == {'1' * 5000}"), "check[1].rule: '1"),
        (field("pattern = 'a{99999999999}'"), "field[1].pattern: not a regular expression: "),
        (field(f"pattern = '{'(' * 3000 + ')' * 3000}'"), "field[1].pattern: a regular expression nested"),
    ],
    ids=["number", "number in a rule", "repetition", "pattern"],
)
def test_what_is_absurdly_large_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (said,) = faults(tmp_path, text)
    assert said.startswith(expected)


def test_a_values_file_with_a_quote_left_open_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text('code\n"' + "001\n" * 40_000, encoding="utf-8")
    (said,) = faults(tmp_path, field('values_file = "codes.csv"'))
    expected = (
        "codes.csv is no CSV file, or a quote in it is left open: field larger than field limit (131072)"
    )
    assert said == f"field[1].values_file: {expected}"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(FormError) as caught:
            load_form(path)
        assert str(caught.value) == f"{path}: cannot be read: {reason}"


def test_a_fault_of_a_table_column_is_told_once(tmp_path: Path) -> None:
    text = HEAD + TABLE + 'values_file = "none.csv"\n'
    assert sum("none.csv cannot be read" in fault for fault in faults(tmp_path, text)) == 1


def test_what_is_printed_is_as_the_form_says_unless_a_field_says_otherwise(tmp_path: Path) -> None:
    marks = "marks = [[1, 1, 5, 5], [94, 1, 5, 5], [1, 94, 5, 5], [94, 94, 5, 5]]"
    head = f'printed = "comb"\n{HEAD}[registration]\nmethod = "marks"\n{marks}\n'
    read = loaded(tmp_path, f'{head}{FIELD}{OTHER_FIELD}printed = "box"\n').fields
    assert [f.printed for f in read] == ["comb", "box"]
    assert [f.printed for f in loaded(tmp_path, HEAD + FIELD).fields] == ["box"]


def test_a_form_of_which_nothing_shows_needs_marks(tmp_path: Path) -> None:
    (said,) = faults(tmp_path, field('printed = "nothing"'))
    assert said == "registration: method 'none' needs printed boxes or frames"


def test_frames_are_not_found_by_dashes(tmp_path: Path) -> None:
    assert loaded(tmp_path, field('printed = "dashed"')).fields[0].is_boxed
    (said,) = faults(tmp_path, HEAD + LINES + FIELD + 'printed = "dashed"\n')
    assert said.startswith("registration: method 'lines' needs at least 3 printed cells, boxes or frames")


@pytest.mark.parametrize(
    ("frames", "cells", "found"),
    [("", 1, 1), ("", 2, 2), ("frames = [[5, 16, 40, 16], [1, 1, 9, 9]]\n", 1, 2)],
    ids=["one", "two", "one around the other"],
)
def test_lines_need_three_boxes_at_different_places(
    tmp_path: Path, *, frames: str, cells: int, found: int
) -> None:
    (said,) = faults(tmp_path, HEAD + LINES + frames + FIELD.replace("cells = 3", f"cells = {cells}"))
    assert said == (
        "registration: method 'lines' needs at least 3 printed cells, boxes or frames at different places"
        f" (found {found}): name more of what is printed under 'frames', or take another method"
    )


def test_lines_take_three_boxes(tmp_path: Path) -> None:
    assert loaded(tmp_path, HEAD + LINES + FIELD).fields
    frames = "frames = [[60, 60, 20, 9], [1, 1, 9, 9]]\n"
    assert loaded(tmp_path, HEAD + LINES + frames + FIELD.replace("cells = 3", "cells = 1")).fields


def test_a_values_file_may_come_from_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_bytes('\ufeff011,"Smith, A"\r\n"012","B"\r\n\r\n'.encode())
    (read,) = loaded(tmp_path, field('values_file = "codes.csv"')).fields
    assert read.values == frozenset(("011", "012"))


def test_a_value_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code\n011\n1.5\n", encoding="utf-8")
    (said,) = faults(tmp_path, field('values_file = "codes.csv"'))
    assert said == "field[1].values_file: '1.5' in codes.csv is no number"


def test_a_values_file_without_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,name\n", encoding="utf-8")
    (said,) = faults(tmp_path, field('values_file = "codes.csv"'))
    assert said == "field[1].values_file: no line of codes.csv begins with digits"


@pytest.mark.parametrize("rule", ["count + == total", "== total", "count <=", "+ == -", "count == total +"])
def test_a_check_with_a_term_missing_is_refused(tmp_path: Path, rule: str) -> None:
    (said,) = faults(tmp_path, check(rule))
    assert said.startswith("check[1].rule: ")


def test_a_check_without_fields_is_refused(tmp_path: Path) -> None:
    (said,) = faults(tmp_path, check("1 == 2"))
    assert said == "check[1].rule: no field is named, so there is nothing to check (in '1 == 2')"


@pytest.mark.parametrize("number", ["²", "1.5", "1e3", "½"])
def test_a_check_counts_in_whole_numbers(tmp_path: Path, number: str) -> None:
    (said,) = faults(tmp_path, check(f"count == {number}"))
    assert said.startswith(f"check[1].rule: '{number}' is neither a field nor a whole number")


@pytest.mark.parametrize(
    "box", ["[nan, 20, 30, 8]", "[10, 20, nan, 8]", "[10, inf, 30, 8]", "[10, 20, inf, 8]"]
)
def test_a_box_that_is_no_place_is_refused(tmp_path: Path, box: str) -> None:
    said = faults(tmp_path, HEAD + FIELD.replace("[10, 20, 30, 8]", box))
    assert any("box" in fault for fault in said)


@pytest.mark.parametrize("setting", ['cells = "3"', "cells = true"])
def test_a_number_is_not_taken_from_something_else(tmp_path: Path, setting: str) -> None:
    (said,) = faults(tmp_path, HEAD + FIELD.replace("cells = 3", setting))
    assert said.startswith("field[1].cells: ")


def test_a_file_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    said = faults(tmp_path, field('values_file = "a\\u0000b"'))
    assert said[0].startswith("field[1].values_file: ")


# The fingerprint


def test_the_fingerprint_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    plain = loaded(tmp_path, HEAD + FIELD).fingerprint
    commented = f"# a comment\n{HEAD}\n{FIELD}".replace("30, 8]", "30,   8 ]  # wide")
    assert loaded(tmp_path, commented).fingerprint == plain
    (tmp_path / "elsewhere").mkdir()
    assert loaded(tmp_path / "elsewhere", HEAD + FIELD).fingerprint == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [('"tally"', '"tally2"'), ("30, 8]", "30, 8.5]"), ("cells = 3", "cells = 3\nmaximum = 900")],
)
def test_the_fingerprint_changes_with_the_definition(tmp_path: Path, old: str, new: str) -> None:
    text = HEAD + FIELD
    assert loaded(tmp_path, text.replace(old, new)).fingerprint != loaded(tmp_path, text).fingerprint


def test_the_fingerprint_changes_with_the_files_it_names(tmp_path: Path) -> None:
    text = field('values_file = "codes.csv"\n[registration]\nmethod = "template"\nimage = "blank.png"')
    codes, picture = tmp_path / "codes.csv", tmp_path / "blank.png"
    codes.write_text("001\n", encoding="utf-8")
    picture.write_bytes((ROOT / "sample_scans" / "004_flatbed.png").read_bytes())
    first = loaded(tmp_path, text).fingerprint
    assert loaded(tmp_path, text).fingerprint == first
    codes.write_text("001\n002\n", encoding="utf-8")
    second = loaded(tmp_path, text).fingerprint
    picture.write_bytes(picture.read_bytes() + b"\0")
    third = loaded(tmp_path, text).fingerprint
    assert len({first, second, third}) == 3


# Editors, and the definitions that come along


def test_the_schema_knows_every_key_and_no_other(tmp_path: Path) -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    sections = {"FormSection": schema, **schema["$defs"]}
    assert {"PageSection", "RegistrationSection", "FieldSection", "TableSection", "CheckSection"} <= set(
        sections
    )
    for name, section in sections.items():
        assert section["type"] == "object", name
        assert section["additionalProperties"] is False, name
        assert set(section.get("required", ())) <= set(section["properties"]), name
    references = {part.split('"')[0] for part in json.dumps(schema).split('"#/$defs/')[1:]}
    assert references == set(schema["$defs"])
    assert schema["required"] == ["name", "page"]
    assert set(schema["properties"]["registration"]) <= {"$ref", "default", "description"}
    assert loaded(tmp_path, HEAD + FIELD).name == "tally"


def test_the_definitions_that_come_along_load() -> None:
    forms = {path.stem: load_form(path) for path in sorted((ROOT / "configs").glob("*.toml"))}
    assert {"household", "c1", "nist_hsf", "cdigital_data", "cdigital_dpr10", "cdigital_pwp"} <= set(forms)
    assert [name for name, form in forms.items() if form.name != name] == []
    assert len({form.fingerprint for form in forms.values()}) == len(forms)
    household = forms["household"]
    assert len(household.fields) == 5 + 12 * 6 + 3
    assert household.checks[0].terms == (("men", 1), ("women", 1), ("total", -1))
    assert len(forms["nist_hsf"].fields) == 28
