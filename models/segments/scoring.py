"""How near found segments are to the true ones: sums over programmes, and figures from the sums.

Each programme gives a tally of plain numbers that add up, counted as the box counts them; every
figure is a ratio of sums. So an interval over series is a matter of drawing series and adding
(Efron, 1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.segments import decode, scores
from edge.segments.scores import TOLERANCES_S
from edge.segments.types import Label, Segment

Tally = dict[str, float]
MARKED = (Label.INTRO, Label.RECAP)


def runs(labels: NDArray[np.integer]) -> list[Segment]:
    """(s,) labels of seconds -> the maximal runs that are no content, of probability 1."""
    stretches = decode.runs(labels)
    return [Segment(label, float(a), float(b)) for label, a, b in stretches if label in MARKED]


def seconds_of(spans: Sequence[Segment], seconds: int) -> NDArray[np.int8]:
    """The label of each second: the one at its middle."""
    return scores.seconds(spans, seconds)


def tally(truth: Sequence[Segment], found: Sequence[Segment], seconds: int) -> Tally:
    """Count what one programme of `seconds` seconds adds to each figure."""
    one = scores.SegmentScores()
    one.add(truth, found, seconds)
    out: Tally = {
        "programmes": float(one.programmes),
        "hours": one.total_s / 3600,
        "right seconds": float(one.right_s),
        "seconds": float(one.judged_s),
        "skipped": one.skipped_s,
        "skipped by strangers": one.strangers_s,
        "clean": float(one.clean),
        "false alarms": float(one.alarms),
    }
    return out | _of_label("intro", one.intro) | _of_label("recap", one.recap)


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
            out[f"{name} F1@{tolerance:g}"] = _ratio(2 * total[f"{name} hit@{tolerance:g}"], count)
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


def _of_label(name: str, of: scores.LabelScore) -> Tally:
    """What a label's counts add to each sum."""
    out = {
        "tp": of.right_s,
        "fp": of.found_s - of.right_s,
        "fn": of.true_s - of.right_s,
        "true": of.segments,
        "found": of.marked,
        "paired": len(of.start_errors_s),
        "start error": np.abs(of.start_errors_s).sum(),
        "start bias": np.sum(of.start_errors_s),
        "end error": np.abs(of.end_errors_s).sum(),
        "end bias": np.sum(of.end_errors_s),
    }
    out |= {f"hit@{tolerance:g}": of.hits[tolerance] for tolerance in TOLERANCES_S}
    return {f"{name} {key}": float(value) for key, value in out.items()}


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
