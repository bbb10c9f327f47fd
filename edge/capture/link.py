"""The state of a connection that may break: pure, told what happens and when, asked what to do.

Times are seconds of any monotonic clock and come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.types import Image


class LinkState(str, Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    WAITING = "waiting"
    """Broken; the next attempt comes after a pause."""
    ENDED = "ended"
    """Over for good: the source came to its end or was closed."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause before each attempt: `first_s`, then `factor` times longer each time."""

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 15.0

    def pause_s(self, attempt: int) -> float:
        """Seconds before the `attempt`-th new connection in a row, counted from 1."""
        exponent = min(attempt - 1, 32)  # far past every sensible longest pause, and no overflow
        return min(self.longest_s, self.first_s * self.factor**exponent)


class Link:
    """Connecting, streaming, waiting after a failure, connecting again."""

    def __init__(
        self, backoff: Backoff | None = None, *, stall_s: float = 2.0, steady_s: float = 5.0
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

    def failed(self, now_s: float, why: str) -> float:
        """Note that the connection broke or could not be made -> seconds to pause."""
        self.failures += 1
        self.last_error = why
        self._attempt += 1
        pause_s = self._backoff.pause_s(self._attempt)
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

    def retry_in_s(self, now_s: float) -> float:
        """Seconds left of the pause; 0 when it is over or there is none."""
        return max(0.0, self._retry_at - now_s) if self.state is LinkState.WAITING else 0.0


class FreezeDetector:
    """Notices a camera that goes on sending one and the same picture.

    Even a still scene has sensor noise, so equal pixels mean a hung encoder. A sparse sample of the
    picture is compared, not all of it.
    """

    def __init__(self, frozen_after_s: float) -> None:
        self._frozen_after_s = frozen_after_s
        self._sample: bytes | None = None
        self._since_s = 0.0

    def frozen(self, image: Image, now_s: float) -> bool:
        """Whether `image` (h, w, 3) and all before it for `frozen_after_s` seconds were equal."""
        sample = image[::16, ::16].tobytes()
        if sample != self._sample:
            self._sample, self._since_s = sample, now_s
            return False
        return now_s - self._since_s >= self._frozen_after_s
