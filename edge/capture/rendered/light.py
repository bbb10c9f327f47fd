"""Where the light comes from, and how dark the shadows are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Light:
    """Sun with the main stand's shadow over the near part of the pitch, or an even sky."""

    shadow_m: tuple[float, float]
    """Where the shadow of a point one metre above the ground falls, relative to its foot."""
    strength: float
    """How much a figure's shadow darkens the grass, 0..1."""
    edge_m: tuple[float, float] | None
    """The stand's shadow ends at y = a + b * x; None under an even sky."""

    @staticmethod
    def draw(width_m: float, rng: np.random.Generator) -> Light:
        """Draw the weather for a field `width_m` wide."""
        side = float(rng.choice([-1.0, 1.0]))
        if rng.random() < 0.45:
            return Light((0.22 * side, 0.1), 0.22, None)
        edge = (float(rng.uniform(-0.45, 0.05)) * width_m, float(rng.uniform(-0.12, 0.12)))
        # the sun stands behind the main stand, so shadows point away from the camera
        reach = float(rng.uniform(0.7, 1.4))
        return Light((0.6 * reach * side, 0.8 * reach), 0.45, edge)

    def lit(self, x_m: ArrayLike, y_m: ArrayLike) -> NDArray[np.float32]:
        """How far points of the ground lie in the sun, 0..1; all of them under an even sky."""
        x, y = np.asarray(x_m, np.float32), np.asarray(y_m, np.float32)
        if self.edge_m is None:
            return np.ones(np.broadcast_shapes(x.shape, y.shape), np.float32)
        beyond = (y - self.edge_m[0] - self.edge_m[1] * x) / 0.35
        return np.asarray(1 / (1 + np.exp(-np.clip(beyond, -30, 30))), np.float32)

    def brightness(self, x_m: ArrayLike, y_m: ArrayLike) -> NDArray[np.float32]:
        """Factor by which the light changes the grass's colour."""
        if self.edge_m is None:
            return np.ones((1, 1), np.float32)
        return np.asarray(0.64 + 0.44 * self.lit(x_m, y_m), np.float32)
