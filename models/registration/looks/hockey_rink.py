"""What stands around the ice: boards and glass along the rounded outline, stands beyond.

Rays are intersected with the outline pixel by pixel. What lies behind the ice goes straight into
the picture; what stands before it is in `hockey_near`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.fields import Field
from edge.types import ImageArray
from models.registration import textures
from models.registration.cameras import Cameras
from models.registration.ground import Rays, tile
from models.registration.scenery import SceneryVenue, column
from models.registration.strokes import random_colour

BOARD_M = 1.07
"""NHL 1.3, IIHF 1.3: height of the boards above the ice."""
BOARD_ROWS = 40


@dataclass(frozen=True, slots=True)
class Crossings:
    """Where rays enter and leave the rink's outline, seen from above; (n, h, w) each."""

    enter: Tensor
    """In lengths of the rays."""
    leave: Tensor
    hit: Tensor
    """False where a ray passes beside the rink."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The rounded rectangle along which the boards stand, metres."""

    hx: float
    hy: float
    radius: float

    @classmethod
    def of(cls, field: Field) -> Outline:
        """The boards of a field."""
        return cls(field.length_m / 2, field.width_m / 2, field.corner_radius_m)

    def crossings(self, cams: Cameras, rays: Rays) -> Crossings:
        """Cut all rays; the cameras stand outside."""
        cx, cy = column(cams.centre_m[:, 0]), column(cams.centre_m[:, 1])
        dx, dy = not_zero(rays.dx), not_zero(rays.dy)
        ax, bx = (-self.hx - cx) / dx, (self.hx - cx) / dx
        ay, by = (-self.hy - cy) / dy, (self.hy - cy) / dy
        enter = torch.maximum(torch.minimum(ax, bx), torch.minimum(ay, by))
        leave = torch.minimum(torch.maximum(ax, bx), torch.maximum(ay, by))
        hit = (enter < leave) & (enter > 0)
        enter, met = self._rounded(cx, cy, dx, dy, enter, -1.0)
        leave, _ = self._rounded(cx, cy, dx, dy, leave, 1.0)
        return Crossings(enter, leave, hit & met)

    def _rounded(
        self, cx: Tensor, cy: Tensor, dx: Tensor, dy: Tensor, t: Tensor, root: float
    ) -> tuple[Tensor, Tensor]:
        """Move crossings of the rectangle in its corners onto the corner's arc, in place."""
        x, y = cx + t * dx, cy + t * dy
        kx, ky = self.hx - self.radius, self.hy - self.radius
        corner = (x.abs() > kx) & (y.abs() > ky)
        px = (cx - torch.sign(x) * kx)[corner]
        py = (cy - torch.sign(y) * ky)[corner]
        u, v = dx[corner], dy[corner]
        a, b = u * u + v * v, px * u + py * v
        disc = b * b - a * (px * px + py * py - self.radius**2)
        met = torch.ones_like(corner)
        met[corner] = disc > 0
        t[corner] = (-b + root * disc.clamp_min(0).sqrt()) / a
        return t, met

    def along(self, x: Tensor, y: Tensor) -> Tensor:
        """Metres along the boards from the middle of the nearer long side; negative to the left."""
        kx, ky = self.hx - self.radius, self.hy - self.radius
        u, v = (x.abs() - kx).clamp_min(0), y.abs() - ky
        turn = torch.atan2(u, v.clamp_min(1e-6))
        s = torch.minimum(x.abs(), torch.full_like(x, kx)) + self.radius * turn
        return torch.sign(x) * (s - v.clamp_max(0))

    def beyond(self, x: Tensor, y: Tensor) -> Tensor:
        """Metres outside the boards; negative inside."""
        u, v = x.abs() - (self.hx - self.radius), y.abs() - (self.hy - self.radius)
        outside = torch.hypot(u.clamp_min(0), v.clamp_min(0))
        return outside + torch.maximum(u, v).clamp_max(0) - self.radius


def not_zero(d: Tensor) -> Tensor:
    """The same, fit to divide by."""
    return torch.where(d.abs() < 1e-6, torch.full_like(d, 1e-6), d)


