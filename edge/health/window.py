"""Rates and percentiles over the last seconds, in bounded memory."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST_FRAMES = 8192
"""A minute at 120 frames a second fits; beyond it the window is shorter than asked for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What a stage took, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What a window shows; rates in frames a second."""

    fps_in: float = 0.0
    fps_out: float = 0.0
    stages: Mapping[str, Spread] = field(default_factory=dict)


class Window:
    """Takes each finished frame on one thread and is read on another.

    Times are seconds of a monotonic clock and come in as arguments.
    """

    def __init__(self, seconds: float, begun_s: float) -> None:
        self._seconds = seconds
        self._begun_s = begun_s
        self._lock = threading.Lock()
        self._frames: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=_MOST_FRAMES)
        self._captured: deque[tuple[float, int]] = deque([(begun_s, 0)])

    def add(self, now_s: float, stages_ms: Mapping[str, float]) -> None:
        """Take one finished frame."""
        with self._lock:
            self._frames.append((now_s, stages_ms))

    def rates(self, now_s: float, captured: int) -> Rates:
        """Return the window's figures; `captured` is how many frames came in so far.

        A session younger than the window counts from its start.
        """
        since_s = now_s - self._seconds
        self._captured.append((now_s, captured))
        while len(self._captured) > 2 and self._captured[1][0] <= since_s:
            self._captured.popleft()
        with self._lock:
            while self._frames and self._frames[0][0] < since_s:
                self._frames.popleft()
            frames = list(self._frames)
        first_s, first = self._captured[0]
        span_s = min(self._seconds, now_s - self._begun_s)
        if frames and len(frames) == _MOST_FRAMES:
            span_s = min(span_s, now_s - frames[0][0])
        return Rates(
            _rate(captured - first, now_s - first_s), _rate(len(frames), span_s), _stages(frames)
        )


def quantile(ordered: list[float], share: float) -> float:
    """Return the value that `share` (0..1] of an ascending list stays within."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _stages(frames: list[tuple[float, Mapping[str, float]]]) -> dict[str, Spread]:
    names = dict.fromkeys(stage for _, stages_ms in frames for stage in stages_ms)
    return {stage: _spread(sorted([s[stage] for _, s in frames if stage in s])) for stage in names}


def _spread(ordered_ms: list[float]) -> Spread:
    return Spread(max(0.0, quantile(ordered_ms, 0.5)), max(0.0, quantile(ordered_ms, 0.95)))
