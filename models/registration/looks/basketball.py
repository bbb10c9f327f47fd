"""Basketball: wooden, plastic and asphalt courts in arenas and halls; cameras beside the court."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from edge.fields import Field
from edge.types import ImageArray
from models.registration import foreground, scenery
from models.registration.cameras import Array, Cameras, Mix
from models.registration.floors import Canvas
from models.registration.ground import Rays, tile
from models.registration.looks import basketball_props as props
from models.registration.looks.basketball_floor import paint_floor
from models.registration.looks.floor_look import FloorLook
from models.registration.people import crew
from models.registration.scenery import column
from models.registration.strokes import Colour, line, random_colour


def _placed(x: Array, y: Array, z: Array) -> Array:
    return np.stack([x, y, z], 1)


def _targets(rng: np.random.Generator, n: int, field: Field, spread: float) -> Array:
    """One half, an end or the middle; `spread` across the court in shares of its width."""
    kind = rng.random(n)
    side = rng.choice([-1, 1], n)
    x = np.where(kind < 0.6, side * rng.normal(0.27, 0.07, n), rng.normal(0, 0.12, n))
    x = np.where(kind > 0.85, side * rng.uniform(0.3, 0.5, n), x)
    y = rng.normal(0.02, spread, n)
    return _placed(x * field.length_m, np.clip(y, -0.5, 0.5) * field.width_m, np.zeros(n))


def main_camera(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """The main camera: 20 to 28 m from the near sideline, 8 to 11 m high, and around."""
    back = np.clip(rng.normal(24, 5, n), 11, 42)
    height = np.clip(back * rng.uniform(0.27, 0.52, n), 4.5, 18)
    x = np.clip(rng.normal(0, 2.5, n), -9, 9)
    focal = rng.lognormal(np.log(2.0), 0.25, n) * ((back + 7.5) / 31.5) ** 0.8
    focal = np.where(rng.random(n) < 0.2, focal * rng.uniform(1.15, 1.8, n), focal)
    y = -(field.width_m / 2 + back)
    return _placed(x, y, height), _targets(rng, n, field, 0.1), np.clip(focal, 0.9, 4.0)


def hall(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """A box on the stand of a small hall: in the middle or at a corner, a wide lens."""
    back = np.exp(rng.uniform(np.log(0.8), np.log(14), n))
    height = np.maximum(rng.uniform(2.2, 8.5, n), 0.25 * back)
    corner = rng.random(n) < 0.35
    middle = rng.normal(0, 2.5, n)
    x = np.where(corner, rng.choice([-1, 1], n) * rng.uniform(0.3, 0.6, n) * field.length_m, middle)
    y = -(field.width_m / 2 + back)
    target = _targets(rng, n, field, 0.15)
    target[:, 0] -= np.where(corner, 0.35 * x, 0)
    return _placed(x, y, height), target, np.exp(rng.uniform(np.log(0.42), np.log(1.5), n))


def anywhere(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Beside the court or off its corners, any height and lens."""
    back = rng.uniform(1, 45, n)
    height = np.maximum(rng.uniform(2.5, 26, n), 0.16 * back)
    x = rng.uniform(-18, 18, n)
    y = -(field.width_m / 2 + back)
    behind = rng.random(n) < 0.2  # at an end, on the near half
    x = np.where(behind, np.sign(x) * (field.length_m / 2 + rng.uniform(1, 14, n)), x)
    y = np.where(behind, -rng.uniform(0.35, 1.2, n) * field.width_m, y)
    target = _targets(rng, n, field, 0.22)
    target[:, 0] = np.where(behind, rng.uniform(-0.3, 0.3, n) * field.length_m, target[:, 0])
    reach = (np.where(behind, field.length_m / 2, back) + 7.5) / 30
    focal = np.exp(rng.uniform(np.log(0.8), np.log(3.2), n)) * reach
    return _placed(x, y, height), target, np.clip(focal, 0.42, 4.5)


def _row(along: Array, y: float, level: float) -> Array:
    """(n, 3) seats of one row."""
    return np.c_[along, np.full(len(along), y), np.full(len(along), level)]


