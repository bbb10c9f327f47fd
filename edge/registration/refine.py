"""Refinement: move a homography until the field's lines lie where the picture.

Or its dense features, show lines.

`on_distances` aligns the field's lines with the predicted distance maps (wide basin, coarse);
`on_ridges` with the ridges that the evidence check measured in the picture itself (narrow, a
fraction of a pixel). Both are Gauss-Newton with a trust region, both keep the keypoints' answer in
the directions that lines do not fix, and both are judged by the caller: a refined homography
counts only when the independent check says that it is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.registration.evidence import Evidence, LinePoints, project
from edge.registration.homography import Matrix, along, unit_picture, updated
from edge.types import FloatArray

LINE_REACH = 1 / 32
"""The distance maps are 1 at this share of the picture's width from a line; set by training."""
ENOUGH = 1e-3
"""Share of its cost that a step must gain for another to follow."""
ANCHOR = 0.05
"""Weight of the anchor's mean squared deviation beside the mean squared distance of the lines.

Pixels.
"""


def on_distances(
    image_from_field: Matrix,
    distances: NDArray[np.float32],
    lines: LinePoints,
    anchors_m: FloatArray,
    size: tuple[int, int],
    *,
    stride: int = 4,
    iterations: int = 12,
    anchor_px: float = 3.0,
) -> Matrix:
    """Align projected line points with the predicted line distance; (3, 3) -> (3, 3).

    distances: (2, h, w), 0..1, of the network's picture of `size` (width, height); anchors_m: (k,
    2) field points (the keypoints) that tie the answer to the given homography with a deviation of
    `anchor_px`.
    """
    h = image_from_field
    anchor = _Anchor(h, anchors_m, size, anchor_px)
    problem = _Alignment(distances[0], lines, anchor, size, stride)
    state = problem.linearize(h)
    damping = 1e-2
    for _ in range(iterations):
        if state is None:
            return h
        a = state.normal.copy()
        a.flat[::9] = a.flat[::9] * (1 + damping) + 1e-9
        step = np.linalg.solve(a, state.slope)
        trial = updated(h, np.minimum(np.maximum(step, -0.08), 0.08), problem.scale)
        there = problem.linearize(trial)
        if there is not None and there.cost < state.cost:
            gain, h, state, damping = state.cost - there.cost, trial, there, damping / 5
            if gain < ENOUGH * there.cost or np.abs(step).max() < 1e-4:
                break
        else:
            damping *= 10
            if damping > 1e3:
                break
    return h


@dataclass(frozen=True, slots=True)
class _Linearized:
    cost: float
    normal: Matrix
    """(8, 8)."""
    slope: FloatArray
    """(8,), minus half the gradient."""


