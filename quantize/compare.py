"""How far the outputs of two forms of a graph are apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines import Engine


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """How one output of a graph differs from its reference, over all feeds."""

    output: str
    max_abs: float
    mean_abs: float
    sqnr_db: float
    """Signal to noise, 10 log10(sum reference^2 / sum difference^2); inf when equal."""


def compare(
    reference: Engine, other: Engine, feeds: Iterable[Mapping[str, NDArray[Any]]]
) -> list[OutputDifference]:
    """Run both engines on each feed and compare the outputs that both have."""
    sums: dict[str, _Sums] = {}
    for feed in feeds:
        wanted = reference.run(feed)
        given = other.run(feed)
        for name in wanted:
            if name in given:
                sums.setdefault(name, _Sums()).add(wanted[name], given[name])
    return [total.difference(name) for name, total in sums.items()]


class _Sums:
    """Running sums over feeds, so that no output is kept."""

    def __init__(self) -> None:
        self.signal = self.noise = self.absolute = self.largest = 0.0
        self.count = 0

    def add(self, wanted: NDArray[Any], given: NDArray[Any]) -> None:
        """Add one output of one feed."""
        error = given.astype(np.float64) - wanted
        self.signal += float(np.square(wanted, dtype=np.float64).sum())
        self.noise += float(np.square(error).sum())
        self.absolute += float(np.abs(error).sum())
        self.largest = max(self.largest, float(np.abs(error).max()))
        self.count += error.size

    def difference(self, name: str) -> OutputDifference:
        """Summarize what was added."""
        if self.noise == 0:
            ratio = float("inf")
        else:
            ratio = 10 * float(np.log10(max(self.signal, 1e-30) / self.noise))
        return OutputDifference(name, self.largest, self.absolute / self.count, ratio)
