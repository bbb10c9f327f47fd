"""Pictures of a field from above, with their place on the field.

A raster shows the field as the main camera's side sees it: x to the right, y upwards, so that the
near side lies at the bottom and nothing is mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import UsageError
from edge.fields.model import Field, Points


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A picture of the field from above, with its place on the field."""

    data: NDArray[Any]
    """(height, width) or (height, width, channels)."""
    metres_per_px: float
    origin_m: tuple[float, float]
    """Field position of the centre of pixel (0, 0), top left: the far left corner (-x, +y)."""

    @property
    def pixel_from_field(self) -> Points:
        """(3, 3) homography, p_pixel ~ pixel_from_field @ p_field, pixel centres at integers."""
        s = 1.0 / self.metres_per_px
        x, y = self.origin_m
        return np.array([[s, 0.0, -x * s], [0.0, -s, y * s], [0.0, 0.0, 1.0]])

    @property
    def field_from_pixel(self) -> Points:
        """(3, 3) homography, the inverse of `pixel_from_field`."""
        m = self.metres_per_px
        x, y = self.origin_m
        return np.array([[m, 0.0, x], [0.0, -m, y], [0.0, 0.0, 1.0]])

    @property
    def columns_m(self) -> Points:
        """Field x of each column's centre, (width,), ascending."""
        return self.origin_m[0] + self.metres_per_px * np.arange(self.data.shape[1], dtype=float)

    @property
    def rows_m(self) -> Points:
        """Field y of each row's centre, (height,), descending."""
        return self.origin_m[1] - self.metres_per_px * np.arange(self.data.shape[0], dtype=float)

    def sample(self, points_m: ArrayLike) -> NDArray[np.float32]:
        """Interpolate linearly at (n, 2) field points, (n,) or (n, channels) float32.

        Points beyond the border take the border's value; points that are not finite give nan.
        """
        p = np.asarray(points_m, float).reshape(-1, 2)
        finite = np.isfinite(p).all(axis=1)
        u, v = ((np.where(finite[:, None], p, 0.0) - self.origin_m) / self.metres_per_px).T
        height, width = self.data.shape[:2]
        i, fi = _corner_and_share(-v, height)
        j, fj = _corner_and_share(u, width)
        below, right = np.minimum(i + 1, height - 1), np.minimum(j + 1, width - 1)
        more = (1,) * (self.data.ndim - 2)
        fi, fj = fi.reshape(-1, *more), fj.reshape(-1, *more)
        top = self.data[i, j] * (1 - fj) + self.data[i, right] * fj
        bottom = self.data[below, j] * (1 - fj) + self.data[below, right] * fj
        out = np.asarray(top * (1 - fi) + bottom * fi, np.float32)
        out[~finite] = np.nan
        return out


def blank(field: Field, metres_per_px: float, margin_m: float | None) -> Raster:
    """Make an empty (height, width) float32 raster whose middle is the field's centre.

    `margin_m` beyond ±length/2 and ±width/2 defaults to the field's run-off. Raises UsageError for
    a scale or a margin that makes no sensible picture.
    """
    margin = field.runoff_m if margin_m is None else margin_m
    if not 0.002 <= metres_per_px <= 10:
        raise UsageError(f"metres_per_px is {metres_per_px}: use 0.002 to 10")
    if not 0 <= margin <= 200:
        raise UsageError(f"margin_m is {margin}: use 0 to 200 metres")
    columns = max(1, round((field.length_m + 2 * margin) / metres_per_px))
    rows = max(1, round((field.width_m + 2 * margin) / metres_per_px))
    origin = (-(columns - 1) / 2 * metres_per_px, (rows - 1) / 2 * metres_per_px)
    return Raster(np.zeros((rows, columns), np.float32), metres_per_px, origin)


def _corner_and_share(at: Points, size: int) -> tuple[NDArray[np.intp], Points]:
    """Split pixel coordinates, clamped to the picture, into a lower index and a rest in 0..1."""
    clamped = np.clip(at, 0, size - 1)
    low = np.floor(clamped).astype(np.intp)
    return low, clamped - low
