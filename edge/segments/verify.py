"""Whether a segment is what it was decoded as, from all of its seconds together.

A chain of labels knows a second by its neighbours, and a recap by what stands around it. Asked of
the whole, which texts it shows, how its sound changes and whether its pictures come again, a plain
logistic regression tells recaps from openings better, and says how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.types import Float

SHORTEST_S = 8
"""Seconds that tell anything of a segment."""
_SURE = 3.0
"""Logits count no more than that: sure is sure."""
_COST = 20.0
"""What leaving out a part must gain, in seconds times logits."""
LARGEST = 3
"""Seconds whose evidence is the most count on their own: words may stand for so long."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A logistic regression on pooled evidence of k columns."""

    weights: Float
    """(3k,)."""
    bias: float

    def probability(self, evidence: Float, start: int, end: int) -> float:
        """That seconds `start` to `end` (not included) of (s, k) evidence are such a segment."""
        return float(0.5 * (1 + np.tanh(0.5 * self.logit(evidence, start, end))))

    def logit(self, evidence: Float, start: int, end: int) -> float:
        """The same as the logarithm of its odds."""
        return float(pooled(evidence, start, end) @ self.weights) + self.bias

    def trimmed(self, evidence: Float, start: int, end: int) -> tuple[int, int]:
        """Begin and end of what is left when one part at either end is rather something else.

        The chain runs on into an opening that follows a recap: what is taken for one segment may
        be two. A part is left out where itself it is none, and what is left is one the more; both
        count by their seconds. No part, and nothing that is left, is shorter than `SHORTEST_S`.
        """
        ends = [end, *range(start + SHORTEST_S, end - SHORTEST_S + 1)]
        end = max(ends, key=lambda at: self._worth(evidence, (start, at), (at, end)))
        starts = [start, *range(start + SHORTEST_S, end - SHORTEST_S + 1)]
        start = max(starts, key=lambda at: self._worth(evidence, (at, end), (start, at)))
        return start, end

    def _worth(self, evidence: Float, kept: tuple[int, int], left_out: tuple[int, int]) -> float:
        """Seconds times logits of what is kept, less those of what is left out."""
        one = self._sure(evidence, *kept)
        worth = (kept[1] - kept[0]) * one
        if left_out[0] == left_out[1]:
            return worth
        other = self._sure(evidence, *left_out)
        if other > 0 or one < 0:
            return -np.inf
        return worth - (left_out[1] - left_out[0]) * other - _COST

    def _sure(self, evidence: Float, start: int, end: int) -> float:
        return _SURE * float(np.tanh(self.logit(evidence, start, end) / _SURE))


def pooled(evidence: Float, start: int, end: int) -> Float:
    """(s, k) -> (3k,): means, deviations and means of the three largest; ValueError for nothing."""
    inside = evidence[start:end]
    if not len(inside):
        raise ValueError(f"no second from {start} to {end} of {len(evidence)}")
    top = np.sort(inside, axis=0)[-LARGEST:]
    return np.concatenate([inside.mean(0), inside.std(0), top.mean(0)])
