"""The ground of a view, batched in torch: turf, painted lines, shadows, boards and stands.

Every function takes the generator that fixes the picture, and draws from it in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edge.fields import Field
from models.registration import textures
from models.registration.cameras import Cameras
from models.registration.ground import FieldMaps, Rays, line_coverage, tile

GRASS_BGR = np.array(
    [
        [52, 120, 78],
        [60, 135, 92],
        [48, 105, 90],
        [50, 95, 62],
        [70, 150, 100],
        [40, 110, 60],
        [66, 128, 122],
    ]
)
OUTSIDE_BGR = np.array(
    [
        [60, 70, 150],
        [120, 120, 120],
        [70, 130, 90],
        [90, 60, 40],
        [60, 60, 60],
        [150, 110, 60],
        [50, 105, 70],
    ]
)
DRY_BGR = (75.0, 120.0, 140.0)
INKS_BGR = np.array([[40, 210, 235], [200, 120, 40], [60, 60, 200], [230, 230, 230]])
"""Colours that another sport's lines have."""
SKIES_BGR = ((230.0, 200, 170), (200, 200, 200), (35, 25, 20), (235, 235, 235))


class SceneryVenue:
    """Textures that many pictures share; made once per renderer."""

    def __init__(self, rng: np.random.Generator) -> None:
        noise = [
            textures.fractal_noise(rng, o, roughness=r)
            for o, r in ((3, 0.6), (5, 0.7), (7, 0.85), (7, 1.0))
        ]
        self.noise = [torch.from_numpy(n) for n in noise]
        stands = [textures.crowd(rng) for _ in range(14)] + [
            textures.backdrop(rng, noise[k % 4]) for k in range(8)
        ]
        self.stands = [torch.from_numpy(s).float() for s in stands]
        self.boards = [torch.from_numpy(textures.boards(rng)).float() for _ in range(12)]


def column(values: NDArray[Any]) -> Tensor:
    """(n,) numbers, one a picture -> (n, 1, 1) float32."""
    return torch.from_numpy(np.asarray(values)).float().view(-1, 1, 1)


def colours(values: NDArray[Any]) -> Tensor:
    """(n, 3) colours, one a picture -> (n, 1, 1, 3) float32."""
    return torch.from_numpy(values).float().view(-1, 1, 1, 3)


def grass(rng: np.random.Generator, venue: SceneryVenue, rays: Rays, field: Field) -> Tensor:
    """Turf with its mowing pattern and wear, and what lies beyond it; (n, h, w, 3), 0..255."""
    n = len(rays.x)
    base = (
        GRASS_BGR[rng.integers(len(GRASS_BGR), size=n)]
        * rng.uniform(0.8, 1.45, (n, 1))
        * rng.uniform(0.88, 1.12, (n, 3))
    )
    # tones are smooth: half the resolution does
    x, y = rays.x[:, ::2, ::2], rays.y[:, ::2, ::2]
    mow = _mowing(rng, x, y)
    patches = tile(venue.noise[1], x * 4 + 100, y * 4)[..., 0]
    fine = tile(venue.noise[3], x * 23, y * 23)[..., 0]
    tone = (
        1
        + mow
        + column(rng.uniform(0.0, 0.10, n)) * patches
        + column(rng.uniform(0.0, 0.12, n)) * fine
    )
    turf = colours(base) * tone[..., None]
    dry = column(rng.choice([0.0, 0.25, 0.6], n, p=[0.65, 0.2, 0.15]))
    mouth = torch.exp(-(((x.abs() - field.length_m / 2 + 4) / 7) ** 2) - (y / 7) ** 2)
    bare = dry * ((patches - 0.9).clamp(0, 1) * 0.5 + mouth * (0.5 + 0.4 * patches).clamp(0, 1))
    turf = turf + bare[..., None] * (torch.tensor(DRY_BGR) - turf)
    half = _with_surround(rng, turf, base, (x, y), patches, field).permute(0, 3, 1, 2)
    return functional.interpolate(half, size=rays.x.shape[1:], mode="bilinear").permute(0, 2, 3, 1)