def strip_in_sizes(rng: np.random.Generator) -> list[Tensor]:
    """A random strip of boards, and half, a quarter and an eighth of it."""
    out = [_strip(rng)]
    for _ in range(3):
        size = (out[-1].shape[1] // 2, out[-1].shape[0] // 2)
        out.append(np.asarray(cv2.resize(out[-1], size, interpolation=cv2.INTER_AREA), np.uint8))
    return [torch.from_numpy(s).float() for s in out]


def _strip(rng: np.random.Generator) -> ImageArray:
    """(BOARD_ROWS, 4096, 3): panels with sponsors, kick plate below, cap above; top row first."""
    px = BOARD_ROWS / BOARD_M
    if rng.random() < 0.3:
        wide = textures.boards(rng)[:, :2048]
        strip = np.asarray(cv2.resize(wide, (4096, BOARD_ROWS)), np.uint8)
    else:
        strip = np.full((BOARD_ROWS, 4096, 3), int(rng.integers(205, 256)), np.uint8)
        _sponsors(strip, rng, px)
    kick = [(40, 205, 240), (40, 190, 225), (60, 220, 250), (235, 235, 235), (120, 60, 20)]
    kick_px = int(rng.uniform(0.14, 0.3) * px)
    colour = kick[int(rng.integers(5))] if rng.random() < 0.85 else random_colour(rng)
    strip[-kick_px:] = colour
    caps = [(160, 60, 10), (30, 20, 180), (20, 20, 20), (240, 240, 240), (40, 200, 240)]
    cap = caps[int(rng.integers(5))] if rng.random() < 0.8 else random_colour(rng)
    strip[: max(1, int(rng.uniform(0.04, 0.12) * px))] = cap
    return strip


def _sponsors(strip: ImageArray, rng: np.random.Generator, px: float) -> None:
    """Words and emblems on white panels, some on colours, from close together to none."""
    x, share = 0, rng.choice([0.0, 0.4, 0.9], p=[0.12, 0.25, 0.63])
    while x < strip.shape[1]:
        w = int(rng.uniform(1.8, 8.0) * px)
        if rng.random() < 0.2 * share:
            cv2.rectangle(strip, (x, 0), (x + w, BOARD_ROWS), random_colour(rng), -1)
        if rng.random() < share:
            ink = random_colour(rng)
            letters = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(3, 10))))
            scale = float(rng.uniform(0.5, 1.05))
            place = (x + int(rng.uniform(2, 40)), int(rng.uniform(20, 29)))
            font, thick = int(rng.integers(0, 5)), int(rng.integers(1, 4))
            cv2.putText(strip, letters, place, font, scale, ink, thick, cv2.LINE_AA)
            if rng.random() < 0.3:
                cv2.circle(strip, (x + w - 16, 18), int(rng.integers(5, 12)), ink, -1)
        x += w
        if rng.random() < 0.3:
            cv2.line(strip, (x, 0), (x, BOARD_ROWS), (150, 150, 150), 1)


@dataclass(frozen=True, slots=True)
class Rink:
    """One hall's boards and glass, random numbers and colours."""

    strip: list[Tensor]
    shift_m: float
    bright: float
    glass_m: float
    pitch_m: float
    post_m: float
    post: Tensor
    lines: float
    """How strongly the ice's lines go on up the boards, 0 to 1."""

    @classmethod
    def of(cls, rng: np.random.Generator, strips: list[list[Tensor]]) -> Rink:
        """Draw one."""
        return cls(
            strips[int(rng.integers(len(strips)))],
            float(rng.uniform(0, 100)),
            float(rng.uniform(0.6, 1.08)),
            float(rng.choice([0.0, 1.0], p=[0.07, 0.93]) * rng.uniform(0.8, 2.6)),
            float(rng.uniform(1.1, 2.6)),
            float(rng.uniform(0.015, 0.09)),
            torch.from_numpy(np.full(3, rng.choice([30.0, 120, 170, 235]))).float(),
            float(rng.choice([0.0, 1.0])),
        )


def far_side(
    rng: np.random.Generator,
    venue: SceneryVenue,
    rinks: list[Rink],
    picture: Tensor,
    cams: Cameras,
    rays: Rays,
    cuts: Crossings,
    field: Field,
) -> None:
    """Draw far boards, glass and stands, and what the ice mirrors of them, into (n, h, w, 3)."""
    outline = Outline.of(field)
    far_z = column(cams.centre_m[:, 2]) + cuts.leave * rays.dz
    x = column(cams.centre_m[:, 0]) + cuts.leave * rays.dx
    y = column(cams.centre_m[:, 1]) + cuts.leave * rays.dy
    s = outline.along(x, y)
    blue_x = abs(float(field.marking("right blue line").points_m[0, 0]))
    for i, rink in enumerate(rinks):
        pixel = float(cams.focal[i, 0]) * picture.shape[2]
        _mirror(rng, picture[i], rink, far_z[i], s[i])
        mask = (far_z[i] > 0) | ~cuts.hit[i]
        if bool(mask.any()):
            wall = s[i][mask], far_z[i][mask], cuts.leave[i][mask].abs() / pixel
            beside = ~cuts.hit[i][mask]
            lines = torch.where((y[i] > 0)[mask], x[i][mask], torch.full_like(wall[0], 1e3))
            picture[i][mask] = _far(rng, venue, rink, wall, beside, (lines, blue_x))


