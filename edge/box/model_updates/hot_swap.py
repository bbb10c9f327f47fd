"""A registrar that can be exchanged between two frames, and what it was like before and after."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge.box.loaded_model import Network
from edge.box.protocols import DefersWork
from edge.box.stages.prefetch import InfersAhead, PendingFrame
from edge.config import Config
from edge.types import CameraPrior, Frame, ImageArray, Registration, RegistrationState

log = logging.getLogger(__name__)

_WINDOW = 900
"""Frames over which a bundle is judged, at most: half a minute."""
FEWEST = 30
"""Frames without which nothing is judged."""
_MORE_LOST = 0.10
_LOWER_SCORE = 0.05
_SLOWER = 2.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a bundle did over some frames."""

    frames: int
    lost: float
    """Share of them, 0..1."""
    score: float | None
    """Mean score of the others; None if there were none."""
    mean_ms: float


def worse(before: Conduct, now: Conduct) -> str | None:
    """Say in what a bundle does worse than the one before, one line; None if in nothing. Pure."""
    if before.frames < FEWEST or now.frames < FEWEST:
        return None
    if now.lost > before.lost + _MORE_LOST:
        return f"{now.lost:.0%} of {now.frames} frames are lost, {before.lost:.0%} before"
    if before.score is not None and (now.score or 0.0) < before.score - _LOWER_SCORE:
        return f"the mean score is {now.score or 0.0:.2f}, {before.score:.2f} before"
    if now.mean_ms > _SLOWER * before.mean_ms:
        return f"a frame takes {now.mean_ms:.0f} ms, {before.mean_ms:.0f} ms before"
    return None


@dataclass(frozen=True, slots=True)
class _OwnFlight:
    """A flight, and the registrar that alone can finish it, a `InfersAhead` one."""

    registrar: Any
    flight: PendingFrame

    @property
    def took_ms(self) -> float:
        return self.flight.took_ms


