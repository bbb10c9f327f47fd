"""How near found segments are to the true ones: sums over programmes, and figures from the sums.

Each programme gives a tally of plain numbers that add up; every figure is a ratio of sums. So an
interval over series is a matter of drawing series and adding (Efron, 1979).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.segments.types import Label, Segment

Tally = dict[str, float]
MARKED = (Label.INTRO, Label.RECAP)
TOLERANCES_S = (1, 3, 5)


def runs(labels: NDArray[np.integer]) -> list[Segment]:
    """(s,) labels of seconds -> the maximal runs that are no content, of probability 1."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    bounds = [0, *edges.tolist(), len(labels)]
    return [
        Segment(Label(int(labels[a])), float(a), float(b), 1.0)
        for a, b in itertools.pairwise(bounds)
        if a < b and labels[a] != Label.CONTENT
    ]


def seconds_of(spans: Sequence[Segment], seconds: int) -> NDArray[np.int8]:
    """The label of each second: the one at its middle."""
    labels = np.zeros(seconds, np.int8)
    middles = np.arange(seconds) + 0.5
    for span in spans:
        if span.label != Label.CONTENT:
            labels[(middles >= span.start_s) & (middles < span.end_s)] = span.label
    return labels


def tally(truth: Sequence[Segment], found: Sequence[Segment], seconds: int) -> Tally:
    """Count what one programme of `seconds` seconds adds to each figure."""
    truth = [t for t in truth if t.label != Label.CONTENT]
    out: Tally = {"programmes": 1.0, "hours": seconds / 3600}
    wanted, given = seconds_of(truth, seconds), seconds_of(found, seconds)
    for label in MARKED:
        ours = [f for f in found if f.label == label]
        theirs = [t for t in truth if t.label == label]
        out |= _second_counts(label.text, wanted == label, given == label)
        out |= _segment_counts(label.text, theirs, ours)
        out |= _boundary_sums(label.text, theirs, ours)
    out |= {"right seconds": float((wanted == given).sum()), "seconds": float(seconds)}
    out["skipped"] = sum(_outside(f, truth) for f in found)
    out["skipped by strangers"] = sum(
        f.end_s - f.start_s for f in found if not any(_overlap(f, t) for t in truth)
    )
    out["clean"] = float(not truth)
    out["false alarms"] = float(not truth and bool(found))
    return out


def figures(tallies: Sequence[Tally]) -> dict[str, float]:
    """Ratios of the sums of tallies; a ratio without a denominator is NaN."""
    total = _summed(tallies)
    out = {
        "accuracy": _ratio(total["right seconds"], total["seconds"]),
        "skipped s/h": _ratio(total["skipped"], total["hours"]),
        "skipped by strangers s/h": _ratio(total["skipped by strangers"], total["hours"]),
        "false alarms": _ratio(total["false alarms"], total["clean"]),
    }
    for label in MARKED:
        name = label.text
        tp, fp, fn = (total[f"{name} {c}"] for c in ("tp", "fp", "fn"))
        out[f"{name} P"] = _ratio(tp, tp + fp)
        out[f"{name} R"] = _ratio(tp, tp + fn)
        out[f"{name} F1"] = _ratio(2 * tp, 2 * tp + fp + fn)
        count = total[f"{name} true"] + total[f"{name} found"]
        for tolerance in TOLERANCES_S:
            out[f"{name} F1@{tolerance}"] = _ratio(2 * total[f"{name} hit@{tolerance}"], count)
        for end in ("start", "end"):
            paired = total[f"{name} paired"]
            out[f"{name} {end} MAE s"] = _ratio(total[f"{name} {end} error"], paired)
            out[f"{name} {end} bias s"] = _ratio(total[f"{name} {end} bias"], paired)
    return out


