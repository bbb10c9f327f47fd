"""Scale a bundle's score on real frames, where cross-validation over venues says that it helps.

    python -m models.registration.rescale BUNDLE TRUTH.jsonl ... [--venue '^[^_]+'] [--write]

The score is calibrated on rendered views. Each still is registered by itself and nothing is
refused; Platt's scaling (a logistic regression of right or wrong on the score's logit) is fitted on
all venues but one and judged on that one. With `--write` the scaling of the published score goes
into the manifest if the mean log loss over left-out venues falls. The registrar's own decisions
stay on the old scale; only the lowest accepted score moves, to where the published one is a half: a
refused right answer then costs as much as a wrong one.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from edge.bundles import Bundle, load_bundle
from edge.bundles.manifest import MANIFEST
from edge.errors import UsageError
from edge.fields import Field
from edge.registration import FieldRegistrar, Thresholds
from models.registration import sets
from models.registration.cameras import Array
from models.registration.commands import one_line_errors
from models.registration.scoring import score_view
from models.registration.truth import pictures, read_truth

ACCEPTED = 0.5
"""Lowest accepted score: the costs of a refused right answer and of a wrong one are equal."""
_FLATTEN = 1.0
"""Weight of the prior that the scale is 1, in answers; a fifth of it that the shift is 0."""
_EXTREME = 7.0
"""Logits are cut off here: one wrong answer of a score near 1 must not decide alone."""


@dataclass(frozen=True, slots=True)
class Platt:
    """Scale and shift of a score's logit."""

    scale: float = 1.0
    shift: float = 0.0

    def __call__(self, score: float) -> float:
        """Return the scaled score."""
        return float(_sigmoid(self.scale * _logit(np.array(score)) + self.shift))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One registered picture."""

    venue: str
    score: float
    right: bool


def fit(logits: Array, right: Array) -> Platt:
    """Fit the scaling to (n,) logits and (n,) outcomes by Newton's method."""
    x = np.stack([np.clip(logits, -_EXTREME, _EXTREME), np.ones(len(logits))], axis=1)
    prior = np.diag([_FLATTEN, 0.2 * _FLATTEN])
    w = np.array([1.0, 0.0])
    for _ in range(50):
        p = _sigmoid(x @ w)
        gradient = x.T @ (p - right) + prior @ (w - (1.0, 0.0))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + prior
        w = w - np.linalg.solve(hessian, gradient)
    return Platt(float(w[0]), float(w[1]))


def log_loss(score: Array, right: Array) -> float:
    """Mean negative log likelihood of (n,) outcomes under (n,) scores."""
    p = np.clip(score, 1e-4, 1 - 1e-4)
    return float(-(right * np.log(p) + (1 - right) * np.log(1 - p)).mean())


def left_out(outcomes: Sequence[Outcome]) -> Array:
    """Return each outcome's score, (n,), scaled by a fit on the other venues."""
    logits = _logit(np.array([o.score for o in outcomes]))
    right = np.array([float(o.right) for o in outcomes])
    venue = np.array([o.venue for o in outcomes])
    scaled = np.empty(len(outcomes))
    for one in set(venue.tolist()):
        here = venue == one
        found = fit(logits[~here], right[~here])
        clipped = np.clip(logits[here], -_EXTREME, _EXTREME)
        scaled[here] = _sigmoid(found.scale * clipped + found.shift)
    return scaled


def gather(bundle: Bundle, files: Sequence[Path], venue: re.Pattern[str]) -> list[Outcome]:
    """Register each picture of the bundle's sport; pictures without any candidate are left out."""
    own = {k: v for k, v in bundle.manifest.decode.items() if not k.startswith("published.")}
    plain = replace(bundle, manifest=bundle.manifest.model_copy(update={"decode": own}))

    def make(field: Field) -> FieldRegistrar:
        return FieldRegistrar(plain, field, engine="onnxruntime", verify="never")

    with closing(sets.Pool(make)) as pool:
        return list(_outcomes(bundle, files, venue, pool))


def _outcomes(
    bundle: Bundle, files: Sequence[Path], venue: re.Pattern[str], pool: sets.Pool
) -> Iterator[Outcome]:
    for path in files:
        truth = read_truth(path)
        rows = truth.of(bundle.manifest.sport)
        for row, shown in zip(rows, pictures(truth, rows), strict=True):
            registrar = pool.get(shown.view.field_name, shown.view.field_m)
            scored = score_view(registrar, shown.view)
            if scored.answered:
                name = PurePosixPath(row.image).name
                found = venue.search(name)
                right = not scored.negative and scored.errors.right
                yield Outcome(found[0] if found else name, scored.registration.quality.score, right)


def scaled_decode(decode: dict[str, float], platt: Platt) -> dict[str, float]:
    """Return a manifest's decoding numbers with the published score scaled.

    The registrar's own thresholds stay, but for the lowest accepted score of a picture by itself:
    it moves to where the published score is one half. Only such answers are fitted here.
    """
    accepted = float(_sigmoid(np.array((_logit(np.array(ACCEPTED)) - platt.shift) / platt.scale)))
    carried = decode.get("threshold.carried", decode.get("threshold.accepted"))
    return decode | {
        "published.scale": platt.scale,
        "published.shift": platt.shift,
        "threshold.accepted": round(accepted, 4),
        "threshold.carried": Thresholds().carried if carried is None else carried,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, judge, and write where that is asked for and helps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("truth", type=Path, nargs="+", metavar="TRUTH.jsonl")
    parser.add_argument(
        "--venue", default="^[^_]+", help="the part of a picture's name that tells its venue"
    )
    parser.add_argument("--write", action="store_true", help="into the bundle's manifest")
    args = parser.parse_args(arguments)
    with one_line_errors(parser):
        bundle = load_bundle(args.bundle)
        outcomes = gather(bundle, args.truth, re.compile(args.venue))
        venues = {o.venue for o in outcomes}
        if len(venues) < 3:
            raise UsageError(f"{len(venues)} venues: cross-validation wants three")
        better, platt = _judged(outcomes, len(venues))
        if args.write and better:
            _write(args.bundle / MANIFEST, platt)
            print(f"written to {args.bundle / MANIFEST}")
    return 0


def _judged(outcomes: Sequence[Outcome], venues: int) -> tuple[bool, Platt]:
    score = np.array([o.score for o in outcomes])
    right = np.array([float(o.right) for o in outcomes])
    platt = fit(_logit(score), right)
    before, after = log_loss(score, right), log_loss(left_out(outcomes), right)
    print(f"{len(outcomes)} pictures of {venues} venues, {right.mean():.2f} right")
    print(f"log loss {before:.3f}, scaled and judged on left-out venues {after:.3f}")
    print(f"scale {platt.scale:.2f}, shift {platt.shift:+.2f}")
    return after < before, platt


def _write(path: Path, platt: Platt) -> None:
    manifest = json.loads(path.read_text())
    manifest["decode"] = scaled_decode(manifest["decode"], platt)
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def _logit(p: Array) -> Array:
    q = np.clip(p, 1e-6, 1 - 1e-6)
    out: Array = np.log(q / (1 - q))
    return out


def _sigmoid(x: Array) -> Array:
    out: Array = 1 / (1 + np.exp(-x))
    return out


if __name__ == "__main__":
    sys.exit(main())
