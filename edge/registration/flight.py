"""One frame between its picture and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.registration.picture import Picture
from edge.registration.stopwatch import Stopwatch

Maps = Mapping[str, NDArray[np.float32]]


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
        """The same, with an own copy of what is still to be read: the maps, or the picture."""
        if self.maps is None:
            return replace(self, image=self.image.copy())
        return replace(self, maps={name: array.copy() for name, array in self.maps.items()})


@dataclass(frozen=True, slots=True)
class Flight:
    """One frame that is prepared, and mostly has been through the network, to be finished."""

    watch: Stopwatch
    sight: Sight | None
    """None for a picture that cannot be used."""
    follows: bool = False
    """Whether it may be followed from the frame before."""
    behind: bool = False
    """The same, but the network looks at it behind its answer (see `Registrar.mend`)."""

    @property
    def took_ms(self) -> float:
        """Work that was spent on it so far, milliseconds."""
        return self.watch.total_ms