class BasketballLook(FloorLook):
    """Basketball courts of three rule books."""

    sport: ClassVar[str] = "basketball"
    mix: ClassVar[Mix] = ((0.55, main_camera), (0.27, hall), (0.18, anywhere))
    broadcast: ClassVar[Mix] = ((1.0, main_camera),)
    wide: ClassVar[Mix] = ((0.4, main_camera), (0.35, hall), (0.25, anywhere))
    mirror: ClassVar[Literal["x", "y"] | None] = "x"
    variants: ClassVar[tuple[tuple[str, float], ...]] = (
        ("nba", 0.42),
        ("fiba", 0.4),
        ("ncaa_basketball", 0.18),
    )
    scale_m: ClassVar[float] = 0.018
    margin_m: ClassVar[float] = 5.0

    def paint(self, field: Field) -> Canvas:
        """Ground, paint, letters, logos, lines, wear."""
        return paint_floor(self.rng, field, self.scale_m, self.margin_m)

    # -- light and surroundings

    def light(self, picture: Tensor, rays: Rays) -> Tensor:
        """Reflections of lamps, boards and stands in a glossy floor; outdoors, hard shadows."""
        rng = self.rng
        if rng.random() < 0.25:
            picture = scenery.shadows(rng, picture, rays)
        return picture + self._gloss(rays)

    def _gloss(self, rays: Rays) -> Tensor:
        """What the floor mirrors, (n, h, w, 1): the mirrored ray meets the roof or the far wall."""
        rng, n = self.rng, len(rays.x)
        flat = torch.hypot(rays.dx, rays.dy).clamp_min(1e-6)
        steep = (-rays.dz / flat).clamp(0.02, 5)
        roof = column(rng.uniform(7, 25, n))
        reach = roof / steep / flat
        u, v = rays.x + rays.dx * reach, rays.y + rays.dy * reach
        step = column(rng.uniform(2.5, 9, n))
        grid = torch.cos(u * (2 * np.pi / step)) * torch.cos(v * (1.7 / step))
        lamps = torch.sigmoid(6 * (grid - 0.6)) * (v < 22)
        wall = (14 - rays.y) / rays.dy.clamp_min(0.05)
        along = rays.x + rays.dx * wall
        high = (-rays.dz * wall).clamp(0, 60)
        stand = tile(self.venue.noise[1], along * 18, torch.sqrt(high) * 25)[..., 0]
        board = (high < 1.1) * (1 + tile(self.venue.noise[0], along * 12, 0 * along)[..., 0])
        graze = torch.exp(-steep * 1.6)
        k = column(np.where(rng.random(n) < 0.6, rng.uniform(0, 1, n) ** 2, 0.0))
        lamp = column(np.where(rng.random(n) < 0.4, rng.uniform(0, 45, n), 0.0))
        out = lamp * lamps + k * graze * (38 * stand + 70 * board)
        return torch.where(rays.up, torch.zeros_like(out), out)[..., None]

    def surround(self, picture: Tensor, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Boards and stands close to the court on three sides."""
        size = (field.length_m + self.rng.uniform(3, 9), field.width_m + self.rng.uniform(3, 7))
        return scenery.enclosed(self.rng, self.venue, picture, cams, rays, size)

    # -- what stands there

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Rows of people, tables, baskets, players, what is before the camera."""
        rng = self.rng
        crowded = rng.random() < 0.65
        if crowded:
            props.rows(image, cams, i, self._far_seats(field), rng)
        main = props.Table(rng)
        if rng.random() < 0.6:
            props.table(image, cams, i, field, 1, main)
        places = self._people(field)
        kits = props.dress(rng)
        if rng.random() < 0.55:
            self._mirrored(image, cams, i, places)
        beside, shadow = self._beside(field), rng.uniform(0, 0.5)
        crew(image, cams, i, beside[beside[:, 1] > 0], rng, dress=props.suits(rng), shadow=shadow)
        crew(image, cams, i, places[places[:, 1] > 0], rng, dress=kits, shadow=shadow)
        made = props.Basket(rng)
        if rng.random() < 0.96:
            for sign in (-1, 1):
                props.basket(image, cams, i, field, sign, made)
        crew(image, cams, i, places[places[:, 1] <= 0], rng, dress=kits, shadow=shadow)
        crew(image, cams, i, beside[beside[:, 1] <= 0], rng, dress=props.suits(rng), shadow=shadow)
        if rng.random() < 0.3:
            props.table(image, cams, i, field, -1, main)
        self._before(image, cams, i, field, crowded=crowded)

    def _before(
        self, image: ImageArray, cams: Cameras, i: int, field: Field, *, crowded: bool
    ) -> None:
        """The near side's rows, heads before a low camera, a score banner."""
        rng = self.rng
        if crowded and rng.random() < 0.7:
            props.rows(image, cams, i, self._near_seats(field, cams.centre_m[i]), rng)
        low = bool(cams.centre_m[i, 2] < 5)
        if rng.random() < (0.3 if low else 0.08):
            foreground.foreground(image, rng)
        if rng.random() < 0.15:
            props.banner(image, rng)

    def _people(self, field: Field) -> Array:
        """(n, 2) places of players and officials, the farthest first."""
        rng = self.rng
        x, y = field.length_m / 2, field.width_m / 2
        n = 13 if rng.random() < 0.75 else int(rng.integers(0, 20))
        if rng.random() < 0.8:  # both teams at one end
            end = rng.choice([-1, 1])
            out = np.c_[end * rng.beta(2.2, 1.6, n) * x, rng.normal(0, 0.45, n) * y]
        else:
            out = rng.uniform(-1, 1, (n, 2)) * [x, y]
        out = np.clip(out, [-x - 1, -y - 0.8], [x + 1, y + 0.8])
        return out[np.argsort(-out[:, 1])]

    def _beside(self, field: Field) -> Array:
        """(n, 2) coaches, staff and photographers who stand outside the lines."""
        rng = self.rng
        x, y = field.length_m / 2, field.width_m / 2
        n = int(rng.integers(0, 12))
        along = np.c_[
            rng.uniform(-x, x, n),
            rng.choice([-1, 1], n, p=[0.3, 0.7]) * (y + rng.uniform(0.6, 3, n)),
        ]
        m = int(rng.integers(0, 6))
        ends = np.c_[
            rng.choice([-1, 1], m) * (x + rng.uniform(1.0, 4, m)), rng.uniform(-1, 1, m) * y
        ]
        out = np.r_[along, ends]
        return out[np.argsort(-out[:, 1])]

    def _far_seats(self, field: Field) -> Array:
        """(n, 3) seats behind the far sideline and both end lines, the farthest first."""
        rng = self.rng
        x, y = field.length_m / 2, field.width_m / 2
        gap, pitch = rng.uniform(1.3, 3.2), rng.uniform(0.5, 0.9)
        parts = []
        for row in range(int(rng.integers(0, 3))):
            along = np.arange(-x - 1, x + 1, pitch)
            along = along[rng.random(len(along)) < rng.uniform(0.4, 1.0)]
            level = 0.35 + 0.3 * row
            parts.append(_row(along, y + gap + row, level))
        for row in range(int(rng.integers(0, 2))):
            for sign in (-1, 1):
                across = np.arange(-y, y, pitch)
                across = across[rng.random(len(across)) < rng.uniform(0.3, 0.9)]
                at = sign * (x + rng.uniform(1.6, 3.2) + row)
                parts.append(np.c_[np.full(len(across), at), across, np.full(len(across), 0.35)])
        out = np.concatenate(parts) if parts else np.zeros((0, 3))
        return out[np.argsort(-out[:, 1])]

    def _near_seats(self, field: Field, camera_m: Array) -> Array:
        """(n, 3) heads along the near sideline, in rows that rise towards the camera."""
        rng = self.rng
        x, y = field.length_m / 2, field.width_m / 2
        gap, full = rng.uniform(0.9, 3.5), rng.uniform(0.4, 1.0)
        parts = []
        for row in range(int(rng.integers(1, 6))):
            at = -(y + gap + 0.9 * row)
            if at < camera_m[1] + 2.5:
                break
            along = np.arange(-x - 2, x + 2, rng.uniform(0.5, 1.1))
            along = along[rng.random(len(along)) < full]
            along = along + rng.normal(0, 0.1, len(along))
            level = rng.uniform(0.0, 0.4) + 0.15 * row + rng.normal(0, 0.08, len(along))
            parts.append(np.c_[along, np.full(len(along), at), level])
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def _mirrored(self, image: ImageArray, cams: Cameras, i: int, places: Array) -> None:
        """Faint figures upside down below the players' feet."""
        rng = self.rng
        if not len(places):
            return
        h, w = image.shape[:2]
        foot, z = cams.project(i, np.c_[places, np.zeros(len(places))], w, h)
        head, _ = cams.project(i, np.c_[places, np.full(len(places), -1.5)], w, h)
        layer = image.copy()
        tints: tuple[Colour, ...] = (random_colour(rng), random_colour(rng), (60, 70, 90))
        for k in np.flatnonzero((z > 1) & (np.abs(foot).max(1) < 3 * w)):
            wide = 0.2 * abs(float(head[k, 1] - foot[k, 1]))
            if 0.5 < wide < 0.2 * w:
                line(layer, foot[k], head[k], tints[k % 3], wide)
        alpha = rng.uniform(0.04, 0.22)
        image[:] = (image * (1 - alpha) + layer * alpha).astype(np.uint8)