def _mowing(rng: np.random.Generator, x: Tensor, y: Tensor) -> Tensor:
    """Relative tone of the mower's stripes: across, along, both, or rings or nothing."""
    n = len(x)
    kind = rng.choice(4, n, p=[0.5, 0.15, 0.2, 0.15])
    period = column(rng.choice([5.5, 8.0, 9.2, 10.5, 13.0, 17.5], n) * rng.uniform(0.9, 1.1, n))
    phase = column(rng.uniform(0, 20, n))
    soft = column(rng.uniform(2, 14, n))
    wave_x = torch.tanh(soft * torch.sin((x + phase) * (np.pi / period)))
    wave_y = torch.tanh(soft * torch.sin((y + phase) * (np.pi / period)))
    rings = torch.tanh(soft * torch.sin(torch.hypot(x, y) * (np.pi / period)))
    ringed = (kind == 3) & (rng.random(n) < 0.3)
    wx, wy = column((kind == 0) | (kind == 2)), column((kind == 1) | (kind == 2))
    strength = column(rng.uniform(0.0, 0.13, n))
    return strength * (wx * wave_x + wy * wave_y * 0.7 + column(ringed) * rings)


def _with_surround(
    rng: np.random.Generator,
    turf: Tensor,
    base: NDArray[np.float64],
    ground: tuple[Tensor, Tensor],
    patches: Tensor,
    field: Field,
) -> Tensor:
    """Track, concrete or more grass where the (x, y) metres of `ground` lie beyond the run-off."""
    n = len(turf)
    x, y = ground
    run = rng.uniform(1.0, 7.0, n)
    beyond_x = x.abs() > field.length_m / 2 + column(run)
    beyond = beyond_x | (y.abs() > field.width_m / 2 + column(run))
    out = OUTSIDE_BGR[rng.integers(len(OUTSIDE_BGR), size=n)] * rng.uniform(0.6, 1.3, (n, 1))
    grassy = rng.random(n) < 0.35
    out[grassy] = base[grassy] * rng.uniform(0.75, 1.1, (int(grassy.sum()), 1))
    outside = colours(out) * (1 + 0.07 * patches[..., None])
    return torch.where(beyond[..., None], outside, turf)


def painted(
    rng: np.random.Generator, venue: SceneryVenue, picture: Tensor, maps: FieldMaps, rays: Rays
) -> Tensor:
    """The field's own lines, whole or worn, on (n, h, w, 3)."""
    n = len(picture)
    worn = tile(venue.noise[2], rays.x * 11, rays.y * 11)[..., 0]
    strength = column(rng.choice([0.0, 0.12, 0.3], n, p=[0.5, 0.35, 0.15]))
    alpha = line_coverage(maps, rays, torch.from_numpy(rng.uniform(0.09, 0.15, n)).float())
    alpha = alpha * (1 + strength * worn).clamp(0.1, 1) * column(rng.uniform(0.45, 1.0, n) ** 0.5)
    paint = torch.from_numpy(
        rng.uniform(195, 262, (n, 1, 1, 1)) * rng.uniform(0.93, 1.05, (n, 1, 1, 3))
    ).float()
    return picture + alpha[..., None] * (paint - picture)


def other_lines(rng: np.random.Generator, picture: Tensor, maps: FieldMaps, rays: Rays) -> Tensor:
    """Another field's lines on the same turf, shifted, turned and scaled, in another colour."""
    n = len(picture)
    s = float(rng.choice([0.45, 0.6, 1.0]))
    turn = float(rng.choice([0.0, np.pi / 2]))
    c, d = np.cos(turn) / s, np.sin(turn) / s
    ox, oy = rng.uniform(-25, 25, 2)
    x = c * (rays.x - ox) - d * (rays.y - oy)
    y = d * (rays.x - ox) + c * (rays.y - oy)
    moved = Rays(x, y, rays.up, rays.dx, rays.dy, rays.dz)
    alpha = line_coverage(maps, moved, torch.full((n,), 0.1 / s))
    alpha = alpha * column(rng.uniform(0.1, 0.8, n))
    ink = colours(INKS_BGR[rng.integers(4, size=n)])
    return picture + alpha[..., None] * (ink - picture)


def shadows(rng: np.random.Generator, picture: Tensor, rays: Rays) -> Tensor:
    """The roof's shadow: a half plane of the ground, sometimes with a second edge."""
    n = len(picture)
    angle = rng.uniform(0, 2 * np.pi, n)
    a, b = column(np.cos(angle)), column(np.sin(angle))
    edge = column(rng.uniform(-45, 45, n))
    reach = (a * rays.x + b * rays.y - edge) / column(rng.uniform(0.15, 2.5, n))
    band = column(np.where(rng.random(n) < 0.3, rng.uniform(5, 40, n), 1e4))
    dark = torch.sigmoid(reach.clamp(-20, 20)) * (reach < band)
    depth = column(np.where(rng.random(n) < 0.35, rng.uniform(0.2, 0.62, n), 0.0))
    return picture * (1 - depth * dark)[..., None]


@dataclass(frozen=True, slots=True)
class _Wall:
    """Where one picture's rays meet the vertical planes around the pitch; (m,) each, m pixels."""

    along_m: Tensor
    up_m: Tensor
    distance: Tensor
    """In lengths of the rays."""