def _mirror(rng: np.random.Generator, image: Tensor, rink: Rink, z: Tensor, s: Tensor) -> None:
    """Boards and lamps that the ice reflects, blurred; (h, w, 3) in place."""
    strength = rng.uniform(0, 0.35) if rng.random() < 0.7 else 0.0
    lamps = rng.uniform(10, 70) if rng.random() < 0.55 else 0.0
    if strength + lamps == 0:
        return
    up, along = -z[::4, ::4], s[::4, ::4]
    light = torch.zeros((*up.shape, 3))
    if strength:
        dim = strength * torch.exp(-up.clamp_min(0) / rng.uniform(0.8, 3.0)) * (up > 0)
        shown = _board_colour(rink, along, up.clamp_max(BOARD_M * 0.98), 3)
        light += dim[..., None] * (shown - 225) * rng.uniform(0.5, 1.0)
    if lamps:
        px, pz = rng.uniform(3, 14), rng.uniform(2, 12)
        wave = torch.cos(2 * np.pi * (along + rng.uniform(0, 9)) / px)
        wave = wave.clamp_min(0) ** rng.uniform(2, 10)
        rows = torch.cos(2 * np.pi * (up / pz + rng.uniform())).clamp_min(0) ** rng.uniform(0.5, 4)
        light += lamps * (wave * rows)[..., None]
    size = image.shape[:2]
    full = functional.interpolate(light.permute(2, 0, 1)[None], size=size, mode="bilinear")[0]
    image += full.permute(1, 2, 0)


def _board_colour(rink: Rink, s: Tensor, z: Tensor, level: int) -> Tensor:
    """Colours (..., 3) of the boards `s` along and `z` up."""
    strip = rink.strip[level]
    per_m = strip.shape[0] / BOARD_M
    rows = (BOARD_M - z).clamp(0.001, BOARD_M - 0.001) * per_m
    return tile(strip, ((s + rink.shift_m) * per_m)[None], rows[None])[0] * rink.bright


def posts(s: Tensor, foot: Tensor, rink: Rink) -> Tensor:
    """Share of each pixel that stanchions cover."""
    off = torch.remainder(s, rink.pitch_m) - rink.pitch_m / 2
    cover = ((rink.post_m + foot) / 2 - off.abs()) / torch.minimum(
        torch.full_like(foot, rink.post_m), foot
    )
    return cover.clamp(0, 1) * (rink.post_m / foot).clamp_max(1)


def _far(
    rng: np.random.Generator,
    venue: SceneryVenue,
    rink: Rink,
    wall: tuple[Tensor, Tensor, Tensor],
    beside: Tensor,
    lines: tuple[Tensor, float],
) -> Tensor:
    """Colours (m, 3) beyond the ice: boards, glass, people or a wall above, the roof."""
    s, z, foot = wall
    size = float(foot.median())
    level = int(np.clip(np.log2(max(size, 1e-3) * BOARD_ROWS / BOARD_M), 0, 3))
    board = _board_colour(rink, s, z, level)
    if rink.lines:
        for at, ink in ((0.0, (45.0, 40, 180)), (lines[1], (180.0, 70, 30))):
            on = ((lines[0].abs() - at).abs() < 0.15)[:, None]
            board = torch.where(on, torch.tensor(ink) * rink.bright, board)
    crowd = _stand(rng, venue, s, z - BOARD_M, size)
    glass = ((z > BOARD_M) & (z < BOARD_M + rink.glass_m))[:, None]
    veil = rng.uniform(0.0, 0.28)
    tint = torch.from_numpy(rng.uniform(90, 235) * rng.uniform(0.93, 1.07, 3)).float()
    seen = crowd + veil * (tint - crowd)
    seen = seen + posts(s, foot, rink)[:, None] * 0.8 * (rink.post - seen)
    edge = (z - BOARD_M - rink.glass_m).abs() < foot.clamp_min(0.02) * 0.5
    seen = torch.where((edge & (rng.random() < 0.6))[:, None], seen * 0.5 + 110, seen)
    out = torch.where(glass, seen, crowd)
    return torch.where(((z < BOARD_M) & ~beside)[:, None], board, out)


def _stand(
    rng: np.random.Generator, venue: SceneryVenue, s: Tensor, up: Tensor, pixel_m: float
) -> Tensor:
    """People on their seats, gangways, an upper rank or a wall, then the roof's dark."""
    stand = venue.stands[int(rng.integers(len(venue.stands)))]
    # people are drawn about as large as the picture can show them, whatever the distance
    cell = pixel_m * rng.uniform(0.9, 3.2)
    crowd = tile(stand, (s / cell)[None], (up / (cell * rng.uniform(0.7, 1.4)))[None])[0]
    gangway = ((s / rng.uniform(5, 18)).frac().abs() < 0.07).float() * rng.uniform(0, 0.5)
    rank = ((up / rng.uniform(2.5, 9)).frac() < 0.12).float() * rng.uniform(0, 0.5)
    crowd = crowd * ((1 - gangway) * (1 - rank) * rng.uniform(0.3, 1.05))[:, None]
    wall = rng.uniform(0.0, 2.2) if rng.random() < 0.35 else 0.0  # a plain wall behind the glass
    plain = torch.from_numpy(rng.uniform(15, 235) * rng.uniform(0.85, 1.15, 3)).float()
    crowd = torch.where((up < wall)[:, None], plain, crowd)
    roof = torch.from_numpy(rng.uniform(8, 70) * rng.uniform(0.8, 1.2, 3)).float()
    return torch.where((up > rng.uniform(4, 30))[:, None], roof, crowd)
