"""American football: All-22, broadcast and press-box views, virtual lines, 22 players and more."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from edge.fields import Field
from edge.fields.shapes import YARD
from edge.types import ImageArray
from models.registration import foreground, scenery
from models.registration.cameras import Array, Cameras, Mix, look_at
from models.registration.floors import Canvas
from models.registration.ground import Rays
from models.registration.looks import american_football_people as people
from models.registration.looks.american_football_floor import paint_field
from models.registration.looks.floor_look import FloorLook
from models.registration.scenery import colours, column

VIRTUAL_BGR = np.array(
    [[40, 225, 250], [200, 70, 30], [40, 40, 210], [30, 30, 30], [240, 240, 240], [60, 160, 250]]
)
"""First-down yellow, the line of scrimmage's blue, red, black, white, orange."""
VIRTUAL_SHARES = ([0.8, 0.04, 0.06, 0.02, 0.04, 0.04], [0.1, 0.6, 0.1, 0.1, 0.05, 0.05])
"""Of these colours, for the first-down line and for the line of scrimmage."""
BLIND = 0.4
"""Share of views without a numeral or an end zone that are kept as they are."""


def _with_evidence(
    rng: np.random.Generator, field: Field, centre: Array, target: Array, focal: Array
) -> tuple[Array, Array, Array]:
    """Widen lenses until a numeral or an end zone is in the picture, but for a share of them."""
    digits = [(*r.polygon_m.mean(0), 0.0) for r in field.regions if r.name.endswith("units")]
    ends = [(s * 55 * YARD, v, 0.0) for s in (-1, 1) for v in (-18, -9, 0, 9, 18)]
    points = np.array(digits + ends)
    rotation = look_at(centre, target, np.zeros(len(focal)))
    p = np.einsum("nij,nmj->nmi", rotation, points[None] - centre[:, None])
    depth = np.maximum(p[..., 2], 1e-3)
    u, v = np.abs(p[..., 0] / depth), np.abs(p[..., 1] / depth)
    least = np.maximum(u / 0.47, v / (0.47 * 9 / 16))
    least = np.where(p[..., 2] > 1, least, np.inf).min(1)
    most = 1 / np.maximum(least, 1e-3)
    free = rng.random(len(focal)) < BLIND
    return centre, target, np.where(free, focal, np.minimum(focal, np.maximum(most, 0.4)))


def _targets(rng: np.random.Generator, n: int, field: Field, spread_y: float) -> Array:
    """Any yard line, mostly between the 15s and near the field's axis; a tenth at the ends."""
    x = rng.uniform(-0.37, 0.37, n)
    kind = rng.random(n)
    x = np.where(kind < 0.3, rng.uniform(-0.5, 0.5, n), x)
    x = np.where(kind < 0.1, np.sign(x) * rng.uniform(0.38, 0.5, n), x) * field.length_m
    y = np.clip(rng.normal(0, spread_y, n), -0.5, 0.5) * field.width_m
    return np.stack([x, y, np.zeros(n)], 1)


def _stands(rng: np.random.Generator, n: int) -> Array:
    """Where along the field cameras stand: at midfield mostly, or at the 25s."""
    place = rng.choice([0.0, -23.0, 23.0], n, p=[0.7, 0.15, 0.15])
    return place + rng.normal(0, 4, n)


