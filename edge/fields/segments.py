"""Exact distances from the pixels of a raster to a set of line segments. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge.fields.model import Points


def segments_of(outlines: Iterable[Points]) -> Points:
    """Cut polylines into segments, (m, 2, 2): segment, end, coordinate."""
    parts = [np.stack([p[:-1], p[1:]], axis=1) for p in outlines]
    return np.concatenate(parts) if parts else np.empty((0, 2, 2))


def nearest_distance(
    segments: Points, x: Points, y: Points, tile_px: int | None = None
) -> NDArray[np.float32]:
    """Distance of points (x[j], y[i]) to the nearest segment, (len(y), len(x)) float32.

    `segments` is (m, 2, 2). With `tile_px` the work goes by square tiles, and each one looks only
    at the segments that can be nearest to any of its points; the result is the same. Without
    segments it is infinite.
    """
    out = np.full((len(y), len(x)), np.inf, np.float32)
    if len(segments) == 0:
        return out
    step = tile_px or max(len(x), len(y))
    for i in range(0, len(y), step):
        for j in range(0, len(x), step):
            xs, ys = x[j : j + step], y[i : i + step]
            near = segments if tile_px is None else _candidates(segments, xs, ys)
            square = _square_distance(near, xs[None, None, :], ys[None, :, None])
            out[i : i + step, j : j + step] = np.sqrt(square.min(axis=0))
    return out


def _candidates(segments: Points, x: Points, y: Points) -> Points:
    """Choose the segments that can be nearest to a point of the tile spanned by x and y."""
    cx, cy = (x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2
    reach = np.hypot(x[-1] - cx, y[-1] - cy)
    d = np.sqrt(_square_distance(segments, np.full((1, 1, 1), cx), np.full((1, 1, 1), cy)).ravel())
    # no point of the tile is further than `reach` from its centre: its nearest segment is within
    # d.min() + reach of the point, and so within d.min() + 2 reach of the centre
    kept: Points = segments[d <= d.min() + 2 * reach + 1e-9]
    return kept


def _square_distance(segments: Points, px: Points, py: Points) -> Points:
    """Squared distances of points (1, 1, w), (1, h, 1) to (m, 2, 2) segments, (m, h, w)."""
    ax, ay = segments[:, 0, 0, None, None], segments[:, 0, 1, None, None]
    dx, dy = segments[:, 1, 0, None, None] - ax, segments[:, 1, 1, None, None] - ay
    square = np.maximum(dx * dx + dy * dy, 1e-24)
    x, y = px - ax, py - ay
    t = np.clip((x * dx + y * dy) / square, 0.0, 1.0)
    off_x, off_y = x - t * dx, y - t * dy
    distance: Points = off_x * off_x + off_y * off_y
    return distance
