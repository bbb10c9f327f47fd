"""Rendered views of a field with their ground truth, seeded and reproducible: the training's data.

A batch goes through three passes: turf, lines, boards and stands of all pictures at once in torch
(`scenery`), then people, goals and television graphics one by one in OpenCV (`people`, `clutter`),
then the camera's and the codec's faults (`faults`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.errors import UsageError
from edge.fields import Field, load_field
from edge.types import Image
from models.registration import clutter, scenery
from models.registration.cameras import MIX, Cameras, Mix, sample
from models.registration.faults import NOISE_SIZE, codec, optics
from models.registration.ground import FieldMaps, Rays, cast, labels
from models.registration.negatives import OTHER_FIELDS, negative, other_field
from models.registration.network import STRIDE
from models.registration.people import players

STANDARD_SHARE = 0.65
"""Most fields that are filmed have the standard size."""


@dataclass(frozen=True, slots=True)
class Batch:
    """n pictures and their truth; maps are at the network's stride."""

    image: Image
    """(n, h, w, 3) uint8 BGR."""
    xy: Tensor
    """(n, 2, h/4, w/4) field coordinates in half lengths and widths."""
    field: Tensor
    """(n, h/4, w/4) bool: the cell shows the field; all False in a negative."""
    near: Tensor
    """(n, h/4, w/4) bool: `xy` is to be learned here."""
    distances: Tensor
    """(n, 2, h/4, w/4) normalized distances, 0..1."""
    image_from_field: NDArray[np.float64]
    """(n, 3, 3) the pinhole homographies (the radial term is not in them)."""
    cameras: Cameras
    negative: NDArray[np.bool_]
    """(n,) no registration is possible."""
    field_m: tuple[float, float]
    """Length and width of this batch's field."""


@cache
def standard_field() -> tuple[Field, FieldMaps]:
    """The field of 105 x 68 m, drawn once a process."""
    field = load_field("soccer", length_m=105.0, width_m=68.0)
    return field, FieldMaps.of(field)


class ViewRenderer:
    """Endless batches of views of soccer fields.

    `seed` fixes everything; `mix` is the cameras' prior, `negatives` the share of pictures without
    a registrable field, `sizes` how many sizes of field the batches alternate between (the first
    is the standard one), `lens` a factor on the radial distortion. Raises UsageError for a picture
    larger than 1000 x 600.
    """

    def __init__(
        self,
        seed: int,
        width: int,
        height: int,
        *,
        mix: Mix = MIX,
        negatives: float = 0.09,
        sizes: int = 10,
        lens: float = 1.0,
    ) -> None:
        if width > NOISE_SIZE[0] or height > NOISE_SIZE[1]:
            most = "x".join(map(str, NOISE_SIZE))
            raise UsageError(f"no view is rendered at {width}x{height}: the largest is {most}")
        self.rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self.mix, self.negatives, self.lens = mix, negatives, lens
        self.venue = scenery.Venue(self.rng)
        self.fields = [self._field(standard=k == 0) for k in range(sizes)]
        self.others = [other_field(name) for name in OTHER_FIELDS] if negatives > 0 else []

    def _field(self, *, standard: bool) -> tuple[Field, FieldMaps]:
        """The standard field, or one of another size that the laws allow."""
        if standard:
            return standard_field()
        length, width = self.rng.uniform(96, 112), self.rng.uniform(60, 74)
        field = load_field("soccer", length_m=float(length), width_m=float(width))
        return field, FieldMaps.of(field)

    @torch.no_grad()
    def batch(self, n: int) -> Batch:
        """Render n views of one field size."""
        rng = self.rng
        standard = rng.random() < STANDARD_SHARE
        field, maps = self.fields[0 if standard else int(rng.integers(len(self.fields)))]
        size = (self.width, self.height)
        aspect = self.width / self.height
        cams = sample(rng, n, field, aspect=aspect, mix=self.mix, lens=self.lens)
        dead = rng.random(n) < self.negatives
        shown = self._scene(cams, maps, field).clamp(0, 255).to(torch.uint8).numpy()
        images = np.empty((n, self.height, self.width, 3), np.uint8)
        for i in range(n):
            images[i] = self._finish(shown[i].copy(), cams, i, field, dead=bool(dead[i]))
        truth = labels(cams, maps, *size, STRIDE)
        refused = torch.from_numpy(dead)
        truth["field"][refused] = False
        truth["near"][refused] = False
        truth["distances"][refused] = 1.0
        return Batch(
            image=images,
            xy=truth["xy"],
            field=truth["field"],
            near=truth["near"],
            distances=truth["distances"],
            image_from_field=cams.image_from_field(*size),
            cameras=cams,
            negative=dead,
            field_m=(field.length_m, field.width_m),
        )

    def _scene(self, cams: Cameras, maps: FieldMaps, field: Field) -> Tensor:
        """The pitch, the boards and the stands; (n, h, w, 3) float, 0..255."""
        rng, venue = self.rng, self.venue
        rays = cast(cams, self.width, self.height)
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

    def _finish(self, image: Image, cams: Cameras, i: int, field: Field, *, dead: bool) -> Image:
        """What stands in front of camera i, and what it and television do to picture `image`."""
        rng = self.rng
        if dead:
            image = negative(image, cams, i, rng, self.venue, self.others)
        else:
            for sign in (-1, 1):
                if rng.random() < 0.94:
                    clutter.goal(image, cams, i, field.length_m, sign, rng)
            shadow = rng.uniform(10, 90) if rng.random() < 0.7 else 0.0
            players(image, cams, i, (field.length_m, field.width_m), rng, shadow)
            low = bool(cams.centre_m[i, 2] < 9)
            if (low and rng.random() < 0.5) or rng.random() < 0.06:
                clutter.foreground(image, rng)
        image = optics(image, rng)
        clutter.graphics(image, rng)
        return codec(image, rng)
