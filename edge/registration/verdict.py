"""Self-verification: what is measured of a homography, and the calibrated number made of it.

Agreement of subsets of the keypoints measures variance only: subsets of one blurred map share its
bias. So the picture is asked too (`evidence`), and how well the projected field covers what the
network calls field. A logistic model, fitted on rendered held-out views
(`models.registration.calibrate`), turns the measurements into the probability that the homography
is right, and a linear one into the expected error in metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from edge.fields import Field
from edge.geometry import apply_homography
from edge.registration.evidence import Evidence
from edge.registration.homography import Linear, Matrix, distances, inverse
from edge.registration.keypoints import CoordinateMap
from edge.registration.numerals import Reading
from edge.types import FloatArray, Keypoints, RejectionReason

FEATURES = (
    "agreement",
    "residual",
    "inliers",
    "keypoints",
    "support",
    "chance",
    "ridge",
    "markings",
    "coverage",
    "overlap",
    "sigma",
    "spread",
    "numerals",
    "margin",
    "slid",
)
"""The last three are of fields with numerals only, elsewhere 0."""

NOTHING_TOLD: Mapping[str, float] = {"numerals": 0.0, "margin": 0.0, "slid": 0.0}
READ = 3.0
"""Margin above which the numerals tell which line is which."""
MOST_TOLD = 8.0
"""Logarithm of a likelihood beyond which numerals tell no more: they may err together."""

FALLBACK: Mapping[str, float] = {
    "score.bias": -1.0,
    "score.agreement": -0.8,
    "score.residual": -0.6,
    "score.inliers": 2.0,
    "score.support": 5.0,
    "score.chance": -3.0,
    "score.ridge": -0.5,
    "score.markings": 0.6,
    "score.overlap": 3.0,
    "score.sigma": -0.7,
    "error.bias": -0.5,
    "error.agreement": 0.3,
    "error.residual": 0.3,
    "error.sigma": 0.4,
    "error.support": -0.8,
}
"""Used when a bundle carries no calibration: conservative, and its score is no probability."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one homography."""

    score: float
    """Probability that it is right, 0..1."""
    expected_error_m: float
    features: Mapping[str, float]

    @property
    def evidence(self) -> float:
        """Share of the predicted lines that the picture bears out."""
        return self.features["support"]


