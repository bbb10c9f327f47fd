"""Fit the verdict's models on rendered views: `python -m models.registration.calibrate BUNDLE OUT.json`.

For many views, right and wrong homographies are judged: the keypoints' own, the refined one, and both disturbed.
A logistic model learns which are right (reprojection under 2 % of the height), a linear one the logarithm of the
projection error. The thresholds are then read from the scores that wrong answers reach.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundles import load_bundle
from edge.fields import load_field
from edge.registration.homography import unit_picture, updated
from edge.registration.picture import prepare
from edge.registration.registrar import Candidate, Observation, Registrar, Stopwatch
from edge.registration.verdict import FEATURES
from edge.types import Reason
from models.registration.held_out import View, views
from models.registration.metrics import errors

SEED = 70_001
"""Neither the training's nor the held-out set's."""


def candidates(registrar: Registrar, view: View, rng: np.random.Generator) -> list[tuple[Candidate, Observation]]:
    """Judged homographies of a view: raw, polished, refined, disturbed."""
    picture = prepare(view.image, registrar._input)  # noqa: SLF001 - the calibration looks inside on purpose
    seen = registrar.observe(picture, Stopwatch())
    if isinstance(seen, Reason):
        return []
    out = []
    first = registrar.try_out(seen, seen.start)
    if first is not None:
        out += [first, registrar.polished(seen, first)]
    distances = registrar._graphs.dense.run({"features": seen.features})["distances"][0]  # noqa: SLF001
    second = registrar.refined(seen, first, distances)
    if second is not None:
        out.append(second)
    scale = unit_picture(*registrar.size)
    for base in out[-1:]:
        for size in (0.01, 0.03):
            step = rng.normal(0, size, 8) * [1, 1, 1, 1, 1, 1, 0.3, 0.3]
            bad = registrar.try_out(seen, updated(base.image_from_field, step, scale))
            if bad is not None:
                out.append(registrar.polished(seen, bad))
    return [(c, seen) for c in out]


def collect(registrar: Registrar, n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Features (m, k), reprojection errors (m,) and projection errors (m,); inf for a negative."""
    rng = np.random.default_rng(seed)
    rows, reproj, metres = [], [], []
    for view in views(n, seed, negatives=0.15):
        height, width = view.image.shape[:2]
        for c, seen in candidates(registrar, view, rng):
            rows.append([c.verdict.features[k] for k in FEATURES])
            if view.field_from_image is None:
                reproj.append(np.inf)
                metres.append(np.inf)
                continue
            answer = np.linalg.inv(c.image_from_field) @ seen.picture.net_from_source
            e = errors(view.field_from_image, answer, *view.field_m, width, height)
            reproj.append(e.reprojection)
            metres.append(e.projection_m)
    return np.array(rows), np.array(reproj), np.array(metres)


def logistic(x: NDArray[np.float64], y: NDArray[np.bool_], ridge: float = 1.0) -> NDArray[np.float64]:
    """Weights (k + 1,), bias last, of a regularized logistic regression by Newton's method; x is standardized inside."""
    mean, std = x.mean(0), x.std(0) + 1e-6
    z = np.c_[(x - mean) / std, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    penalty = ridge * np.eye(len(w))
    penalty[-1, -1] = 0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        gradient = z.T @ (p - y) + penalty @ w
        hessian = (z * (p * (1 - p))[:, None]).T @ z + penalty + 1e-9 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return _unstandardized(w, mean, std)


def linear(x: NDArray[np.float64], y: NDArray[np.float64], ridge: float = 1.0) -> NDArray[np.float64]:
    """Weights (k + 1,), bias last, of a ridge regression."""
    mean, std = x.mean(0), x.std(0) + 1e-6
    z = np.c_[(x - mean) / std, np.ones(len(x))]
    penalty = ridge * np.eye(z.shape[1])
    penalty[-1, -1] = 0
    return _unstandardized(np.linalg.solve(z.T @ z + penalty, z.T @ y), mean, std)


def _unstandardized(w: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
    slopes = w[:-1] / std
    return np.append(slopes, w[-1] - float(slopes @ mean))


def fit(rows: NDArray[np.float64], reproj: NDArray[np.float64], metres: NDArray[np.float64]) -> dict[str, float]:
    """The `decode` section of a manifest."""
    good = reproj < 0.02
    s = logistic(rows, good)
    known = np.isfinite(metres)
    e = linear(rows[known], np.log(np.clip(metres[known], 0.02, 50)))
    # the exponential of a mean logarithm is a median: the mean error lies above it
    residual = np.log(np.clip(metres[known], 0.02, 50)) - (rows[known] @ e[:-1] + e[-1])
    e[-1] += 0.5 * float(np.var(np.clip(residual, -2, 2)))
    out = {"score.bias": float(s[-1]), "error.bias": float(e[-1])}
    out |= {f"score.{k}": float(v) for k, v in zip(FEATURES, s[:-1], strict=True)}
    return out | {f"error.{k}": float(v) for k, v in zip(FEATURES, e[:-1], strict=True)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--views", type=int, default=1500)
    parser.add_argument("--engine", default="onnxruntime")
    args = parser.parse_args()
    registrar = Registrar(load_bundle(args.bundle), load_field("soccer"), engine=args.engine)
    rows, reproj, metres = collect(registrar, args.views, SEED)
    split = len(rows) * 2 // 3
    model = fit(rows[:split], reproj[:split], metres[:split])
    weights = np.array([model[f"score.{k}"] for k in FEATURES])
    score = 1 / (1 + np.exp(-(rows[split:] @ weights + model["score.bias"])))
    right = reproj[split:] < 0.02
    print(f"{len(rows)} homographies, {100 * (reproj < 0.02).mean():.0f} % right; on the last third:")
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)):
        bin_ = (score >= low) & (score < high)
        if bin_.any():
            print(f"  score {low:.2f}-{high:.2f}: {bin_.sum():5d} judged, {100 * right[bin_].mean():5.1f} % right")
    args.out.write_text(json.dumps(fit(rows, reproj, metres), indent=1))


if __name__ == "__main__":
    main()
