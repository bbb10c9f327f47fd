"""How well segments agree with the truth: seconds, segments, boundaries, wrong skips. Pure.

What is counted here is what `touchline segments evaluate` tells and what the training's figures
rest on (`models.segments.scoring`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.segments.types import Label, Segment

TOLERANCES_S = (1.0, 3.0, 5.0)


@dataclass(slots=True)
class LabelScore:
    """What was found of one label, over all programmes so far."""

    right_s: int = 0
    """Seconds that are of the label and found so."""
    found_s: int = 0
    true_s: int = 0
    segments: int = 0
    """True ones."""
    marked: int = 0
    """Found ones."""
    hits: dict[float, int] = field(default_factory=lambda: dict.fromkeys(TOLERANCES_S, 0))
    """Found segments both of whose ends are so near those of a true one."""
    start_errors_s: list[float] = field(default_factory=list)
    """Found minus true, of pairs that overlap, each segment in one at most."""
    end_errors_s: list[float] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """Of the seconds found, the share that is right; None where none was found."""
        return self.right_s / self.found_s if self.found_s else None

    @property
    def recall(self) -> float | None:
        """Of the true seconds, the share that was found; None where there are none."""
        return self.right_s / self.true_s if self.true_s else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where there is neither."""
        both = self.found_s + self.true_s
        return 2 * self.right_s / both if both else None

    def segment_f1(self, tolerance_s: float) -> float | None:
        """F1 of whole segments; None where there are none."""
        both = self.segments + self.marked
        return 2 * self.hits[tolerance_s] / both if both else None


@dataclass(slots=True)
class SegmentScores:
    """Sums over programmes."""

    intro: LabelScore = field(default_factory=LabelScore)
    recap: LabelScore = field(default_factory=LabelScore)
    programmes: int = 0
    total_s: float = 0.0
    right_s: int = 0
    """Seconds whose label is right, content as well."""
    judged_s: int = 0
    """All seconds whose label was compared."""
    skipped_s: float = 0.0
    """Content that was marked."""
    strangers_s: float = 0.0
    """Of that, what lies in segments that overlap no true one."""
    clean: int = 0
    """Programmes with neither label."""
    alarms: int = 0
    """Those among them in which something was marked."""

    @property
    def skipped_s_per_hour(self) -> float | None:
        """Content that a viewer would miss, in seconds an hour."""
        return self.skipped_s / self.total_s * 3600 if self.total_s else None

    def add(self, truth: Sequence[Segment], found: Sequence[Segment], duration_s: float) -> None:
        """Count one programme of `duration_s` seconds."""
        truth, found = _marked(truth), _marked(found)
        true, said = seconds(truth, duration_s), seconds(found, duration_s)
        self.programmes += 1
        self.total_s += duration_s
        self.right_s += int((true == said).sum())
        self.judged_s += len(true)
        for segment in found:
            skipped_s = segment.length_s - _covered_s(segment, truth)
            self.skipped_s += skipped_s
            if not any(_overlap_s(segment, t) > 0 for t in truth):
                self.strangers_s += skipped_s
        if not truth:
            self.clean += 1
            self.alarms += bool(found)
        for label, score in ((Label.INTRO, self.intro), (Label.RECAP, self.recap)):
            score.right_s += int(((true == label) & (said == label)).sum())
            score.found_s += int((said == label).sum())
            score.true_s += int((true == label).sum())
            _add_segments(score, _of(truth, label), _of(found, label))


def seconds(segments: Iterable[Segment], duration_s: float) -> NDArray[np.int8]:
    """Labels of the (s,) seconds of a programme: of second s, the one at s + 0.5."""
    middles = np.arange(int(np.ceil(duration_s - 0.5))) + 0.5 if duration_s > 0.5 else np.empty(0)
    labels = np.zeros(len(middles), np.int8)
    for s in _marked(segments):
        labels[(s.start_s <= middles) & (middles < s.end_s)] = s.label
    return labels


def _marked(segments: Iterable[Segment]) -> list[Segment]:
    return [s for s in segments if s.label is not Label.CONTENT]


def _of(segments: Iterable[Segment], label: Label) -> list[Segment]:
    return [s for s in segments if s.label is label]


def _add_segments(score: LabelScore, truth: list[Segment], found: list[Segment]) -> None:
    score.segments += len(truth)
    score.marked += len(found)
    for tolerance_s in score.hits:
        score.hits[tolerance_s] += _hits(truth, found, tolerance_s)
    for true, ours in _overlapping(truth, found):
        score.start_errors_s.append(ours.start_s - true.start_s)
        score.end_errors_s.append(ours.end_s - true.end_s)


def _hits(truth: list[Segment], found: list[Segment], tolerance_s: float) -> int:
    """Pairs, each segment in one at most, the nearest first."""
    off = sorted(
        (max(abs(t.start_s - f.start_s), abs(t.end_s - f.end_s)), i, j)
        for i, t in enumerate(truth)
        for j, f in enumerate(found)
    )
    return len(_one_to_one((i, j) for error_s, i, j in off if error_s <= tolerance_s))


def _overlapping(truth: list[Segment], found: list[Segment]) -> list[tuple[Segment, Segment]]:
    """Pairs that overlap, each segment in one at most, the longest overlaps first."""
    shared = sorted(
        (-_overlap_s(t, f), i, j) for i, t in enumerate(truth) for j, f in enumerate(found)
    )
    pairs = _one_to_one((i, j) for overlap_s, i, j in shared if overlap_s < 0)
    return [(truth[i], found[j]) for i, j in pairs]


def _one_to_one(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of pairs, the best first, those neither of which was taken before."""
    made: list[tuple[int, int]] = []
    for i, j in pairs:
        if all(i != a and j != b for a, b in made):
            made.append((i, j))
    return made


def _overlap_s(a: Segment, b: Segment) -> float:
    return min(a.end_s, b.end_s) - max(a.start_s, b.start_s)


def _covered_s(segment: Segment, truth: Sequence[Segment]) -> float:
    """Seconds of a segment within true ones, which may overlap each other."""
    covered_s, at_s = 0.0, segment.start_s
    for t in sorted(truth, key=lambda t: t.start_s):
        first_s, last_s = max(at_s, t.start_s), min(segment.end_s, t.end_s)
        if last_s > first_s:
            covered_s += last_s - first_s
            at_s = last_s
    return covered_s
