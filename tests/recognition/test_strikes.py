"""Lines and scrawls lie where they strike out."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.recognition.strikes import scrawled, struck_out
from digitscan.records import Image

BOX = (60, 40, 50, 60)


def bars() -> Image:
    canvas = np.zeros((140, 180), np.uint8)
    canvas[40:100, 60:66] = canvas[40:100, 104:110] = 255
    return canvas


@pytest.mark.parametrize("seed", range(6))
def test_a_level_line_runs_on_at_both_sides_and_an_oblique_one_from_corner_to_corner(seed: int) -> None:
    level, oblique = (
        np.nonzero(struck_out(bars(), BOX, np.random.default_rng(seed), level=way) > bars())
        for way in (True, False)
    )
    for rows, columns in (level, oblique):
        assert columns.min() < BOX[0]
        assert columns.max() > BOX[0] + BOX[2]
        assert len(rows)
    assert level[0].max() - level[0].min() < 45
    assert oblique[0].max() - oblique[0].min() > 45


def test_a_line_is_about_as_broad_as_the_strokes() -> None:
    fine, broad = bars(), bars()
    broad[40:100, 60:74] = broad[40:100, 96:110] = 255
    more = [
        int((struck_out(canvas, BOX, np.random.default_rng(4), level=True) > canvas).sum())
        for canvas in (fine, broad)
    ]
    assert more[1] > 1.3 * more[0]


def test_a_scrawl_covers_the_box() -> None:
    ink = scrawled(bars(), BOX, np.random.default_rng(2)) > bars()
    assert ink[40:100, 60:110].mean() > 0.2
    assert ink.sum() < 1.5 * 50 * 60
