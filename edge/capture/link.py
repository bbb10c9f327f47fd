"""The state of a connection that may break: pure, told what happens and when, asked what to do.

Times are seconds of any monotonic clock and come in as arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edge.errors import SourceCause


class LinkState(str, Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    WAITING = "waiting"
    """Broken; the next attempt comes after a pause."""
    ENDED = "ended"
    """Over for good: the source came to its end or was closed."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a live source gives no live picture now."""

    cause: SourceCause
    message: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause before each attempt: `first_s`, then `factor` times longer each time.

    The longest is short: a camera is one of a few on its own network, and its picture is wanted
    back within seconds. One that refuses the user is left alone for `denied_s`, because some lock
    an account after a few attempts.
    """

    first_s: float = 0.25
    factor: float = 1.5
    longest_s: float = 1.5
    denied_s: float = 20.0

    def pause_s(self, attempt: int) -> float:
        """Seconds before the `attempt`-th new connection in a row, counted from 1."""
        exponent = min(attempt - 1, 32)  # far past every sensible longest pause, and no overflow
        return min(self.longest_s, self.first_s * self.factor**exponent)


class Link:
    """Connecting, streaming, waiting after a failure, connecting again."""

    def __init__(
        self, backoff: Backoff | None = None, *, stall_s: float = 1.5, steady_s: float = 5.0
    ) -> None:
        """Begin unconnected.

        `stall_s`: seconds without a frame after which the connection counts as broken; `steady_s`:
        seconds of frames after which the pauses start from the shortest again, so that a flapping
        camera is not hammered.
        """
        self._backoff = backoff or Backoff()
        self._stall_s = stall_s
        self._steady_s = steady_s
        self._attempt = 0
        self._retry_at = 0.0
        self._streaming_since: float | None = None
        self._heard_at: float | None = None
        self.state = LinkState.CONNECTING
        self.failures = 0
        """How often the connection broke or could not be made."""
        self.last_error: str | None = None
        """Why it broke last; None since it works again."""
        self._cause: SourceCause = "unreachable"
        self._causes: Counter[SourceCause] = Counter()

    @property
    def causes(self) -> Mapping[SourceCause, int]:
        """How often the connection broke or could not be made, by cause."""
        return dict(self._causes)

    def connecting(self, now_s: float) -> None:
        """Note that an attempt begins."""
        self.state = LinkState.CONNECTING
        self._heard_at = now_s
        self._streaming_since = None

    def frame(self, now_s: float) -> None:
        """Note a frame that arrived."""
        if self._streaming_since is None:
            self._streaming_since = now_s
            self.state = LinkState.STREAMING
        self._heard_at = now_s
        self.last_error = None
        if now_s - self._streaming_since >= self._steady_s:
            self._attempt = 0

    def failed(self, now_s: float, why: str, cause: SourceCause = "unreachable") -> float:
        """Note that the connection broke or could not be made -> seconds to pause."""
        self.failures += 1
        self.last_error, self._cause = why, cause
        self._causes[cause] += 1
        self._attempt += 1
        pause_s = self._backoff.pause_s(self._attempt)
        if cause == "denied":
            pause_s = max(pause_s, self._backoff.denied_s)
        self._retry_at = now_s + pause_s
        self._streaming_since = None
        self.state = LinkState.WAITING
        return pause_s

    def ended(self) -> None:
        """Note that nothing more comes."""
        self.state = LinkState.ENDED

    def stalled(self, now_s: float) -> bool:
        """Whether a connection that streamed has been silent for too long."""
        silent_since = self._heard_at if self.state is LinkState.STREAMING else None
        return silent_since is not None and now_s - silent_since > self._stall_s

    def outage(self, now_s: float) -> Outage | None:
        """Say what is wrong; None while frames come, and before the first attempt has ended."""
        if self.last_error is not None:
            return Outage(self._cause, self.last_error)
        if self.stalled(now_s):
            return Outage("silent", f"no picture for {self._stall_s:g} s")
        return None

    def retry_in_s(self, now_s: float) -> float:
        """Seconds left of the pause; 0 when it is over or there is none."""
        return max(0.0, self._retry_at - now_s) if self.state is LinkState.WAITING else 0.0
