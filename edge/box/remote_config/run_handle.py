"""One run of the box under one configuration, as remote configuration sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.box.box import Observer, Started
from edge.box.loaded_model import Network, NetworkFactory
from edge.box.protocols import Stop
from edge.box.remote_config.probation import Vitals
from edge.box.remote_config.request import Options
from edge.config import Config
from edge.types import Frame, Registration


@dataclass(frozen=True, slots=True)
class RunWishes:
    """What the command line says beside the configuration."""

    options: Options
    """Laid over every configuration."""
    source: str | None
    watcher: Observer
    make_network: NetworkFactory
    on_config: Callable[[Config], None] = lambda _config: None
    """Is told each configuration that comes into force or on trial."""


class Run:
    """Watches a run: whether its stages stand, what it processes, how it ended.

    The run's thread reports, any thread may look.
    """

    def __init__(
        self,
        config: Config,
        watcher: Observer,
        *,
        network: Network | None = None,
        comes_back: bool = False,
    ) -> None:
        """`network` is ready for this run; `comes_back` says that it follows a failed trial."""
        self.config = config
        self.comes_back = comes_back
        self.over = threading.Event()
        """Set to end the run after the frame in hand."""
        self.error: Exception | None = None
        self.ended = False
        self.stood_since_s: float | None = None
        """When the stages stood under the present configuration, monotonic; None before."""
        self._watcher = watcher
        self._network = network
        self._started: Started | None = None
        self._frames = self._counted_from = 0
        self._last_s: float | None = None

    def started(self, started: Started) -> None:
        """Everything is open, the first frame comes next."""
        started.registrar.apply(self.config)  # a network may have been made before a live change
        self._started = started
        self._watcher.started(started)
        self.stood_since_s = time.monotonic()

    def frame(self, frame: Frame, registration: Registration) -> None:
        """One frame is done."""
        self._frames += 1
        self._last_s = time.monotonic()
        self._watcher.frame(frame, registration)

    @property
    def settled(self) -> bool:
        """Whether the stages stand, or nobody knows when they will."""
        return self.stood_since_s is not None or self.error is not None or self.comes_back

    def network_from(self, make: NetworkFactory) -> NetworkFactory:
        """Return what gives this run its network: the waiting one first, then new ones."""

        def give(config: Config) -> Network:
            ready, self._network = self._network, None
            return ready or make(config)

        return give

    def drop_network(self) -> None:
        """Close a network that no run took."""
        network, self._network = self._network, None
        if network is not None:
            network.registrar.close()

    def apply(self, config: Config) -> None:
        """Take what changes while frames are processed, and count frames from here."""
        self.config = config
        started = self._started
        if started is not None:
            started.registrar.apply(config)
            started.publication.apply(config)
            self.stood_since_s = time.monotonic()
        self._counted_from = self._frames

    def vitals(self, now_s: float) -> Vitals:
        """Return what can be seen of the run."""
        started = self._started
        return Vitals(
            frames=self._frames - self._counted_from,
            frame_age_s=None if self._last_s is None else now_s - self._last_s,
            connected=started is not None and started.publication.connected,
            ended=self.ended,
        )


class EitherStop:
    """A run ends when the box does, or when its turn is over."""

    def __init__(self, *stops: Stop) -> None:
        self._stops = stops

    def is_set(self) -> bool:
        """Whether one of them says so."""
        return any(stop.is_set() for stop in self._stops)
