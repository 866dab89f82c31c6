"""A field's ink in pieces, and the runs of pieces that may be one digit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitscan.deck.handwriting import draw_digit, make_hand
from digitscan.records import Box
from digitscan.vision.pieces import SPECK
from digitscan.vision.segmentation import (
    LONGEST_RUN,
    Segmentation,
    by_page,
    number_ink,
    segment,
)

Ink = NDArray[np.bool_]

SCALE = 8.0
CELL = 48
HEIGHT = 72
MARGIN = 18


def box_of(cells: int) -> Box:
    return Box(MARGIN, MARGIN, cells * CELL, HEIGHT)


def cells_of(count: int) -> tuple[Box, ...]:
    return tuple(Box(MARGIN + i * CELL, MARGIN, CELL, HEIGHT) for i in range(count))


def paper(cells: int) -> Ink:
    return np.zeros((HEIGHT + 2 * MARGIN, cells * CELL + 2 * MARGIN), bool)


def digits(seed: int, *wanted: int, height: int = 48) -> list[Ink]:
    rng = np.random.default_rng(seed)
    hand = make_hand(rng)
    return [draw_digit(hand, digit, height, rng) > 127 for digit in wanted]


def laid(ink: Ink, picture: Ink, x: int, y: int | None = None) -> Ink:
    """`ink` with a picture at column x, in the middle of the height unless y is given."""
    top = (len(ink) - len(picture)) // 2 if y is None else y
    both = ink.copy()
    both[top : top + picture.shape[0], x : x + picture.shape[1]] |= picture
    return both


def in_cells(pictures: list[Ink]) -> Ink:
    ink = paper(len(pictures))
    for i, picture in enumerate(pictures):
        ink = laid(ink, picture, MARGIN + i * CELL + (CELL - picture.shape[1]) // 2)
    return ink


def put_together(found: Segmentation, shape: tuple[int, ...], first: int = 0, last: int | None = None) -> Ink:
    ink = np.zeros(shape, bool)
    for piece in found.pieces[first:last]:
        x, y, w, h = piece.box
        ink[y : y + h, x : x + w] |= piece.ink
    return ink


def hypothesis(found: Segmentation, shape: tuple[int, ...], wanted: Ink) -> float:
    """How well the best hypothesis covers the ink wanted: intersection over union."""
    best = 0.0
    for h in found.hypotheses:
        x, y, width, height = h.box
        ink = np.zeros(shape, bool)
        ink[y : y + height, x : x + width] = h.ink
        best = max(best, float((ink & wanted).sum() / (ink | wanted).sum()))
    return best


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), wanted=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_digits_apart_are_each_a_hypothesis(seed: int, wanted: list[int]) -> None:
    pictures = digits(seed, *wanted)
    ink = in_cells(pictures)
    for cells in (cells_of(len(wanted)), ()):
        found = segment(ink, box_of(len(wanted)), cells, SCALE)
        assert 0.6 * 48 < found.digit_height < 1.4 * 48
        for i, picture in enumerate(pictures):
            alone = laid(paper(len(wanted)), picture, MARGIN + i * CELL + (CELL - picture.shape[1]) // 2)
            assert hypothesis(found, ink.shape, alone) > 0.95


def ring(width: int, height: int, pen: int = 5) -> Ink:
    y, x = np.mgrid[:height, :width]
    away = ((x - width / 2 + 0.5) / (width / 2)) ** 2 + ((y - height / 2 + 0.5) / (height / 2)) ** 2
    inner_x, inner_y = width / 2 - pen, height / 2 - pen
    inner = ((x - width / 2 + 0.5) / inner_x) ** 2 + ((y - height / 2 + 0.5) / inner_y) ** 2
    return np.asarray((away <= 1) & (inner > 1))


def test_one_digit_in_a_cell_is_one_piece() -> None:
    for picture in (ring(30, 48), np.ones((48, 5), bool)):
        found = segment(laid(paper(1), picture, 30), box_of(1), cells_of(1), SCALE)
        (piece,) = found.pieces
        (h,) = found.hypotheses
        assert (h.first, h.last) == (0, 1)
        assert piece.area == picture.sum()
        assert h.box[:1] + h.box[2:] == (30, picture.shape[1], 48)
        assert h.centre == pytest.approx(30 + picture.shape[1] / 2, abs=0.01)
        assert found.digit_height == 48


@pytest.mark.parametrize("overlap", [1, 2, 3])
@pytest.mark.parametrize("cells", [cells_of(2), ()], ids=["cells", "open"])
def test_digits_that_touch_can_be_cut_where_they_touch(overlap: int, cells: tuple[Box, ...]) -> None:
    left, right = ring(32, 48), ring(32, 48)
    start = MARGIN + CELL - 32 + overlap // 2
    ink = laid(laid(paper(2), left, start), right, start + 32 - overlap)
    found = segment(ink, box_of(2), cells, SCALE)
    assert len(found.pieces) >= 2
    alone = (laid(paper(2), left, start), laid(paper(2), right, start + 32 - overlap))
    for wanted in alone:
        assert hypothesis(found, ink.shape, wanted) > 0.75


def test_three_digits_that_touch_can_be_cut_twice() -> None:
    ink = paper(3)
    starts = [MARGIN + 20 + 31 * i for i in range(3)]
    for start in starts:
        ink = laid(ink, ring(32, 48), start)
    found = segment(ink, box_of(3), (), SCALE)
    for start in starts:
        assert hypothesis(found, ink.shape, laid(paper(3), ring(32, 48), start)) > 0.75


def test_a_digit_broken_by_the_pen_is_joined() -> None:
    broken = ring(30, 48)
    broken[20:24] = False
    ink = laid(laid(paper(2), broken, 30), ring(30, 48), 30 + CELL)
    found = segment(ink, box_of(2), cells_of(2), SCALE)
    assert [piece.area for piece in found.pieces] == [broken.sum(), ring(30, 48).sum()]


def test_a_broken_digit_alone_is_a_hypothesis() -> None:
    broken = ring(30, 48)
    broken[20:24] = False
    ink = laid(paper(1), broken, 30)
    for cells in (cells_of(1), ()):
        assert hypothesis(segment(ink, box_of(1), cells, SCALE), ink.shape, ink) == 1


def test_a_digit_broken_into_left_and_right_is_a_hypothesis() -> None:
    broken = ring(30, 48)
    broken[:, 14:17] = False
    ink = laid(paper(1), broken, 30)
    found = segment(ink, box_of(1), cells_of(1), SCALE)
    assert hypothesis(found, ink.shape, ink) == 1


def test_a_digit_that_leaves_its_cell_is_kept_whole() -> None:
    ink = laid(paper(2), ring(34, 60), MARGIN + CELL - 24, y=MARGIN + HEIGHT - 48)
    found = segment(ink, box_of(2), cells_of(2), SCALE)
    assert hypothesis(found, ink.shape, ink) == 1


def test_ink_of_the_neighbourhood_does_not_belong() -> None:
    neighbour = laid(paper(2), ring(30, 40), MARGIN + 10, y=-0)
    neighbour[MARGIN + 10 :] = False  # a digit of the line above whose foot hangs into the box
    mine = laid(paper(2), ring(30, 48), MARGIN + CELL + 8)
    found = segment(neighbour | mine, box_of(2), cells_of(2), SCALE)
    assert np.array_equal(put_together(found, mine.shape), mine)


def test_what_is_but_the_end_of_ink_beside_the_field_runs_on() -> None:
    tail = paper(2)
    tail[MARGIN + 12 : MARGIN + 60, : MARGIN + 12] = True  # four tenths of it inside
    mine = laid(paper(2), ring(30, 48), MARGIN + CELL + 8)
    found = segment(tail | mine, box_of(2), cells_of(2), SCALE)
    assert [(h.box[0], h.runs_on) for h in found.hypotheses[:1]] == [(MARGIN, True)]
    assert {h.runs_on for h in found.hypotheses if h.box[0] > MARGIN + 12} == {False}


@pytest.mark.parametrize(("left", "runs_on"), [(-12, True), (-6, False)])
def test_a_digit_across_the_edge_may_be_a_neighbours(left: int, *, runs_on: bool) -> None:
    ink = laid(paper(2), np.ones((48, 30), bool), MARGIN + left)
    (only,) = segment(ink, box_of(2), cells_of(2), SCALE).hypotheses
    assert only.runs_on is runs_on


def test_what_a_rule_leaves_behind_does_not_belong() -> None:
    remains = paper(2)
    remains[MARGIN + 5 : MARGIN + 60, MARGIN + CELL] = True
    remains[MARGIN + HEIGHT - 2 : MARGIN + HEIGHT, MARGIN : MARGIN + 50] = True
    assert segment(remains, box_of(2), cells_of(2), SCALE).pieces == ()


def test_a_one_on_the_rule_is_no_remains() -> None:
    one = laid(paper(2), np.ones((48, 5), bool), MARGIN + CELL - 3)
    found = segment(one, box_of(2), cells_of(2), SCALE)
    assert np.array_equal(put_together(found, one.shape), one)


@pytest.mark.parametrize("cells", [cells_of(3), ()], ids=["cells", "open"])
def test_no_ink_is_no_pieces(cells: tuple[Box, ...]) -> None:
    assert segment(paper(3), box_of(3), cells, SCALE) == Segmentation((), (), (), 2.0 * SCALE)


def test_dirt_is_small_beside_the_digits_of_its_field() -> None:
    speck = laid(paper(1), np.ones((5, 5), bool), 40)
    found = segment(speck, box_of(1), cells_of(1), SCALE)
    assert max(found.pieces[0].box[2:]) < 0.4 * found.digit_height


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 100_000), cells=st.integers(1, 4), blots=st.integers(0, 12), has_cells=st.booleans()
)
def test_whatever_is_written_pieces_share_out_the_ink(
    seed: int, cells: int, blots: int, *, has_cells: bool
) -> None:
    rng = np.random.default_rng(seed)
    ink = paper(cells)
    for _ in range(blots):
        y, x = rng.integers(0, ink.shape)
        h, w = rng.integers(1, 50, 2)
        ink[y : y + h, x : x + w] |= rng.random(ink[y : y + h, x : x + w].shape) < rng.choice([1.0, 0.7])
    box = box_of(cells)
    found = segment(ink, box, cells_of(cells) if has_cells else (), SCALE)
    together = put_together(found, ink.shape)
    assert together.sum() == sum(piece.area for piece in found.pieces)  # none has another's ink
    assert not (together & ~ink).any()
    middle = np.zeros_like(ink)
    for cell in cells_of(cells):
        left = int(cell.x)
        middle[MARGIN + 9 : -MARGIN - 9, left + 9 : left + CELL - 9] = True
    # only what lies half outside, or along a rule, may be another's
    _, labels = cv2.connectedComponents(ink.astype(np.uint8), connectivity=8)
    lost = ink & ~together
    assert all((labels[~middle] == i).any() for i in np.unique(labels[lost]))
    centres = [piece.centre for piece in found.pieces]
    assert centres == sorted(centres)
    runs = [(h.first, h.last) for h in found.hypotheses]
    assert runs == sorted(set(runs))
    assert all(0 <= first < last <= min(len(found.pieces), first + LONGEST_RUN) for first, last in runs)
    assert set(runs) >= {(i, i + 1) for i in range(len(found.pieces))}
    for h in found.hypotheses:
        x, y, width, height = h.box
        assert h.ink.shape == (height, width)
        alone = put_together(found, ink.shape, h.first, h.last)
        assert np.array_equal(alone[y : y + height, x : x + width], h.ink)
        assert h.ink.sum() == alone.sum()


def test_what_ends_at_a_rule_that_was_taken_out_is_known() -> None:
    bar = np.ones((40, 5), bool)
    ink = laid(paper(1), bar, 30)
    rows = np.flatnonzero(ink.any(axis=1))
    rules = np.zeros_like(ink)
    high = box_of(1)._replace(y=rows[0] - 2, height=len(rows) + 3)
    for edge, wanted in ((rows[-1] + 2, (False, True)), (rows[0] - 2, (True, False))):
        rules[:] = False
        rules[edge] = True
        (found,) = segment(ink, high, cells_of(1), SCALE, rules).hypotheses
        assert (found.at_rules.hangs, found.at_rules.stands) == wanted


@pytest.mark.parametrize(("thicker", "buried"), [(0, False), (5, True)])
def test_a_rule_that_is_thicker_over_a_glyph_may_hide_a_stroke(thicker: int, *, buried: bool) -> None:
    ink = laid(paper(2), np.ones((HEIGHT - 10, 6), bool), 40, MARGIN + 2)
    rules = np.zeros_like(ink)
    rules[MARGIN - 1 : MARGIN + 2, MARGIN : MARGIN + 2 * CELL] = True
    rules[MARGIN + HEIGHT - 1 : MARGIN + HEIGHT + 2, MARGIN : MARGIN + 2 * CELL] = True
    rules[MARGIN - 1 - thicker : MARGIN - 1, 28:48] = True
    (found,) = segment(ink, box_of(2), cells_of(2), SCALE, rules).hypotheses
    assert found.at_rules.hangs
    assert (found.at_rules.buried_above, found.at_rules.buried_below) == (buried, False)


@pytest.mark.parametrize(("columns", "buried"), [(range(28, 48), True), (range(28, 48, 2), False)])
def test_a_rule_a_little_thicker_all_over_a_glyph_may_hide_a_thin_stroke(
    columns: range, *, buried: bool
) -> None:
    ink = laid(paper(2), ring(20, HEIGHT - 10), 28, MARGIN + 2)
    rules = np.zeros_like(ink)
    rules[MARGIN - 1 : MARGIN + 2, MARGIN : MARGIN + 2 * CELL] = True
    rules[MARGIN - 2, columns] = True
    (found,) = segment(ink, box_of(2), cells_of(2), SCALE, rules, stroke=4.0).hypotheses
    assert (found.at_rules.hangs, found.at_rules.buried_above, found.at_rules.keeps) == (True, buried, False)


def test_an_upright_rule_beside_a_glyph_is_none_that_it_hangs_on() -> None:
    ink = laid(paper(2), ring(30, 40), 30, MARGIN + 20)
    rules = np.zeros_like(ink)
    rules[MARGIN : MARGIN + HEIGHT, 57:60] = True
    rules[MARGIN + 20 : MARGIN + 60, 57:60] = False
    (found,) = segment(ink, box_of(2), cells_of(2), SCALE, rules, stroke=4.0).hypotheses
    assert (found.at_rules.hangs, found.at_rules.stands, found.at_rules.buried_above) == (False, False, False)


@pytest.mark.parametrize(("wide", "keeps"), [(24, True), (8, False)])
def test_a_glyph_whose_upper_end_goes_on_in_a_rule_may_have_got_that(wide: int, *, keeps: bool) -> None:
    ink = laid(paper(2), np.ones((HEIGHT - 20, 24), bool), 30, MARGIN + 2)
    ink[MARGIN - 1 : MARGIN + 2, 30 : 30 + wide] = True
    rules = np.zeros_like(ink)
    rules[MARGIN - 1 : MARGIN + 2, MARGIN : MARGIN + 2 * CELL] = True
    rules[ink] = False
    (found,) = segment(ink, box_of(2), cells_of(2), SCALE, rules, stroke=4.0).hypotheses
    assert found.at_rules.keeps is keeps


@pytest.mark.parametrize(("wide", "along"), [(0, True), (4, False)])
def test_a_glyph_that_a_piece_of_the_rule_beside_it_closes_is_known(wide: int, *, along: bool) -> None:
    edge, top = MARGIN + CELL, MARGIN + 20
    ink = laid(paper(2), ring(30, 40), edge - 22, top)
    ink[:, edge - 1 :] = False  # the bow is open
    ink[top : top + 40, edge - 1 - wide : edge + 2 + wide] = True
    rules = np.zeros_like(ink)
    rules[MARGIN : MARGIN + HEIGHT, edge - 1 : edge + 2] = True
    rules[top : top + 40] = False
    (found, *_) = segment(ink, box_of(2), cells_of(2), SCALE, rules, stroke=4.0).hypotheses
    assert found.at_rules.along is along


def test_print_beside_a_field_does_not_tell_how_thick_its_rules_are() -> None:
    ink = laid(paper(1), np.ones((HEIGHT - 2, 20), bool), 30, MARGIN + 2)
    rules = np.zeros_like(ink)
    rules[MARGIN - 1 : MARGIN + 2, MARGIN : MARGIN + CELL] = True
    rules[MARGIN - 5 : MARGIN + 2, 30:46] = True  # a stroke on it
    alone = segment(ink, box_of(1), cells_of(1), SCALE, rules).hypotheses[0].at_rules
    rules[MARGIN - 5 : MARGIN + 2, MARGIN + CELL :] = True
    beside = segment(ink, box_of(1), cells_of(1), SCALE, rules).hypotheses[0].at_rules
    assert alone.buried_above
    assert beside.buried_above


@pytest.mark.parametrize(("border", "buried"), [(3, False), (12, True)])
def test_a_border_is_thicker_than_a_hairline_and_a_stroke_on_all_of_it_thicker_still(
    border: int, *, buried: bool
) -> None:
    ink = laid(paper(1), np.ones((HEIGHT - 10, 6), bool), 40, MARGIN + 2)
    rules = np.zeros_like(ink)
    rules[MARGIN + 2 - border : MARGIN + 2, MARGIN : MARGIN + CELL] = True
    rules[MARGIN + HEIGHT - 1 : MARGIN + HEIGHT + 1, MARGIN : MARGIN + CELL] = True
    (found,) = segment(ink, box_of(1), cells_of(1), SCALE, rules).hypotheses
    assert (found.at_rules.hangs, found.at_rules.buried_above) == (True, buried)


def test_a_thin_bar_beside_a_rule_is_left_out_but_not_forgotten() -> None:
    ink = laid(paper(2), ring(30, 48), 30)
    thin = ink.copy()
    thin[30:66, MARGIN + CELL + 4 : MARGIN + CELL + 6] = True
    assert segment(ink, box_of(2), cells_of(2), SCALE).left_out == 0
    found = segment(thin, box_of(2), cells_of(2), SCALE)
    assert len(found.pieces) == 1
    assert found.left_out == 36


def test_what_is_left_out_of_a_blank_field_is_measured_by_the_least_a_digit_is_high() -> None:
    ink = paper(2)
    ink[30:66, MARGIN + CELL + 4 : MARGIN + CELL + 6] = True
    found = segment(ink, box_of(2), cells_of(2), SCALE)
    assert (found.pieces, found.left_out, found.digit_height) == ((), 36, 2.0 * SCALE)


def test_a_thin_bar_is_a_bent_rule_where_the_rule_stops_at_it_and_goes_on_behind() -> None:
    ink = laid(paper(2), ring(30, 48), 30)
    ink[50:80, MARGIN + CELL + 2 : MARGIN + CELL + 4] = True
    whole = np.zeros_like(ink)
    whole[MARGIN : MARGIN + HEIGHT, MARGIN + CELL - 1 : MARGIN + CELL + 1] = True
    parted, short = whole.copy(), whole.copy()
    parted[50:80] = False
    short[36:] = False
    assert segment(ink, box_of(2), cells_of(2), SCALE, parted).left_out == 0
    assert segment(ink, box_of(2), cells_of(2), SCALE, whole).left_out == 30
    assert segment(ink, box_of(2), cells_of(2), SCALE, short).left_out == 30


def test_digits_of_two_cells_are_never_one_and_parts_of_one_may_be() -> None:
    apart = in_cells([ring(30, 48), ring(30, 48)])
    found = segment(apart, box_of(2), cells_of(2), SCALE)
    assert [(h.first, h.last) for h in found.hypotheses] == [(0, 1), (1, 2)]
    assert (0, 2) in [(h.first, h.last) for h in segment(apart, box_of(2), (), SCALE).hypotheses]
    # a digit that lies across the border of two cells, and is broken there
    broken = laid(paper(2), ring(40, 48), MARGIN + CELL - 20)
    broken[:, MARGIN + CELL - 2 : MARGIN + CELL + 2] = False
    found = segment(broken, box_of(2), cells_of(2), SCALE)
    assert (0, 2) in [(h.first, h.last) for h in found.hypotheses]


def test_a_digit_with_a_bar_far_into_the_next_cell_may_be_one() -> None:
    ink = laid(paper(2), np.ones((40, 5), bool), MARGIN + 12)
    ink[MARGIN + 16 : MARGIN + 21, MARGIN + 12 : MARGIN + 92] = True
    ink = laid(ink, np.ones((40, 5), bool), MARGIN + 92)
    found = segment(ink, box_of(2), cells_of(2), SCALE)
    (whole,) = found.uncut
    assert len(found.pieces) == 2 and whole.box[2] > 2 * whole.box[3]
    assert whole.box in {hypothesis.box for hypothesis in found.hypotheses}


def test_a_digit_beside_an_x_that_leaves_its_cell_is_no_part_of_it() -> None:
    canvas = paper(2).astype(np.uint8)
    top, bottom, left, right = 1, len(canvas) - 2, MARGIN - 8, MARGIN + CELL + 8
    cv2.line(canvas, (left, top), (right, bottom), 1, 6)
    cv2.line(canvas, (right, top), (left, bottom), 1, 6)
    (digit,) = digits(4, 3, height=44)
    found = segment(laid(canvas > 0, digit, MARGIN + CELL + 6), box_of(2), cells_of(2), SCALE)
    assert len(found.uncut) == 2
    assert (0, len(found.pieces)) not in [(h.first, h.last) for h in found.hypotheses]


def test_a_digit_most_of_which_is_outside_is_not_forgotten() -> None:
    one = laid(paper(2), ring(30, 48), MARGIN + CELL)
    across, leaning = laid(one, ring(24, 48), MARGIN - 17), laid(one, ring(18, 48), MARGIN - 16)
    assert segment(across, box_of(2), cells_of(2), SCALE).left_out == 48
    assert segment(leaning, box_of(2), cells_of(2), SCALE).left_out == 0  # a neighbour's


def test_ink_that_leaves_the_crop_is_known() -> None:
    ink = laid(paper(2), ring(30, 48), MARGIN + 10)
    ink[:, MARGIN + CELL + 20 : MARGIN + CELL + 25] = True
    found = segment(ink, box_of(2), cells_of(2), SCALE)
    assert [h.runs_on for h in found.hypotheses] == [False, True]


@pytest.mark.parametrize(
    ("width", "height", "y", "high"), [(30, 6, 12, True), (30, 6, 33, False), (30, 24, 4, False)]
)
def test_a_dash_high_in_its_field_is_known(width: int, height: int, y: int, *, high: bool) -> None:
    ink = laid(paper(1), np.ones((height, width), bool), MARGIN + 9, MARGIN + y)
    (only,) = segment(ink, box_of(1), cells_of(1), SCALE).hypotheses
    assert only.high_dash is high


def test_digits_are_measured_by_those_of_the_page() -> None:
    tall = segment(laid(paper(2), ring(30, 48), MARGIN + 10), box_of(2), cells_of(2), SCALE)
    low = segment(laid(paper(2), ring(12, 20), MARGIN + 10), box_of(2), cells_of(2), SCALE)
    boxes = [box_of(2)] * 7
    heights = [s.digit_height for s in by_page([tall] * 6 + [low], boxes)]
    assert heights == [48] * 6 + [36]
    assert [s.digit_height for s in by_page([tall, low], boxes[:2])] == [48, low.digit_height]
    assert [s.tallness for s in by_page([tall] * 3 + [low] * 3, boxes[:6])] == [1.0] * 3 + [20 / 48] * 3
    assert by_page([tall, low], boxes[:2])[1].tallness == 1.0
    flat = [*boxes[:6], Box(MARGIN, MARGIN, 2 * CELL, 25)]
    assert by_page([tall] * 6 + [low], flat)[-1].digit_height == max(low.digit_height, 15)


def test_all_that_is_cut_is_in_the_picture_of_the_number() -> None:
    ink, x = paper(4), MARGIN + 2
    for picture in digits(5, 8, 6, 2, 4):
        ink = laid(ink, picture, x)
        x += picture.shape[1] - 4
    dirty = ink.copy()
    dirty[50:54, -MARGIN - 10 : -MARGIN - 6] = True
    found = segment(dirty, box_of(4), (), SCALE)
    parts = [p for p in found.pieces if p.box[0] < x]
    assert min(max(p.box[2:]) for p in parts) < SPECK * found.digit_height
    assert number_ink(found).sum() == ink.sum()


def test_two_digits_joined_over_a_rule_are_no_rest_of_it() -> None:
    wide = ring(44, 70, pen=16)
    ink = laid(laid(paper(2), wide, MARGIN + CELL - 43), wide, MARGIN + CELL - 1)
    assert segment(ink, box_of(2), cells_of(2), SCALE).pieces
