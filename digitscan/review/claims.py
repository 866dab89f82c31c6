"""Who has what on the screen, so that no two people are asked the same.

Kept in memory only: what a claim guards is never lost by losing it, and one server at a time serves a
directory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

LAPSE = 300.0  # seconds: longer than anybody looks at a field, shorter than a meeting


class Claims:
    """One claim a session; a new one ends the one before."""

    def __init__(self, seconds: float = LAPSE, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._held: dict[Hashable, tuple[str, float]] = {}

    def free(self, session: str, what: Hashable) -> bool:
        """Whether nobody else holds it."""
        holder, until = self._held.get(what, (session, 0.0))
        return holder == session or until <= self._clock()

    def take(self, session: str, what: Hashable) -> None:
        """Hold it from now on, and nothing else."""
        self.release(session)
        self._held[what] = (session, self._clock() + self._seconds)

    def release(self, session: str) -> None:
        """Hold nothing."""
        self._held = {what: held for what, held in self._held.items() if held[0] != session}
