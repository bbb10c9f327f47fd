"""Field lines in the picture, clipped where the camera cannot see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.fields import Field

Points = NDArray[np.float64]

_NEAR_M = 0.05
"""Distance before the camera at which lines end; at 0 the division would not."""


def oriented(image_from_field: ArrayLike) -> Points:
    """Scale a (3, 3) homography by ±1 so that its weight is positive in front of the camera.

    A camera above the field sees it unmirrored, and then the sign of the determinant tells: for
    K [r1 r2 t] with the camera at C it is that of -C_z, which is negative.
    """
    h = np.asarray(image_from_field, float)
    return h if np.linalg.det(h) < 0 else -h


def marking_segments(field: Field) -> Points:
    """All segments of a field's markings, (n, 2, 2) metres."""
    parts = [np.stack([m.points_m[:-1], m.points_m[1:]], axis=1) for m in field.markings]
    return np.concatenate(parts) if parts else np.zeros((0, 2, 2))


def project_segments(
    image_from_field: ArrayLike, segments_m: ArrayLike, width: int, height: int
) -> Points:
    """Project (n, 2, 2) field segments into a (width, height) picture -> (m, 2, 2) pixels, m <= n.

    What lies behind the camera or outside the picture is cut off before the division, so that no
    point comes from behind the horizon and none is too large for integers. `image_from_field` may
    have either sign.
    """
    h = oriented(image_from_field)
    segments = np.asarray(segments_m, float).reshape(-1, 2, 2)
    if len(segments) == 0:
        return segments
    # how much the weight grows on a metre of the field; nothing for a camera that looks straight
    # down
    near = _NEAR_M * float(np.hypot(h[2, 0], h[2, 1])) + 1e-9 * float(np.abs(h).max())
    ends = segments @ h[:, :2].T + h[:, 2]
    room = 4.0  # a line along the border keeps its thickness
    planes = np.array(
        [[1, 0, room], [-1, 0, width - 1 + room], [0, 1, room], [0, -1, height - 1 + room]]
    )
    first, last, seen = _clip(ends, planes, near)
    way = ends[:, 1] - ends[:, 0]
    clipped = ends[:, :1] + np.stack([first, last], axis=1)[..., None] * way[:, None]
    clipped = clipped[seen]
    pixels: Points = clipped[..., :2] / clipped[..., 2:]
    return pixels


def _clip(ends: Points, planes: Points, near: float) -> tuple[Points, Points, NDArray[np.bool_]]:
    """Liang-Barsky on homogeneous (n, 2, 3) segments.

    Returns the shares (n,) along each segment where it enters and leaves, and whether any is left.
    """
    first, last = np.zeros(len(ends)), np.ones(len(ends))
    distances = [ends @ plane for plane in planes] + [ends[..., 2] - near]
    outside = np.zeros(len(ends), bool)
    for d in distances:
        a, b = d[:, 0], d[:, 1]
        outside |= (a < 0) & (b < 0)
        crossing = a / np.where(a == b, 1.0, a - b)
        first = np.where((a < 0) & (b >= 0), np.maximum(first, crossing), first)
        last = np.where((a >= 0) & (b < 0), np.minimum(last, crossing), last)
    return first, last, ~outside & (first < last)
