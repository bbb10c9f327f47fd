"""Rendered held-out views at a source's resolution, with the best pinhole homography as truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.registration.homography import direct
from edge.types import ImageArray
from models.registration.cameras import Array
from models.registration.ground import Rays, cast
from models.registration.looks import look_class
from models.registration.views import ViewBatch, ViewRenderer

SEED = 90_001
"""No run of the training has it (see `train.view_seed`): textures and views are new to it."""
SIZE = (640, 360)
PriorName = Literal["wide", "broadcast"]
_STEP = 8
"""Pixels between the rays that the truth is fitted to."""


@dataclass(frozen=True, slots=True)
class View:
    """One picture and its truth."""

    image: ImageArray
    """(h, w, 3) uint8 BGR."""
    field_from_image: NDArray[np.float64] | None
    """(3, 3); None in a negative."""
    field_m: tuple[float, float]
    """Length and width of the field."""
    field_name: str = "soccer"
    """Its name (see `edge.fields.load_field`)."""


def views(
    n: int,
    seed: int = SEED,
    *,
    sport: str = "soccer",
    prior: PriorName = "wide",
    negatives: float = 0.0,
    size: tuple[int, int] = SIZE,
    standard: bool = True,
) -> Iterator[View]:
    """Render n views; `standard` keeps to the sport's usual field, which the registrar is told of.

    `prior`: the main cameras of big venues, or all kinds of cameras (see `looks`).
    """
    look = look_class(sport)
    renderer = ViewRenderer(
        seed,
        *size,
        sport=sport,
        mix=look.broadcast if prior == "broadcast" else look.wide,
        negatives=negatives,
        sizes=1 if standard else 10,
    )
    made = 0
    while made < n:
        b = renderer.batch(min(8, n - made))
        rays = cast(b.cameras, *size, step=_STEP)
        for i, image in enumerate(b.image):
            truth = None if b.negative[i] else best_pinhole(b, rays, i)
            yield View(image, truth, b.field_m, b.field_name)
        made += len(b.image)


def shots(
    n: int,
    frames: int,
    seed: int = SEED,
    *,
    sport: str = "soccer",
    prior: PriorName = "broadcast",
    size: tuple[int, int] = SIZE,
    fps: float = 25.0,
) -> Iterator[list[View]]:
    """Render n shots of a panning camera, each a list of `frames` views 1/`fps` s apart."""
    look = look_class(sport)
    mix = look.broadcast if prior == "broadcast" else look.wide
    renderer = ViewRenderer(seed, *size, sport=sport, mix=mix, negatives=0.0, sizes=1)
    for _ in range(n):
        shot = []
        for b in renderer.shot(frames, fps=fps):
            truth = best_pinhole(b, cast(b.cameras, *size, step=_STEP), 0)
            shot.append(View(b.image[0], truth, b.field_m, b.field_name))
        yield shot


def best_pinhole(batch: ViewBatch, rays: Rays, i: int) -> Array:
    """Least-squares `field_from_image` (3, 3) of what the slightly bent picture i shows.

    `rays` are those of the batch, cast every `_STEP` pixels.
    """
    x, y = rays.x[i].numpy(), rays.y[i].numpy()
    half_x, half_y = batch.field_m[0] / 2, batch.field_m[1] / 2
    on = ~rays.up[i].numpy() & (np.abs(x) <= half_x) & (np.abs(y) <= half_y)
    v, u = np.nonzero(on)
    image_px = np.stack([u, v], 1) * _STEP + (_STEP - 1) / 2
    h = direct(np.stack([x[on], y[on]], 1).astype(float), image_px)
    field_from_image: Array = np.linalg.inv(batch.image_from_field[i] if h is None else h)
    return field_from_image
