"""Latency by stage in constant memory: logarithmic histograms, percentiles good to one per cent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_FIRST_MS = 0.001
_RATIO = 1.02
_BINS = 1024
"""From a microsecond in steps of 2 %: the last bin begins past ten minutes."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What a stage took, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float


class Histogram:
    """Durations of one stage; memory does not grow with their number, so that a season fits."""

    __slots__ = ("_bins", "_count", "_max_ms")

    def __init__(self) -> None:
        self._bins = [0] * _BINS
        self._count = 0
        self._max_ms = 0.0

    def add(self, ms: float) -> None:
        """Count one duration, milliseconds; negative ones count as zero."""
        self._bins[_bin(ms)] += 1
        self._count += 1
        self._max_ms = max(self._max_ms, ms)

    def quantile(self, share: float) -> float:
        """Return the milliseconds that `share` (0..1) of all stay within; 0 if none."""
        rank = max(1, math.ceil(share * self._count))
        seen = 0
        for i, n in enumerate(self._bins):
            seen += n
            if n and seen >= rank:
                return min(_middle(i), self._max_ms)
        return 0.0

    def percentiles(self) -> Percentiles:
        """Return the figures that a summary shows."""
        return Percentiles(self._count, self.quantile(0.5), self.quantile(0.95), self._max_ms)


class StageTimes:
    """One histogram a stage, in the order in which the stages were first seen."""

    __slots__ = ("_stages",)

    def __init__(self) -> None:
        self._stages: dict[str, Histogram] = {}

    def add(self, stage: str, ms: float) -> None:
        """Count what one stage took for one frame, milliseconds."""
        if stage not in self._stages:
            self._stages[stage] = Histogram()
        self._stages[stage].add(ms)

    def add_all(self, stages_ms: Mapping[str, float]) -> None:
        """Count the stages of one frame, milliseconds."""
        for stage, ms in stages_ms.items():
            self.add(stage, ms)

    def percentiles(self) -> dict[str, Percentiles]:
        """Return the figures of every stage."""
        return {stage: histogram.percentiles() for stage, histogram in self._stages.items()}


def _bin(ms: float) -> int:
    if not ms > _FIRST_MS:
        return 0
    return min(_BINS - 1, 1 + int(math.log(ms / _FIRST_MS) / math.log(_RATIO)))


def _middle(index: int) -> float:
    return 0.0 if index == 0 else _FIRST_MS * _RATIO ** (index - 0.5)
