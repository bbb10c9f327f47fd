"""The usual measures of a homography (Jiang et al. 2020, Nie et al. 2021, Chu et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike

from edge.geometry import (
    apply_homography,
    clip_half_plane,
    depth,
    field_corners,
    orient,
    visible_polygon,
)
from models.registration.cameras import Array

NEAR = 0.02
"""A registration is right when its reprojection error is below this share of the height."""
_AT_ONCE = 100
"""Bootstrap samples made at a time."""
FARTHEST = 10.0
"""Heights of the picture at which the distance of a point is cut off."""


@dataclass(frozen=True, slots=True)
class Errors:
    """One frame's measures; an unanswered frame has overlaps of 0 and infinite distances."""

    iou_part: float = 0.0
    """Field areas seen by the picture under truth and answer, intersection over union."""
    iou_whole: float = 0.0
    """The field, sent to the picture by the truth and back by the answer, against itself."""
    projection_m: float = float("inf")
    """Mean distance on the field of the picture's field pixels under both, metres."""
    reprojection: float = float("inf")
    """Mean distance in the picture of the visible field points, over the picture's height."""

    @property
    def right(self) -> bool:
        """Whether the answer is good enough to draw with."""
        return self.reprojection < NEAR


def area(polygon: Array) -> float:
    """Area of a (n, 2) polygon."""
    if len(polygon) < 3:
        return 0.0
    x, y = polygon.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _turned(polygon: Array) -> Array:
    x, y = polygon.T
    signed = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
    return polygon if signed > 0 else polygon[::-1]


def iou(a: Array, b: Array) -> float:
    """Intersection over union of two convex polygons."""
    if len(a) < 3 or len(b) < 3:
        return 0.0
    both = a
    b = _turned(b)
    for p, q in zip(b, np.roll(b, -1, axis=0), strict=True):
        d = q - p
        both = clip_half_plane(both, np.array([-d[1], d[0], d[1] * p[0] - d[0] * p[1]]))
    shared = area(both)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def errors(
    truth: ArrayLike,
    answer: ArrayLike | None,
    length_m: float,
    width_m: float,
    width: int,
    height: int,
) -> Errors:
    """Compare two `field_from_image` (3, 3) of a picture of width x height pixels."""
    if answer is None:
        return Errors()
    g, e = np.asarray(truth, float).reshape(3, 3), np.asarray(answer, float).reshape(3, 3)
    norm = float(np.linalg.norm(e))
    if not np.isfinite(norm) or norm == 0 or abs(np.linalg.det(e / norm)) < 1e-15:
        return Errors()
    foot = np.array([(width - 1) / 2, height - 1.0])
    gf, ef = orient(np.linalg.inv(g), foot), orient(np.linalg.inv(e), foot)
    field = field_corners(length_m, width_m)
    half = np.array([length_m, width_m]) / 2
    part = iou(visible_polygon(gf, field, width, height), visible_polygon(ef, field, width, height))
    return Errors(
        part,
        _whole(e @ gf, field),
        _projection(g, gf, e, half, (width, height)),
        _reprojection(gf, ef, half, (width, height)),
    )


def _whole(answer_from_truth: Array, field: Array) -> float:
    """Overlap of the (4, 2) field with itself moved by the answer; 0 across the horizon."""
    w = depth(answer_from_truth, field)
    if not ((w > 0).all() or (w < 0).all()):
        return 0.0
    return iou(apply_homography(answer_from_truth, field), field)


def _projection(g: Array, gf: Array, e: Array, half: Array, size: tuple[int, int]) -> float:
    """Mean metres between truth and answer over a lattice of the picture's field pixels."""
    width, height = size
    pixels = _lattice((0, width - 1, 64), (0, height - 1, 40))
    on = apply_homography(g, pixels)
    keep = (np.abs(on) <= half).all(1) & (depth(gf, on) > 0)
    if not keep.any():
        return float("inf")
    distance = np.linalg.norm(apply_homography(e, pixels[keep]) - on[keep], axis=1)
    return float(distance.mean())


