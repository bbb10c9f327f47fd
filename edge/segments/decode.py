"""Emissions become segments that are worth marking, and their ends are put where a cut is.

A wrong skip costs more than a missed one: what is not sure is not marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge.segments.crf import Crf, DurationLimits, constrained, marginals
from edge.segments.types import Emissions, Label, Segment
from edge.segments.verify import Verifier
from edge.types import FloatArray

REACH_S = 2.0
"""How far a segment's end may move to a cue."""
_TOUCH_S = 1e-6


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """What a segment of a label must be to be marked."""

    threshold: float = 0.5
    """Least probability."""
    most: int = 1
    """In a programme."""
    shortest_s: int = 4
    longest_s: int | None = None
    ends: float = 0.0
    """Least probability of its first and of its last second, by the chain."""

    @property
    def limits(self) -> DurationLimits:
        """The same for the decoder."""
        return DurationLimits(self.most, self.shortest_s, self.longest_s)


USUAL: Mapping[Label, SegmentRules] = {
    Label.INTRO: SegmentRules(shortest_s=4, longest_s=180),
    Label.RECAP: SegmentRules(shortest_s=8, longest_s=300),
}


@dataclass(frozen=True, slots=True)
class Cues:
    """Where a programme can be cut without anybody noticing, in seconds."""

    cuts_s: FloatArray = field(default_factory=lambda: np.empty(0))
    """(n,) first instants of shots."""
    black_s: FloatArray = field(default_factory=lambda: np.empty((0, 2)))
    """(n, 2) begin and end of black pictures."""
    silence_s: FloatArray = field(default_factory=lambda: np.empty((0, 2)))
    """(n, 2) begin and end of silence."""


def decode(
    judged: Emissions,
    crf: Crf,
    rules: Mapping[Label, SegmentRules] = USUAL,
    verifiers: Mapping[Label, Verifier] = MappingProxyType({}),
    *,
    first_s: float = 0.0,
) -> tuple[Segment, ...]:
    """One row a second from `first_s` on -> the segments that are likely enough.

    Content is what is left. The most likely path runs on where it is in doubt, so that seconds at
    either end may be left out. A segment is as likely as the mean of its seconds is to have its
    label, by the chain; where the label has a verifier, times what that says of the whole.
    """
    emissions = judged.emissions
    if not len(emissions):
        return ()
    limits = tuple(
        DurationLimits()
        if label is Label.CONTENT
        else rules[label].limits
        if label in rules
        else DurationLimits(0)
        for label in Label
    )
    chain = judged.chain(crf)
    path, _ = constrained(emissions, chain, limits)
    seconds = marginals(emissions, chain)
    found = []
    for label, begun, over in runs(path):
        if label is Label.CONTENT:
            continue
        rule, verifier = rules[label], verifiers.get(label)
        start, end = _likely(seconds[:, label], begun, over, rule.ends)
        if end - start < rule.shortest_s:
            continue
        p = float(seconds[start:end, label].mean())
        if verifier is not None:
            p *= verifier.probability(judged.evidence, start, end)
        if p >= rule.threshold:
            found.append(Segment(label, first_s + start, first_s + end, p))
    return tuple(found)


def _likely(seconds: FloatArray, start: int, end: int, least: float) -> tuple[int, int]:
    """From the first to the last second that is as likely; nothing where none is."""
    there = np.flatnonzero(seconds[start:end] >= least)
    return (start + int(there[0]), start + int(there[-1]) + 1) if len(there) else (start, start)


def runs(path: NDArray[np.integer]) -> list[tuple[Label, int, int]]:
    """(t,) labels -> label, begin and end of each stretch of one label."""
    if not len(path):
        return []
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [(Label(int(path[a])), a, b) for a, b in pairwise(edges)]


def snapped(
    segments: Sequence[Segment], cues: Cues, *, reach_s: float = REACH_S, end_s: float | None = None
) -> tuple[Segment, ...]:
    """Move the segments' ends to the best cue within `reach_s`; those without one stay.

    Black with silence is better than black, that better than a cut in silence, that than a cut
    alone; nearer is better than farther. A segment begins where black ends and ends where black
    begins, so that no skip shows half a fade; ends that touched go on touching. `end_s` is where
    the programme ends.
    """
    made: list[Segment] = []
    before_s = -1.0
    ordered = sorted(segments, key=lambda s: s.start_s)
    for segment, following in zip_longest(ordered, ordered[1:]):
        touches = abs(before_s - segment.start_s) < _TOUCH_S
        before_s = segment.end_s
        start = _best(segment.start_s, cues, reach_s, opening=True)
        if segment.start_s <= 0:
            start = 0.0
        end = _best(segment.end_s, cues, reach_s, opening=False)
        if following is not None:
            end = min(end, max(segment.end_s, following.start_s))
        if end_s is not None and segment.end_s >= end_s - _TOUCH_S:
            end = end_s
        if made and not touches:
            start = max(start, made[-1].end_s)
        if end - start < 0.5 * segment.length_s:  # two cues at odds: as it was
            start, end = segment.start_s, segment.end_s
        if touches:
            made[-1] = replace(made[-1], end_s=start)
        made.append(replace(segment, start_s=start, end_s=end))
    return tuple(made)


def movable(segments: Sequence[Segment], end_s: float) -> list[float]:
    """The ends that `snapped` puts on a cue if there is one, ascending: not the programme's own."""
    starts = {s.start_s for s in segments if s.start_s > 0}
    return sorted(starts | {s.end_s for s in segments if s.end_s < end_s - _TOUCH_S})


def _best(at_s: float, cues: Cues, reach_s: float, *, opening: bool) -> float:
    """Where the boundary near `at_s` should be."""
    silent = cues.silence_s
    best_s, best = at_s, 0.0
    blacks = cues.black_s[:, 1] if opening else cues.black_s[:, 0]
    for times, worth in ((blacks, 2.0), (cues.cuts_s, 1.0)):
        near = times[np.abs(times - at_s) <= reach_s]
        for t in near.tolist():
            quiet = bool(((silent[:, 0] - 0.3 <= t) & (t <= silent[:, 1] + 0.3)).any())
            value = worth + 0.5 * quiet - 0.9 * abs(t - at_s) / reach_s
            if value > best:
                best_s, best = t, value
    return best_s
