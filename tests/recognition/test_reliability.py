"""Intervals against published ones, curves and bins against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitscan.recognition.reliability import calibration_error, error_reject, measure, reliability, share_of

SURE = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
RIGHT = np.array([True, True, False, True, False])


def test_wilson_interval_of_published_examples() -> None:
    # Newcombe 1998, table I
    for count, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        share = share_of(count, of)
        assert [share.low, share.high] == pytest.approx([low, high], abs=1e-4)
    assert share_of(29, 29).high == 1.0
    nothing = share_of(0, 0)
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_the_interval_holds_the_share(count: int, of: int) -> None:
    share = share_of(min(count, of), of)
    assert share.share is not None
    assert 0 <= share.low <= share.share <= share.high <= 1


def test_error_reject_by_hand() -> None:
    points = error_reject(SURE, RIGHT, np.ones(5, bool))
    assert [(p.confidence, p.error.count, p.error.of) for p in points] == [
        (0.9, 0, 1), (0.8, 1, 3), (0.6, 1, 4), (0.5, 2, 5),
    ]  # fmt: skip
    assert [p.review for p in points] == pytest.approx([0.8, 0.4, 0.2, 0.0])


def test_what_no_threshold_lets_pass_is_always_for_review() -> None:
    points = error_reject(SURE, RIGHT, np.array([True, True, False, True, False]))
    assert [(p.error.count, p.error.of) for p in points] == [(0, 1), (0, 2), (0, 3)]
    assert points[-1].review == pytest.approx(0.4)
    assert error_reject(SURE, RIGHT, np.zeros(5, bool)) == ()


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    sure = np.linspace(0, 1, 5000)
    points = error_reject(sure, sure > 0.1, np.ones(5000, bool))
    assert len(points) <= 100
    assert (points[0].confidence, points[0].error.of) == (1.0, 1)
    assert (points[-1].review, points[-1].error.of) == (0.0, 5000)
    assert points[-2].review < 0.001  # closer where little is for review


def test_bins_hold_equally_many_and_their_error_is_weighed() -> None:
    bins = reliability(SURE, RIGHT, bins=2)
    assert [(b.right.count, b.right.of) for b in bins] == [(2, 3), (1, 2)]
    assert [b.confidence for b in bins] == pytest.approx([1.9 / 3, 0.85])
    assert calibration_error(bins) == pytest.approx((abs(1.9 - 2) + abs(1.7 - 1)) / 5)


def test_of_nothing_nothing_is_said() -> None:
    measured = measure(np.zeros(0), np.zeros(0, bool))
    assert (measured.right.share, measured.calibration_error) == (None, None)
    assert not measured.error_reject
    assert not measured.reliability
