"""Tennis: hard, clay, grass and carpet, nets and umpires' chairs; cameras behind the baseline."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edge.fields import Field
from edge.types import ImageArray
from models.registration import foreground, logos, scenery
from models.registration.cameras import Array, Cameras, Mix
from models.registration.floors import Canvas, markings
from models.registration.ground import Rays
from models.registration.looks.floor_look import FloorLook
from models.registration.people import crew
from models.registration.strokes import line, polygon, random_colour
from models.registration.textures import fractal_noise

COURTS_BGR = np.array(
    [
        [150, 90, 40],
        [130, 70, 60],
        [140, 75, 95],
        [90, 125, 70],
        [60, 110, 60],
        [55, 95, 185],
        [60, 85, 165],
        [70, 130, 110],
        [110, 110, 110],
        [60, 60, 150],
        [170, 130, 60],
    ]
)
"""Blue, violet and green hard courts, clay, grass, grey, red."""
NET_M = (0.914, 1.07)
"""ITF Rule 1: height of the net at its middle and at the posts."""
POST_Y_M = 0.914
"""ITF Rule 1: posts stand this far outside the court."""


def _placed(x: Array, y: Array, z: Array) -> Array:
    return np.stack([x, y, z], 1)


def _targets(rng: np.random.Generator, n: int, field: Field, spread: float) -> Array:
    x = rng.normal(0.0, spread, n) * field.length_m
    y = rng.normal(0.0, 0.6 * spread, n) * field.width_m
    return _placed(x, y, np.zeros(n))


def broadcast(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """The main camera of a big court: 17 to 41 m behind the baseline, 8 to 12 m high and around."""
    back = rng.uniform(12, 45, n)
    x = -(field.length_m / 2 + back)
    height = np.clip(back * rng.uniform(0.22, 0.62, n), 4.5, 18)
    y = np.where(rng.random(n) < 0.8, rng.normal(0, 0.8, n), rng.normal(0, 4, n))
    focal = np.clip((back + field.length_m / 2) / 24 * rng.uniform(0.65, 1.35, n), 0.7, 3.4)
    return _placed(x, y, height), _targets(rng, n, field, 0.11), focal


def club(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """A box at a club: on the fence or a mast behind the baseline, a wide lens."""
    back = rng.uniform(2, 14, n)
    x = -(field.length_m / 2 + back)
    height = rng.uniform(2.2, 8, n)
    y = rng.normal(0, 2.5, n)
    focal = np.clip((back + 9) / 22 * rng.uniform(0.7, 1.5, n), 0.45, 1.8)
    return _placed(x, y, height), _targets(rng, n, field, 0.14), focal


def anywhere(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Behind the baseline or a corner, any height and lens."""
    back = rng.uniform(2, 50, n)
    x = -(field.length_m / 2 + back)
    height = np.maximum(rng.uniform(2.5, 25, n), 0.12 * back)
    y = rng.uniform(-14, 14, n)
    focal = np.clip((back + 12) / 24 * np.exp(rng.uniform(-0.5, 0.8, n)), 0.45, 4.5)
    return _placed(x, y, height), _targets(rng, n, field, 0.22), focal


