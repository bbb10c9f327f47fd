"""Milliseconds by stage, of a frame whose network may run in another thread."""

from __future__ import annotations

import time


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under a stage."""
        now = time.perf_counter()
        self.ms[stage] = self.ms.get(stage, 0.0) + (now - self._last) * 1e3
        self._last = now

    @property
    def total_ms(self) -> float:
        """All stages booked so far, milliseconds."""
        return sum(self.ms.values())

    def resume(self) -> None:
        """Book the time since the last lap under no stage: the frame waited."""
        self._last = time.perf_counter()
