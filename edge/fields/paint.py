"""How much of each pixel a painted line or an area covers, and blending by that share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge.fields.model import Points
from edge.fields.palettes import Bgr
from edge.fields.raster import Raster
from edge.fields.segments import nearest_distance

_SAMPLES = 4
"""Samples a side per pixel for the coverage of areas."""

Window = tuple[slice, slice]
Canvas = NDArray[np.float32]


def stroke(canvas: Canvas, raster: Raster, points: Points, width_m: float, bgr: Bgr) -> None:
    """Paint a (n, 2) polyline of `width_m` with flat ends onto the (height, width, 3) canvas."""
    px = raster.metres_per_px
    window = _window(raster, points, width_m / 2 + px)
    x, y = raster.columns_m[window[1]], raster.rows_m[window[0]]
    alpha = np.zeros((len(y), len(x)), np.float32)
    is_open = not np.array_equal(points[0], points[-1])
    last = len(points) - 2
    for i, (a, b) in enumerate(pairwise(points)):
        part = _part(x, y, np.array([a, b]), width_m / 2 + px)
        if alpha[part].size == 0:
            continue
        cover = _across(x[part[1]], y[part[0]], a, b, width_m, px)
        if is_open and i == 0:
            cover *= _along(x[part[1]], y[part[0]], a, b, px)
        if is_open and i == last:
            cover *= _along(x[part[1]], y[part[0]], b, a, px)
        np.maximum(alpha[part], cover, out=alpha[part])
    _blend(canvas[window], alpha, bgr)


def area(canvas: Canvas, raster: Raster, polygon: Points, bgr: Bgr) -> None:
    """Paint a (n, 2) polygon onto the (height, width, 3) canvas."""
    window = _window(raster, polygon, raster.metres_per_px)
    x, y = raster.columns_m[window[1]], raster.rows_m[window[0]]
    offsets = ((np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5) * raster.metres_per_px
    cover = np.zeros((len(y), len(x)), np.float32)
    for dx in offsets:
        for dy in offsets:
            cover += inside(x + dx, y + dy, polygon)
    _blend(canvas[window], cover / np.float32(_SAMPLES**2), bgr)


def inside(x: Points, y: Points, polygon: Points) -> NDArray[np.bool_]:
    """Tell which points (x[j], y[i]) lie in a (n, 2) polygon, (len(y), len(x)); x must ascend.

    Even-odd rule: along each row, the crossings of the polygon's edges switch between out and in.
    """
    a, b = polygon, np.roll(polygon, -1, axis=0)
    rows, edges = np.nonzero((a[:, 1] <= y[:, None]) != (b[:, 1] <= y[:, None]))
    share = (y[rows] - a[edges, 1]) / (b[edges, 1] - a[edges, 1])
    crossing = a[edges, 0] + share * (b[edges, 0] - a[edges, 0])
    switches = np.zeros((len(y), len(x) + 1), np.uint8)  # 256 is even: a sum that wraps stays right
    np.add.at(switches, (rows, np.searchsorted(x, crossing)), 1)
    return np.bitwise_and(np.cumsum(switches[:, :-1], axis=1, dtype=np.uint8), 1).view(np.bool_)


def _across(x: Points, y: Points, a: Points, b: Points, width_m: float, px: float) -> Canvas:
    """Share of a pixel-wide stretch across the line that the paint from `a` to `b` covers."""
    d = nearest_distance(np.array([[a, b]]), x, y)
    overlap = np.minimum(d + px / 2, width_m / 2) - np.maximum(d - px / 2, -width_m / 2)
    return np.asarray(np.clip(overlap / px, 0, 1), np.float32)


def _along(x: Points, y: Points, start: Points, towards: Points, px: float) -> Canvas:
    """Share of a pixel that lies beyond `start`, seen along the line: it cuts the line off flat."""
    direction = (towards - start) / np.hypot(*(towards - start))
    t = (x[None, :] - start[0]) * direction[0] + (y[:, None] - start[1]) * direction[1]
    return np.asarray(np.clip(t / px + 0.5, 0, 1), np.float32)


def _blend(canvas: Canvas, alpha: Canvas, bgr: Bgr) -> None:
    canvas += alpha[..., None] * (np.array(bgr, np.float32) - canvas)


def _window(raster: Raster, points: Points, reach: float) -> Window:
    """Rows and columns of the raster within `reach` of the points' bounding box."""
    return _part(raster.columns_m, raster.rows_m, points, reach)


def _part(x: Points, y: Points, points: Points, reach: float) -> Window:
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    columns = np.searchsorted(x, [low[0], high[0]])
    rows = np.searchsorted(-y, [-high[1], -low[1]])
    return slice(*rows.tolist()), slice(*columns.tolist())
