"""From a head's scores to segments: calibrated, and marked only when sure enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edge.segments.crf import Crf, marginals
from edge.segments.decode import USUAL, SegmentRules
from edge.segments.decode import decode as product_decode
from edge.segments.types import Emissions, Label, Segment
from edge.segments.verify import Verifier
from models.segments.dataset import Item
from models.segments.scoring import MARKED, calibration_error, figures, tally

TEMPERATURES = tuple(np.round(np.geomspace(0.5, 4.0, 16), 3).tolist())
THRESHOLDS = (*np.round(np.arange(0.0, 1.0, 0.05), 2).tolist(), 0.97, 0.99)
ENDS = (0.0, 0.5, 0.6, 0.7, 0.8)
"""How likely a segment's first and last second must be."""
LEAST = 0.5
"""What is less likely is never marked, whatever a few validation programmes say."""
SKIPPED_S_PER_HOUR = 10.0
"""Content that may be skipped wrongly."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A CRF with what calibrates it and what its segments must be."""

    crf: Crf
    temperature: float = 1.0
    rules: Mapping[Label, SegmentRules] = field(default_factory=lambda: USUAL)
    verifiers: Mapping[Label, Verifier] = field(default_factory=dict)

    @property
    def calibrated(self) -> Crf:
        """The chain's scores over the temperature."""
        t = self.temperature
        return Crf(self.crf.transitions / t, self.crf.start / t, self.crf.end / t)

    def segments(self, judged: Emissions) -> tuple[Segment, ...]:
        """What the box would mark of seconds whose scores are the head's own."""
        scaled = judged.scaled(self.temperature)
        return product_decode(scaled, self.calibrated, self.rules, self.verifiers)

    def marginals(self, judged: Emissions) -> NDArray[np.float64]:
        """(s, 3) probabilities."""
        scaled = judged.scaled(self.temperature)
        chain = scaled.chain(self.calibrated)
        return np.asarray(marginals(scaled.emissions, chain), np.float64)


def without_threshold(judge: Judge) -> Judge:
    """The same, marking whatever it decodes."""
    return replace(judge, rules={k: replace(r, threshold=0.0) for k, r in judge.rules.items()})


def calibrate(
    crf: Crf,
    verifiers: Mapping[Label, Verifier],
    items: Sequence[Item],
    judged: Sequence[Emissions],
) -> Judge:
    """Temperature of least log loss a second, a threshold for each label, and how sure ends are.

    They are those with the best mean of F1 a second and segment F1 at 3 s among those that skip at
    most 10 s of content an hour, or that skip least where none do; of those that do as well the
    higher are taken, and none under `LEAST`.
    """
    best_t = min(TEMPERATURES, key=lambda t: _log_loss(Judge(crf, t), items, judged))
    best: tuple[tuple[bool, float, float], Judge] | None = None
    sure = [t for t in THRESHOLDS if t >= LEAST]
    by_ends = {
        ends: [
            Judge(crf, best_t, _rules((0.0, 0.0), (ends, ends)), verifiers).segments(j)
            for j in judged
        ]
        for ends in ENDS
    }
    for ends in product(ENDS, ENDS):
        found = [
            [s for label, e in zip(MARKED, ends, strict=True) for s in by_ends[e][i]
             if s.label is label]
            for i in range(len(items))
        ]  # fmt: skip
        for thresholds in product(sure, sure):
            f = figures(_tallies(items, [_sure(s, thresholds) for s in found]))
            fits = f["skipped s/h"] <= SKIPPED_S_PER_HOUR
            kinds = [f[f"{k.text} {what}"] for k in MARKED for what in ("F1", "F1@3")]
            gain = float(np.nan_to_num(kinds).mean())
            key = (fits, gain if fits else -f["skipped s/h"], sum(thresholds))
            if best is None or key > best[0]:
                judge = Judge(crf, best_t, _rules(thresholds, ends), verifiers)
                best = key, judge
    assert best is not None
    return best[1]


def abstain_curve(
    judge: Judge, items: Sequence[Item], judged: Sequence[Emissions]
) -> list[dict[str, float]]:
    """Figures of one threshold for both labels, from marking all to marking nearly nothing."""
    found = [without_threshold(judge).segments(j) for j in judged]
    rows = []
    for t in THRESHOLDS:
        f = figures(_tallies(items, [_sure(s, (t, t)) for s in found]))
        keys = ("skipped s/h", "false alarms", "intro F1@3", "recap F1@3", "intro R", "recap R")
        rows.append({"threshold": t} | {key: f[key] for key in keys})
    return rows


def reliability(
    judge: Judge, items: Sequence[Item], judged: Sequence[Emissions]
) -> dict[str, tuple[float, list[tuple[float, float, int]]]]:
    """Calibration error and its table for each label's probability of a second."""
    p = np.concatenate([judge.marginals(j) for j in judged])
    truth = np.concatenate([i.labels for i in items])
    return {label.text: calibration_error(p[:, label], truth == label) for label in MARKED}


def _log_loss(judge: Judge, items: Sequence[Item], judged: Sequence[Emissions]) -> float:
    logs = [
        np.log(judge.marginals(j)[np.arange(len(j)), i.labels] + 1e-9).sum()
        for i, j in zip(items, judged, strict=True)
    ]
    return -float(sum(logs))


def _rules(thresholds: Sequence[float], ends: Sequence[float]) -> dict[Label, SegmentRules]:
    return {
        label: replace(USUAL[label], threshold=t, ends=e)
        for label, t, e in zip(MARKED, thresholds, ends, strict=True)
    }


def _sure(found: Sequence[Segment], thresholds: Sequence[float]) -> list[Segment]:
    least = dict(zip(MARKED, thresholds, strict=True))
    return [s for s in found if s.probability >= least[s.label]]


def _tallies(items: Sequence[Item], found: Sequence[Sequence[Segment]]) -> list[dict[str, float]]:
    return [tally(i.spans, f, len(i.labels)) for i, f in zip(items, found, strict=True)]
