"""What stands between the camera and the ice: the near boards' backs, glass, spectators.

It is a layer of its own, laid over the picture when the players are in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.types import ImageArray
from models.registration.cameras import Cameras
from models.registration.ground import Rays, tile
from models.registration.looks.hockey_rink import (
    BOARD_M,
    Crossings,
    Outline,
    Rink,
    not_zero,
    posts,
)
from models.registration.strokes import random_colour

SEAT_M, ROW_M = 0.55, 0.85
SEAT_PX = 14
PX_PER_M = SEAT_PX / SEAT_M
TALL_M, ABOVE_M = 1.1, 0.15
"""A person's part that is drawn, and how much of it lies above the middle of the head."""
SEATS, ROWS = 48, 12
TALL_PX = int(TALL_M * PX_PER_M)


def backs(rng: np.random.Generator) -> Tensor:
    """(ROWS * TALL_PX, SEATS * SEAT_PX, 4) rows of people on their seats, seen from behind.

    Alpha is 0 between them.
    """
    image = np.zeros((ROWS * TALL_PX, SEATS * SEAT_PX, 4), np.uint8)
    fans = [random_colour(rng) for _ in range(3)]
    loyal, full = rng.uniform(0, 0.8), rng.choice([0.97, 0.9, 0.7, 0.3])
    blue, green, red = (int(c * rng.uniform(0.2, 0.7)) for c in random_colour(rng))
    for row in range(ROWS):
        strip = image[row * TALL_PX : (row + 1) * TALL_PX]
        for k in range(SEATS):
            x = int((k + 0.5) * SEAT_PX + rng.normal(0, 1.5))
            y = int(ABOVE_M * PX_PER_M + rng.normal(0.5, 1.2))
            if rng.random() > full:
                cv2.rectangle(strip, (x - 5, y + 9), (x + 5, TALL_PX), (blue, green, red, 255), -1)
                continue
            coat = fans[int(rng.integers(3))] if rng.random() < loyal else _plain(rng)
            cv2.ellipse(strip, (x, y + 16), (6, 11), 0, 0, 360, (*coat, 255), -1)
            head = random_colour(rng) if rng.random() < 0.2 else _hair(rng)
            cv2.circle(strip, (x, y), 4, (*head, 255), -1)
    return torch.from_numpy(image).float()


def _plain(rng: np.random.Generator) -> tuple[int, int, int]:
    shade = rng.uniform(10, 100)
    return (int(shade), int(shade * rng.uniform(0.8, 1.1)), int(shade * rng.uniform(0.8, 1.3)))


def _hair(rng: np.random.Generator) -> tuple[int, int, int]:
    tone = rng.uniform(8, 80)
    return (int(tone), int(tone * 1.2), int(tone * 1.45))


@dataclass(frozen=True, slots=True)
class Layer:
    """What stands between one camera and the ice, from row `top` of its picture down."""

    top: int
    colour: ImageArray
    alpha: NDArray[np.float32]
    """(h - top, w), 0..1: 0 shows the ice."""

    def over(self, image: ImageArray) -> None:
        """Lay it over a picture, in place."""
        if len(self.alpha):
            part = image[self.top :]
            part[:] = cv2.blendLinear(part, self.colour, 1 - self.alpha, self.alpha)


@dataclass(frozen=True, slots=True)
class _Sight:
    """One camera's rays from row `top` down, and where they enter the rink; (h, w) each."""

    centre: tuple[float, float, float]
    dx: Tensor
    dy: Tensor
    dz: Tensor
    enter: Tensor
    hit: Tensor
    z: Tensor
    """Height where they enter, metres."""
    outline: Outline

    @property
    def behind(self) -> float:
        """How far the camera stands behind the boards, metres."""
        return -self.outline.hy - self.centre[1]

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Field x and y after `t` lengths of the rays."""
        return self.centre[0] + t * self.dx, self.centre[1] + t * self.dy


def near_side(
    rng: np.random.Generator,
    people: list[Tensor],
    rink: Rink,
    cams: Cameras,
    rays: Rays,
    cuts: Crossings,
    i: int,
    outline: Outline,
) -> Layer:
    """The layer of camera i; `people` are the results of `backs` to choose from."""
    z = float(cams.centre_m[i, 2]) + cuts.enter[i] * rays.dz[i]
    low = (cuts.hit[i] & (z < BOARD_M + rink.glass_m + 0.3)).any(1)
    top = int(low.float().argmax()) if bool(low.any()) else len(z)
    dx, dy, dz = (v[i, top:] for v in (rays.dx, rays.dy, rays.dz))
    cx, cy, cz = (float(v) for v in cams.centre_m[i])
    enter, hit = cuts.enter[i, top:], cuts.hit[i, top:]
    sight = _Sight((cx, cy, cz), dx, dy, dz, enter, hit, z[top:], outline)
    if top == len(z):
        return Layer(top, np.empty((0, z.shape[1], 3), np.uint8), np.empty((0, z.shape[1]), "f4"))
    foot = sight.enter.abs() / (float(cams.focal[i, 0]) * z.shape[1])
    alpha, colour = _boards(rng, rink, sight, foot)
    if rng.random() < (0.85 if cz > 7 else 0.4):
        tile_of_people = people[int(rng.integers(len(people)))]
        alpha, colour = _spectators(rng, tile_of_people, sight, alpha, colour)
    return Layer(top, colour.clamp(0, 255).to(torch.uint8).numpy(), alpha.numpy())


def _boards(
    rng: np.random.Generator, rink: Rink, sight: _Sight, foot: Tensor
) -> tuple[Tensor, Tensor]:
    """Glass with its posts, the boards' cap and backs, the floor behind: cover and colours."""
    z, hit = sight.z, sight.hit
    s = sight.outline.along(*sight.at(sight.enter))
    glass = hit & (z > BOARD_M) & (z < BOARD_M + rink.glass_m)
    alpha = glass * float(rng.uniform(0, 0.12))
    colour = torch.full((*z.shape, 3), float(rng.uniform(120, 250)))
    post = posts(s, foot, rink) * glass * rng.uniform(0.5, 1.0)
    edge = hit & ((z - BOARD_M - rink.glass_m).abs() < (foot * 0.6).clamp_min(0.012))
    post = torch.maximum(post, edge * rng.uniform(0, 0.7) * float(rink.glass_m > 0))
    alpha, colour = _onto(alpha, colour, post, rink.post)
    cap = hit & (z <= BOARD_M) & (z > BOARD_M - rng.uniform(0.05, 0.2))
    back = torch.from_numpy(np.full(3, rng.uniform(8, 170)) * rng.uniform(0.85, 1.1, 3)).float()
    alpha, colour = _onto(alpha, colour, (hit & (z <= BOARD_M)).float(), back)
    alpha, colour = _onto(alpha, colour, cap.float(), rink.strip[3][0, 0] * rink.bright)
    ground = torch.from_numpy(rng.uniform(15, 190) * rng.uniform(0.85, 1.15, 3)).float()
    return _onto(alpha, colour, (hit & (z < 0)).float(), ground)


