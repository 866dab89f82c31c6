"""Paths summed by value: what supports a reading, what rivals it, and what no path stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitscan.recognition.lattice import Probabilities
from digitscan.recognition.opinions import DOUBT, Reading, readings
from digitscan.recognition.strings import SIGNS, Columns
from digitscan.records import CLASSES, Box
from digitscan.vision.at_rules import Losses
from digitscan.vision.pieces import Cut, Piece
from digitscan.vision.segmentation import Hypothesis, Segmentation
from tests.vision.strokes import stroke

HEIGHT = 40
CELL = 40.0
Said = Mapping[str, float]


def row(said: Said) -> list[float]:
    rest = (1 - sum(said.values())) / (len(CLASSES) - len(said))
    return [said.get(name, rest) for name in CLASSES]


def piece(x: int, width: int, height: int = HEIGHT, cut: Cut | None = None) -> Piece:
    return Piece(np.ones((height, width), bool), (x, 20, width, height), height * width, cut)


def lattice(pieces: list[Piece], left_out: float = 0.0) -> Segmentation:
    """Every run of neighbouring pieces is a hypothesis."""
    hypotheses = []
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            run = pieces[first:last]
            x, right = run[0].box[0], max(p.box[0] + p.box[2] for p in run)
            height = max(p.box[3] for p in run)
            ink = np.ones((height, right - x), bool)
            hypotheses.append(Hypothesis(first, last, ink, (x, 20, right - x, height), float(x + right) / 2))
    return Segmentation(tuple(pieces), tuple(hypotheses), tuple(pieces), float(HEIGHT), left_out)


def read(segmentation: Segmentation, said: list[Said], cells: int = 0) -> list[Reading]:
    probabilities = np.array([row(s) for s in said], np.float32)
    boxes = tuple(Box(10.0 + i * CELL, 10.0, CELL, 60.0) for i in range(cells))
    return readings(segmentation, probabilities, boxes, (0, 8))


def test_a_broken_digit_read_whole_is_sure() -> None:
    # a 7 whose bar is a piece of its own: joined it is read well, alone neither part is
    parts = lattice([piece(20, 6, 10), piece(28, 10)])
    best, *others = read(parts, [{"other": 0.99}, {"7": 0.999}, {"other": 0.8, "1": 0.1}], cells=1)
    assert best.value == "7"
    assert best.probability > 0.97
    assert sum(r.probability for r in others) < 0.03


def test_segmentations_that_read_alike_support_each_other() -> None:
    parts = lattice([piece(20, 6, 8), piece(28, 10)])
    both = read(parts, [{"other": 0.99}, {"7": 0.99}, {"7": 0.99}], cells=1)[0]
    assert both.value == "7"
    assert both.probability > 0.97


def test_the_alternatives_come_with_their_odds() -> None:
    first, second, third, *_ = read(lattice([piece(20, 20)]), [{"4": 0.7, "9": 0.2, "7": 0.08}], cells=1)
    assert (first.value, second.value, third.value) == ("4", "9", "7")
    assert first.probability == pytest.approx(1 - 0.3**DOUBT, abs=0.01)
    assert second.probability / third.probability == pytest.approx(0.2 / 0.08, rel=0.01)


def test_a_cut_through_narrow_ink_weighs_less_than_one_through_wide_ink() -> None:
    said: list[Said] = [{"1": 0.95}, {"4": 0.6}, {"1": 0.95}]
    narrow, wide = (
        read(lattice([piece(20, 14), piece(34, 14, cut=Cut(1.0, across))]), said)[0] for across in (24, 60)
    )
    assert (narrow.value, wide.value) == ("4", "11")


def test_digits_that_overlap_may_share_a_piece() -> None:
    cut = Cut(1.0, 60)
    parts = lattice([piece(20, 20), piece(40, 8, cut=cut), piece(48, 20, cut=cut)])
    # runs: 0, 0-1, 0-2, 1, 1-2, 2
    said: list[Said] = [
        {"other": 0.99}, {"2": 0.99}, {"other": 0.99}, {"other": 0.99}, {"0": 0.99}, {"other": 0.99}
    ]  # fmt: skip
    assert read(parts, said)[0].value == "20"


def test_ink_all_smaller_than_digits_are_is_hardly_one() -> None:
    sure: list[Said] = [{"2": 0.97}]
    assert read(lattice([piece(20, 20, HEIGHT)]), sure, cells=1)[0].probability > 0.9
    rest = read(lattice([piece(20, 14, HEIGHT // 2)]), sure, cells=1)
    assert max(r.probability for r in rest if r.value) < 0.9
    # nor are parts of ink that was cut
    parts = lattice([piece(20, 14, HEIGHT // 2), piece(34, 14, HEIGHT // 2)])
    cut = replace(parts, uncut=(piece(20, 28),))
    said: list[Said] = [{"other": 0.99}, {"2": 0.97}, {"other": 0.99}]
    assert read(parts, said, cells=1)[0].probability < 0.9 < read(cut, said, cells=1)[0].probability
    # a small digit beside one of the usual height is nothing odd
    beside = lattice([piece(20, 14, HEIGHT // 2), piece(60, 20)])
    said = [{"2": 0.97}, {"other": 0.99}, {"7": 0.97}]
    assert read(beside, said, cells=2)[0].value == "27"


@pytest.mark.parametrize(("size", "sure"), [(0.0, True), (0.15, True), (0.6, False)])
def test_ink_left_out_takes_confidence_by_its_size(size: float, *, sure: bool) -> None:
    best = read(lattice([piece(20, 20)], size * HEIGHT), [{"3": 0.999}], cells=1)[0]
    assert (best.probability > 0.97) is sure


def test_a_mark_between_digits_or_a_dot_takes_confidence_and_beside_an_x_none() -> None:
    said: list[Said] = [{"3": 0.999}, {"other": 0.99}, {"4": 0.999}]
    two, one = lattice([piece(20, 20), piece(60, 20)]), lattice([piece(20, 20)])
    assert read(two, said, cells=2)[0].probability > 0.97
    assert read(replace(two, point=8.0), said, cells=2)[0].probability < 0.6
    assert read(replace(one, point=8.0), said[:1], cells=1)[0].probability < 0.6
    assert read(replace(one, point=8.0), [{"crossed": 0.999}], cells=1)[0].probability > 0.97


@pytest.mark.parametrize(("first", "second", "sure"), [(30, 60, True), (14, 36, False), (54, 80, False)])
def test_two_1s_in_one_of_two_cells_may_be_a_tally(first: int, second: int, *, sure: bool) -> None:
    strokes = lattice([piece(first, 6), piece(second, 6)])
    said: list[Said] = [{"1": 0.9999}, {"other": 0.9999}, {"1": 0.9999}]
    found = {reading.value: reading.probability for reading in read(strokes, said, cells=2)}
    assert (found["11"] > 0.95) is sure
    sevens: list[Said] = [{"7": 0.9999}, {"other": 0.9999}, {"7": 0.9999}]
    assert read(strokes, sevens, cells=2)[0].probability > 0.6


@pytest.mark.parametrize("degrees", [-80, -40, -10, 0, 30, 70, 90])
def test_a_stroke_that_leans_far_is_hardly_a_1(degrees: int) -> None:
    plain = lattice([piece(20, 20)])
    leaning = replace(plain, hypotheses=(replace(plain.hypotheses[0], ink=stroke(degrees)),))
    best = read(leaning, [{"1": 0.9999}], cells=1)[0]
    assert (best.probability > 0.97) is (-25 < degrees < 50)
    assert read(leaning, [{"7": 0.9999}], cells=1)[0].probability > 0.97


@pytest.mark.parametrize(("degrees", "ends", "sure"), [(0, True, False), (0, False, True), (8, True, True)])
def test_a_stroke_straight_from_rule_to_rule_may_be_print(degrees: int, *, ends: bool, sure: bool) -> None:
    plain = lattice([piece(20, 20)])
    line = replace(plain.hypotheses[0], ink=stroke(degrees), at_rules=Losses(hangs=ends, stands=True))
    best = read(replace(plain, hypotheses=(line,)), [{"1": 0.9999}], cells=1)[0]
    assert (best.probability > 0.97) is sure


def test_what_is_white_across_a_field_may_have_taken_a_digit() -> None:
    white = replace(lattice([piece(20, 20)]), covered=True)
    assert read(white, [{"3": 0.999}], cells=2)[0].probability < 0.6


def test_what_stands_beside_a_field_takes_confidence() -> None:
    beside = replace(lattice([piece(20, 20)]), beside=True)
    assert read(beside, [{"3": 0.999}], cells=1)[0].probability < 0.6


@pytest.mark.parametrize(("label", "sure"), [("1", False), ("7", True)])
def test_a_1_at_the_beginning_may_be_a_slash_on_pages_that_have_them(label: str, *, sure: bool) -> None:
    slashed = replace(lattice([piece(20, 20), piece(60, 20)]), slashed=True)
    said: list[Said] = [{label: 0.9999}, {"other": 0.99}, {"1": 0.9999}]
    assert (read(slashed, said, cells=2)[0].probability > 0.97) is sure


def test_a_slash_may_stand_behind_blank_cells() -> None:
    slashed = replace(lattice([piece(20 + int(CELL), 20)]), slashed=True)
    best = read(slashed, [{"1": 0.9999}], cells=2)[0]
    assert (best.marks[0].label, best.marks[1].label) == ("_", "1")
    assert best.probability < 0.6


@pytest.mark.parametrize(("label", "sure"), [("1", False), ("crossed", True)])
def test_a_digit_that_leaves_the_crop_is_doubted_an_x_is_not(label: str, *, sure: bool) -> None:
    plain = lattice([piece(20, 20)])
    leaving = replace(plain, hypotheses=(replace(plain.hypotheses[0], runs_on=True),))
    assert (read(leaving, [{label: 0.9999}], cells=1)[0].probability > 0.97) is sure


@pytest.mark.parametrize(("x", "sure"), [(30.0, False), (70.0, True)])
def test_a_digit_that_a_streak_crossed_is_doubted(x: float, *, sure: bool) -> None:
    crossed = replace(lattice([piece(20, 20)]), streaks=(Box(x, 0.0, 0.0, 80.0),))
    best = read(crossed, [{"3": 0.999}], cells=1)[0]
    assert best.value == "3"
    assert (best.probability > 0.97) is sure


def test_a_7_that_stands_on_a_rule_may_be_a_2() -> None:
    plain = lattice([piece(20, 20)])
    standing = replace(plain, hypotheses=(replace(plain.hypotheses[0], at_rules=Losses(stands=True)),))
    for label, doubted in (("7", True), ("4", False)):
        on, off = (read(s, [{label: 0.999}], cells=1)[0].probability for s in (standing, plain))
        assert (on < off) is doubted


def test_a_1_under_a_rule_as_thick_as_a_stroke_may_be_a_7() -> None:
    plain = lattice([piece(20, 20)])
    hanging, buried = (
        replace(
            plain, hypotheses=(replace(plain.hypotheses[0], at_rules=Losses(hangs=True, buried_above=b)),)
        )
        for b in (False, True)
    )
    assert read(hanging, [{"1": 0.999}], cells=1)[0].probability > 0.99
    assert read(buried, [{"1": 0.999}], cells=1)[0].probability < 0.7
    assert read(buried, [{"3": 0.999}], cells=1)[0].probability > 0.99
    # without its bow on the rule a 3 is a 5
    assert read(hanging, [{"5": 0.999}], cells=1)[0].probability > 0.99
    assert read(buried, [{"5": 0.999}], cells=1)[0].probability < 0.7


def test_a_9_that_the_rule_above_may_have_closed_may_be_a_4() -> None:
    plain = lattice([piece(20, 20)])
    kept = replace(plain, hypotheses=(replace(plain.hypotheses[0], at_rules=Losses(keeps=True)),))
    for label, doubted in (("9", True), ("5", False)):
        on, off = (read(s, [{label: 0.999}], cells=1)[0].probability for s in (kept, plain))
        assert (on < 0.7 < off) is doubted


def test_what_a_piece_of_the_rule_beside_it_may_have_closed_may_be_another_digit() -> None:
    plain = lattice([piece(20, 20)])
    along = replace(plain, hypotheses=(replace(plain.hypotheses[0], at_rules=Losses(along=True)),))
    for label, doubted in [*((label, True) for label in "02689"), ("1", False), ("4", False)]:
        on, off = (read(s, [{label: 0.999}], cells=1)[0].probability for s in (along, plain))
        assert (on < 0.7 < off) is doubted


@pytest.mark.parametrize(
    ("digits", "cut", "doubted"), [("11", True, True), ("11", False, False), ("12", True, False)]
)
def test_two_1s_that_touch_may_be_one_with_a_flag(digits: str, *, cut: bool, doubted: bool) -> None:
    parts = lattice([piece(20, 14), piece(34, 14, cut=Cut(0.5, 60) if cut else None)])
    best = read(parts, [{digits[0]: 0.9999}, {"other": 0.9999}, {digits[1]: 0.9999}])[0]
    assert best.value == digits
    assert (best.probability < 0.7) is doubted


def test_a_dash_high_in_its_field_may_be_the_bar_of_a_7() -> None:
    plain = lattice([piece(20, 20)])
    high = replace(plain, hypotheses=(replace(plain.hypotheses[0], high_dash=True),))
    for label, sure in (("crossed", False), ("7", True)):
        assert (read(high, [{label: 0.999}], cells=1)[0].probability > 0.97) is sure
    assert read(plain, [{"crossed": 0.999}], cells=1)[0].probability > 0.97


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(0, 3), st.sampled_from([0.02, 0.2, 1.0]))
def test_probabilities_are_shares_of_one(seed: int, count: int, cells: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    places = np.sort(rng.integers(10, 10 + 40 * max(cells, 2), count)).tolist()
    pieces = [
        piece(
            x,
            int(rng.integers(4, 24)),
            int(rng.choice([6, 20, 40])),
            Cut(1.0, 50) if rng.random() < 0.4 else None,
        )
        for x in places
    ]
    parts = lattice(pieces)
    probabilities: Probabilities = rng.dirichlet(
        np.full(len(CLASSES), sharpness), len(parts.hypotheses)
    ).astype(np.float32)
    boxes = tuple(Box(10.0 + i * CELL, 10.0, CELL, 60.0) for i in range(cells))
    found = readings(parts, probabilities, boxes, (0, 4))
    assert found
    assert all(0 <= r.probability <= 1 for r in found)
    assert sum(r.probability for r in found) <= 1 + 1e-6
    readable = [r.probability for r in found if all(m.label != "?" for m in r.marks)]
    assert readable == sorted(readable, reverse=True)
    if cells:
        assert all(len(r.marks) == cells for r in found)


def spelling(*signs: tuple[str, float]) -> Columns:
    """One look: a column a digit, with that probability of it, and a column of nothing new behind it."""
    rows = []
    for digit, probability in signs:
        row = np.full(12, (1 - probability) / 11)
        row[SIGNS.index(digit) + 1] = probability
        rows += [row, np.array([0.9999] + [1e-5] * 11)]
    return np.asarray(np.log([rows]), np.float32)


def in_box(segmentation: Segmentation, said: list[Said], columns: Columns | None) -> list[Reading]:
    probabilities = np.array([row(s) for s in said], np.float32)
    return readings(segmentation, probabilities, (), (0, 8), columns)


def test_two_that_agree_are_surer_than_one() -> None:
    apart = lattice([piece(20, 20), piece(60, 20)])
    said: list[Said] = [{"4": 0.9, "9": 0.08}, {"other": 0.99}, {"7": 0.999}]
    alone = in_box(apart, said, None)[0]
    both = in_box(apart, said, spelling(("4", 0.99), ("7", 0.99)))[0]
    assert alone.value == both.value == "47"
    assert both.probability > alone.probability


@pytest.mark.parametrize("sure", [0.99, 0.9999, 0.999999])
def test_two_that_contradict_each_other_leave_doubt(sure: float) -> None:
    apart = lattice([piece(20, 20), piece(60, 20)])
    said: list[Said] = [{"4": 0.98, "9": 0.01}, {"other": 0.99}, {"7": 0.999}]
    found = in_box(apart, said, spelling(("9", sure), ("7", sure)))
    assert {r.value for r in found[:2]} == {"47", "97"}
    assert found[0].probability < 0.95


@pytest.mark.parametrize(("sure", "accepted"), [(0.999, False), (0.9, False), (0.001, True)])
def test_what_the_second_sees_to_be_no_digit_is_doubted(sure: float, *, accepted: bool) -> None:
    apart = lattice([piece(20, 20), piece(60, 20)])
    said: list[Said] = [{"4": 0.9999}, {"other": 0.99}, {"7": 0.9999}]
    columns = spelling(("4", 0.9999), ("?", sure), ("7", 0.9999))
    columns[0, 2, 0] = np.log(1 - sure - 0.0001 * (sure < 0.9))  # else nothing new
    best = in_box(apart, said, columns)[0]
    assert best.value == "47"
    assert (best.probability > 0.97) is accepted


def test_an_x_that_both_see_is_as_sure_as_one_sees_it() -> None:
    crossed: list[Said] = [{"crossed": 0.9999}]
    alone, both = (
        in_box(lattice([piece(20, 20)]), crossed, columns)[0] for columns in (None, spelling(("?", 0.9999)))
    )
    assert (both.value, both.marks[0].label) == ("", "X")
    assert both.probability == pytest.approx(alone.probability, abs=0.01)


def test_a_number_that_no_path_reads_well_is_among_the_readings() -> None:
    apart = lattice([piece(20, 20), piece(60, 20)])
    said: list[Said] = [{"4": 0.9999}, {"other": 0.99}, {"7": 0.9999}]
    found = in_box(apart, said, spelling(("4", 0.99), ("1", 0.99)))
    assert "41" in {r.value for r in found}


@pytest.mark.parametrize("sure", [0.99, 0.999999])
def test_what_one_cannot_read_the_other_may_and_nobody_is_sure(sure: float) -> None:
    joined = lattice([piece(20, 20), piece(40, 20, cut=Cut(0.5, 40))])
    said: list[Said] = [{"other": 0.9999}, {"other": 0.9999}, {"other": 0.9999}]
    assert "?" in [m.label for m in in_box(joined, said, None)[0].marks]
    best, *_ = in_box(joined, said, spelling(("4", sure), ("7", sure)))
    assert best.value == "47"
    assert best.probability < 0.96


def test_a_path_that_reads_badly_does_not_make_another_number_likelier() -> None:
    joined = lattice([piece(20, 10), piece(30, 10, cut=Cut(0.5, 20))])
    whole: Said = {"other": 0.999, "7": 0.001}
    said: list[Said] = [
        whole if h.last - h.first == 2 else {"1": 0.9, "other": 0.1} for h in joined.hypotheses
    ]
    columns = spelling(("7", 0.8), ("1", 0.15))
    columns[0, 0, SIGNS.index("1") + 1] = np.log(0.15)
    columns[0, 2, 0] = np.log(0.84)
    best = in_box(joined, said, columns)[0]
    assert best.value == "7"
    assert best.probability < 0.1


@pytest.mark.parametrize("name", ["other", "crossed"])
def test_a_stranger_that_stands_alone_is_no_digit_whatever_cuts_go_through_it(name: str) -> None:
    whole = lattice([piece(20, 20)])
    cut = lattice([piece(20, 10), piece(30, 10, cut=Cut(0.5, 20))])
    for shape, count in ((whole, 1), (cut, 3)):
        found = in_box(shape, [{name: 0.9999}] * count, spelling(("4", 0.9999)))
        assert max(r.probability for r in found if r.value == "4") < 0.1
