from __future__ import annotations

import numpy as np
import pytest

from digitscan.deck.degrade import PRESETS, streaked
from digitscan.records import Image


@pytest.fixture(scope="module")
def page() -> Image:
    page = np.full((700, 500), 255, np.uint8)
    page[100:140, 60:100] = 0
    page[300:304, 60:440] = 60
    return page


@pytest.mark.parametrize("name", PRESETS)
def test_presets_keep_size_and_type_and_repeat_by_seed(page: Image, name: str) -> None:
    before = page.copy()
    one, again, other = (PRESETS[name](page, 150.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == page.shape and one.dtype == np.uint8
    assert (one == again).all() and (one != other).any()
    assert (page == before).all(), "the page given was changed"


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_stays_darker_than_the_paper(page: Image, name: str) -> None:
    for seed in range(4):
        scan = PRESETS[name](page, 150.0, np.random.default_rng(seed))
        inside, paper = scan[115:125, 75:85].mean(), scan[180:220, 200:300].mean()
        # a phone's picture is shifted by its perspective: look for the mark instead
        darkest = scan[80:180, 40:140].min() if name == "phone" else inside
        assert darkest < 0.5 * paper


def test_bilevel_presets_are_black_and_white_and_grey_ones_are_not(page: Image) -> None:
    for name, preset in PRESETS.items():
        levels = set(np.unique(preset(page, 150.0, np.random.default_rng(3))).tolist())
        if name in ("scanner_bilevel", "fax"):
            assert levels == {0, 255}
        else:
            assert len(levels) > 20


def test_streaks_run_from_edge_to_edge_and_take_nothing_away(page: Image) -> None:
    before = page.copy()
    ways = set()
    for seed in range(12):
        lined = streaked(page, 150.0, np.random.default_rng(seed))
        assert (lined <= page).all() and lined.shape == page.shape and lined.dtype == np.uint8
        assert (lined == streaked(page, 150.0, np.random.default_rng(seed))).all()
        new = lined < np.minimum(page, 200)
        rows, columns = new.any(axis=1).mean(), new.any(axis=0).mean()
        ways.add("upright" if rows > columns else "level")
        assert max(rows, columns) > 0.9 and min(rows, columns) < 0.3
    assert ways == {"upright", "level"}
    assert (page == before).all(), "the page given was changed"
