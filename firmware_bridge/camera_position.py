"""The camera's position, learnt over many pictures: a PTZ camera does not walk. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_READY = 30
"""Pictures after which the position is used."""
_MEMORY = 0.998
_GATE = 5.0
_MIN_MOVE_M = 1.0
_MOVED_AFTER = 50


class SteadyPosition:
    """An information-weighted mean of positions, with the scatter that they really show.

    One picture's distance and focal length are nearly one parameter, so its position is loose along
    the line of sight. Pictures in several directions cross those lines: the weights do that by
    themselves.
    """

    def __init__(self) -> None:
        self._information: NDArray[np.float64] = np.zeros((3, 3))
        self._weighted: NDArray[np.float64] = np.zeros(3)
        self._scatter = 1.0
        """Mean squared normalized distance over its expectation: how optimistic the weights are."""
        self._weight = 0.0
        self._outside = 0
        self._outlier: NDArray[np.float64] = np.zeros(3)
        self.count = 0

    def add(self, position_m: NDArray[np.float64], information: NDArray[np.float64]) -> bool:
        """Take one picture's free position (3,) and its inverse covariance (3, 3).

        False when it is refused.
        """
        if self.count >= _READY:
            difference = position_m - self._mean()
            squared = float(difference @ information @ difference) / 3
            far = float(np.linalg.norm(difference)) > _MIN_MOVE_M
            if far and squared > _GATE**2 * self._scatter:
                self._outside += 1
                self._outlier = position_m
                return False
            self._scatter = max(1.0, 0.99 * self._scatter + 0.01 * squared)
        self._outside = 0
        self._information = self._information * _MEMORY + information
        self._weighted = self._weighted * _MEMORY + information @ position_m
        self._weight = self._weight * _MEMORY + 1
        self.count += 1
        return True

    @property
    def position_m(self) -> NDArray[np.float64] | None:
        """The learnt position (3,), or None before there is enough to trust."""
        return self._mean() if self.count >= _READY else None

    @property
    def sigma_m(self) -> float:
        """Standard error of the position, metres.

        Errors of neighbouring pictures go together, so that a hundred of them count as one.
        """
        if self.count < _READY:
            return math.inf
        covariance = np.linalg.inv(self._information) * self._scatter * min(self._weight, 100.0)
        return float(math.sqrt(np.trace(covariance)))

    @property
    def moved_m(self) -> float | None:
        """How far the camera seems to have been moved, once that has lasted; None otherwise."""
        if self._outside < _MOVED_AFTER:
            return None
        return float(np.linalg.norm(self._outlier - self._mean()))

    def _mean(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.solve(self._information, self._weighted))
