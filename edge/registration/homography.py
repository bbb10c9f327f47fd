"""Homographies from weighted correspondences.

Direct linear solution, robust estimation, maximum likelihood.

Everything here maps field metres to picture pixels, `image_from_field`; the caller inverts.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import FloatArray

Matrix = NDArray[np.float64]


def inverse(matrix: Matrix) -> Matrix:
    """Inverse of a (3, 3) matrix, a few times as fast as NumPy's.

    Raises LinAlgError for one that is exactly singular.
    """
    regular, inverted = cv2.invert(matrix)
    if regular == 0.0:
        raise np.linalg.LinAlgError("singular matrix")
    return np.asarray(inverted, np.float64)


def normalizer(points: FloatArray) -> Matrix:
    """Similarity that centres points, (n, 2), and scales them to mean distance sqrt 2.

    After Hartley (1997).
    """
    count = len(points)
    cx, cy = points[:, 0].sum() / count, points[:, 1].sum() / count
    distance = np.hypot(points[:, 0] - cx, points[:, 1] - cy).sum() / count
    scale = math.sqrt(2) / max(float(distance), 1e-9)
    return np.array([[scale, 0, -scale * cx], [0, scale, -scale * cy], [0, 0, 1]])


class Linear:
    """Direct linear transform of (n, 2) points, prepared once for many weightings of them.

    The normal matrix of the 2n equations is linear in the weights: with p the homogeneous source
    point and (x, y) its target, it is made of the sums of w pp', wx pp', wy pp' and
    w(xx + yy) pp'.
    """

    def __init__(self, source: FloatArray, target: FloatArray) -> None:
        self.source, self.target = normalizer(source), normalizer(target)
        p = np.empty((len(source), 3))
        p[:, :2] = source @ self.source[:2, :2] + self.source[:2, 2]
        p[:, 2] = 1.0
        q = (target @ self.target[:2, :2] + self.target[:2, 2]).T
        self._outer = (p[:, :, None] * p[:, None, :]).reshape(-1, 9)
        self._factors = np.stack([np.ones(len(p)), q[0], q[1], (q * q).sum(0)])

    def solve(self, weight: FloatArray) -> list[Matrix | None]:
        """(k, n) weightings -> k homographies, (3, 3); None where points fix none.

        None for all of them where a weight or a point is not finite.
        """
        moments = (weight[:, None, :] * self._factors) @ self._outer
        one, x, y, square = moments.reshape(len(weight), 4, 3, 3).transpose(1, 0, 2, 3)
        normal = np.zeros((len(weight), 9, 9))
        normal[:, :3, :3] = normal[:, 3:6, 3:6] = one
        normal[:, :3, 6:] = normal[:, 6:, :3] = -x
        normal[:, 3:6, 6:] = normal[:, 6:, 3:6] = -y
        normal[:, 6:, 6:] = square
        if not np.isfinite(normal).all():
            return [None] * len(weight)
        values, vectors = np.linalg.eigh(normal)
        back = inverse(self.target)
        return [
            # a second null direction: collinear points
            None if v[1] <= 1e-9 * v[-1] else back @ vector[:, 0].reshape(3, 3) @ self.source
            for v, vector in zip(values, vectors, strict=True)
        ]


def direct(
    source: FloatArray, target: FloatArray, weight: FloatArray | None = None
) -> Matrix | None:
    """Weighted direct linear transform of (n, 2) points, n >= 4.

    None where the points fix no homography.
    """
    if len(source) < 4:
        return None
    w = np.ones(len(source)) if weight is None else weight
    return Linear(source, target).solve(w[None])[0]


def estimate(
    field_m: FloatArray, image_px: FloatArray, score: FloatArray, threshold_px: float
) -> tuple[Matrix | None, NDArray[np.bool_]]:
    """Weighted robust homography of keypoints -> homography and (n,) inliers within `threshold_px`.

    The network errs smoothly far more often than wildly: a reweighted direct solution finds the
    answer in a tenth of RANSAC's time, and RANSAC is left for the frames where fewer than 70 % of
    the keypoints agree with it.
    """
    inlier = np.zeros(len(score), bool)
    h: Matrix | None = None
    if len(score) < 4:
        return None, inlier
    weight, linear = score, Linear(field_m, image_px)
    for _ in range(4):
        h = linear.solve(weight[None])[0]
        if h is None:
            break
        error = distances(h, field_m, image_px)
        error[np.isnan(error)] = np.inf  # 0/0: the horizon
        before, inlier = inlier, error < threshold_px
        if inlier.all() and before.all():
            break  # nothing to outvote: another weighting moves it by a fraction of the noise
        weight = score / (1 + (error / (0.5 * threshold_px)) ** 2)
    if h is not None and inlier.sum() >= 0.7 * len(inlier):
        return h, inlier
    return robust(field_m, image_px, score, threshold_px)


def robust(
    field_m: FloatArray, image_px: FloatArray, score: FloatArray, threshold_px: float
) -> tuple[Matrix | None, NDArray[np.bool_]]:
    """RANSAC over the keypoints, then a fit of its inliers weighted by score.

    Gives homography and (n,) inliers.

    OpenCV's plain RANSAC: the USAC modes of OpenCV 5.0 return None on clean points.
    """
    n = len(field_m)
    if n < 4:
        return None, np.zeros(n, bool)
    h, mask = cv2.findHomography(
        field_m.astype(np.float64),
        image_px.astype(np.float64),
        cv2.RANSAC,
        threshold_px,
        None,
        150,
        0.99,
    )
    if h is None or mask is None:
        return None, np.zeros(n, bool)
    inlier = mask.ravel().astype(bool)
    for _ in range(2):
        if inlier.sum() < 4:
            return None, inlier
        fit = direct(field_m[inlier], image_px[inlier], score[inlier])
        if fit is None:
            return None, inlier
        h = fit
        inlier = distances(h, field_m, image_px) < threshold_px
    return np.asarray(h, float), inlier


def distances(h: Matrix, source: FloatArray, target: FloatArray) -> FloatArray:
    """Distances, (n,), of (n, 2) points mapped by a homography to their targets, (n, 2)."""
    q = h[:, :2] @ source.T + h[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance: FloatArray = np.hypot(q[0] / q[2] - target[:, 0], q[1] / q[2] - target[:, 1])
    return distance


def updated(image_from_field: Matrix, step: FloatArray, scale: Matrix) -> Matrix:
    """Apply a solved step of eight elements.

    `scale` (3, 3) maps pixels to the step's normalized coordinates.
    """
    a = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
    h = inverse(scale) @ a @ scale @ image_from_field
    unit: Matrix = h / math.sqrt(float((h * h).sum()))
    return unit


def unit_picture(width: float, height: float) -> Matrix:
    """Pixels -> coordinates of about ±1 over a width x height picture.

    Same scale along both axes.
    """
    s = 2 / width
    return np.array([[s, 0, -s * (width - 1) / 2], [0, s, -s * (height - 1) / 2], [0, 0, 1]])


def polish(
    image_from_field: Matrix,
    field_m: FloatArray,
    image_px: FloatArray,
    sigma_m: FloatArray,
    size: tuple[int, int],
    iterations: int = 4,
) -> Matrix:
    """Maximum-likelihood homography of cells whose field positions carry Laplace errors.

    field_m, image_px, sigma_m: (n, 2). Iteratively reweighted Gauss-Newton; residuals are taken on
    the field, where the network errs, over the scale that it predicts; `size` is the picture's
    (width, height).
    """
    scale = unit_picture(*size)
    h = image_from_field
    x, y = image_px[:, 0] * scale[0, 0] + scale[0, 2], image_px[:, 1] * scale[1, 1] + scale[1, 2]
    unit = np.stack([x, y, np.ones_like(x)])
    target, precision = field_m.T, 1 / sigma_m.T
    for _ in range(iterations):
        back = inverse(scale @ h)  # field from unit picture
        q = back @ unit
        p = q[:2] / q[2]
        residual = (p - target) * precision
        size_of = np.abs(residual)
        weight = 1 / np.maximum(size_of, 0.3)  # Laplace: |r| = r^2 / |r|
        weight[size_of > 6] = 0
        # moving the picture by A moves a pixel's field position by -(dp/du) A u
        pushed = back[:2, :2, None] - p[:, None] * back[2, :2, None]
        pushed *= (-precision / q[2])[:, None]
        j = along(pushed.transpose(1, 0, 2), x, y).reshape(8, -1)  # both coordinates in a row
        jw = j * weight.ravel()
        a, b = jw @ j.T, -(jw @ residual.ravel())
        a.flat[::9] += 1e-6 * np.trace(a) / 8
        try:
            step = np.linalg.solve(a, b)
        except np.linalg.LinAlgError:
            return h
        most = float(np.abs(step).max())
        if not most <= 0.5:  # nor NaN
            return h
        h = updated(h, step, scale)
        if most < 1e-4:
            break
    return h


def along(d: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Derivative of points under I + A to the eight free elements of A, at A = 0, along directions.

    A = [[a1, a2, a3], [a4, a5, a6], [a7, a8, 0]] (Baker & Matthews 2004, section 3.4). d: (2, n),
    or (2, k, n) for k directions a point; x, y: (n,) -> (8, n) or (8, k, n).
    """
    j = np.empty((8, *d.shape[1:]))
    np.multiply(d[0], x, out=j[0])
    np.multiply(d[0], y, out=j[1])
    j[2] = d[0]
    np.multiply(d[1], x, out=j[3])
    np.multiply(d[1], y, out=j[4])
    j[5] = d[1]
    turn = -(j[0] + j[4])
    np.multiply(turn, x, out=j[6])
    np.multiply(turn, y, out=j[7])
    return j
