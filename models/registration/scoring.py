"""Answers of a registrar against the truth of rendered views, and what its verdict is worth."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from edge.types import ImageArray, Registration
from models.registration.cameras import Array
from models.registration.held_out import View
from models.registration.metrics import NEAR, Errors, errors, table

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0)
"""Bins of the verdict's score: narrow where it claims most."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One view's answer and what it is worth."""

    registration: Registration
    errors: Errors
    ms: float
    """Milliseconds that the registrar took."""
    cpu_ms: float = 0.0
    """Milliseconds of processor time that this process spent meanwhile, all threads together."""
    negative: bool = False
    """Whether the picture has no answer: one given is false, none is right."""

    @property
    def answered(self) -> bool:
        """Whether there is a homography."""
        return self.registration.field_from_image is not None


class Registers(Protocol):
    """What is scored: a registrar of the box, or one of an ablation."""

    def reset(self) -> None:
        """Forget the frames before."""

    def register(self, image_bgr: ImageArray, /) -> Registration:
        """Answer one picture."""


def score_view(registrar: Registers, view: View, *, alone: bool = True) -> Scored:
    """Register one view and compare with its truth.

    `alone`: as if no frame had come before it; else as the next frame of a sequence.
    """
    if alone:
        registrar.reset()
    start, start_cpu = time.perf_counter(), time.process_time()
    answer = registrar.register(view.image)
    cpu_ms = (time.process_time() - start_cpu) * 1e3
    ms = (time.perf_counter() - start) * 1e3
    if view.field_from_image is None:
        return Scored(answer, Errors(), ms, cpu_ms, negative=True)
    height, width = view.image.shape[:2]
    found = errors(view.field_from_image, answer.field_from_image, *view.field_m, width, height)
    return Scored(answer, found, ms, cpu_ms)


def reasons(rows: Sequence[Scored]) -> dict[str, int]:
    """How many pictures were refused for each reason, the most frequent first."""
    said = Counter(r.registration.reason.value for r in rows if not r.answered)
    return dict(said.most_common())


def summary(rows: Sequence[Scored]) -> dict[str, float]:
    """Means and medians over views: what `metrics.table` has, and two more.

    `dense_share` is the share of views that asked the dense head, `ms_median` the milliseconds of
    one registration.
    """
    return table([r.errors for r in rows]) | {
        "dense_share": float(np.mean([r.registration.dense_ran for r in rows])),
        "ms_median": float(np.median([r.ms for r in rows])),
    }


@dataclass(frozen=True, slots=True)
class Bin:
    """Views whose score lies in one interval."""

    low: float
    high: float
    count: int
    refused: int
    """Of them, frames without a homography."""
    right: float | None
    """Share of the homographies that are right; None where there is none."""
    score: float | None
    """Their mean score: what `right` should be."""
    projection_m: float | None
    """Median of the true projection errors of the homographies, metres."""
    expected_m: float | None
    """Median of the errors that the verdict expected, metres."""


def bins(
    score: ArrayLike,
    reprojection: ArrayLike,
    projection_m: ArrayLike,
    expected_m: ArrayLike,
    answered: ArrayLike,
    edges: Sequence[float] = EDGES,
) -> list[Bin]:
    """Sort (n,) judged views into intervals [low, high) of the score, the last one closed.

    Empty intervals are left out.
    """
    s, r, p, e = (np.asarray(a, float) for a in (score, reprojection, projection_m, expected_m))
    has = np.asarray(answered, bool)
    out = []
    for low, high in pairwise(edges):
        inside = (s >= low) & ((s < high) | (high == edges[-1]))
        if not inside.any():
            continue
        on = inside & has
        out.append(
            Bin(
                low,
                high,
                int(inside.sum()),
                int((inside & ~has).sum()),
                _over(np.mean, (r[on] < NEAR).astype(float)),
                _over(np.mean, s[on]),
                _over(np.median, p[on]),
                _over(np.median, e[on]),
            )
        )
    return out


def _over(statistic: Callable[[Array], Any], values: Array) -> float | None:
    return float(statistic(values)) if len(values) else None


def by_score(rows: Sequence[Scored]) -> list[Bin]:
    """Bins of views with a truth; a refused view counts where its score lies."""
    quality = [r.registration.quality for r in rows]
    return bins(
        [q.score for q in quality],
        [r.errors.reprojection for r in rows],
        [r.errors.projection_m for r in rows],
        [np.nan if q.expected_error_m is None else q.expected_error_m for q in quality],
        [r.answered for r in rows],
    )