def all_22(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """The coaches' camera, high above midfield, and its likes: 75-150 m back, 22-70 m high."""
    away = np.clip(rng.normal(112, 18, n), 70, 155)
    height = away * rng.uniform(0.27, 0.52, n)
    focal = np.exp(rng.uniform(np.log(2.3), np.log(5.4), n)) * away / 115
    centre = np.stack([rng.normal(0, 6, n), -away, height], 1)
    return _with_evidence(rng, field, centre, _targets(rng, n, field, 0.12), focal)


def sideline(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Sideline cameras of a stadium: 45-115 m from the axis, 9-30 m high."""
    away = rng.uniform(42, 118, n)
    height = np.clip(away * rng.uniform(0.14, 0.38, n), 9, 34)
    focal = np.exp(rng.uniform(np.log(1.3), np.log(5.4), n)) * away / 85
    centre = np.stack([_stands(rng, n), -away, height], 1)
    return _with_evidence(rng, field, centre, _targets(rng, n, field, 0.16), focal)


def press_box(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """A school's press box or mast: 10-50 m behind the sideline, 4-17 m high."""
    away = field.width_m / 2 + rng.uniform(8, 50, n)
    height = np.maximum(rng.uniform(4, 17, n), 0.1 * away)
    focal = np.exp(rng.uniform(np.log(0.7), np.log(2.6), n)) * away / 55
    centre = np.stack([_stands(rng, n), -away, height], 1)
    return _with_evidence(
        rng, field, centre, _targets(rng, n, field, 0.16), np.maximum(focal, 0.45)
    )


def anywhere(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Any place along the near side, low and near ones and looks at an end included."""
    away = field.width_m / 2 + rng.uniform(2, 100, n)
    height = np.maximum(rng.uniform(2.5, 45, n), 0.07 * away)
    focal = np.exp(rng.uniform(np.log(0.5), np.log(5.0), n)) * np.maximum(away / 90, 0.6)
    centre = np.stack([rng.uniform(-60, 60, n), -away, height], 1)
    return _with_evidence(rng, field, centre, _targets(rng, n, field, 0.26), focal)


class AmericanFootballLook(FloorLook):
    """American football fields."""

    sport: ClassVar[str] = "american_football"
    mix: ClassVar[Mix] = ((0.4, all_22), (0.26, sideline), (0.19, press_box), (0.15, anywhere))
    broadcast: ClassVar[Mix] = ((0.5, all_22), (0.5, sideline))
    wide: ClassVar[Mix] = ((0.2, all_22), (0.25, sideline), (0.3, press_box), (0.25, anywhere))
    mirror: ClassVar[Literal["x", "y"] | None] = None
    variants: ClassVar[tuple[tuple[str, float], ...]] = (
        ("nfl", 0.5),
        ("ncaa_football", 0.28),
        ("high_school_football", 0.22),
    )
    scale_m: ClassVar[float] = 0.045
    margin_m: ClassVar[float] = 9.0
    POOL: ClassVar[int] = 5
    RENEW: ClassVar[int] = 8

    def paint(self, field: Field) -> Canvas:
        """Paint a floor (see `american_football_floor`)."""
        return paint_field(self.rng, field, self.scale_m, self.margin_m)

    def light(self, picture: Tensor, rays: Rays) -> Tensor:
        """Shadows, and over them the lines that television draws on the ground."""
        shaded = scenery.shadows(self.rng, picture, rays)
        return virtual_lines(self.rng, shaded, rays)

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Virtual signs, people, posts and pylons, what stands before a low camera."""
        rng = self.rng
        look = people.seen_middle(cams, i)
        scrimmage = float(np.clip(look[0] + rng.normal(0, 7), -49 * YARD, 49 * YARD))
        if rng.random() < 0.15:
            people.down_sign(image, cams, i, scrimmage, rng)
        people.posts(image, cams, i, field, rng)
        people.everyone(image, cams, i, field, scrimmage, rng)
        low = bool(cams.centre_m[i, 2] < 9)
        if (low and rng.random() < 0.4) or rng.random() < 0.05:
            foreground.foreground(image, rng)


def virtual_lines(rng: np.random.Generator, picture: Tensor, rays: Rays) -> Tensor:
    """First-down lines, lines of scrimmage and shaded areas at any x, (n, h, w, 3)."""
    n, h, w = rays.x.shape
    middle = rays.x[:, (2 * h) // 3, w // 2].clamp(-45 * YARD, 45 * YARD).numpy()
    foot = torch.hypot(*torch.gradient(rays.x, dim=(1, 2))).clamp_min(1e-4)
    on_field = (rays.y.abs() < 24.4) & ~rays.up
    first = middle + rng.normal(0, 10, n)
    for k, share in enumerate((0.32, 0.26, 0.05)):
        shown = rng.random(n) < share
        x = first if k == 0 else first - rng.choice([-1, 1], n) * rng.uniform(0.5, 14, n)
        kind = rng.choice(6, n, p=VIRTUAL_SHARES[min(k, 1)])
        ink = colours(VIRTUAL_BGR[kind] * rng.uniform(0.8, 1.1, (n, 1)))
        wide = column(rng.uniform(0.12, 0.6, n) if k < 2 else rng.uniform(2, 18, n))
        strength = column(
            shown * (rng.uniform(0.55, 1.0, n) if k < 2 else rng.uniform(0.1, 0.4, n))
        )
        if not shown.any():
            continue
        far = (rays.x - column(np.clip(x, -50 * YARD, 50 * YARD))).abs()
        cover = (((wide + foot) / 2 - far) / torch.minimum(wide, foot)).clamp(0, 1)
        alpha = cover * (wide / foot).clamp(max=1) * strength * on_field
        picture = picture + alpha[..., None] * (ink - picture)
    return picture
