"""How fast networks learn."""

from __future__ import annotations

import numpy as np


def learning_rate(progress: float, epochs: int, peak: float) -> float:
    """At `progress` epochs: a short rise, then half a cosine (Loshchilov and Hutter, 2017)."""
    rise = min(1.0, (progress + 0.01) / (epochs / 20))
    return float(peak * rise * 0.5 * (1 + np.cos(np.pi * progress / epochs)))
