"""The second, independent check.

Does the picture itself show lines where the homography says that they are?

The network has no part in it. Points are laid along the projected markings; across each, a profile
of the grey picture is read, and a ridge (brighter than both its sides) is looked for. The same is
done beside the lines, which tells how often chance finds one. Edges of mowing stripes, boards and
shadows are no ridges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, polylines
from edge.registration.homography import Matrix
from edge.types import Float

MOST_POINTS = 240
STEP_PX = 1.0
"""Spacing of a profile's samples."""
SMOOTH = np.array([[0.25, 0.5, 0.25]], np.float32)
"""Along a profile; a box would make a plateau of a thin line's peak."""


@dataclass(frozen=True, slots=True)
class LinePoints:
    """Points along the markings of a field, n of them."""

    position_m: Float
    """(n, 2)."""
    tangent: Float
    """(n, 2) unit vectors along the line."""
    width_m: Float
    """(n,) of the paint."""
    marking: NDArray[np.intp]
    """(n,) number of the marking."""

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
        return cls(
            np.concatenate(middles),
            np.concatenate(tangents),
            np.concatenate(widths),
            np.concatenate(numbers),
        )


@dataclass(frozen=True, slots=True)
class Projected:
    """Line points that a picture shows, m of them."""

    image_px: Float
    """(m, 2)."""
    normal: Float
    """(m, 2) unit vectors across the line in the picture."""
    width_px: Float
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
    offset_px: Float
    """(m,) where along the normal the ridge is; 0 where none is."""


def project(
    lines: LinePoints, image_from_field: Matrix, width: int, height: int, most: int = MOST_POINTS
) -> Projected:
    """The line points that lie in the picture, at most `most`.

    Evenly along the lines as the picture shows them.
    """
    h = image_from_field
    p = lines.position_m
    q = p @ h[:, :2].T + h[:, 2]
    z = q[:, 2]
    front = z > 1e-9
    safe = np.where(front, z, 1.0)
    xy = q[:, :2] / safe[:, None]
    inside = (
        front
        & (xy[:, 0] >= 4)
        & (xy[:, 0] <= width - 5)
        & (xy[:, 1] >= 4)
        & (xy[:, 1] <= height - 5)
    )
    index = np.flatnonzero(inside)
    xy, z, t = xy[index], z[index], lines.tangent[index]
    along = _push(h, xy, z, t)
    across = _push(h, xy, z, np.stack([-t[:, 1], t[:, 0]], 1))
    length = np.linalg.norm(along, axis=1)
    if len(index) > most:
        travelled = np.cumsum(length)
        marks = (np.arange(most) + 0.5) * travelled[-1] / most
        pick = np.searchsorted(travelled, marks)
        pick = pick[np.append(True, np.diff(pick) > 0)]
        index, xy, along, across, length = (
            index[pick],
            xy[pick],
            along[pick],
            across[pick],
            length[pick],
        )
    unit = along / np.maximum(length, 1e-12)[:, None]
    normal = np.stack([-unit[:, 1], unit[:, 0]], 1)
    width_px = np.abs((across * normal).sum(1)) * lines.width_m[index]
    return Projected(xy, normal, width_px, index)


def _push(h: Matrix, xy: Float, z: Float, direction: Float) -> Float:
    """Image motion of projected points per metre along a field direction."""
    d = direction @ h[:, :2].T
    pushed: Float = (d[:, :2] - xy * d[:, 2:]) / z[:, None]
    return pushed


def check(
    grey: NDArray[np.uint8], projected: Projected, *, reach_px: float = 4.0, contrast: float = 4.0
) -> Evidence:
    """Look for ridges within `reach_px` of the projected points of a (height, width) grey picture.

    `contrast` is what a ridge must stand above both its sides, in grey levels, or 2.5 times the
    picture's own noise across the lines, whichever is more.
    """
    height, width = grey.shape
    m = len(projected.index)
    if m < 8:
        nothing = np.zeros(m, bool)
        return Evidence(m, 0.0, 0.0, float("inf"), 0, 0.0, projected, nothing, np.zeros(m))
    window = int(np.ceil(reach_px / STEP_PX))
    half = 3 * window + 2 + 5
    offsets = np.arange(-half, half + 1) * STEP_PX
    at = projected.image_px[:, None] + offsets[None, :, None] * projected.normal[:, None]
    at32 = at.astype(np.float32)
    profile = cv2.remap(
        grey, at32[..., 0], at32[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    p = cv2.filter2D(profile.astype(np.float32), -1, SMOOTH)
    ridge = np.full_like(p, -255.0)
    # sides must lie outside the paint: two bands of paint width, near and far
    wide = projected.width_px > 2.5
    for rows, side in ((~wide, 3), (wide, 5)):
        if rows.any():
            c = p[rows, side:-side]
            ridge[rows, side:-side] = c - np.maximum(p[rows, : -2 * side], p[rows, 2 * side :])
    middle = slice(half - window, half + window + 1)
    beside = [
        slice(half - 3 * window - 2, half - window - 1),
        slice(half + window + 2, half + 3 * window + 3),
    ]
    noise = 1.4826 * float(np.median(np.abs(np.diff(p[:, ::2], axis=1)))) + 1e-3
    level = max(contrast, 2.5 * noise)
    best = ridge[:, middle]
    k = best.argmax(1)
    rows_ = np.arange(m)
    peak = best[rows_, k]
    found = peak > level
    inner = (k > 0) & (k < 2 * window)
    a = best[rows_, np.maximum(k - 1, 0)]
    b = best[rows_, np.minimum(k + 1, 2 * window)]
    bend = a - 2 * peak + b
    shift = np.where(
        inner & (bend < -1e-3), 0.5 * (a - b) / np.where(bend < -1e-3, bend, -1.0), 0.0
    )
    offset = np.where(found, (k - window + np.clip(shift, -0.5, 0.5)) * STEP_PX, 0.0)
    chance = float(np.mean([(ridge[:, s].max(1) > level).mean() for s in beside]))
    return _summary(projected, found, offset, chance, width, height)


def _summary(
    projected: Projected,
    found: NDArray[np.bool_],
    offset: Float,
    chance: float,
    width: int,
    height: int,
) -> Evidence:
    m = len(found)
    residual = float(np.median(np.abs(offset[found]))) if found.any() else float("inf")
    spread = 0.0
    if found.sum() >= 2:
        spread = float(np.prod(np.ptp(projected.image_px[found], axis=0)) / (width * height))
    return Evidence(m, float(found.mean()), chance, residual, 0, spread, projected, found, offset)


def markings_borne_out(evidence: Evidence, lines: LinePoints) -> int:
    """Markings of which at least half the points, and at least five, show a ridge."""
    number = lines.marking[evidence.projected.index]
    total = np.bincount(number)
    good = np.bincount(number[evidence.found], minlength=len(total))
    return int(((good >= 5) & (good >= 0.5 * total)).sum())
