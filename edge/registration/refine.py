"""Refinement: move a homography until the field's lines lie where the picture, or its dense features, show lines.

`on_distances` aligns the field's lines with the predicted distance maps (wide basin, coarse); `on_ridges` with the
ridges that the evidence check measured in the picture itself (narrow, a fraction of a pixel). Both are Gauss-Newton
with a trust region, both keep the keypoints' answer in the directions that lines do not fix, and both are judged by
the caller: a refined homography counts only when the independent check says that it is better.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.registration.evidence import Evidence, LinePoints, project
from edge.registration.homography import Matrix, unit_picture, updated, warp_jacobian
from edge.types import Float

LINE_REACH = 1 / 32
"""The distance maps are 1 at this share of the picture's width from a line; set by training."""


def on_distances(
    image_from_field: Matrix,
    distances: NDArray[np.float32],
    lines: LinePoints,
    anchors_m: Float,
    size: tuple[int, int],
    *,
    stride: int = 4,
    iterations: int = 12,
    anchor_px: float = 3.0,
) -> Matrix:
    """Align projected line points with the predicted line distance; (3, 3) -> (3, 3).

    distances: (2, h, w), 0..1, of the network's picture of `size` (width, height); anchors_m: (k, 2) field points
    (the keypoints) that tie the answer to the given homography with a deviation of `anchor_px`.
    """
    width, height = size
    reach = LINE_REACH * width
    scale = unit_picture(width, height)
    line = cv2.GaussianBlur(distances[0], (3, 3), 0.6)
    gx = cv2.Sobel(line, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(line, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    h = image_from_field
    tie = _Anchor(h, anchors_m, scale, anchor_px)
    cost, best, damping = np.inf, h, 1e-3
    for _ in range(iterations):
        points = project(lines, h, width, height)
        if len(points.index) < 12:
            return best
        at = ((points.image_px - (stride - 1) / 2) / stride).astype(np.float32)
        d, dx, dy = (_sample(m, at) for m in (line, gx, gy))
        residual = d * reach
        weight = 1 / (1 + (residual / (0.35 * reach)) ** 2)  # points far from any line are not forced
        gradient = np.stack([dx, dy], 1) * (reach / stride)
        unit = points.image_px @ scale[:2, :2].T + scale[:2, 2]
        j = np.einsum("ni,nim->nm", gradient, warp_jacobian(unit)) * (width / 2)
        share = len(residual) / 4.0  # neighbouring points repeat each other
        a = (j * weight[:, None]).T @ j / share * 4
        b = -(j * weight[:, None]).T @ residual / share * 4
        now = float((weight * residual**2).sum() / len(residual)) + tie.cost(h) * 0.02
        if now < cost:
            cost, best, damping = now, h, damping / 3
        else:
            damping *= 8
            if damping > 10:
                break
        ta, tb = tie.system(h)
        a, b = a + 0.02 * ta, b + 0.02 * tb
        step = np.linalg.solve(a + damping * np.diag(np.diag(a)) + 1e-9 * np.eye(8), b)
        if np.abs(step).max() < 2e-5:
            break
        h = updated(h, np.clip(step, -0.06, 0.06), scale)
    return best


class _Anchor:
    """Ties a homography to where it first put some field points; a Gaussian prior of given deviation."""

    def __init__(self, h: Matrix, points_m: Float, scale: Matrix, deviation_px: float) -> None:
        self.points, self.scale = points_m, scale
        self.deviation = deviation_px
        self.target = self._project(h)

    def _project(self, h: Matrix) -> Float:
        q = self.points @ h[:, :2].T + h[:, 2]
        xy: Float = q[:, :2] / q[:, 2:]
        return xy

    def residual(self, h: Matrix) -> Float:
        return (self._project(h) - self.target) / self.deviation

    def cost(self, h: Matrix) -> float:
        return float((self.residual(h) ** 2).mean()) if len(self.points) else 0.0

    def system(self, h: Matrix) -> tuple[Matrix, Float]:
        """Normal matrix (8, 8) and right-hand side (8,), averaged over the points."""
        if len(self.points) == 0:
            return np.zeros((8, 8)), np.zeros(8)
        xy = self._project(h)
        unit = xy @ self.scale[:2, :2].T + self.scale[:2, 2]
        j = warp_jacobian(unit) / self.scale[0, 0] / self.deviation
        r = (xy - self.target) / self.deviation
        n = len(unit)
        return np.einsum("nim,nil->ml", j, j) / n, -np.einsum("nim,ni->m", j, r) / n


def _sample(array: NDArray[np.float32], at: NDArray[np.float32]) -> Float:
    """Bilinear values of a (h, w) map at (n, 2) positions, its border repeated."""
    x, y = np.ascontiguousarray(at[:, 0]), np.ascontiguousarray(at[:, 1])
    values: Float = cv2.remap(array, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel().astype(float)
    return values


def on_ridges(
    image_from_field: Matrix, evidence: Evidence, lines: LinePoints, anchors_m: Float, size: tuple[int, int],
    *, anchor_px: float = 4.0, anchor_weight: float = 0.02,
) -> Matrix:  # fmt: skip
    """One robust Gauss-Newton step onto the ridges that the check found; (3, 3) -> (3, 3).

    The residual of a line point is its ridge's offset along the normal (point-to-line); points without a ridge take
    no part. `size` is the checked picture's (width, height).
    """
    p, found = evidence.projected, evidence.found
    if found.sum() < 12:
        return image_from_field
    scale = unit_picture(*size)
    unit = p.image_px[found] @ scale[:2, :2].T + scale[:2, 2]
    j = np.einsum("ni,nim->nm", p.normal[found], warp_jacobian(unit)) / scale[0, 0]
    r = evidence.offset_px[found]
    ta, tb = _Anchor(image_from_field, anchors_m, scale, anchor_px).system(image_from_field)
    step = np.zeros(8)
    for _ in range(4):
        e = r - j @ step
        width = max(1.4826 * float(np.median(np.abs(e))), 0.4)
        w = 1 / (1 + (e / (1.5 * width)) ** 2) ** 2  # Geman-McClure
        a = (j * w[:, None]).T @ j / found.sum() + anchor_weight * ta
        b = (j * w[:, None]).T @ r / found.sum() + anchor_weight * tb
        step = np.linalg.solve(a + 1e-9 * np.trace(a) * np.eye(8), b)
    if not np.isfinite(step).all() or np.abs(step).max() > 0.2:
        return image_from_field
    return updated(image_from_field, step, scale)
