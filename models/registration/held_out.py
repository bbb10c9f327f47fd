"""Rendered held-out views: seeded, at the resolution of a source, with the truth as the best pinhole homography."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.types import Image
from models.registration.cameras import Array, Prior, anywhere, broadcast, small_venue
from models.registration.ground import cast
from models.registration.views import ViewRenderer

SEED = 90_001
"""Training seeds stay below: neither the textures nor the views of a held-out set are ever trained on."""
SIZE = (640, 360)
WIDE: tuple[tuple[float, Prior], ...] = ((0.4, broadcast), (0.35, small_venue), (0.25, anywhere))
BROADCAST: tuple[tuple[float, Prior], ...] = ((1.0, broadcast),)


@dataclass(frozen=True, slots=True)
class View:
    """One picture and its truth."""

    image: Image
    """(h, w, 3) uint8 BGR."""
    field_from_image: NDArray[np.float64] | None
    """(3, 3); None in a negative."""
    field_m: tuple[float, float]


def views(
    n: int, seed: int = SEED, *, mix: tuple[tuple[float, Prior], ...] = WIDE, negatives: float = 0.0,
    size: tuple[int, int] = SIZE, standard: bool = True,
) -> Iterator[View]:  # fmt: skip
    """n views; `standard` keeps to the 105 x 68 m field that the registrar is told of."""
    renderer = ViewRenderer(
        seed, *size, mix=mix, negatives=negatives, sizes=1 if standard else 10
    )
    made = 0
    while made < n:
        b = renderer.batch(min(8, n - made))
        rays = cast(b.cameras, *size, step=8)
        for i in range(len(b.image)):
            truth = None if b.negative[i] else _best_pinhole(b, rays, i, size)
            yield View(b.image[i], truth, b.field_m)
        made += len(b.image)


def _best_pinhole(b: object, rays: object, i: int, size: tuple[int, int]) -> Array:
    """Least-squares homography of what the (slightly bent) picture shows of the field."""
    from edge.registration.homography import direct

    x, y, up = rays.x[i].numpy(), rays.y[i].numpy(), rays.up[i].numpy()  # type: ignore[attr-defined]
    lx, ly = b.field_m  # type: ignore[attr-defined]
    on = ~up & (np.abs(x) <= lx / 2) & (np.abs(y) <= ly / 2)
    v, u = np.nonzero(on)
    image = np.stack([u, v], 1) * 8 + 3.5
    h = direct(np.stack([x[on], y[on]], 1).astype(float), image.astype(float))
    forward = b.image_from_field[i] if h is None else h  # type: ignore[attr-defined]
    inverse: Array = np.linalg.inv(forward)
    return inverse
