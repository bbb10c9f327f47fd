"""Plane geometry on arrays: applying, orienting and comparing homographies. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.types import FloatArray


def apply_homography(h: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Map (n, 2) points by a (3, 3) homography -> (n, 2).

    Points on the horizon become inf or nan.
    """
    hm = np.asarray(h, float)
    p = np.asarray(points, float).reshape(-1, 2)
    q = p @ hm[:, :2].T + hm[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped: NDArray[np.float64] = q[:, :2] / q[:, 2:3]
    return mapped


def depth(h: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Homogeneous weight, (n,), of (n, 2) points under a (3, 3) homography.

    Its sign tells front from behind.
    """
    hm = np.asarray(h, float)
    p = np.asarray(points, float).reshape(-1, 2)
    w: NDArray[np.float64] = p @ hm[2, :2] + hm[2, 2]
    return w


def orient(image_from_field: ArrayLike, image_px: ArrayLike) -> NDArray[np.float64]:
    """Scale a homography by ±1 so that what is seen lies in front of the camera.

    (3, 3) and (2,) pixels that show the field: its weight (see `depth`) becomes positive.
    """
    h = np.asarray(image_from_field, float)
    p = np.linalg.solve(h, np.append(np.asarray(image_px, float), 1.0))
    return h if h[2] @ (p / p[2]) > 0 else -h


def normalized(h: ArrayLike) -> NDArray[np.float64]:
    """Scale a (3, 3) homography to unit Frobenius norm with a positive last element."""
    m: NDArray[np.float64] = np.asarray(h, float)
    m = m / np.linalg.norm(m)
    return m if m[2, 2] >= 0 else -m


def scale_image(field_from_image: ArrayLike, sx: float, sy: float) -> NDArray[np.float64]:
    """Re-express a homography for the picture resized by (sx, sy), pixel centres at integers.

    A pixel centre x of the old picture lies at (x + 0.5) * sx - 0.5 of the new one.
    """
    old_from_new = np.array([[1 / sx, 0, 0.5 / sx - 0.5], [0, 1 / sy, 0.5 / sy - 0.5], [0, 0, 1]])
    h: NDArray[np.float64] = np.asarray(field_from_image, float) @ old_from_new
    return h


def half_turn(field_from_image: ArrayLike) -> NDArray[np.float64]:
    """Turn the field of a (3, 3) homography by half a turn: (x, y) becomes (-x, -y)."""
    h: NDArray[np.float64] = np.diag([-1.0, -1.0, 1.0]) @ np.asarray(field_from_image, float)
    return h


def field_corners(length_m: float, width_m: float) -> NDArray[np.float64]:
    """The (4, 2) corners of the field in metres, counter-clockwise from (-x, -y)."""
    x, y = length_m / 2, width_m / 2
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def visible_polygon(
    image_from_field: FloatArray, polygon_m: FloatArray, width: int, height: int
) -> NDArray[np.float64]:
    """The part of a convex (n, 2) field polygon that a (width, height) picture shows, (m.

    2) in field metres.

    Clipping is done on the field by the half planes of the picture's borders and of the horizon,
    so that points behind the camera never enter. `image_from_field` must be oriented (see
    `orient`).
    """
    r0, r1, r2 = np.asarray(image_from_field, float)
    poly = np.asarray(polygon_m, float)
    for a in (r2, r0 + 0.5 * r2, (width - 0.5) * r2 - r0, r1 + 0.5 * r2, (height - 0.5) * r2 - r1):
        poly = clip_half_plane(poly, a)
    return poly


def clip_half_plane(
    poly: NDArray[np.float64], half_plane: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The part of a convex (n, 2) polygon where a*x + b*y + c >= 0, half_plane = (a, b.

    C) (Sutherland-Hodgman).
    """
    if len(poly) == 0:
        return poly
    d = poly @ half_plane[:2] + half_plane[2]
    out: list[NDArray[np.float64]] = []
    for i in range(len(poly)):
        j = (i + 1) % len(poly)
        if d[i] >= 0:
            out.append(poly[i])
        if d[i] * d[j] < 0:
            out.append(poly[i] + (poly[j] - poly[i]) * (d[i] / (d[i] - d[j])))
    return np.array(out).reshape(-1, 2)