def _reprojection(gf: Array, ef: Array, half: Array, size: tuple[int, int]) -> float:
    """Mean distance in heights of the picture over a lattice of the visible field points."""
    height = size[1]
    points = _lattice((-half[0], half[0], 60), (-half[1], half[1], 40))
    seen = apply_homography(gf, points)
    visible = (depth(gf, points) > 0) & (seen >= 0).all(1) & (seen < size).all(1)
    if not visible.any():
        return float("inf")
    moved = apply_homography(ef, points[visible])
    distance = np.linalg.norm(moved - seen[visible], axis=1)
    distance = np.where(depth(ef, points[visible]) > 0, distance, np.inf)
    return float(np.minimum(distance, FARTHEST * height).mean() / height)


def _lattice(across: tuple[float, float, int], down: tuple[float, float, int]) -> Array:
    """Points of a grid, (n, 2), from (first, last, count) along each axis."""
    u, v = np.meshgrid(np.linspace(*across), np.linspace(*down))
    return np.stack([u.ravel(), v.ravel()], 1)


def table(rows: Sequence[Errors]) -> dict[str, float]:
    """Means and medians over frames, failures counted as they are."""
    a = np.array([astuple(r) for r in rows]).reshape(-1, 4)
    answered = np.isfinite(a[:, 2])
    return {
        "frames": len(a),
        "answered": int(answered.sum()),
        "iou_part_mean": float(a[:, 0].mean()),
        "iou_part_median": float(np.median(a[:, 0])),
        "iou_whole_mean": float(a[:, 1].mean()),
        "iou_whole_median": float(np.median(a[:, 1])),
        "proj_m_mean_answered": float(a[answered, 2].mean()) if answered.any() else float("inf"),
        "proj_m_median": float(np.median(a[:, 2])),
        "reproj_mean_answered": float(a[answered, 3].mean()) if answered.any() else float("inf"),
        "reproj_median": float(np.median(a[:, 3])),
        "right": float((a[:, 3] < NEAR).mean()),
    }


def _statistics(a: Array) -> dict[str, Array]:
    """The table's figures of many samples at once: (draws, n, 4) -> (draws,) each."""
    with_answer = np.isfinite(a[..., 2])
    return {
        "answered": with_answer.sum(1),
        "iou_part_mean": a[..., 0].mean(1),
        "iou_part_median": np.median(a[..., 0], 1),
        "iou_whole_mean": a[..., 1].mean(1),
        "iou_whole_median": np.median(a[..., 1], 1),
        "proj_m_median": np.median(a[..., 2], 1),
        "reproj_median": np.median(a[..., 3], 1),
        "right": (a[..., 3] < NEAR).mean(1),
    }


def intervals(
    rows: Sequence[Errors], *, share: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals (Efron 1979) of what `table` says, frames drawn at random.

    Frames that resemble each other, as those of one sequence do, make them too narrow. An end may
    be infinite. Empty without rows.
    """
    a = np.array([astuple(r) for r in rows]).reshape(-1, 4)
    if not len(a):
        return {}
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Array]] = {}
    for _ in range(0, draws, _AT_ONCE):
        for key, values in _statistics(a[rng.integers(len(a), size=(_AT_ONCE, len(a)))]).items():
            parts.setdefault(key, []).append(values)
    return {key: _between(np.concatenate(values), share) for key, values in parts.items()}


def difference(
    ours: Array, theirs: Array, *, share: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of ours minus theirs over the same (n,) frames, and its paired bootstrap interval."""
    d = np.asarray(ours, float) - np.asarray(theirs, float)
    pick = np.random.default_rng(seed).integers(len(d), size=(draws, len(d)))
    return (float(d.mean()), *_between(d[pick].mean(1), share))


def _between(values: Array, share: float) -> tuple[float, float]:
    """Ends of the middle share of values; no interpolation, since some are infinite."""
    ends = np.quantile(values, [(1 - share) / 2, (1 + share) / 2], method="inverted_cdf")
    return float(ends[0]), float(ends[1])
