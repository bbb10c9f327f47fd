"""The network's run over one frame, at once or in a thread of its own while another is read off."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines import Engine
from edge.registration.picture import Picture
from edge.registration.stopwatch import Stopwatch
from edge.types import CameraPrior

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(slots=True)
class Flight:
    """One frame between its picture and its answer."""

    watch: Stopwatch
    picture: Picture | None
    """None for a picture that cannot be used."""
    cut: bool = False
    blank: bool = False
    prior: CameraPrior | None = None
    maps: Maps = field(default_factory=dict)
    """What the network made of it, once it has landed."""
    running: Future[Maps] | None = None

    def land(self) -> None:
        """Wait for the network and keep copies of what it made: the next run overwrites it."""
        if self.running is not None:
            self.maps = {name: array.copy() for name, array in self.running.result().items()}
            self.running = None


class Runway:
    """Runs one engine, a frame at a time, here or in a thread that starts with its first frame."""

    def __init__(self, engine: Engine, buffer: NDArray[np.uint8]) -> None:
        self._engine, self._input = engine, buffer
        self._worker: ThreadPoolExecutor | None = None
        self._flying: Flight | None = None

    def clear(self) -> None:
        """Wait until no frame is in the network: its input may be filled again."""
        if self._flying is not None:
            self._flying.land()
            self._flying = None

    def run(self, flight: Flight) -> None:
        """Run the network on its input, now; what it made is overwritten by the next run."""
        flight.maps = self._timed(flight.watch)

    def send(self, flight: Flight) -> None:
        """Start the network on its input, in its thread."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="network")
        flight.running = self._worker.submit(self._timed, flight.watch)
        self._flying = flight

    def close(self) -> None:
        """Wait for the frame in the network and end its thread."""
        if self._worker is not None:
            self._worker.shutdown()

    def _timed(self, watch: Stopwatch) -> dict[str, Any]:
        watch.resume()
        maps = self._engine.run({"image": self._input})
        watch.lap("infer")
        return maps
