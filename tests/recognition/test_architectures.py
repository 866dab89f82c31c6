"""The named networks: shape, what they do to their input, and their size."""

from __future__ import annotations

import numpy as np
import pytest

from digitscan.errors import UsageError
from digitscan.recognition.architectures import ARCHITECTURES, BACKGROUND, find
from digitscan.records import CLASSES, OTHER
from tests.recognition.drawn import drawn_digits


@pytest.mark.parametrize("name", ["conv2-adam", "conv3-64", "conv3-sgd", "digitscan"])
def test_glyphs_in_probabilities_out(name: str) -> None:
    recipe = find(name)
    model = recipe.build()
    glyphs = drawn_digits(20, 1)[0][..., None].astype(np.float32)
    probabilities = np.asarray(model(glyphs))
    assert probabilities.shape == (20, len(recipe.classes))
    assert recipe.classes == CLASSES[: len(recipe.classes)]
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert model.count_params() < 900_000  # 4 bytes each must stay under 4 MB


def test_the_background_takes_from_all_and_gives_to_other() -> None:
    glyphs = drawn_digits(20, 1)[0][..., None].astype(np.float32)
    model = find("digitscan").build()
    before = np.asarray(model(glyphs)).astype(np.float64)
    background = model.get_layer(BACKGROUND)
    background.set_weights([background.get_weights()[0], np.full(1, 2.0, np.float32)])
    after = np.asarray(model(glyphs)).astype(np.float64)
    kept = after[:, :OTHER] / before[:, :OTHER]
    assert np.allclose(kept, kept[:, :1], rtol=1e-3)
    assert (kept < 0.9).all()
    assert np.allclose(after.sum(axis=1), 1, atol=1e-5)
    # it is no weight that training moves
    assert not background.trainable_weights


def test_conv3_64_sees_no_difference_in_ink() -> None:
    glyphs = drawn_digits(20, 1)[0][..., None].astype(np.float32)
    model = find("conv3-64").build()
    assert np.allclose(np.asarray(model(glyphs)), np.asarray(model(glyphs / 2)), atol=1e-5)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="conv2-adam, conv3-64, conv3-sgd, digitscan"):
        find("resnet")
    assert set(ARCHITECTURES) == {"conv2-adam", "conv3-64", "conv3-sgd", "digitscan", "strings"}
