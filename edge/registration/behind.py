"""The network's look at a frame that was answered without it, while the next ones are followed.

A live frame that came when the network's turn had come, but no time for it, is followed from the
one before like its neighbours. The network looks at it behind that, in a thread of its own; when it
is done, its maps are read off behind one frame's answer, the picture's own answer is made behind
the next one's, and followed on to the newest frame.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.registration.candidates import Observation
from edge.registration.estimator import Belief
from edge.registration.flight import Flight, Maps, Sight
from edge.registration.stopwatch import Stopwatch
from edge.types import CameraPrior, RejectionReason

PATIENT = 2
"""Frames that are followed meanwhile, at most, before the network is waited for."""

Run = Callable[[NDArray[np.uint8]], Maps]
"""Runs the network over a (1, h, w, 3) picture; the maps are the caller's own."""


@dataclass(slots=True)
class Look:
    """A frame that the network looks at behind its answer."""

    flight: Flight
    sight: Sight
    last: Belief | None
    """What the tracker followed to it."""
    prior: CameraPrior | None
    since: list[Flight] = field(default_factory=list)
    """Frames that were followed since, oldest first."""
    maps: Future[Maps] | None = None
    """What the network saw; None while it was not asked."""
    watch: Stopwatch = field(default_factory=Stopwatch)
    """Of the work behind the answer."""
    read: Observation | RejectionReason | None = None
    """What was read off the maps; None while it was not."""


class LooksBehind:
    """At most one look at a time; all methods are for the thread that registers."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._look: Look | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._picture: NDArray[np.uint8] | None = None

    @property
    def overdue(self) -> bool:
        """Whether a look was put off that nobody began since: `turn` is not called."""
        return self._look is not None and self._look.maps is None

    def followed(
        self, flight: Flight, last: Belief | None, prior: CameraPrior | None, *, due: bool
    ) -> None:
        """A frame was followed from `last`; `due` if the network is to look at it behind that."""
        if self._look is not None:
            self._look.since.append(flight)
        elif due and flight.sight is not None:
            self._look = Look(flight, flight.sight, last, prior)

    def turn(self) -> tuple[Look, Maps] | None:
        """Begin what was put off, or return the look that the network has done.

        Each time, until `take` or `drop`. Waits for the network if it takes too long, and raises
        what it raised.
        """
        look = self._look
        if look is None:
            return None
        if look.maps is None:
            # the next frame overwrites the network's own input
            if self._picture is None:
                self._picture = np.empty_like(look.sight.image)
            np.copyto(self._picture, look.sight.image)
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="look")
            look.maps = self._thread.submit(self._timed, look.watch, self._picture)
            return None
        if not look.maps.done() and len(look.since) < PATIENT:
            return None
        try:
            return look, look.maps.result()
        except BaseException:
            self._look = None
            raise

    def take(self) -> None:
        """The look that `turn` returned is over."""
        self._look = None

    def drop(self) -> None:
        """Forget the look there is; the network is free when this returns."""
        look, self._look = self._look, None
        if look is not None and look.maps is not None and not look.maps.cancel():
            look.maps.exception()  # waits; who runs the network next hears of it himself

    def close(self) -> None:
        """End the thread."""
        self.drop()
        if self._thread is not None:
            self._thread.shutdown()

    def _timed(self, watch: Stopwatch, picture: NDArray[np.uint8]) -> Maps:
        watch.resume()
        maps = self._run(picture)
        watch.lap("infer")
        return maps
