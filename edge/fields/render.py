"""The one renderer of all fields: textures, distances, region masks, polylines and mini-maps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import numpy as np

from edge.errors import UsageError
from edge.fields import paint
from edge.fields.model import Field, Points
from edge.fields.palettes import PALETTES, Bgr
from edge.fields.raster import Raster, blank
from edge.fields.segments import nearest_distance, segments_of
from edge.fields.shapes import closed, rectangle, rounded_rectangle

_TILE_PX = 32
"""Side of the squares by which distances are searched; 32 was the fastest of 8, 16, 32 and 64."""


def texture(
    field: Field,
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
    palette: Mapping[str, Bgr] | None = None,
) -> Raster:
    """Draw the painted field from above, (height, width, 3) uint8 BGR, anti-aliased.

    `margin_m` beyond the field defaults to its run-off. `palette` replaces colours of the sport's
    default palette by name (BGR). Raises UsageError for a scale, margin or colour that cannot be
    drawn.
    """
    return _draw(field, metres_per_px, margin_m, palette or {}, min_line_m=0.0)


def minimap(field: Field, width_px: int = 320, margin_m: float | None = None) -> Raster:
    """Draw the field small, (height, width_px, 3) uint8 BGR, lines at least a pixel wide.

    `pixel_from_field` of the result places positions on it.
    """
    if not 16 <= width_px <= 8192:
        raise UsageError(f"a minimap {width_px} pixels wide cannot be drawn: use 16 to 8192")
    margin = field.runoff_m if margin_m is None else margin_m
    scale = (field.length_m + 2 * margin) / width_px
    return _draw(field, scale, margin_m, {}, min_line_m=scale)


def distance_map(
    field: Field,
    kind: Literal["line", "region"] = "line",
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
) -> Raster:
    """Measure from each pixel's centre to the nearest marking or region, (height, width) float32.

    Metres. `line`: to the middle of the nearest marking's paint. `region`: to the nearest key
    region, and 0 inside it. Both are exact for the polylines that the field is made of. `margin_m`
    defaults to the field's run-off. Raises UsageError for another kind, or a scale or margin that
    cannot be drawn.
    """
    if kind not in ("line", "region"):
        raise UsageError(f"no distance map of kind {kind!r}: use 'line' or 'region'")
    if kind == "line":
        outlines = [marking.points_m for marking in field.markings]
    else:
        outlines = [closed(region.polygon_m) for region in field.regions]
    raster = blank(field, metres_per_px, margin_m)
    data = nearest_distance(segments_of(outlines), raster.columns_m, raster.rows_m, _TILE_PX)
    if kind == "region":
        data[region_mask(field, metres_per_px, margin_m).data] = 0.0
    return Raster(data, raster.metres_per_px, raster.origin_m)


def region_mask(
    field: Field,
    metres_per_px: float = 0.1,
    margin_m: float | None = None,
    *,
    name: str | None = None,
) -> Raster:
    """Tell which pixels' centres lie in a key region, (height, width) bool.

    With `name`, in that region only; KeyError for an unknown name.
    """
    regions = field.regions if name is None else (field.region(name),)
    raster = blank(field, metres_per_px, margin_m)
    mask = np.zeros(raster.data.shape, bool)
    for region in regions:
        mask |= paint.inside(raster.columns_m, raster.rows_m, region.polygon_m)
    return Raster(mask, raster.metres_per_px, raster.origin_m)


def polylines(field: Field, step_m: float = 0.5) -> list[Points]:
    """Resample each marking's middle to steps of at most `step_m`: a list of (n, 2) metres.

    They come in the order of `field.markings`. A camera keeps straight lines straight, but only
    densely sampled ones can be cut at the horizon or bent by a lens. Raises UsageError for a step
    that is not positive.
    """
    if not step_m > 0:
        raise UsageError(f"step_m is {step_m}: use a positive length in metres")
    return [_resampled(marking.points_m, step_m) for marking in field.markings]


def outline(field: Field) -> Points:
    """Boundary of the playing surface, (n, 2) metres counter-clockwise, not closed."""
    if field.corner_radius_m:
        return rounded_rectangle(field.length_m, field.width_m, field.corner_radius_m)
    x, y = field.length_m / 2, field.width_m / 2
    return rectangle(-x, -y, x, y)


def _draw(
    field: Field,
    metres_per_px: float,
    margin_m: float | None,
    palette: Mapping[str, Bgr],
    min_line_m: float,
) -> Raster:
    colours = _colours(field.sport, palette)
    raster = blank(field, metres_per_px, margin_m)
    canvas = np.empty((*raster.data.shape, 3), np.float32)
    canvas[:] = colours["runoff"]
    paint.area(canvas, raster, outline(field), colours["surface"])
    for region in field.regions:
        if region.colour != "surface":
            paint.area(canvas, raster, region.polygon_m, colours[region.colour])
    for marking in field.markings:
        # hash marks stand so close that widening them would fill the picture
        least = 0.0 if marking.kind == "hash" else min_line_m
        width = max(marking.width_m, least)
        paint.stroke(canvas, raster, marking.points_m, width, colours[marking.colour])
    return Raster(np.rint(canvas).astype(np.uint8), raster.metres_per_px, raster.origin_m)


def _colours(sport: str, palette: Mapping[str, Bgr]) -> dict[str, Bgr]:
    """Merge a palette into the sport's own; UsageError for names that the sport does not paint."""
    own = PALETTES[sport]
    unknown = sorted(set(palette) - set(own))
    if unknown:
        raise UsageError(f"no colour {unknown[0]!r} on a field of {sport}: use {', '.join(own)}")
    return {**own, **palette}


def _resampled(points: Points, step: float) -> Points:
    """Cut each segment of a polyline into equal steps of at most `step`; corners are kept."""
    parts = []
    for a, b in pairwise(points):
        n = max(1, int(np.ceil(np.hypot(*(b - a)) / step)))
        parts.append(a + (b - a) * (np.arange(n) / n)[:, None])
    return np.concatenate([*parts, points[-1:]])
