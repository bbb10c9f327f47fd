"""The heavy part of a rendered view, batched in torch: where every pixel's ray meets the ground.

Nothing here knows a sport: markings come as distance maps of a `Field`, colours and wear as numbers
drawn by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.fields import Field, distance_map
from models.registration.cameras import Cameras

LINE_REACH = 1 / 32
"""Line distances are normalized by this share of the picture's width: 10 pixels of 320."""
REGION_REACH = 1 / 8
"""Region distances likewise: a wide basin for a poor start."""
FAR = 1.15
"""Coordinates are learned out to this many half lengths and widths."""
MAP_M = 0.1
MAP_MARGIN_M = 14.0
"""Of a soccer field; smaller fields take finer maps (see `FieldMaps.fine`)."""
SOCCER_LENGTH_M = 105.0


@dataclass(frozen=True, slots=True)
class FieldMaps:
    """Distance maps of a field as a texture, with the direction to the nearest line."""

    texture: Tensor
    """(1, 4, rows, columns): line distance (m), its gradient along x and y, region distance (m)."""
    half_m: tuple[float, float]
    """Half extent of the texture along x and y, metres."""
    length_m: float
    width_m: float

    @classmethod
    def fine(cls, field: Field) -> FieldMaps:
        """Draw the maps of a field as finely, for its length, as those of a soccer field."""
        share = min(1.0, field.length_m / SOCCER_LENGTH_M)
        return cls.of(field, MAP_M * share, max(5.0, MAP_MARGIN_M * share))

    @classmethod
    def of(cls, field: Field, map_m: float = MAP_M, margin_m: float = MAP_MARGIN_M) -> FieldMaps:
        """Draw the maps of a field, `margin_m` beyond its borders, `map_m` to a pixel."""
        d = distance_map(field, "line", map_m, margin_m).data.astype(np.float32)
        r = distance_map(field, "region", map_m, margin_m).data.astype(np.float32)
        gy, gx = np.gradient(d * d / 2)  # smooth across the line, where d itself has a kink
        n = np.maximum(np.hypot(gx, gy), 1e-6)
        stack = np.stack([d, gx / n, -gy / n, r])  # rows run down, field y runs up
        rows, columns = d.shape
        return cls(
            torch.from_numpy(stack.astype(np.float32))[None],
            (columns * map_m / 2, rows * map_m / 2),
            field.length_m,
            field.width_m,
        )

    def sample(self, x: Tensor, y: Tensor, channels: slice = slice(None)) -> Tensor:
        """Field coordinates (b, h, w) -> (b, channels, h, w); beyond the map, its border."""
        g = torch.stack([x / self.half_m[0], -y / self.half_m[1]], -1).clamp(-1, 1)
        b = g.shape[0]
        tex = self.texture[:, channels].expand(b, -1, -1, -1)
        return functional.grid_sample(tex, g, "bilinear", "border", align_corners=False)


@dataclass(frozen=True, slots=True)
class Rays:
    """Where a batch of pictures looks, pixel by pixel; all (b, h, w)."""

    x: Tensor
    """Field x of the ground seen, metres; meaningless where `up`."""
    y: Tensor
    up: Tensor
    """True where the ray never meets the ground."""
    dx: Tensor
    dy: Tensor
    dz: Tensor


def cast(cams: Cameras, width: int, height: int, step: int = 1) -> Rays:
    """Rays through every pixel, or through the centre of every step x step cell."""
    c = (step - 1) / 2
    u = torch.arange(c, width, step) - (width - 1) / 2
    v = torch.arange(c, height, step) - (height - 1) / 2
    half = width / 2
    uu, vv = u.view(1, 1, -1) / half, v.view(1, -1, 1) / half
    f = torch.from_numpy(cams.focal).float() * 2  # over half the width
    aspect = (f[:, 0] / f[:, 1]).view(-1, 1, 1)
    s = 1 + torch.from_numpy(cams.kappa).float().view(-1, 1, 1) * (uu**2 + (vv * aspect) ** 2)
    a, b = uu * s / f[:, :1, None], vv * s / f[:, 1:, None]
    r = torch.from_numpy(cams.rotation).float()
    d = [
        a * r[:, 0, k].view(-1, 1, 1) + b * r[:, 1, k].view(-1, 1, 1) + r[:, 2, k].view(-1, 1, 1)
        for k in range(3)
    ]
    centre = torch.from_numpy(cams.centre_m).float()
    up = d[2] > -1e-4
    t = -centre[:, 2].view(-1, 1, 1) / torch.where(up, torch.full_like(d[2], -1e-4), d[2])
    x = centre[:, 0].view(-1, 1, 1) + t * d[0]
    y = centre[:, 1].view(-1, 1, 1) + t * d[1]
    return Rays(x, y, up, d[0], d[1], d[2])


