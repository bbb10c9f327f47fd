"""Self-verification: what is measured of a homography, and the calibrated number made of it.

Agreement of subsets of the keypoints measures variance only: subsets of one blurred map share its
bias. So the picture is asked too (`evidence`), and how well the projected field covers what the
network calls field. A logistic model, fitted on rendered held-out views
(`models.registration.calibrate`), turns the measurements into the probability that the homography
is right, and a linear one into the expected error in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge.fields import Field
from edge.geometry import apply_homography
from edge.registration.evidence import Evidence
from edge.registration.homography import Matrix, direct
from edge.registration.keypoints import CoordinateMap
from edge.types import Float, Keypoints, Reason

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
)

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


def agreement_px(cells_m: Float, cells_px: Float, weight: Float, whole: Matrix) -> float:
    """How far the answer moves when a quarter of the picture is left out, RMS pixels.

    Cells are split into four sectors around their centre; each three of them give a homography,
    compared with the `whole` one at the cells themselves.
    """
    n = len(cells_px)
    if n < 16:
        return 50.0
    d = cells_px - cells_px.mean(0)
    sector = ((np.arctan2(d[:, 1], d[:, 0]) + np.pi) * (2 / np.pi)).astype(int) % 4
    probe = cells_m[:: max(1, n // 40)]
    reference = apply_homography(whole, probe)
    moved = []
    for k in range(4):
        keep = sector != k
        h = direct(cells_m[keep], cells_px[keep], weight[keep])
        if h is None:
            return 50.0
        e = np.linalg.norm(apply_homography(h, probe) - reference, axis=1)
        moved.append(float(np.sqrt(np.mean(np.minimum(e, 50.0) ** 2))))
    return float(np.mean(moved))


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
    d = np.linalg.norm(
        apply_homography(image_from_field, keypoints.field_m) - keypoints.image_px, axis=1
    )
    near = d < 0.02 * width
    rms = (
        float(np.sqrt(np.average(d[near] ** 2, weights=keypoints.score[near])))
        if near.any()
        else 0.02 * width
    )
    sigma = float(np.median(cells.sigma_m.mean(1))) if len(cells.sigma_m) else 50.0
    return {
        "agreement": float(np.log(0.05 + agreement / width * 100)),
        "residual": float(np.log(0.05 + rms / width * 100)),
        "inliers": float(near.mean()) if len(d) else 0.0,
        "keypoints": float(np.log1p(len(d))),
        "support": evidence.support,
        "chance": evidence.chance,
        "ridge": float(min(evidence.residual_px, 5.0)),
        "markings": float(np.log1p(markings)),
        "coverage": cells.coverage,
        "overlap": overlap(image_from_field, cells, field, size),
        "sigma": float(np.log(sigma)),
        "spread": evidence.spread,
    }


def overlap(
    image_from_field: Matrix, cells: CoordinateMap, field: Field, size: tuple[int, int]
) -> float:
    """Intersection over union of the projected field and the cells that the network calls field."""
    rows, columns = cells.mask.shape
    stride = size[0] / columns
    v, u = np.mgrid[0:rows:3, 0:columns:3]
    pixels = np.stack([u.ravel(), v.ravel()], 1) * stride + (stride - 1) / 2
    back = np.linalg.inv(image_from_field)
    q = pixels @ back[:, :2].T + back[:, 2]
    p = q[:, :2] / np.where(np.abs(q[:, 2:]) < 1e-12, 1e-12, q[:, 2:])
    # the field is in front of the camera where the weight has the sign of the inverse's at a field
    # point
    front = (p @ image_from_field[2, :2] + image_from_field[2, 2]) > 0
    on = front & (np.abs(p) <= [field.length_m / 2, field.width_m / 2]).all(1)
    mask = cells.mask[::3, ::3].ravel()
    union = (mask | on).sum()
    return float((mask & on).sum() / union) if union else 0.0


def judge(features: Mapping[str, float], model: Mapping[str, float]) -> Verdict:
    """Turn features into a score and an expected error by the bundle's linear models."""
    s = model.get("score.bias", 0.0) + sum(
        model.get(f"score.{k}", 0.0) * v for k, v in features.items()
    )
    e = model.get("error.bias", 0.0) + sum(
        model.get(f"error.{k}", 0.0) * v for k, v in features.items()
    )
    return Verdict(
        float(1 / (1 + np.exp(-np.clip(s, -30, 30)))), float(np.exp(np.clip(e, -5, 5))), features
    )


def implausible(image_from_field: Matrix, size: tuple[int, int]) -> bool:
    """Whether no camera beside the field, upright and above it.

    Could take such a picture of `size` (width, height).

    Mirrored fields, fields seen from below, horizons that cut the lower half of the picture, and
    scales that no lens gives. Nothing is asked of the pixels' aspect: squeezed video is common.
    """
    width, height = size
    try:
        back = np.linalg.inv(image_from_field)
    except np.linalg.LinAlgError:
        return True
    u = np.array(
        [[0.5 * width, 0.95 * height], [0.2 * width, 0.8 * height], [0.8 * width, 0.8 * height]]
    )
    q = u @ back[:, :2].T + back[:, 2]
    p = q[:, :2] / q[:, 2:]
    w = p @ image_from_field[2, :2] + image_from_field[2, 2]
    if not np.isfinite(p).all() or (w <= 0).any():
        return True  # the ground near the camera would lie behind it
    xy = u
    h = image_from_field
    j = (h[None, :2, :2] - xy[:, :, None] * h[None, 2:, :2]) / w[:, None, None]
    det = np.linalg.det(j)
    if (det >= 0).any():
        return True  # mirrored: from above, field y runs up where picture y runs down
    scale = np.sqrt(-det) / width  # pixels per metre over the picture's width
    return bool((scale < 1 / 400).any() or (scale > 1.0).any())


def refusal(features: Mapping[str, float]) -> Reason:
    """Name the reason for refusing a homography: the measurement that is farthest from good."""
    doubts = {
        Reason.DISAGREEMENT: features["agreement"] - np.log(0.05 + 1.5),
        Reason.NO_LINES: 4 * (0.45 - features["support"] + max(0.0, features["chance"] - 0.2)),
        Reason.NO_FIELD: 4 * (0.6 - features["overlap"]),
    }
    return max(doubts, key=lambda k: doubts[k])
