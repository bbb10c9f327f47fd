"""One frame between its picture and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.registration.picture import Picture
from edge.registration.stopwatch import Stopwatch

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the network saw in one usable picture."""

    picture: Picture
    maps: Maps
    """The network's outputs by name."""
    thumb: NDArray[np.float32]
    """(h, w, 3) the picture at an eighth of the network's size, to tell a cut."""
    glimpse: NDArray[np.uint8]
    """(h, w, 3) every second pixel of the network's picture, to tell one that shows nothing."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One frame that the network has run over, to be finished."""

    watch: Stopwatch
    sight: Sight | None
    """None for a picture that cannot be used."""

    @property
    def took_ms(self) -> float:
        """Work that was spent on it so far, milliseconds."""
        return self.watch.total_ms