def agreement_px(
    cells_m: FloatArray, cells_px: FloatArray, weight: FloatArray, otherwise: Matrix
) -> float:
    """How far the answer moves when a quarter of the picture is left out, RMS pixels.

    Cells are split into four sectors around their centre; each three of them give a homography,
    compared at the cells with that of all of them, or with `otherwise` where these fix none.
    """
    n = len(cells_px)
    if n < 16:
        return 50.0
    right, below = (cells_px > cells_px.mean(0)).T
    weights = np.empty((5, n))
    weights[0] = weight
    for k, sector in enumerate((right & below, right & ~below, ~right & below, ~(right | below))):
        np.multiply(weight, ~sector, out=weights[k + 1])
    whole, *parts = Linear(cells_m, cells_px).solve(weights)
    probe = cells_m[:: max(1, n // 40)]
    reference = apply_homography(otherwise if whole is None else whole, probe)
    moved = []
    for h in parts:
        if h is None:
            return 50.0
        e = np.minimum(distances(h, probe, reference), 50.0)
        moved.append(math.sqrt(float(e @ e) / len(e)))
    return sum(moved) / len(moved)


def measure(
    image_from_field: Matrix,
    cells: CoordinateMap,
    keypoints: Keypoints,
    agreement: float,
    evidence: Evidence,
    markings: int,
    field: Field,
    size: tuple[int, int],
) -> dict[str, float]:
    """Gather the features of a homography in the network's picture of `size` (width, height)."""
    width = size[0]
    d = distances(image_from_field, keypoints.field_m, keypoints.image_px)
    near = d < 0.02 * width
    weight = keypoints.score * near
    total = float(weight.sum())
    rms = math.sqrt(float(weight @ np.where(near, d, 0.0) ** 2) / total) if total else 0.02 * width
    return {
        "agreement": math.log(0.05 + agreement / width * 100),
        "residual": math.log(0.05 + rms / width * 100),
        "inliers": float(near.mean()) if len(d) else 0.0,
        "keypoints": math.log1p(len(d)),
        "support": evidence.support,
        "chance": evidence.chance,
        "ridge": float(min(evidence.residual_px, 5.0)),
        "markings": math.log1p(markings),
        "coverage": cells.coverage,
        "overlap": overlap(image_from_field, cells, field, size),
        "sigma": math.log(cells.sigma),
        "spread": evidence.spread,
        **NOTHING_TOLD,
    }


def told_by(reading: Reading, slid_m: float, cells: CoordinateMap) -> dict[str, float]:
    """The features of what numerals say, and of how far they contradict the network."""
    sigma_m = float(np.median(cells.sigma_m[:, 0]))
    return {
        "numerals": min(max(reading.present, -MOST_TOLD), MOST_TOLD),
        "margin": min(max(reading.margin, -MOST_TOLD), MOST_TOLD),
        "slid": min(abs(slid_m) / sigma_m, 5.0),
    }


def overlap(
    image_from_field: Matrix, cells: CoordinateMap, field: Field, size: tuple[int, int]
) -> float:
    """Intersection over union of the projected field and the cells that the network calls field."""
    rows, columns = cells.mask.shape
    pixels = _lattice(rows, columns, size[0])
    h = image_from_field
    q = inverse(h) @ pixels
    p = q[:2] / np.where(np.abs(q[2]) < 1e-12, 1e-12, q[2])
    # the field is in front of the camera where the weight has the sign of the inverse's at a field
    # point
    on = (h[2, 0] * p[0] + h[2, 1] * p[1] + h[2, 2]) > 0
    on &= np.abs(p[0]) <= field.length_m / 2
    on &= np.abs(p[1]) <= field.width_m / 2
    mask = cells.mask[::3, ::3].ravel()
    union = int((mask | on).sum())
    return int((mask & on).sum()) / union if union else 0.0


@cache
def _lattice(rows: int, columns: int, width: int) -> FloatArray:
    """Every third cell of a map as homogeneous pixels, (3, n), of a picture of `width`."""
    stride = width / columns
    v, u = np.mgrid[0:rows:3, 0:columns:3]
    pixels = np.stack([u.ravel(), v.ravel()]) * stride + (stride - 1) / 2
    return np.concatenate([pixels, np.ones((1, pixels.shape[1]))])


def judge(features: Mapping[str, float], model: Mapping[str, float]) -> Verdict:
    """Turn features into a score and an expected error by the bundle's linear models."""
    s = model.get("score.bias", 0.0) + sum(
        model.get(f"score.{k}", 0.0) * v for k, v in features.items()
    )
    e = model.get("error.bias", 0.0) + sum(
        model.get(f"error.{k}", 0.0) * v for k, v in features.items()
    )
    score = 1 / (1 + math.exp(-min(30.0, max(-30.0, s))))
    return Verdict(score, math.exp(min(5.0, max(-5.0, e))), features)


def published_score(score: float, model: Mapping[str, float]) -> float:
    """Scale a verdict's score as real frames ask for; the probability that users are told.

    `published.scale` and `published.shift` of the bundle's decoding numbers act on the logit
    (Platt 1999; `models.registration.rescale` fits them). What the registrar decides itself stays
    on the verdict's own scale, for which its thresholds were chosen.
    """
    scale, shift = model.get("published.scale", 1.0), model.get("published.shift", 0.0)
    if (scale, shift) == (1.0, 0.0) or not 0 < score < 1:
        return score
    return 1 / (1 + math.exp(-(scale * math.log(score / (1 - score)) + shift)))


def implausible(image_from_field: Matrix, size: tuple[int, int]) -> bool:
    """Whether no camera beside the field, upright and above it.

    Could take such a picture of `size` (width, height).

    Mirrored fields, fields seen from below, horizons that cut the lower half of the picture, and
    scales that no lens gives. Nothing is asked of the pixels' aspect: squeezed video is common.
    """
    width, height = size
    try:
        back = inverse(image_from_field)
    except np.linalg.LinAlgError:
        return True
    h = image_from_field.tolist()
    for across, down in ((0.5, 0.95), (0.2, 0.8), (0.8, 0.8)):
        u, v = across * width, down * height
        x, y, z = (back @ (u, v, 1.0)).tolist()
        if z == 0 or not math.isfinite(x / z) or not math.isfinite(y / z):
            return True
        w = (h[2][0] * x + h[2][1] * y) / z + h[2][2]
        if not w > 0:
            return True  # the ground near the camera would lie behind it
        ux, uy = h[0][0] - u * h[2][0], h[0][1] - u * h[2][1]
        vx, vy = h[1][0] - v * h[2][0], h[1][1] - v * h[2][1]
        # mirrored unless negative: from above, field y runs up where picture y runs down
        area = (ux * vy - uy * vx) / w**2
        if area >= 0:
            return True
        scale = math.sqrt(-area) / width  # pixels per metre over the picture's width
        if not 1 / 400 <= scale <= 1.0:
            return True
    return False


def refusal(features: Mapping[str, float], period_m: float = 0.0) -> RejectionReason:
    """Name the reason for refusing a homography: the measurement that is farthest from good.

    `period_m` is the field's, see `edge.fields.Field`.
    """
    doubts = {
        RejectionReason.DISAGREEMENT: features["agreement"] - np.log(0.05 + 1.5),
        RejectionReason.NO_LINES: 4
        * (0.45 - features["support"] + max(0.0, features["chance"] - 0.2)),
        RejectionReason.NO_FIELD: 4 * (0.6 - features["overlap"]),
    }
    if period_m and features["margin"] < READ:
        # neither do the numerals tell one line from the next, nor coordinates less sure than a part
        # of their period
        doubts[RejectionReason.AMBIGUOUS] = 4 * (np.exp(features["sigma"]) / period_m - 0.25)
    return max(doubts, key=lambda k: doubts[k])
