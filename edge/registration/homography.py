"""Homographies from weighted correspondences.

Direct linear solution, robust estimation, maximum likelihood.

Everything here maps field metres to picture pixels, `image_from_field`; the caller inverts.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import apply_homography
from edge.types import Float

Matrix = NDArray[np.float64]


def normalizer(points: Float) -> Matrix:
    """Similarity that centres points, (n, 2), and scales them to mean distance sqrt 2.

    After Hartley (1997).
    """
    centre = points.mean(0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(points - centre, axis=1).mean()), 1e-9)
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def direct(source: Float, target: Float, weight: Float | None = None) -> Matrix | None:
    """Weighted direct linear transform of (n, 2) points, n >= 4.

    None where the points fix no homography.
    """
    if len(source) < 4:
        return None
    s, t = normalizer(source), normalizer(target)
    p = source @ s[:2, :2].T + s[:2, 2]
    q = target @ t[:2, :2].T + t[:2, 2]
    w = np.ones(len(p)) if weight is None else np.sqrt(weight)
    one, zero = np.ones(len(p)), np.zeros((len(p), 3))
    ph = np.c_[p, one] * w[:, None]
    a = np.concatenate([np.c_[ph, zero, -ph * q[:, :1]], np.c_[zero, ph, -ph * q[:, 1:]]])
    values, vectors = np.linalg.eigh(a.T @ a)
    if values[1] < 1e-9 * values[-1]:  # a second null direction: collinear points
        return None
    h: Matrix = np.linalg.inv(t) @ vectors[:, 0].reshape(3, 3) @ s
    return h


def estimate(
    field_m: Float, image_px: Float, score: Float, threshold_px: float
) -> tuple[Matrix | None, NDArray[np.bool_]]:
    """Weighted robust homography of keypoints -> homography and (n,) inliers within `threshold_px`.

    The network errs smoothly far more often than wildly: a reweighted direct solution finds the
    answer in a tenth of RANSAC's time, and RANSAC is left for the frames where fewer than 70 % of
    the keypoints agree with it.
    """
    weight = score.copy()
    inlier = np.zeros(len(score), bool)
    h: Matrix | None = None
    for _ in range(4):
        h = direct(field_m, image_px, weight)
        if h is None:
            break
        error = np.linalg.norm(apply_homography(h, field_m) - image_px, axis=1)
        inlier = error < threshold_px
        weight = score / (1 + (error / (0.5 * threshold_px)) ** 2)
    if h is not None and inlier.sum() >= 0.7 * len(inlier):
        return h, inlier
    return robust(field_m, image_px, score, threshold_px)


def robust(
    field_m: Float, image_px: Float, score: Float, threshold_px: float
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
        inlier = np.linalg.norm(apply_homography(h, field_m) - image_px, axis=1) < threshold_px
    return np.asarray(h, float), inlier


def warp_jacobian(points: Float) -> Matrix:
    """Derivative of points under I + A to the eight free elements of A, at A = 0; (n, 2, 8).

    A = [[a1, a2, a3], [a4, a5, a6], [a7, a8, 0]] (Baker & Matthews 2004, section 3.4).
    """
    x, y = points[:, 0], points[:, 1]
    zero, one = np.zeros_like(x), np.ones_like(x)
    return np.stack(
        [
            np.stack([x, y, one, zero, zero, zero, -x * x, -x * y], 1),
            np.stack([zero, zero, zero, x, y, one, -x * y, -y * y], 1),
        ],
        1,
    )


def updated(image_from_field: Matrix, step: Float, scale: Matrix) -> Matrix:
    """Apply a solved step of eight elements.

    `scale` (3, 3) maps pixels to the step's normalized coordinates.
    """
    a = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
    h = np.linalg.inv(scale) @ a @ scale @ image_from_field
    unit: Matrix = h / np.linalg.norm(h)
    return unit


def unit_picture(width: float, height: float) -> Matrix:
    """Pixels -> coordinates of about ±1 over a width x height picture.

    Same scale along both axes.
    """
    s = 2 / width
    return np.array([[s, 0, -s * (width - 1) / 2], [0, s, -s * (height - 1) / 2], [0, 0, 1]])


def polish(
    image_from_field: Matrix,
    field_m: Float,
    image_px: Float,
    sigma_m: Float,
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
    unit = image_px @ scale[:2, :2].T + scale[:2, 2]
    jac = warp_jacobian(unit)
    for _ in range(iterations):
        back = np.linalg.inv(scale @ h)  # field from unit picture
        q = unit @ back[:, :2].T + back[:, 2]
        p = q[:, :2] / q[:, 2:]
        residual = (p - field_m) / sigma_m
        weight = 1 / np.maximum(np.abs(residual), 0.3)  # Laplace: |r| = r^2 / |r|
        weight[np.abs(residual) > 6] = 0
        # moving the picture by A moves a pixel's field position by -(dp/du) A u
        d = (back[None, :2, :2] - p[:, :, None] * back[None, 2:, :2]) / q[:, 2:, None]
        j = -np.einsum("nik,nkm->nim", d, jac) / sigma_m[:, :, None]
        a = np.einsum("ni,nim,nil->ml", weight, j, j)
        b = -np.einsum("ni,nim,ni->m", weight, j, residual)
        step = np.linalg.lstsq(a + 1e-6 * np.trace(a) / 8 * np.eye(8), b, rcond=None)[0]
        if not np.isfinite(step).all() or np.abs(step).max() > 0.5:
            return h
        h = updated(h, step, scale)
        if np.abs(step).max() < 1e-4:
            break
    return h