def _onto(alpha: Tensor, colour: Tensor, cover: Tensor, ink: Tensor) -> tuple[Tensor, Tensor]:
    """Lay paint of `cover` (h, w) over a layer."""
    total = cover + alpha * (1 - cover)
    share = (cover / total.clamp_min(1e-6))[..., None]
    return total, colour + share * (ink - colour)


def _rise(rng: np.random.Generator, sight: _Sight) -> tuple[float, float, float] | None:
    """The rows' rise: distance of the first from the boards, its heads' height, slope.

    None where the camera stands too low to look over anybody. Heads hide a quarter of the ice at
    most, and the camera looks down on all rows.
    """
    first, head = float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.7, 1.7))
    cz, behind = sight.centre[2], sight.behind
    hidden = head * (behind - first) / max(cz - head, 0.1) - first
    if hidden > 0.5 * sight.outline.hy:
        head = 0.9
    most = (cz - 0.6 - head) / max(behind - first, 0.5)
    if most < 0.1:
        return None
    return first, head, min(most * float(rng.uniform(0.1, 0.75)), 0.65)


def _spectators(
    rng: np.random.Generator, people: Tensor, sight: _Sight, alpha: Tensor, colour: Tensor
) -> tuple[Tensor, Tensor]:
    """Lay rows of upright people over a layer: each ray meets at most a few rows' planes."""
    rise = _rise(rng, sight)
    if rise is None:
        return alpha, colour
    first, head, slope = rise
    size = float(rng.uniform(0.85, 1.2))
    t, rate, steep = _onto_slope(sight, first, head + ABOVE_M * size, slope)
    x, y = sight.at(t)
    d = sight.outline.beyond(x, y)
    mask = sight.hit & (t > 0.3) & (t <= sight.enter + 0.5) & (d > first - 0.01) & (steep < 0)
    if not bool(mask.any()):
        return alpha, colour
    d, fall = d[mask], -(steep / not_zero(rate))[mask]  # metres below the tops per metre inwards
    u = sight.outline.along(x, y)[mask] / size * PX_PER_M + float(rng.uniform(0, 500))
    row = ((d - first) / ROW_M).floor()
    dark = float(rng.uniform(8, 45))
    shown = torch.full((len(d), 3), dark)
    cover = (row > 0).float()
    for step in (2, 1, 0):  # the farthest first
        at = row - step
        below = fall.abs() * (d - first - at * ROW_M) / size
        v = (below * PX_PER_M).clamp(0, TALL_PX - 1) + torch.remainder(at, ROWS) * TALL_PX
        texel = tile(people, (u + at * 5)[None], v[None])[0]
        there = (texel[:, 3] > 0) & (at >= 0) & (below < TALL_M)
        shown = torch.where(there[:, None], texel[:, :3], shown)
        cover = torch.where(there, torch.ones_like(cover), cover)
    full = torch.zeros_like(alpha)
    full[mask] = cover
    ink = torch.zeros_like(colour)
    ink[mask] = shown * float(rng.uniform(0.4, 1.1))
    return _onto(alpha, colour, full, ink)


def _onto_slope(
    sight: _Sight, first: float, tops: float, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Where rays meet the slope over the heads: lengths, then change of distance and of clearance.

    Newton's steps from the boards back along the ray; the slope is convex. `tops` is its height
    over the first row.
    """
    t = sight.enter
    rate = steep = t
    for _ in range(3):
        x, y = sight.at(t)
        d = sight.outline.beyond(x, y)
        rate = (sight.outline.beyond(x + 0.02 * sight.dx, y + 0.02 * sight.dy) - d) / 0.02
        steep = sight.dz - slope * rate
        over = sight.centre[2] + t * sight.dz - tops - slope * (d - first)
        t = t - over / not_zero(steep)
    return t, rate, steep