def _scale(x: Tensor, y: Tensor, nx: Tensor, ny: Tensor) -> Tensor:
    """Metres across the line for a step of the map, |J^T n| by central differences; (b, h, w)."""
    jx_u, jy_u = torch.gradient(x, dim=2)[0], torch.gradient(y, dim=2)[0]
    jx_v, jy_v = torch.gradient(x, dim=1)[0], torch.gradient(y, dim=1)[0]
    return torch.hypot(jx_u * nx + jy_u * ny, jx_v * nx + jy_v * ny).clamp_min(1e-4)


def labels(
    cams: Cameras, maps: FieldMaps, width: int, height: int, stride: int
) -> dict[str, Tensor]:
    """Ground truth at the stride of the network's maps.

    `xy` (b, 2, h, w) in half lengths and widths; `field` and `near` (b, h, w) bool, on the field
    and within `FAR`; `distances` (b, 2, h, w), 0..1: line and region distance over their reach, in
    pixels across the line (the first order approximation distance / |gradient|, Sampson 1982).
    """
    rays = cast(cams, width, height, stride)
    xn, yn = rays.x * 2 / maps.length_m, rays.y * 2 / maps.width_m
    ground = ~rays.up
    on = ground & (xn.abs() <= 1) & (yn.abs() <= 1)
    near = ground & (xn.abs() <= FAR) & (yn.abs() <= FAR)
    d, nx, ny, r = maps.sample(rays.x, rays.y).unbind(1)
    across = _scale(rays.x, rays.y, nx, ny) / stride  # metres per pixel of the picture
    line = torch.where(ground, d / across / (LINE_REACH * width), torch.ones_like(d)).clamp(0, 1)
    # regions are far away: the local scale of the ground stands in for the direction to them
    mean = torch.sqrt(_area(rays.x, rays.y)) / stride
    region = torch.where(ground, r / mean / (REGION_REACH * width), torch.ones_like(r)).clamp(0, 1)
    return {
        "xy": torch.stack([xn, yn], 1).clamp(-2, 2),
        "field": on,
        "near": near,
        "distances": torch.stack([line, region], 1),
    }


def _area(x: Tensor, y: Tensor) -> Tensor:
    """Ground area of one step of the map, square metres."""
    xu, yu = torch.gradient(x, dim=2)[0], torch.gradient(y, dim=2)[0]
    xv, yv = torch.gradient(x, dim=1)[0], torch.gradient(y, dim=1)[0]
    return (xu * yv - xv * yu).abs().clamp_min(1e-8)


def line_coverage(maps: FieldMaps, rays: Rays, line_m: Tensor) -> Tensor:
    """Share of each pixel that paint covers, (b, h, w).

    A line of width `line_m` (b,) is seen through a box of one pixel.
    """
    d, nx, ny = maps.sample(rays.x, rays.y, slice(0, 3)).unbind(1)
    foot = _scale(rays.x, rays.y, nx, ny)
    w = line_m.view(-1, 1, 1)
    cover = ((w + foot) / 2 - d) / torch.minimum(w, foot)
    cover = cover.clamp(0, 1) * (w / foot).clamp(max=1)
    return torch.where(rays.up, torch.zeros_like(cover), cover)


def tile(texture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Nearest look-up in a repeating (rows, columns[, 3]) texture at (b, h, w) texels."""
    rows, columns = texture.shape[:2]
    i = torch.remainder(v, rows).long().clamp_(0, rows - 1)
    j = torch.remainder(u, columns).long().clamp_(0, columns - 1)
    return texture.reshape(rows * columns, -1)[(i * columns + j).reshape(-1)].reshape(*u.shape, -1)
