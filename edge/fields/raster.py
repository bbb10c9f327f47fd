"""One renderer for all fields: textures, distance maps, region masks and polylines. Pure NumPy and OpenCV.

A raster shows the field from above as the main camera's side sees it: x to the right, y upwards, so that the
near side lies at the bottom and nothing is mirrored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import UsageError
from edge.fields.model import Field, Points
from edge.fields.palettes import PALETTES
from edge.fields.segments import nearest_distance, segments_of
from edge.types import Float, Image

_TILE_PX = 16


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A picture of the field from above, with its place on the field."""

    data: NDArray[Any]
    """(height, width) or (height, width, channels)."""
    metres_per_px: float
    origin_m: tuple[float, float]
    """Field position of the centre of pixel (0, 0), the top left one: the far left corner (-x, +y)."""

    @property
    def pixel_from_field(self) -> Float:
        """(3, 3) float64 homography, p_pixel ~ pixel_from_field @ p_field, pixel centres at integers."""
        s = 1.0 / self.metres_per_px
        x, y = self.origin_m
        return np.array([[s, 0.0, -x * s], [0.0, -s, y * s], [0.0, 0.0, 1.0]])

    @property
    def field_from_pixel(self) -> Float:
        """(3, 3) float64, the inverse of `pixel_from_field`."""
        m = self.metres_per_px
        x, y = self.origin_m
        return np.array([[m, 0.0, x], [0.0, -m, y], [0.0, 0.0, 1.0]])

    def sample(self, points_m: ArrayLike) -> NDArray[np.float32]:
        """Values at (n, 2) field points by linear interpolation, (n,) or (n, channels); clamped at the border."""
        p = np.asarray(points_m, float).reshape(-1, 2)
        uv = ((p - self.origin_m) * (1.0, -1.0) / self.metres_per_px).astype(np.float32)
        data = self.data.astype(np.float32, copy=False)
        out = cv2.remap(data, uv[:, None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32).reshape(len(p), *data.shape[2:])


def texture(
    field: Field,
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
    palette: Mapping[str, tuple[int, int, int]] | None = None,
) -> Raster:
    """The painted field from above, (height, width, 3) uint8 BGR, anti-aliased.

    `margin_m` beyond the boundary defaults to the field's run-off. `palette` replaces colours of the
    sport's default palette by name (BGR). Raises UsageError for a scale or margin that makes no picture.
    """
    colours = {**PALETTES[field.sport], **(palette or {})}
    grid = _blank(field, metres_per_px, margin_m)
    canvas = np.empty((*grid.data.shape, 3), np.float32)
    canvas[:] = colours["runoff"]
    _blend(canvas, _polygon_coverage(grid, outline(field)), colours["surface"])
    for region in field.regions:
        if region.colour != "surface":
            _blend(canvas, _polygon_coverage(grid, region.polygon_m), colours[region.colour])
    for marking in field.markings:
        _paint(canvas, grid, marking.points_m, marking.width_m, colours[marking.colour])
    return Raster(np.rint(canvas).astype(np.uint8), grid.metres_per_px, grid.origin_m)


def distance_map(
    field: Field,
    kind: Literal["line", "region"] = "line",
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
) -> Raster:
    """Distance in metres of each pixel's centre to the nearest marking or region, (height, width) float32.

    `line`: to the middle of the nearest marking's paint. `region`: to the nearest key region, 0 inside it.
    Both are exact up to the sampling of curves. `margin_m` defaults to the field's run-off.
    """
    if kind not in ("line", "region"):
        raise UsageError(f"no distance map of kind {kind!r}: use 'line' or 'region'")
    grid = _blank(field, metres_per_px, margin_m)
    if kind == "line":
        outlines: Iterable[Points] = [m.points_m for m in field.markings]
    else:
        outlines = [np.concatenate([r.polygon_m, r.polygon_m[:1]]) for r in field.regions]
    x, y = _axes(grid)
    data = nearest_distance(segments_of(outlines), x, y, _TILE_PX)
    if kind == "region":
        data[_inside_any(grid, [r.polygon_m for r in field.regions])] = 0.0
    return Raster(data, grid.metres_per_px, grid.origin_m)


def region_mask(
    field: Field,
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
    *,
    name: str | None = None,
) -> Raster:
    """Which pixels' centres lie in a key region (in the one called `name`, if given), (height, width) bool."""
    grid = _blank(field, metres_per_px, margin_m)
    regions = field.regions if name is None else (field.region(name),)
    mask = _inside_any(grid, [r.polygon_m for r in regions])
    return Raster(mask, grid.metres_per_px, grid.origin_m)


def polylines(field: Field, step_m: float = 0.5) -> list[Points]:
    """Each marking's middle, resampled so that no step is longer than `step_m`: a list of (n, 2) metres.

    Perspective keeps straight lines straight, but only densely sampled ones can be clipped at the horizon or
    bent by a lens.
    """
    if not step_m > 0:
        raise UsageError(f"step_m is {step_m}: it must be a positive length in metres")
    return [_resampled(m.points_m, step_m) for m in field.markings]


def outline(field: Field) -> Points:
    """The boundary of the playing surface, (n, 2) metres, not closed."""
    from edge.fields.shapes import rounded_rectangle  # noqa: PLC0415

    if field.corner_radius_m:
        return rounded_rectangle(field.length_m, field.width_m, field.corner_radius_m)
    x, y = field.length_m / 2, field.width_m / 2
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def minimap(field: Field, width_px: int = 320, margin_m: float | None = None) -> Raster:
    """A small picture of the field for overlays, (height, width_px, 3) uint8 BGR.

    Lines are drawn at least one pixel wide, so that they stay visible.
    """
    margin = field.runoff_m if margin_m is None else margin_m
    if not width_px >= 16:
        raise UsageError(f"a minimap {width_px} pixels wide shows nothing: use 16 or more")
    scale = (field.length_m + 2 * margin) / width_px
    base = texture(field, scale, margin)
    canvas = base.data.astype(np.float32)
    colours = PALETTES[field.sport]
    for marking in field.markings:
        wide = max(marking.width_m, scale)
        _paint(canvas, base, marking.points_m, wide, colours[marking.colour])
    return Raster(np.rint(canvas).astype(np.uint8), base.metres_per_px, base.origin_m)


def _blank(field: Field, metres_per_px: float, margin_m: float | None) -> Raster:
    """An empty raster whose middle is the field's centre."""
    margin = field.runoff_m if margin_m is None else margin_m
    if not 0.002 <= metres_per_px <= 10:
        raise UsageError(f"metres_per_px is {metres_per_px}: use 0.002 to 10")
    if not 0 <= margin <= 200:
        raise UsageError(f"margin_m is {margin}: use 0 to 200 metres")
    columns = max(1, round((field.length_m + 2 * margin) / metres_per_px))
    rows = max(1, round((field.width_m + 2 * margin) / metres_per_px))
    origin = (-(columns - 1) / 2 * metres_per_px, (rows - 1) / 2 * metres_per_px)
    return Raster(np.empty((rows, columns), np.float32), metres_per_px, origin)


def _axes(raster: Raster) -> tuple[Points, Points]:
    """Field x of each column and field y of each row."""
    rows, columns = raster.data.shape[:2]
    x, y = raster.origin_m
    m = raster.metres_per_px
    return x + m * np.arange(columns), y - m * np.arange(rows)


def _paint(
    canvas: NDArray[np.float32],
    raster: Raster,
    points: Points,
    width: float,
    bgr: tuple[int, int, int],
) -> None:
    """Blend a painted polyline into `canvas`; coverage is that of a one-pixel box across the line."""
    x, y = _axes(raster)
    m = raster.metres_per_px
    reach = width / 2 + m
    columns = slice(*np.searchsorted(x, [points[:, 0].min() - reach, points[:, 0].max() + reach]))
    rows = slice(*np.searchsorted(-y, [-points[:, 1].max() - reach, reach - points[:, 1].min()]))
    alpha = np.zeros(canvas[rows, columns].shape[:2], np.float32)
    if alpha.size == 0:
        return
    x, y = x[columns], y[rows]
    for a, b in zip(points[:-1], points[1:], strict=True):
        low, high = np.minimum(a, b) - reach, np.maximum(a, b) + reach
        c = slice(*np.searchsorted(x, [low[0], high[0]]))
        r = slice(*np.searchsorted(-y, [-high[1], -low[1]]))
        if alpha[r, c].size == 0:
            continue
        d = nearest_distance(np.array([[a, b]]), x[c], y[r])
        cover = (np.minimum(d + m / 2, width / 2) - np.maximum(d - m / 2, -width / 2)) / m
        np.maximum(alpha[r, c], np.clip(cover, 0, 1), out=alpha[r, c])
    _blend(canvas[rows, columns], alpha, bgr)


def _blend(
    canvas: NDArray[np.float32], alpha: NDArray[np.float32], bgr: tuple[int, int, int]
) -> None:
    canvas += alpha[..., None] * (np.array(bgr, np.float32) - canvas)


def _polygon_coverage(raster: Raster, polygon: Points) -> NDArray[np.float32]:
    """Share of each pixel that a polygon covers, (height, width), by 4 x 4 samples."""
    x, y = _axes(raster)
    offsets = (np.arange(4) - 1.5) / 4 * raster.metres_per_px
    cover = np.zeros((len(y), len(x)), np.float32)
    for dx in offsets:
        for dy in offsets:
            cover += _inside(x + dx, y + dy, polygon)
    return cover / 16


def _inside_any(raster: Raster, polygons: Iterable[Points]) -> NDArray[np.bool_]:
    x, y = _axes(raster)
    mask = np.zeros((len(y), len(x)), bool)
    for polygon in polygons:
        mask |= _inside(x, y, polygon)
    return mask


def _inside(x: Points, y: Points, polygon: Points) -> NDArray[np.bool_]:
    """Even-odd test of the points (x[j], y[i]) against a polygon, (len(y), len(x)); x must ascend."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    rows, edges = np.nonzero((a[:, 1] <= y[:, None]) != (b[:, 1] <= y[:, None]))
    share = (y[rows] - a[edges, 1]) / (b[edges, 1] - a[edges, 1])
    crossing = a[edges, 0] + share * (b[edges, 0] - a[edges, 0])
    toggles = np.zeros((len(y), len(x) + 1), np.int32)
    np.add.at(toggles, (rows, np.searchsorted(x, crossing)), 1)
    return np.cumsum(toggles[:, :-1], axis=1) % 2 == 1


def _resampled(points: Points, step: float) -> Points:
    """The polyline with each of its segments cut into equal steps of at most `step`; corners are kept."""
    parts = []
    for a, b in zip(points[:-1], points[1:], strict=True):
        n = max(1, int(np.ceil(np.hypot(*(b - a)) / step)))
        parts.append(a + (b - a) * (np.arange(n) / n)[:, None])
    return np.concatenate([*parts, points[-1:]])