class _Alignment:
    """Squared predicted distance at the projected lines, robust, plus the anchor.

    Levenberg-Marquardt's problem.
    """

    def __init__(
        self,
        line: NDArray[np.float32],
        lines: LinePoints,
        anchor: _Anchor,
        size: tuple[int, int],
        stride: int,
    ) -> None:
        self.size, self.stride, self.lines, self.anchor = size, stride, lines, anchor
        self.scale = unit_picture(*size)
        self.reach = LINE_REACH * size[0]
        dx = cv2.Sobel(line, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        dy = cv2.Sobel(line, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        self.maps = cv2.merge([line, dx, dy])

    def linearize(self, h: Matrix) -> _Linearized | None:
        """Cost and Gauss-Newton system at a homography.

        None where hardly a line is in the picture.
        """
        points = project(self.lines, h, *self.size)
        n = len(points.index)
        if n < 12:
            return None
        px = points.image_px.T
        at = ((px - (self.stride - 1) / 2) / self.stride).astype(np.float32)
        distance, dx, dy = _sample(self.maps, at)
        residual = distance * self.reach
        square = residual * residual
        soft = 1 / (1 + square / (0.5 * self.reach) ** 2)
        cost = float(square @ soft) / n
        x, y = px * self.scale[0, 0] + self.scale[:2, 2:]
        gradient = np.stack([dx, dy]) * (self.reach / self.stride / self.scale[0, 0])
        j = along(gradient, x, y)
        jw = j * (soft * soft / n)  # Geman-McClure: what is far from any line does not pull
        normal, slope = jw @ j.T, -jw @ residual
        held, tie, pull = self.anchor.system(h)
        return _Linearized(cost + ANCHOR * held, normal + ANCHOR * tie, slope + ANCHOR * pull)


class _Anchor:
    """Ties a homography to where it first put some field points.

    A Gaussian prior of given deviation.
    """

    def __init__(
        self, h: Matrix, points_m: FloatArray, size: tuple[int, int], deviation_px: float
    ) -> None:
        self.points = np.concatenate([points_m.T, np.ones((1, len(points_m)))])
        self.scale = unit_picture(*size)
        self.deviation = deviation_px
        self.target = self._project(h)
        # what a point's two coordinates move by, one after the other
        self._axes = np.repeat(np.eye(2) / (self.scale[0, 0] * deviation_px), len(points_m), axis=1)

    def _project(self, h: Matrix) -> FloatArray:
        q = h @ self.points
        xy: FloatArray = q[:2] / q[2]
        return xy

    def system(self, h: Matrix) -> tuple[float, Matrix, FloatArray]:
        """Cost, normal matrix (8, 8) and right-hand side (8,), averaged over the points."""
        n = self.points.shape[1]
        if n == 0:
            return 0.0, np.zeros((8, 8)), np.zeros(8)
        xy = self._project(h)
        residual = ((xy - self.target) / self.deviation).ravel()
        x, y = xy * self.scale[0, 0] + self.scale[:2, 2:]
        j = along(self._axes.reshape(2, 2, n), x, y).reshape(8, -1)
        cost = float(residual @ residual) / (2 * n)
        return cost, j @ j.T / n, -(j @ residual) / n


def _sample(maps: NDArray[np.float32], at: NDArray[np.float32]) -> FloatArray:
    """Bilinear values of (h, w, 3) maps at (2, n) positions, borders repeated -> (3, n)."""
    read = cv2.remap(maps, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values: FloatArray = read.reshape(-1, 3).T.astype(float)
    return values


def on_ridges(
    image_from_field: Matrix,
    evidence: Evidence,
    anchors_m: FloatArray,
    size: tuple[int, int],
    *,
    anchor_px: float = 4.0,
    anchor_weight: float = 0.02,
) -> Matrix:
    """One robust Gauss-Newton step onto the ridges that the check found; (3, 3) -> (3, 3).

    The residual of a line point is its ridge's offset along the normal (point-to-line); points
    without a ridge take no part. `size` is the checked picture's (width, height).
    """
    p, found = evidence.projected, evidence.found
    if found.sum() < 12:
        return image_from_field
    scale = unit_picture(*size)
    unit = p.image_px[found] @ scale[:2, :2].T + scale[:2, 2]
    j = along(p.normal[found].T / scale[0, 0], *unit.T)
    r = evidence.offset_px[found]
    n = len(r)
    _, ta, tb = _Anchor(image_from_field, anchors_m, size, anchor_px).system(image_from_field)
    step = np.zeros(8)
    for _ in range(4):
        e = r - step @ j
        width = max(1.4826 * float(np.median(np.abs(e))), 0.4)
        w = 1 / (1 + (e / (1.5 * width)) ** 2) ** 2  # Geman-McClure
        jw = j * (w / n)
        a = jw @ j.T + anchor_weight * ta
        b = jw @ r + anchor_weight * tb
        step = np.linalg.solve(a + 1e-9 * np.trace(a) * np.eye(8), b)
    if not np.isfinite(step).all() or np.abs(step).max() > 0.2:
        return image_from_field
    return updated(image_from_field, step, scale)
