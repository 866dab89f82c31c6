"""Paths through the lattice, held against all paths that there are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from digitscan.recognition.lattice import Lattice
from digitscan.records import CLASSES
from digitscan.vision.pieces import Cut, Piece
from digitscan.vision.segmentation import Hypothesis, Segmentation

HEIGHT = 40


def made(seed: int) -> Lattice:
    """Four pieces, the third cut off the second and narrow, so that digits may share it."""
    rng = np.random.default_rng(seed)
    edges = [10, 30, 42, 70, 90]
    pieces = []
    for i, (x, right) in enumerate(pairwise(edges)):
        ink = np.ones((HEIGHT, right - x), bool)
        pieces.append(Piece(ink, (x, 5, right - x, HEIGHT), ink.size, Cut(1.0, 60) if i in (1, 2) else None))
    hypotheses = [
        Hypothesis(a, b, pieces[a].ink, (edges[a], 5, edges[b] - edges[a], HEIGHT), (edges[a] + edges[b]) / 2)
        for a in range(4)
        for b in range(a + 1, 5)
    ]
    shares = rng.dirichlet(np.full(len(CLASSES), 0.4), len(hypotheses)).astype(np.float32)
    return Lattice(Segmentation(tuple(pieces), tuple(hypotheses), tuple(pieces), float(HEIGHT)), shares, ())


def every_path(lattice: Lattice, text: str, used: int = 0) -> list[float]:
    """Logarithms of the weights of all paths from a piece on that read as a number."""
    if used == len(lattice.pieces):
        return [] if text else [0.0]
    found = [lattice.dirt[used] + rest for rest in every_path(lattice, text, used + 1)]
    if text:
        for index, shape in lattice._glyphs_from(used):
            gain = shape + float(lattice.as_digits[index, int(text[0])])
            after = every_path(lattice, text[1:], lattice.hypotheses[index].last)
            found += [gain + rest for rest in after]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_all_paths_that_read_as_a_number_are_summed_and_the_heaviest_kept(seed: int) -> None:
    lattice = made(seed)
    texts = ["4", "17", "335", "9021", "", "55555"]
    found = lattice.through_numbers(texts)
    assert list(found) == [text for text in texts if every_path(lattice, text)]
    for text, partial in found.items():
        weights = every_path(lattice, text)
        assert partial.weight == pytest.approx(np.logaddexp.reduce(weights))
        assert partial.best == pytest.approx(max(weights))
        assert "".join(mark.label for mark in partial.marks) == text


def test_an_open_box_holds_as_many_digits_as_it_may_where_that_is_possible() -> None:
    lattice = made(1)
    assert {len(text.replace("?", "")) for text in lattice.through_box((2, 2)).partials} <= {0, 1, 2}
    # more digits than there are pieces, shared ones counted twice: then any number
    assert lattice.through_box((7, 8)).partials
