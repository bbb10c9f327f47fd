"""What a sport tells the renderer of views."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

import numpy as np
from torch import Tensor

from edge.fields import Field
from edge.types import ImageArray
from models.registration.cameras import Cameras, Mix
from models.registration.ground import FieldMaps

Ground = tuple[Field, FieldMaps]
"""A field and its distance maps."""


class Appearance(Protocol):
    """One sport's venues: holds textures, and draws each picture from one generator."""

    sport: ClassVar[str]
    mix: ClassVar[Mix]
    """Cameras of the training."""
    broadcast: ClassVar[Mix]
    """Main cameras of big venues, for a held-out set."""
    wide: ClassVar[Mix]
    """All kinds of cameras, for the other held-out set."""
    mirror: ClassVar[Literal["x", "y"] | None]
    """The field coordinate that changes its sign when a picture is mirrored left to right; None
    where a mirrored picture is none of the sport's (numerals)."""

    def __init__(self, rng: np.random.Generator, *, negatives: float, sizes: int) -> None:
        """Draw the textures; `sizes` how many fields to alternate between, the first the usual."""

    def choose(self) -> Ground:
        """The field of the next batch."""

    def scene(self, cams: Cameras, ground: Ground, size: tuple[int, int]) -> Tensor:
        """Floor and surroundings of a batch at `size` (width, height); (n, h, w, 3), 0..255."""

    def stand(self, image: ImageArray, cams: Cameras, i: int, field: Field) -> None:
        """Draw what stands on the floor and before it, as camera i sees it, into `image`."""

    def refuse(self, image: ImageArray, cams: Cameras, i: int) -> ImageArray:
        """Make a picture without an answer, from `image` or anew."""
