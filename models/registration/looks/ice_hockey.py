"""Ice hockey: painted ice, boards with glass, benches; cameras in the stand on the near side."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from edge.fields import Field, load_field
from edge.fields.ice_hockey import IIHF_LENGTH_RANGE_M, IIHF_WIDTH_RANGE_M
from edge.types import ImageArray
from models.registration import foreground
from models.registration.cameras import Array, Cameras, Mix
from models.registration.floors import Canvas
from models.registration.ground import Rays
from models.registration.looks.floor_look import FloorLook
from models.registration.looks.hockey_ice import paint, scratches
from models.registration.looks.hockey_near import Layer, backs, near_side
from models.registration.looks.hockey_people import bench, skaters
from models.registration.looks.hockey_rink import (
    BOARD_M,
    Outline,
    Rink,
    far_side,
    strip_in_sizes,
)


def _placed(x: Array, y: Array, z: Array) -> Array:
    return np.stack([x, y, z], 1)


def _targets(rng: np.random.Generator, n: int, field: Field, spread_y: float) -> Array:
    """The whole length, the ends more often than not."""
    x = rng.uniform(-0.42, 0.42, n)
    ends = rng.random(n) < 0.35
    x = np.where(ends, np.sign(x) * rng.uniform(0.28, 0.46, n), x) * field.length_m
    y = np.clip(rng.normal(0.03, spread_y, n), -0.45, 0.45) * field.width_m
    return _placed(x, y, np.zeros(n))


def _above(back: Array, height: Array, field: Field) -> Array:
    """Heights from which the near boards hide at most a third of the ice."""
    return np.maximum(height, BOARD_M * (1 + 3 * back / field.width_m) + 0.6)


def arena(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """An arena's main camera: 19 to 24 m behind the near boards, 10 to 12 m high, and around."""
    back = np.clip(rng.normal(22, 5, n), 9, 40)
    height = np.clip(back * rng.uniform(0.32, 0.72, n), 5, 20)
    x = np.where(rng.random(n) < 0.8, rng.normal(0, 2.5, n), rng.normal(0, 9, n))
    focal = np.exp(rng.uniform(np.log(1.15), np.log(5.2), n)) * (back + 13) / 35
    return (
        _placed(np.clip(x, -24, 24), -(field.width_m / 2 + back), height),
        _targets(rng, n, field, 0.15),
        np.clip(focal, 0.9, 6.0),
    )


def club(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """A box at a small rink: over the boards or on the stand, a wide lens."""
    back = rng.uniform(0.7, 14, n)
    height = _above(back, rng.uniform(2.6, 9, n), field)
    x = np.clip(rng.normal(0, 8, n), -28, 28)
    focal = np.exp(rng.uniform(np.log(0.45), np.log(1.6), n)) * (back + 20) / 25
    return (
        _placed(x, -(field.width_m / 2 + back), height),
        _targets(rng, n, field, 0.16),
        np.clip(focal, 0.42, 2.2),
    )


def anywhere(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
    """Any place along the near side, any lens."""
    back = rng.uniform(1, 50, n)
    height = _above(back, rng.uniform(2.5, 26, n), field)
    focal = np.exp(rng.uniform(np.log(0.5), np.log(5.0), n))
    return (
        _placed(rng.uniform(-34, 34, n), -(field.width_m / 2 + back), height),
        _targets(rng, n, field, 0.22),
        focal,
    )


class IceHockeyLook(FloorLook):
    """Rinks of the NHL and of the IIHF in all sizes."""

    sport: ClassVar[str] = "ice_hockey"
    mix: ClassVar[Mix] = ((0.6, arena), (0.24, club), (0.16, anywhere))
    broadcast: ClassVar[Mix] = ((1.0, arena),)
    wide: ClassVar[Mix] = ((0.4, arena), (0.35, club), (0.25, anywhere))
    mirror: ClassVar[Literal["x", "y"] | None] = "x"
    variants: ClassVar[tuple[tuple[str, float], ...]] = (
        ("nhl", 0.5),
        ("iihf", 0.18),
        ("iihf free", 0.11),
        ("iihf free", 0.11),
        ("iihf free", 0.1),
    )
    scale_m: ClassVar[float] = 0.025
    margin_m: ClassVar[float] = 1.0
    RENEW: ClassVar[int] = 12

    def __init__(self, rng: np.random.Generator, *, negatives: float, sizes: int) -> None:
        self._marks = [scratches(rng) for _ in range(5)]
        self._strips = [strip_in_sizes(rng) for _ in range(14)]
        self._people = [backs(rng) for _ in range(8)]
        self._layers: list[Layer] = []
        super().__init__(rng, negatives=negatives, sizes=sizes)

    def field(self, name: str) -> Field:
        """The rule book's rink, or the IIHF's in a size that a hall may have."""
        if name != "iihf free":
            return load_field(name)
        length = self.rng.uniform(*IIHF_LENGTH_RANGE_M)
        return load_field(
            "iihf", length_m=length, width_m=float(self.rng.uniform(*IIHF_WIDTH_RANGE_M))
        )

    def paint(self, field: Field) -> Canvas:
        """Ice and everything under it."""
        canvas = Canvas(field, self.scale_m, self.margin_m, (240, 240, 240))
        paint(self.rng, field, canvas, self._marks)
        return canvas

    def light(self, picture: Tensor, rays: Rays) -> Tensor:
        """Halls cast no shadow; what the ice reflects is drawn with the boards."""
        return super().light(picture, rays) if self.rng.random() < 0.06 else picture

    def _light(self, n: int) -> Tensor:
        """Ice is bright: cameras are set so that it stays below white, mostly."""
        shade = self.rng.uniform(0.68, 1.04, (n, 1)) * self.rng.uniform(0.95, 1.05, (n, 3))
        return torch.from_numpy(shade).float().view(n, 1, 1, 3)

    def surround(self, picture: Tensor, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Boards, glass and stands; the near side is kept until the players stand on the ice."""
        rng, outline = self.rng, Outline.of(field)
        cuts = outline.crossings(cams, rays)
        rinks = [Rink.of(rng, self._strips) for _ in range(len(cams))]
        far_side(rng, self.venue, rinks, picture, cams, rays, cuts, field)
        self._layers = [
            near_side(rng, self._people, rink, cams, rays, cuts, i, outline)
            for i, rink in enumerate(rinks)
        ]
        return picture

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Benches, skaters and goals, then the near boards, glass and spectators before them."""
        rng = self.rng
        benches = int(rng.choice([-1, 0, 1], p=[0.3, 0.2, 0.5]))
        dress = skaters(image, cams, i, field, rng)
        if benches > 0:
            bench(image, cams, i, field, 1, dress, rng)
        self._layers[i].over(image)
        if benches < 0:
            bench(image, cams, i, field, -1, dress, rng)
        if rng.random() < (0.2 if cams.centre_m[i, 2] < 6 else 0.05):
            foreground.foreground(image, rng)