class SwitchingRegistrar:
    """Registers with one network, and takes another between two frames.

    The loop's thread calls `register`, `reset` and `close`; any other the rest. `on_switch` is
    called on the loop's thread before the first frame of a network. The network before stays loaded
    until `settle`, and answers at once in the place of a new one that raises.
    """

    def __init__(self, network: Network) -> None:
        self.on_switch: Callable[[Network], None] | None = None
        self._changed = threading.Condition()
        self._network = network
        self._before: Network | None = None
        self._pending: Network | None = None
        self._config: Config | None = None
        self._seen: deque[tuple[bool, float, float]] = deque(maxlen=_WINDOW)
        self._closed = False
        self.failure: str | None = None
        """What the network on trial raised; it is not asked again."""

    @property
    def network(self) -> Network:
        """The network in use."""
        return self._network

    # -- for the loop's thread

    def register(
        self,
        image_bgr: ImageArray,
        *,
        pts_s: float | None = None,
        prior: CameraPrior | None = None,
        spare_ms: float | None = None,
        flight: PendingFrame | None = None,
    ) -> Registration:
        """Register one (height, width, 3) uint8 BGR picture; `flight` is what `sense` saw in it."""
        self._take_pending()
        hints = {"prior": prior, "spare_ms": spare_ms}
        given = {name: hint for name, hint in hints.items() if hint is not None}
        ask = partial(self._ask, image_bgr, pts_s, flight, given)
        begun_s, sensing_ms = time.monotonic(), 0.0 if flight is None else flight.took_ms
        try:
            answer = ask()
        except Exception as error:
            if self._before is None:
                raise
            self._give_up(error)
            answer = ask()
        lost = answer.state is RegistrationState.LOST
        ms = sensing_ms + 1e3 * (time.monotonic() - begun_s)
        with self._changed:
            self._seen.append((lost, answer.quality.score, ms))
        return answer

    def mend(self, *, refine: bool) -> bool:
        """Do what the network in use put off, for the frames to come (see `DefersWork`)."""
        registrar = self._network.registrar
        try:
            return isinstance(registrar, DefersWork) and registrar.mend(refine=refine)
        except Exception as error:
            if self._before is None:
                raise
            self._give_up(error)
            return False

    def reset(self) -> None:
        """Forget the frames before."""
        self._network.registrar.reset()

    def close(self) -> None:
        """Release every network; nobody waits for a switch any more."""
        with self._changed:
            networks = {id(n): n for n in (self._network, self._before, self._pending) if n}
            self._closed, self._before, self._pending = True, None, None
            self._changed.notify_all()
        for network in networks.values():
            network.registrar.close()

    # -- for the network's thread

    def sense(self, frame: Frame) -> PendingFrame | None:
        """Run the network in use over a frame; None where it cannot, `register` then tells why."""
        registrar = self._network.registrar
        if not isinstance(registrar, InfersAhead):
            return None
        try:
            return _OwnFlight(registrar, registrar.sense(frame.image, pts_s=frame.pts_s))
        except Exception as error:  # noqa: BLE001 - raised again when `register` asks for it
            log.debug("the network failed ahead of its frame: %s", error)
            return None

    # -- for any other thread

    def apply(self, config: Config) -> None:
        """Take what of another configuration changes between two frames.

        It holds for every network that is loaded, and for those that are taken later.
        """
        with self._changed:
            self._config = config
            for network in filter(None, (self._network, self._before, self._pending)):
                network.apply(config)

    def conduct(self) -> Conduct:
        """Return how the network in use did since it was taken, over its last frames."""
        with self._changed:
            seen = list(self._seen)
        lost = sum(entry[0] for entry in seen)
        answered = [score for is_lost, score, _ in seen if not is_lost]
        return Conduct(
            len(seen),
            lost / len(seen) if seen else 0.0,
            sum(answered) / len(answered) if answered else None,
            sum(entry[2] for entry in seen) / len(seen) if seen else 0.0,
        )

    def switch(self, network: Network) -> bool:
        """Take a network from the next frame on; False if the run ended (it is closed then)."""
        with self._changed:
            if not self._closed:
                if self._config is not None:
                    network.apply(self._config)
                self.failure = None
                self._pending = network
                return True
        network.registrar.close()
        return False

    def waits(self) -> bool:
        """Whether a switch still waits for a frame."""
        return self._pending is not None

    def back(self) -> None:
        """Take the network before again from the next frame on, and release this one."""
        with self._changed:
            if self._before is not None:
                self._pending = self._before

    def settle(self) -> None:
        """Release the network before: the new one stays."""
        with self._changed:
            before, self._before = self._before, None
        if before is not None:
            before.registrar.close()

    def _ask(
        self,
        image_bgr: ImageArray,
        pts_s: float | None,
        flight: PendingFrame | None,
        hints: Mapping[str, Any],
    ) -> Registration:
        registrar: Any = self._network.registrar
        if isinstance(flight, _OwnFlight) and flight.registrar is registrar:
            answer: Registration = registrar.finish(flight.flight, **hints)
        else:
            answer = registrar.register(image_bgr, pts_s=pts_s, **hints)
        return answer

    def _give_up(self, error: Exception) -> None:
        """Take the network before again, at once: the new one has raised."""
        log.error("the new bundle failed", exc_info=error)
        self.failure = f"{type(error).__name__}: {error}"
        with self._changed:
            self._pending = self._before
        self._take_pending()

    def _take_pending(self) -> None:
        with self._changed:
            pending, self._pending = self._pending, None
            if pending is None:
                return
            went_back = pending is self._before
            left, self._network = self._network, pending
            self._before = None if went_back else left
            self._seen.clear()
        pending.registrar.reset()
        if self.on_switch is not None:
            self.on_switch(pending)
        if went_back:
            left.registrar.close()
        log.info("the bundle in use is %s", pending.label)