def intervals(
    tallies: Sequence[Tally], series: Sequence[str], *, draws: int = 400, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """2.5 and 97.5 % points of each figure over draws of series with replacement."""
    groups: dict[str, list[Tally]] = {}
    for one, name in zip(tallies, series, strict=True):
        groups.setdefault(name, []).append(one)
    sums = [_summed(g) for g in groups.values()]
    rng = np.random.default_rng(seed)
    drawn = [
        figures([sums[i] for i in rng.integers(0, len(sums), len(sums))]) for _ in range(draws)
    ]
    return {key: _points(np.array([d[key] for d in drawn])) for key in drawn[0]}


def calibration_error(
    probabilities: NDArray[np.floating], truth: NDArray[np.bool_], bins: int = 10
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error, and (mean probability, share that is true, count) of each bin.

    Guo et al., ICML 2017, equation 5; bins of equal width, empty ones left out.
    """
    rows = np.minimum((probabilities * bins).astype(int), bins - 1)
    table = []
    for i in range(bins):
        inside = rows == i
        if inside.any():
            table.append(
                (
                    float(probabilities[inside].mean()),
                    float(truth[inside].mean()),
                    int(inside.sum()),
                )
            )
    error = sum(abs(p - share) * n for p, share, n in table) / max(len(probabilities), 1)
    return float(error), table


def _second_counts(name: str, wanted: NDArray[np.bool_], given: NDArray[np.bool_]) -> Tally:
    return {
        f"{name} tp": float((wanted & given).sum()),
        f"{name} fp": float((~wanted & given).sum()),
        f"{name} fn": float((wanted & ~given).sum()),
    }


def _segment_counts(name: str, theirs: Sequence[Segment], ours: Sequence[Segment]) -> Tally:
    out = {f"{name} true": float(len(theirs)), f"{name} found": float(len(ours))}
    for tolerance in TOLERANCES_S:
        out[f"{name} hit@{tolerance}"] = float(_hits(theirs, ours, tolerance))
    return out


def _hits(theirs: Sequence[Segment], ours: Sequence[Segment], tolerance_s: float) -> int:
    """Pairs, one to one, nearest first, of which both boundaries are within the tolerance."""
    near = sorted(
        (max(abs(t.start_s - o.start_s), abs(t.end_s - o.end_s)), i, j)
        for i, t in enumerate(theirs)
        for j, o in enumerate(ours)
    )
    return len(_one_to_one([(i, j) for gap, i, j in near if gap <= tolerance_s]))


def _boundary_sums(name: str, theirs: Sequence[Segment], ours: Sequence[Segment]) -> Tally:
    """Errors of the boundaries of pairs that overlap, the longest overlaps first."""
    shared = sorted(
        ((-_overlap(t, o), i, j) for i, t in enumerate(theirs) for j, o in enumerate(ours))
    )
    pairs = _one_to_one([(i, j) for overlap, i, j in shared if overlap < 0])
    starts = [ours[j].start_s - theirs[i].start_s for i, j in pairs]
    ends = [ours[j].end_s - theirs[i].end_s for i, j in pairs]
    return {
        f"{name} paired": float(len(pairs)),
        f"{name} start error": float(np.abs(starts).sum()),
        f"{name} start bias": float(np.sum(starts)),
        f"{name} end error": float(np.abs(ends).sum()),
        f"{name} end bias": float(np.sum(ends)),
    }


def _one_to_one(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for i, j in pairs:
        if all(i != a and j != b for a, b in out):
            out.append((i, j))
    return out


def _overlap(a: Segment, b: Segment) -> float:
    return max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))


def _outside(found: Segment, truth: Sequence[Segment]) -> float:
    """Seconds of a found segment that are content; true segments do not overlap."""
    return found.end_s - found.start_s - sum(_overlap(found, t) for t in truth)


def _summed(tallies: Sequence[Mapping[str, float]]) -> Tally:
    return {key: float(sum(t[key] for t in tallies)) for key in tallies[0]}


def _ratio(a: float, b: float) -> float:
    return a / b if b else float("nan")


def _points(values: NDArray[np.float64]) -> tuple[float, float]:
    kept = values[np.isfinite(values)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)
