"""One frame between its picture and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.registration.picture import Picture
from edge.registration.stopwatch import Stopwatch

Maps = Mapping[str, NDArray[np.float32]]
SOON_S = 0.0215
"""Longest time from a frame to one that is followed from it: of 48 frames a second."""


class Turns:
    """Tells which frames may be followed: those soon after one that the network saw."""

    def __init__(self) -> None:
        self._looked_s: float | None = None
        self._followed = 0

    def follows(self, pts_s: float | None, in_a_row: int = 1) -> bool:
        """Whether the next frame may be followed, as one of `in_a_row` at most.

        Also as the only one, so late as so many would be.
        """
        looked_s, late_s = self._looked_s, in_a_row * SOON_S
        soon = pts_s is not None and looked_s is not None and 0 < pts_s - looked_s <= late_s
        if soon and self._followed < in_a_row:
            self._followed += 1
            return True
        self._looked_s, self._followed = pts_s, 0
        return False


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one usable picture."""

    picture: Picture
    image: NDArray[np.uint8]
    """(1, h, w, 3) the network's picture."""
    thumb: NDArray[np.float32]
    """(h, w, 3) the picture at an eighth of the network's size, to tell a cut."""
    glimpse: NDArray[np.uint8]
    """(h, w, 3) every second pixel of the network's picture, to tell one that shows nothing."""
    maps: Maps | None = None
    """The network's outputs by name; None where it has not run."""

    def kept(self) -> Sight:
        """The same with arrays of its own, which no other frame overwrites."""
        maps = self.maps and {name: array.copy() for name, array in self.maps.items()}
        return replace(self, image=self.image.copy(), maps=maps)


@dataclass(frozen=True, slots=True)
class Flight:
    """One frame that is prepared, and mostly has been through the network, to be finished."""

    watch: Stopwatch
    sight: Sight | None
    """None for a picture that cannot be used."""
    follows: bool = False
    """Whether it may be followed from the frame before."""

    @property
    def took_ms(self) -> float:
        """Work that was spent on it so far, milliseconds."""
        return self.watch.total_ms
