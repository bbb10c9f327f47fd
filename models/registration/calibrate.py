"""Fit the verdict's models on rendered views.

`python -m models.registration.calibrate BUNDLE OUT.json` judges right and wrong homographies of
many views: the keypoints' own, the improved one, the refined one, and disturbed ones. A logistic
model learns which are right (reprojection under 2 % of the height), a linear one the logarithm of
the projection error. `export --decode OUT.json` puts both into a bundle's manifest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bundles import load_bundle
from edge.errors import UsageError
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.registration.candidates import Candidate, Observation, moved_along
from edge.registration.homography import unit_picture, updated
from edge.registration.stopwatch import Stopwatch
from edge.registration.verdict import FEATURES
from edge.types import RejectionReason
from models.registration.cameras import Array
from models.registration.commands import one_line_errors
from models.registration.held_out import View, views
from models.registration.metrics import NEAR, Errors, errors
from models.registration.scoring import bins
from models.regression import linear, logistic

SEED = 70_001
"""Of the views: neither the training's nor the held-out set's."""
NEGATIVES = 0.15
"""Share of views without a field: a verdict must know those too."""
SLIDES = (-4, -2, -1, 1, 2, 4)
"""Periods by which right answers are made wrong on fields whose lines repeat."""
DISTURBANCES = (0.01, 0.03)
"""Deviations by which right answers are made wrong, of half the picture's width."""
LOG_ERROR = (0.02, 50.0)
"""Metres between which the projection error is learned."""


@dataclass(frozen=True, slots=True)
class JudgedView:
    """m homographies, measured and compared with the truth."""

    features: Array
    """(m, k) in the order of `edge.registration.verdict.FEATURES`."""
    reprojection: Array
    """(m,) over the picture's height; infinite in a view without a field."""
    projection_m: Array
    """(m,); infinite in a view without a field."""

    def part(self, which: slice) -> JudgedView:
        """Some of them."""
        return JudgedView(self.features[which], self.reprojection[which], self.projection_m[which])


def candidates(
    registrar: FieldRegistrar, view: View, rng: np.random.Generator
) -> list[tuple[Candidate, Observation]]:
    """Homographies of a view with their verdicts: raw, improved, refined, disturbed."""
    registrar.reset()
    seen = registrar.observe(registrar.prepare(view.image), Stopwatch())
    if isinstance(seen, RejectionReason):
        return []
    bench = registrar.workbench
    first = bench.first(seen)
    start = seen.start if first is None else first.image_from_field
    second = bench.refined(seen, start, registrar.distances(seen), known=False)
    found = [c for c in (bench.try_out(seen, seen.start), first, second) if c is not None]
    scale = unit_picture(*registrar.size)
    for base in found[-1:]:
        for size in DISTURBANCES:
            step = rng.normal(0, size, 8) * [1, 1, 1, 1, 1, 1, 0.3, 0.3]
            bad = bench.try_out(seen, updated(base.image_from_field, step, scale))
            if bad is not None:
                found.append(bench.improved(seen, bad))
        if bench.numerals is not None:  # on the lines beside the right one
            by_m = registrar.field.period_m * float(rng.choice(SLIDES))
            bad = bench.try_out(seen, moved_along(base.image_from_field, by_m))
            if bad is not None:
                found.append(bench.improved(seen, bad))
    return [(candidate, seen) for candidate in found]


def collect(registrar: FieldRegistrar, n: int, seed: int) -> JudgedView:
    """Judge the homographies of n rendered views."""
    rng = np.random.default_rng(seed)
    rows: list[list[float]] = []
    found: list[Errors] = []
    for view in views(n, seed, sport=registrar.field.sport, negatives=NEGATIVES):
        height, width = view.image.shape[:2]
        for c, seen in candidates(registrar, view, rng):
            rows.append([c.verdict.features[k] for k in FEATURES])
            answer = np.linalg.inv(c.image_from_field) @ seen.picture.net_from_source
            truth = view.field_from_image
            found.append(
                Errors() if truth is None else errors(truth, answer, *view.field_m, width, height)
            )
    return JudgedView(
        np.array(rows).reshape(-1, len(FEATURES)),
        np.array([e.reprojection for e in found]),
        np.array([e.projection_m for e in found]),
    )


def fit(judged: JudgedView) -> dict[str, float]:
    """The `decode` section of a manifest (see `edge.registration.verdict.judge`)."""
    s = logistic(judged.features, judged.reprojection < NEAR)
    known = np.isfinite(judged.projection_m)
    rows, target = judged.features[known], np.log(np.clip(judged.projection_m[known], *LOG_ERROR))
    e = linear(rows, target)
    # the exponential of a mean logarithm is a median: the mean error lies above it
    residual = target - (rows @ e[:-1] + e[-1])
    e[-1] += 0.5 * float(np.var(np.clip(residual, -2, 2)))
    out = {"score.bias": float(s[-1]), "error.bias": float(e[-1])}
    out |= {f"score.{k}": float(v) for k, v in zip(FEATURES, s[:-1], strict=True)}
    return out | {f"error.{k}": float(v) for k, v in zip(FEATURES, e[:-1], strict=True)}


def predict(model: Mapping[str, float], features: Array) -> tuple[Array, Array]:
    """Scores and expected errors in metres, (m,) each, of (m, k) features under a fitted model."""
    score, error = (
        features @ [model[f"{what}.{k}"] for k in FEATURES] + model[f"{what}.bias"]
        for what in ("score", "error")
    )
    return 1 / (1 + np.exp(-score)), np.exp(error)


def report(judged: JudgedView, model: Mapping[str, float]) -> list[str]:
    """One line for each interval of the score: how many were judged, how many are right."""
    score, expected = predict(model, judged.features)
    found = bins(score, judged.reprojection, judged.projection_m, expected, np.ones(len(score)))
    return [
        f"  score {b.low:.2f}-{b.high:.2f}: {b.count:5d} judged, {100 * (b.right or 0.0):5.1f} %"
        f" right, {b.projection_m:.2f} m off, {b.expected_m:.2f} m expected (medians)"
        for b in found
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--views", type=int, default=1500)
    parser.add_argument("--engine", default="onnxruntime")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        calibrate(args.bundle, args.out, args.views, args.engine)


def calibrate(folder: Path, out: Path, n: int, engine: str) -> None:
    """Fit on n views of a bundle, print how the fit does on views it has not seen, write it."""
    bundle = load_bundle(folder)
    registrar = FieldRegistrar(bundle, load_field(bundle.manifest.field), engine=engine)
    with closing(registrar):
        judged = collect(registrar, n, SEED)
    total = len(judged.reprojection)
    right = judged.reprojection < NEAR
    if not right.any() or right.all():
        found = f"{int(right.sum())} of {total} homographies are right"
        raise UsageError(f"{folder}: {found}: nothing to learn a verdict from, take more views")
    print(f"{total} homographies, {100 * float(right.mean()):.0f} % right")
    print("fitted on two thirds, on the last third:")
    split = total * 2 // 3
    print("\n".join(report(judged.part(slice(split, None)), fit(judged.part(slice(split))))))
    out.write_text(json.dumps(fit(judged), indent=1) + "\n")


if __name__ == "__main__":
    main()
