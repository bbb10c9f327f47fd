"""Rendered views of a field with their ground truth, seeded and reproducible: the training's data.

A batch goes through three passes: floor, lines, boards and stands of all pictures at once in torch
(`looks`, `scenery`), then people, goals and television graphics one by one in OpenCV (`people`,
`clutter`), then the camera's and the codec's faults (`faults`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.errors import UsageError
from edge.fields import Field
from edge.types import ImageArray
from models.registration import foreground
from models.registration.cameras import Cameras, Mix, sample, turned
from models.registration.degradations import NOISE_SIZE, codec, optics
from models.registration.ground import FieldMaps, labels
from models.registration.looks import look_of
from models.registration.network import STRIDE


@dataclass(frozen=True, slots=True)
class ViewBatch:
    """n pictures and their truth; maps are at the network's stride."""

    image: ImageArray
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
    field_name: str
    """Its name (see `edge.fields.load_field`)."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Where a picture's faults come from."""

    optics: np.random.Generator
    """Of lens and sensor."""
    codec: np.random.Generator


class ViewRenderer:
    """Endless batches of views of a sport's fields.

    `seed` fixes everything; `mix` is the cameras' prior (the sport's own if None), `negatives` the
    share of pictures without a registrable field, `sizes` how many fields the batches alternate
    between (the first is the usual one), `lens` a factor on the radial distortion. Raises
    UsageError for an unknown sport and for a picture larger than 1000 x 600.
    """

    def __init__(
        self,
        seed: int,
        width: int,
        height: int,
        *,
        sport: str = "soccer",
        mix: Mix | None = None,
        negatives: float = 0.09,
        sizes: int = 10,
        lens: float = 1.0,
    ) -> None:
        if width > NOISE_SIZE[0] or height > NOISE_SIZE[1]:
            most = "x".join(map(str, NOISE_SIZE))
            raise UsageError(f"no view is rendered at {width}x{height}: the largest is {most}")
        self.rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self.negatives, self.lens = negatives, lens
        self.look = look_of(sport, self.rng, negatives=negatives, sizes=sizes)
        self.mix = mix or self.look.mix

    @torch.no_grad()
    def batch(self, n: int) -> ViewBatch:
        """Render n views of one field."""
        rng = self.rng
        field, maps = self.look.choose()
        aspect = self.width / self.height
        cams = sample(rng, n, field, aspect=aspect, mix=self.mix, lens=self.lens)
        dead = rng.random(n) < self.negatives
        return self._rendered(cams, (field, maps), dead)

    @torch.no_grad()
    def shot(self, frames: int, *, fps: float = 25.0) -> list[ViewBatch]:
        """Render one camera that pans, tilts and zooms over one scene: a batch of one per frame.

        The scene, its people, graphics and lens stand still; the codec is new in each frame.
        """
        rng = self.rng
        chosen = self.look.choose()
        aspect = self.width / self.height
        cams = sample(rng, 1, chosen[0], aspect=aspect, mix=self.mix, lens=self.lens)
        path = _turns(rng, frames, fps, float(cams.focal[0, 0]))
        seed, negative = int(rng.integers(2**31)), np.zeros(1, np.bool_)
        scene = rng.bit_generator.state
        made = []
        for k, (pan, tilt, zoom) in enumerate(path):
            rng.bit_generator.state = scene
            faults = Faults(np.random.default_rng(seed), np.random.default_rng(seed + k + 1))
            made.append(self._rendered(turned(cams, pan, tilt, zoom), chosen, negative, faults))
        return made

    def _rendered(
        self,
        cams: Cameras,
        chosen: tuple[Field, FieldMaps],
        dead: NDArray[np.bool_],
        faults: Faults | None = None,
    ) -> ViewBatch:
        n, (field, maps), size = len(cams), chosen, (self.width, self.height)
        shown = self.look.scene(cams, chosen, size).clamp(0, 255).to(torch.uint8).numpy()
        images = np.empty((n, self.height, self.width, 3), np.uint8)
        faults = faults or Faults(self.rng, self.rng)
        for i in range(n):
            images[i] = self._finish(shown[i].copy(), cams, i, field, faults, dead=bool(dead[i]))
        truth = labels(cams, maps, *size, STRIDE)
        refused = torch.from_numpy(dead)
        truth["field"][refused] = False
        truth["near"][refused] = False
        truth["distances"][refused] = 1.0
        return ViewBatch(
            image=images,
            xy=truth["xy"],
            field=truth["field"],
            near=truth["near"],
            distances=truth["distances"],
            image_from_field=cams.image_from_field(*size),
            cameras=cams,
            negative=dead,
            field_m=(field.length_m, field.width_m),
            field_name=field.name,
        )

    def _finish(
        self,
        image: ImageArray,
        cams: Cameras,
        i: int,
        field: Field,
        faults: Faults,
        *,
        dead: bool,
    ) -> ImageArray:
        """What stands in front of camera i, and what it and television do to picture `image`."""
        if dead:
            image = self.look.refuse(image, cams, i)
        else:
            self.look.stand(image, cams, i, field)
        image = optics(image, faults.optics)
        foreground.graphics(image, self.rng)
        return codec(image, faults.codec)


def _turns(rng: np.random.Generator, frames: int, fps: float, focal: float) -> NDArray[np.float64]:
    """Pan and tilt in radians and zoom as a logarithm, smooth over a shot, (frames, 3)."""
    t = np.arange(frames) / fps
    span = np.array([0.16, 0.03, 0.1]) * [1 / focal, 1 / focal, 1.0]  # of the field of view
    rate = rng.uniform(0.3, 1.6, 3)
    return np.sin(t[:, None] * rate + rng.uniform(0, 2 * np.pi, 3)) * span * rng.normal(1, 0.5, 3)
