"""Networks are timed in turn."""

from __future__ import annotations

from benchmarks.networks import digits_per_second
from digitscan.recognition.classifier import default_model


def test_each_network_has_its_rate() -> None:
    content = default_model().with_suffix(".tflite").read_bytes()
    first, second = digits_per_second([content, content], rounds=1)
    assert first > 0 and second > 0
