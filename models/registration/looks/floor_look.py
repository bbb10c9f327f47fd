"""What the sports on painted floors share: pools of floors, cameras on the near side, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from edge.fields import Field, load_field
from edge.types import ImageArray
from models.registration import scenery
from models.registration.cameras import Cameras, Mix
from models.registration.floors import Canvas, Floor, look_down
from models.registration.ground import FieldMaps, Rays, cast
from models.registration.looks.base import Ground
from models.registration.negatives import negative, other_fields


@dataclass
class _Pool:
    """A field and floors painted for it."""

    ground: Ground
    floors: list[Floor] = dataclass_field(default_factory=list)


class FloorLook:
    """A sport whose floor is painted as a whole; subclasses paint it and stand things on it.

    Each variant of the field has its pool of floors, which the first batches fill; then one is
    painted anew every `RENEW` batches.
    """

    sport: ClassVar[str]
    mix: ClassVar[Mix]
    broadcast: ClassVar[Mix]
    wide: ClassVar[Mix]
    mirror: ClassVar[Literal["x", "y"] | None] = "x"
    variants: ClassVar[tuple[tuple[str, float], ...]]
    """Names of fields and their shares; the first is the usual one."""
    scale_m: ClassVar[float]
    """Metres a texel."""
    margin_m: ClassVar[float]
    """How far a floor reaches beyond the field."""
    POOL: ClassVar[int] = 6
    """Floors of each field."""
    RENEW: ClassVar[int] = 6

    def __init__(self, rng: np.random.Generator, *, negatives: float, sizes: int) -> None:
        self.rng = rng
        self.venue = scenery.SceneryVenue(rng)
        names = [n for n, _ in self.variants[: max(1, sizes)]]
        self._pools = [self._pool(name) for name in names]
        shares = np.array([s for _, s in self.variants[: len(names)]])
        self._shares = shares / shares.sum()
        self._now = self._pools[0]
        self._batches = 0
        self.others = other_fields(self.sport) if negatives > 0 else []

    # -- what a sport defines

    def field(self, name: str) -> Field:
        """A field of one of the variants; sports with free sizes draw one."""
        return load_field(name)

    def paint(self, field: Field) -> Canvas:
        """Paint a floor: ground, areas, logos, lines, wear."""
        raise NotImplementedError

    def surround(self, picture: Tensor, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Draw boards and stands into (n, h, w, 3), in place or not; the near side is open."""
        return scenery.surroundings(self.rng, self.venue, picture, cams, rays, field)

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Draw what stands on the floor and before it, as camera i sees it, into `image`."""
        raise NotImplementedError

    # -- what they share

    def _pool(self, name: str) -> _Pool:
        field = self.field(name)
        pool = _Pool((field, FieldMaps.fine(field)))
        pool.floors.append(Floor.of(self.paint(field)))
        return pool

    def choose(self) -> Ground:
        """The field of the next batch."""
        self._now = self._pools[int(self.rng.choice(len(self._pools), p=self._shares))]
        self._batches += 1
        floors, field = self._now.floors, self._now.ground[0]
        if len(floors) < self.POOL:
            floors.append(Floor.of(self.paint(field)))
        elif self._batches % self.RENEW == 0:
            floors[int(self.rng.integers(self.POOL))] = Floor.of(self.paint(field))
        return self._now.ground

    def scene(self, cams: Cameras, ground: Ground, size: tuple[int, int]) -> Tensor:
        """Floor and surroundings; (n, h, w, 3) float, 0..255."""
        field, _ = ground
        rays = cast(cams, *size)
        pool = self._now.floors
        floors = [pool[k] for k in self.rng.integers(len(pool), size=len(cams))]
        picture = look_down(floors, rays) * self._light(len(cams))
        picture = self.light(picture, rays)
        return self.surround(picture, cams, rays, field)

    def light(self, picture: Tensor, rays: Rays) -> Tensor:
        """Shadows and reflections on the floor, (n, h, w, 3)."""
        return scenery.shadows(self.rng, picture, rays)

    def _light(self, n: int) -> Tensor:
        """A floor in many halls: brightness and colour of the light."""
        shade = self.rng.uniform(0.75, 1.2, (n, 1)) * self.rng.uniform(0.93, 1.07, (n, 3))
        return torch.from_numpy(shade).float().view(n, 1, 1, 3)

    def refuse(self, image: ImageArray, cams: Cameras, i: int) -> ImageArray:
        """Close-ups, crowds, other sports, studios, bare floor."""
        return negative(image, cams, i, self.rng, self.venue, self.others)
