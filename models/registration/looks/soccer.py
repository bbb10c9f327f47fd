"""Soccer: turf with mowing patterns, worn lines, other sports' lines, goals."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from edge.fields import Field, load_field
from edge.types import ImageArray
from models.registration import foreground, scenery
from models.registration.cameras import MIX, Cameras, Mix, anywhere, broadcast, small_venue
from models.registration.ground import FieldMaps, Rays, cast
from models.registration.looks.base import Ground
from models.registration.negatives import negative, other_fields
from models.registration.people import players

STANDARD_SHARE = 0.65
"""Most fields that are filmed have the standard size."""


@cache
def standard_field() -> Ground:
    """The field of 105 x 68 m, drawn once a process."""
    field = load_field("soccer", length_m=105.0, width_m=68.0)
    return field, FieldMaps.of(field)


class SoccerLook:
    """Soccer fields of all sizes."""

    sport: ClassVar[str] = "soccer"
    mix: ClassVar[Mix] = MIX
    wide: ClassVar[Mix] = ((0.4, broadcast), (0.35, small_venue), (0.25, anywhere))
    broadcast: ClassVar[Mix] = ((1.0, broadcast),)
    mirror: ClassVar[Literal["x", "y"] | None] = "x"

    def __init__(self, rng: np.random.Generator, *, negatives: float, sizes: int) -> None:
        self.rng = rng
        self.venue = scenery.SceneryVenue(rng)
        self.fields = [self._field(standard=k == 0) for k in range(sizes)]
        self.others = other_fields(self.sport) if negatives > 0 else []

    def _field(self, *, standard: bool) -> Ground:
        """The standard field, or one of another size that the laws allow."""
        if standard:
            return standard_field()
        length, width = self.rng.uniform(96, 112), self.rng.uniform(60, 74)
        field = load_field("soccer", length_m=float(length), width_m=float(width))
        return field, FieldMaps.of(field)

    def choose(self) -> Ground:
        """The standard field in two batches of three and more."""
        standard = self.rng.random() < STANDARD_SHARE
        return self.fields[0 if standard else int(self.rng.integers(len(self.fields)))]

    def scene(self, cams: Cameras, ground: Ground, size: tuple[int, int]) -> Tensor:
        """The pitch, the boards and the stands; (n, h, w, 3) float, 0..255."""
        rng, venue = self.rng, self.venue
        field, maps = ground
        rays = cast(cams, *size)
        picture = scenery.grass(rng, venue, rays, field)
        picture = scenery.painted(rng, venue, picture, maps, rays)
        if rng.random() < 0.12:
            picture = self._other_lines(picture, rays)
        picture = scenery.shadows(rng, picture, rays)
        return scenery.surroundings(rng, venue, picture, cams, rays, field)

    def _other_lines(self, picture: Tensor, rays: Rays) -> Tensor:
        """Lines of a second soccer field or of American football, as on shared turf."""
        maps = self.fields[int(self.rng.integers(len(self.fields)))][1]
        if self.others and self.rng.random() < 0.6:
            maps = self.others[0].maps
        return scenery.other_lines(self.rng, picture, maps, rays)

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Goals, players, and what stands before a low camera."""
        rng = self.rng
        for sign in (-1, 1):
            if rng.random() < 0.94:
                foreground.goal(image, cams, i, field.length_m, sign, rng)
        shadow = rng.uniform(10, 90) if rng.random() < 0.7 else 0.0
        players(image, cams, i, (field.length_m, field.width_m), rng, shadow)
        low = bool(cams.centre_m[i, 2] < 9)
        if (low and rng.random() < 0.5) or rng.random() < 0.06:
            foreground.foreground(image, rng)

    def refuse(self, image: ImageArray, cams: Cameras, i: int) -> ImageArray:
        """Close-ups, crowds, other sports, studios, bare turf."""
        return negative(image, cams, i, self.rng, self.venue, self.others)
