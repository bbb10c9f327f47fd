"""The second, independent check.

Does the picture itself show lines where the homography says that they are?

The network has no part in it. Points are laid along the projected markings; across each, a profile
of the grey picture is read, and a ridge (brighter than both its sides) is looked for. The same is
done beside the lines, which tells how often chance finds one. Edges of mowing stripes, boards and
shadows are no ridges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, Paint, polylines
from edge.registration.homography import Matrix
from edge.registration.lens import RadialLens
from edge.types import FloatArray

MOST_POINTS = 240
STEP_PX = 1.0
"""Spacing of a profile's samples."""
WIDTHS_PX, SIDES = (2.5, 6.0, 11.0), (3, 5, 8, 13)
"""Samples from a line's middle to what lies beside it: for lines up to each width, and wider."""
SMOOTH = np.array([[0.25], [0.5], [0.25]], np.float32)
"""Along a profile; a box would make a plateau of a thin line's peak."""


@dataclass(frozen=True, slots=True)
class LinePoints:
    """Points along the markings of a field, n of them."""

    position_m: FloatArray
    """(n, 2)."""
    tangent: FloatArray
    """(n, 2) unit vectors along the line."""
    width_m: FloatArray
    """(n,) of the paint."""
    marking: NDArray[np.intp]
    """(n,) number of the marking."""
    homogeneous: FloatArray
    """(3, n) positions once more, homogeneous, each coordinate contiguous."""
    directions: FloatArray
    """(2, n) tangents once more."""

    @classmethod
    def of(cls, field: Field, step_m: float | None = None) -> LinePoints:
        """Sample a field's markings every `step_m` (a 160th of its length unless told)."""
        step = step_m or field.length_m / 160
        middles, tangents, widths, numbers = [], [], [], []
        for k, line in enumerate(polylines(field, step)):
            d = np.diff(line, axis=0)
            length = np.linalg.norm(d, axis=1)
            keep = length > 1e-9
            middles.append((line[:-1] + line[1:])[keep] / 2)
            tangents.append(d[keep] / length[keep, None])
            widths.append(np.full(int(keep.sum()), field.markings[k].width_m))
            numbers.append(np.full(int(keep.sum()), k))
        position = np.concatenate(middles)
        tangent = np.concatenate(tangents)
        return cls(
            position,
            tangent,
            np.concatenate(widths),
            np.concatenate(numbers),
            np.stack([position[:, 0], position[:, 1], np.ones(len(position))]),
            np.ascontiguousarray(tangent.T),
        )


@dataclass(frozen=True, slots=True)
class Projected:
    """Line points that a picture shows, m of them."""

    image_px: FloatArray
    """(m, 2)."""
    normal: FloatArray
    """(m, 2) unit vectors across the line in the picture."""
    width_px: FloatArray
    """(m,) of the paint in the picture."""
    index: NDArray[np.intp]
    """(m,) number among the field's line points."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the picture says of a homography."""

    points: int
    """Line points looked at."""
    support: float
    """Share of them with a ridge within the window, 0..1."""
    chance: float
    """The same share beside the lines."""
    residual_px: float
    """Median distance of ridges from where lines should be, pixels of the checked picture."""
    markings: int
    """Markings of which at least half the points are borne out."""
    spread: float
    """Area of the box around the borne-out points, over the picture's."""
    projected: Projected
    found: NDArray[np.bool_]
    """(m,) points with a ridge."""
    offset_px: FloatArray
    """(m,) where along the normal the ridge is; 0 where none is."""


def project(
    lines: LinePoints,
    image_from_field: Matrix,
    width: int,
    height: int,
    most: int = MOST_POINTS,
    *,
    lens: RadialLens | None = None,
) -> Projected:
    """The line points that lie in the picture, at most `most`.

    Evenly along the lines as the picture shows them; `lens` bends them.
    """
    h = image_from_field
    q = h @ lines.homogeneous
    front = q[2] > 1e-9
    flat: FloatArray = q[:2] / np.where(front, q[2], 1.0)
    u, v = uv = flat if lens is None else lens.bent(flat)
    inside = front & (u >= 4) & (u <= width - 5) & (v >= 4) & (v <= height - 5)
    index = np.flatnonzero(inside)
    flat, uv = flat.take(index, 1), uv.take(index, 1)
    z, direction = q[2].take(index), lines.directions.take(index, 1)
    along = _push(h, flat, z, direction)
    if lens is not None:
        along = lens.pushed(uv, along)
    length = np.hypot(along[0], along[1])
    if len(index) > most:
        travelled = np.cumsum(length)
        marks = (np.arange(most) + 0.5) * (travelled[-1] / most)
        pick = np.searchsorted(travelled, marks)
        if (pick[1:] == pick[:-1]).any():
            pick = np.unique(pick)
        index, z, direction = index[pick], z[pick], direction.take(pick, 1)
        flat, uv = flat.take(pick, 1), uv.take(pick, 1)
        along, length = along.take(pick, 1), length[pick]
    normal = np.stack([-along[1], along[0]]) / np.maximum(length, 1e-12)
    across = _push(h, flat, z, np.stack([-direction[1], direction[0]]))
    width_px = np.abs(across[0] * normal[0] + across[1] * normal[1]) * lines.width_m[index]
    return Projected(uv.T, normal.T, width_px, index)


def _push(h: Matrix, uv: FloatArray, z: FloatArray, direction: FloatArray) -> FloatArray:
    """Image motion, (2, n), of projected points per metre along a field direction, (2, n)."""
    d = h[:, :2] @ direction
    pushed: FloatArray = (d[:2] - uv * d[2]) / z
    return pushed