def surroundings(
    rng: np.random.Generator,
    venue: SceneryVenue,
    picture: Tensor,
    cams: Cameras,
    rays: Rays,
    field: Field,
) -> Tensor:
    """Boards and stands, (n, h, w, 3), in place: what rays hit before the ground behind it.

    They stand as vertical planes on a rectangle around the pitch, the near side left open.
    """
    n = len(cams)
    gap = rng.uniform(2.0, 14.0, (n, 2))
    return _enclose(rng, venue, picture, cams, rays, np.array([field.length_m, field.width_m]), gap)


def enclosed(
    rng: np.random.Generator,
    venue: SceneryVenue,
    picture: Tensor,
    cams: Cameras,
    rays: Rays,
    size_m: tuple[float, float],
) -> Tensor:
    """The same around a rectangle of `size_m`, walls close to it, for courts and halls."""
    gap = rng.uniform(0.0, 4.0, (len(cams), 2))
    return _enclose(rng, venue, picture, cams, rays, np.array(size_m), gap)


def _enclose(
    rng: np.random.Generator,
    venue: SceneryVenue,
    picture: Tensor,
    cams: Cameras,
    rays: Rays,
    size_m: NDArray[np.float64],
    gap: NDArray[np.float64],
) -> Tensor:
    n = len(cams)
    hx, hy = column(size_m[0] / 2 + gap[:, 0]), column(size_m[1] / 2 + gap[:, 1])
    along, up, t = _walls(cams, rays, hx, hy)
    board_m = np.where(rng.random(n) < 0.8, rng.uniform(0.7, 1.3, n), rng.uniform(0.0, 3.0, n))
    for i in range(n):
        mask = up[i] > 0
        if not bool(mask.any()):
            continue
        wall = _Wall(along[i][mask], up[i][mask], t[i][mask])
        pixel = cams.focal[i, 0] * picture.shape[2]
        picture[i][mask] = _wall_colours(rng, venue, wall, float(np.float32(board_m[i])), pixel)
    return picture


def _walls(cams: Cameras, rays: Rays, hx: Tensor, hy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Metres along the wall and above the ground, and length along the ray, (n, h, w) each."""
    eps = 1e-5
    cx, cy, cz = (column(cams.centre_m[:, k]) for k in range(3))
    t_far = (hy - cy) / torch.where(rays.dy > eps, rays.dy, torch.full_like(rays.dy, 1e-9))
    side = torch.sign(rays.dx)
    t_side = (side * hx - cx) / torch.where(rays.dx.abs() > eps, rays.dx, side * 1e-9 + 1e-12)
    t_side = torch.where(t_side > 0, t_side, torch.full_like(t_side, 1e9))
    t = torch.minimum(t_far, t_side)
    along = torch.where(t_far < t_side, cx + t * rays.dx, cy + t * rays.dy + 200)
    return along, cz + t * rays.dz, t


def _wall_colours(
    rng: np.random.Generator, venue: SceneryVenue, wall: _Wall, board_m: float, pixel: float
) -> Tensor:
    """Colours, (m, 3): a board `board_m` high, people or buildings above it, then the sky.

    `pixel` is the picture's focal length in pixels.
    """
    strip = venue.boards[int(rng.integers(len(venue.boards)))]
    stand = venue.stands[int(rng.integers(len(venue.stands)))]
    s, z = wall.along_m, wall.up_m
    rows = (1 - z / max(board_m, 1e-3)) * 64
    board = _look_up(strip, s * rng.uniform(12, 60), rows) * float(rng.uniform(0.6, 1.15))
    # people are drawn about as large as the picture can show them, whatever the distance
    cell = float(wall.distance.median() / pixel) * rng.uniform(0.9, 3.2)
    up = z - board_m
    crowd = _look_up(stand, s / cell, up / (cell * rng.uniform(0.7, 1.4)))
    stripes = (
        1
        - 0.35 * ((s / rng.uniform(8, 25)).frac().abs() < 0.08).float()
        - 0.25 * ((up / rng.uniform(4, 9)).frac() < 0.1).float()
    )
    crowd = crowd * (stripes * rng.uniform(0.45, 1.2))[:, None]
    roof = rng.uniform(3, 45)
    sky = torch.tensor(SKIES_BGR[rng.integers(4)])
    crowd = torch.where((up > roof)[:, None], sky * (1 - 0.002 * up[:, None]), crowd)
    return torch.where((z < board_m)[:, None], board, crowd)


def _look_up(texture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """(m,) texel coordinates -> (m, 3) colours."""
    return tile(texture, u[None, None], v[None, None])[0, 0]
