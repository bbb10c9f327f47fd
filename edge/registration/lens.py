"""What a lens does to a picture: one radial term.

A distance r from the picture's middle, in half widths, is r (1 + kappa r^2) in a pinhole's picture.
A picture bent like a barrel has a kappa above 0. Points are laid out with each coordinate
contiguous, (2, n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.types import FloatArray

FARTHEST = 4.0
"""Squared distance from the middle, in half widths, beyond which a lens bends no more."""
UNBENT = 1e-4
"""Kappa under which a picture counts as a pinhole's."""


@dataclass(frozen=True, slots=True)
class RadialLens:
    """A lens that bends a picture of one size."""

    centre: FloatArray
    """(2, 1) the picture's middle, pixels."""
    unit: FloatArray
    """(2, 1) half its width, in pixels along each axis."""
    kappa: float

    @classmethod
    def of(cls, kappa: float, log_aspect: float, size: tuple[int, int]) -> RadialLens | None:
        """A lens for a (width, height) picture; None for a pinhole."""
        if abs(kappa) < UNBENT:
            return None
        centre = np.array([[(size[0] - 1) / 2], [(size[1] - 1) / 2]])
        unit = size[0] / 2 * np.array([[1.0], [math.exp(log_aspect)]])
        return cls(centre, unit, kappa)

    def bent(self, flat: FloatArray) -> FloatArray:
        """Pinhole pixels (2, n) where the lens has them."""
        off = (flat - self.centre) / self.unit
        square = np.minimum((off * off).sum(0), FARTHEST)
        s: FloatArray = np.ones_like(square)
        for _ in range(4):  # fixed point of s = 1 + kappa r^2 / s^2
            s = 1 + self.kappa * square / (s * s)
        moved: FloatArray = self.centre + (flat - self.centre) / s
        return moved

    def straight(self, px: FloatArray) -> FloatArray:
        """Pixels (2, n) where a pinhole has them: the inverse of `bent`."""
        off = (px - self.centre) / self.unit
        moved: FloatArray = self.centre + (px - self.centre) * (1 + self.kappa * (off * off).sum(0))
        return moved

    def pushed(self, px: FloatArray, along: FloatArray) -> FloatArray:
        """Motion (2, n) of bent pixels (2, n) for a motion of the pinhole's."""
        off, by = (px - self.centre) / self.unit, along / self.unit
        square = (off * off).sum(0)
        once = 1 + self.kappa * square
        share = 2 * self.kappa * (off * by).sum(0) / (once * (1 + 3 * self.kappa * square))
        moved: FloatArray = (by / once - off * share) * self.unit
        return moved