def check(
    grey: NDArray[np.uint8],
    projected: Projected,
    *,
    paint: Paint = "bright",
    reach_px: float = 4.0,
    contrast: float = 4.0,
) -> Evidence:
    """Look for ridges within `reach_px` of the projected points of a (height, width) grey picture.

    `paint` tells whether lines are ridges, valleys, or either (see `edge.fields.Field`). `contrast`
    is what a ridge must stand above both its sides, in grey levels, or 2.5 times the picture's own
    noise across the lines, whichever is more.
    """
    height, width = grey.shape
    m = len(projected.index)
    if m < 8:
        nothing = np.zeros(m, bool)
        return Evidence(m, 0.0, 0.0, float("inf"), 0, 0.0, projected, nothing, np.zeros(m))
    window = math.ceil(reach_px / STEP_PX)
    sides = _sides(projected.width_px)
    half = 3 * window + 2 + int(sides.max())
    p = _profiles(grey, projected, half)
    middle = slice(half - window, half + window + 1)
    beside = [
        slice(half - 3 * window - 2, half - window - 1),
        slice(half + window + 2, half + 3 * window + 3),
    ]
    change = np.abs(p[2::2] - p[:-2:2]).ravel()
    level = contrast
    # only where the median of the changes may raise it: a count is cheaper than a partition
    if np.count_nonzero(change < (contrast / 2.5 - 1e-3) / 1.4826) <= len(change) // 2:
        noise = 1.4826 * float(np.partition(change, len(change) // 2)[len(change) // 2]) + 1e-3
        level = max(contrast, 2.5 * noise)
    ridge = _standing_out(p, sides, paint)
    best = ridge[middle]
    k = best.argmax(0)
    columns = np.arange(m)
    peak = best[k, columns]
    found = peak > level
    a = best[np.maximum(k - 1, 0), columns]
    b = best[np.minimum(k + 1, 2 * window), columns]
    bend = a - 2 * peak + b
    curved = (k > 0) & (k < 2 * window) & (bend < -1e-3)
    shift = np.where(curved, 0.5 * (a - b) / np.where(curved, bend, -1.0), 0.0)
    shift = np.minimum(np.maximum(shift, -0.5), 0.5)
    offset = np.where(found, (k - window + shift) * STEP_PX, 0.0)
    by_chance = sum(np.count_nonzero(ridge[s].max(0) > level) for s in beside)
    return _summary(projected, found, offset, by_chance / (len(beside) * m), width, height)


def _profiles(grey: NDArray[np.uint8], projected: Projected, half: int) -> NDArray[np.float32]:
    """Smoothed grey levels across m projected points, (2 half + 1, m), `STEP_PX` apart."""
    offsets = np.arange(-half, half + 1, dtype=np.float32)[:, None] * np.float32(STEP_PX)
    at, normal = projected.image_px.T.astype(np.float32), projected.normal.T.astype(np.float32)
    profile = cv2.remap(
        grey,
        at[0] + offsets * normal[0],
        at[1] + offsets * normal[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    smooth: NDArray[np.float32] = cv2.filter2D(profile, cv2.CV_32F, SMOOTH)
    return smooth


def _sides(width_px: FloatArray) -> NDArray[np.intp]:
    """Samples to what lies beside lines of these widths, (m,): outside the paint."""
    steps = np.searchsorted(WIDTHS_PX, width_px)
    return np.asarray(SIDES)[steps]


def _standing_out(
    p: NDArray[np.float32], sides: NDArray[np.intp], paint: Paint
) -> NDArray[np.float32]:
    """By how much each sample of (n, m) profiles differs from both its sides, as paint would."""
    if paint == "bright":
        return _ridges(p, sides)
    dark = _ridges(-p, sides)
    return dark if paint == "dark" else np.maximum(dark, _ridges(p, sides))


def _ridges(p: NDArray[np.float32], sides: NDArray[np.intp]) -> NDArray[np.float32]:
    """By how much each sample of (n, m) profiles stands above both its sides.

    These lie `sides` samples away, (m,).
    """
    ridge = np.full_like(p, -255.0)
    for side in SIDES:
        has = sides == side
        if has.any():
            above = p[side:-side] - np.maximum(p[: -2 * side], p[2 * side :])
            np.copyto(ridge[side:-side], above, where=has)
    return ridge


def _summary(
    projected: Projected,
    found: NDArray[np.bool_],
    offset: FloatArray,
    chance: float,
    width: int,
    height: int,
) -> Evidence:
    on = np.flatnonzero(found)
    m, count = len(found), len(on)
    residual, spread = math.inf, 0.0
    if count:
        middle = (count - 1) // 2, count // 2  # a median in a third of NumPy's time
        ordered = np.partition(np.abs(offset[on]), middle)
        residual = float(ordered[middle[0]] + ordered[middle[1]]) / 2
    if count >= 2:
        at = projected.image_px.T[:, on]
        across, down = at.max(1) - at.min(1)
        spread = float(across * down / (width * height))
    return Evidence(m, count / m, chance, residual, 0, spread, projected, found, offset)


def markings_borne_out(evidence: Evidence, lines: LinePoints) -> int:
    """Markings of which at least half the points, and at least five, show a ridge."""
    number = lines.marking[evidence.projected.index]
    total = np.bincount(number)
    good = np.bincount(number[evidence.found], minlength=len(total))
    return int(((good >= 5) & (good >= 0.5 * total)).sum())