class TennisLook(FloorLook):
    """Tennis courts."""

    sport: ClassVar[str] = "tennis"
    mix: ClassVar[Mix] = ((0.6, broadcast), (0.22, club), (0.18, anywhere))
    wide: ClassVar[Mix] = ((0.4, broadcast), (0.35, club), (0.25, anywhere))
    broadcast: ClassVar[Mix] = ((1.0, broadcast),)
    mirror: ClassVar[Literal["x", "y"] | None] = "y"
    variants: ClassVar[tuple[tuple[str, float], ...]] = (("itf", 0.88), ("itf_singles", 0.12))
    scale_m: ClassVar[float] = 0.018
    margin_m: ClassVar[float] = 9.0

    def paint(self, field: Field) -> Canvas:
        """Surround, court, words behind the baselines, lines, wear."""
        rng = self.rng
        court = COURTS_BGR[rng.integers(len(COURTS_BGR))] * rng.uniform(0.75, 1.3)
        court = court * rng.uniform(0.9, 1.1, 3)
        same = rng.random() < 0.4
        outside = (
            court if same else COURTS_BGR[rng.integers(len(COURTS_BGR))] * rng.uniform(0.7, 1.3)
        )
        canvas = Canvas(field, self.scale_m, self.margin_m, outside)
        if not same:
            self._inner(canvas, field, court)
        self._words(canvas, field)
        canvas.shade(self._wear(field))
        ink = rng.uniform(195, 258) * rng.uniform(0.94, 1.04, 3)
        if rng.random() < 0.04:
            ink = np.array([60.0, 210, 240])  # yellow lines of other halls
        if rng.random() < 0.15:
            self._other_lines(canvas, field)
        markings(canvas, field, lambda _: ink, rng.uniform(0.9, 1.25))
        if rng.random() < 0.5:
            canvas.shade(1 + rng.uniform(0, 0.05) * fractal_noise(rng, 6, roughness=0.9))
        return canvas

    def _inner(self, canvas: Canvas, field: Field, colour: Array) -> None:
        """The court's own colour ends at its lines, or a little beyond them."""
        rng = self.rng
        gap = rng.choice([0.0, 0.05, 1.0, 2.5], p=[0.5, 0.2, 0.2, 0.1])
        x, y = field.length_m / 2 + gap, field.width_m / 2 + gap
        canvas.area(np.array([[-x, -y], [x, -y], [x, y], [-x, y]]), colour)

    def _words(self, canvas: Canvas, field: Field) -> None:
        """Places and sponsors behind the baselines and beside the court."""
        rng = self.rng
        for side in (-1, 1):
            if rng.random() < 0.55:
                wide = rng.uniform(2.0, 8.0)
                text = logos.word(rng, colour=(255, 255, 255) if rng.random() < 0.6 else None)
                x = side * (field.length_m / 2 + rng.uniform(1.5, 4.5))
                canvas.stamp(
                    text,
                    np.array([x, rng.normal(0, 1)]),
                    (wide, wide * rng.uniform(0.1, 0.25)),
                    -np.pi / 2,
                )
            if rng.random() < 0.3:
                text = logos.word(rng) if rng.random() < 0.5 else logos.logo(rng)
                y = side * (field.width_m / 2 + rng.uniform(1.0, 3.0))
                canvas.stamp(
                    text,
                    np.array([rng.uniform(-8, 8), y]),
                    (rng.uniform(1, 4), rng.uniform(0.5, 2)),
                    -np.pi / 2,
                )

    def _wear(self, field: Field) -> NDArray[np.float32]:
        """Tones of the ground, worn where players stand; (rows, columns)."""
        rng = self.rng
        tone = fractal_noise(rng, 5, roughness=0.7) * rng.uniform(0.0, 0.06)
        v, u = np.mgrid[-1:1:512j, -1:1:512j]
        x, y = u * (field.length_m / 2 + self.margin_m), v * (field.width_m / 2 + self.margin_m)
        feet = np.exp(-(((np.abs(x) - field.length_m / 2 - 0.8) / 1.6) ** 2) - (y / 3.0) ** 2)
        return (1 + tone + rng.uniform(-0.1, 0.22) * feet).astype(np.float32)

    def _other_lines(self, canvas: Canvas, field: Field) -> None:
        """A children's court or another sport's lines in another colour."""
        rng = self.rng
        ink = np.array(random_colour(rng), float)
        for _ in range(int(rng.integers(2, 7))):
            if rng.random() < 0.5:
                x = rng.uniform(-11, 11)
                ends = np.array([[x, -field.width_m / 2], [x, field.width_m / 2]])
            else:
                y = rng.uniform(-5, 5)
                ends = np.array([[-field.length_m / 2, y], [field.length_m / 2, y]])
            canvas.stroke(ends, 0.05, ink)

    def surround(self, picture: Tensor, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Walls on three sides; the camera's, at negative x, is open."""
        turned = Rays(-rays.y, rays.x, rays.up, -rays.dy, rays.dx, rays.dz)
        c = cams.centre_m
        moved = Cameras(
            np.stack([-c[:, 1], c[:, 0], c[:, 2]], 1), cams.rotation, cams.focal, cams.kappa
        )
        size = (field.width_m + 8, field.length_m + 8)
        return scenery.enclosed(self.rng, self.venue, picture, moved, turned, size)

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Net, players, officials, ball children, heads before a low camera."""
        rng = self.rng
        far = self._people(field)
        crew(image, cams, i, far[far[:, 0] >= 0], rng)
        if rng.random() < 0.97:
            net(image, cams, i, field, rng)
        crew(image, cams, i, far[far[:, 0] < 0], rng)
        low = bool(cams.centre_m[i, 2] < 6)
        if (low and rng.random() < 0.3) or rng.random() < 0.08:
            foreground.foreground(image, rng)

    def _people(self, field: Field) -> Array:
        """(n, 2) places, the farthest first: players, umpire, line judges, ball children."""
        rng = self.rng
        x, y = field.length_m / 2, field.width_m / 2
        pairs = int(rng.choice([1, 2], p=[0.7, 0.3]))
        out = []
        for side in (-1, 1):
            for _ in range(pairs):
                deep = rng.uniform(0.1, 1.25) * x
                out.append((side * deep, rng.normal(0, 0.55) * y))
        for _ in range(int(rng.integers(0, 9))):
            edge = rng.random() < 0.5
            out.append(
                (rng.choice([-1, 1]) * (x + rng.uniform(2.5, 7)), rng.uniform(-1.3, 1.3) * y)
                if edge
                else (rng.uniform(-x, x), rng.choice([-1, 1]) * (y + rng.uniform(1.2, 5)))
            )
        places = np.array(out)
        return places[np.argsort(-places[:, 0])]


def net(image: ImageArray, cams: Cameras, i: int, field: Field, rng: np.random.Generator) -> None:
    """Draw the net as camera i sees it: half transparent mesh, white band, posts, strap."""
    h, w = image.shape[:2]
    reach = field.width_m / 2 + POST_Y_M
    y = np.linspace(-reach, reach, 13)
    top = NET_M[0] + (NET_M[1] - NET_M[0]) * np.abs(y) / reach
    zero = np.zeros_like(y)
    high, deep = cams.project(i, np.stack([zero, y, top], 1), w, h)
    low, _ = cams.project(i, np.stack([zero, y, zero], 1), w, h)
    if (deep < 1).any() or np.abs(high).max() > 6 * w:
        return
    layer = image.copy()
    dark = int(rng.integers(10, 110))
    for k in range(len(y) - 1):
        polygon(layer, np.stack([high[k], high[k + 1], low[k + 1], low[k]]), (dark, dark, dark))
    alpha = rng.uniform(0.2, 0.75)
    image[:] = (image * (1 - alpha) + layer * alpha).astype(np.uint8)
    if rng.random() < 0.5:  # words on the lower part
        k = int(rng.integers(0, len(y) - 3))
        for a, b in ((k, k + 1), (k + 1, k + 2)):
            middle = (low[a] * 0.6 + high[a] * 0.4, low[b] * 0.6 + high[b] * 0.4)
            line(image, middle[0], middle[1], (200, 200, 200), 1.0)
    thick = 0.06 * cams.focal[i, 0] * w / float(deep.mean())
    for k in range(len(y) - 1):
        line(image, high[k], high[k + 1], (240, 240, 240), max(thick, 0.5))
    for k in (0, len(y) - 1):
        line(image, low[k], high[k], random_colour(rng), max(1.6 * thick, 0.6))
    line(image, low[6], high[6], (230, 230, 230), max(thick * 0.8, 0.4))
