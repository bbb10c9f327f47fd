"""Whether a segment is what it was decoded as, from all of its seconds together.

A chain of labels knows a second by its neighbours, and a recap by what stands around it. Asked of
the whole, which texts it shows, how its sound changes and whether its pictures come again, a plain
logistic regression tells recaps from openings better, and says how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.types import FloatArray

LARGEST = 3
"""Seconds whose evidence is the most count on their own: words may stand for so long."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A logistic regression on pooled evidence of k columns."""

    weights: FloatArray
    """(3k,)."""
    bias: float

    def probability(self, evidence: FloatArray, start: int, end: int) -> float:
        """That seconds `start` to `end` (not included) of (s, k) evidence are such a segment."""
        logit = float(pooled(evidence, start, end) @ self.weights) + self.bias
        return float(0.5 * (1 + np.tanh(0.5 * logit)))


def pooled(evidence: FloatArray, start: int, end: int) -> FloatArray:
    """(s, k) -> (3k,): means, deviations and means of the three largest; ValueError for nothing."""
    inside = evidence[start:end]
    if not len(inside):
        raise ValueError(f"no second from {start} to {end} of {len(evidence)}")
    top = np.sort(inside, axis=0)[-LARGEST:]
    return np.concatenate([inside.mean(0), inside.std(0), top.mean(0)])
