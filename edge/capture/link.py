"""The state of a connection that may break: pure, told what happens and when, asked what to do.

Times are seconds of any monotonic clock and come in as arguments.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from edge.errors import SourceCause
from edge.types import ImageArray


class SourceLinkState(str, Enum):
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
class SourceBackoff:
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


class SourceLink:
    """Connecting, streaming, waiting after a failure, connecting again."""

    def __init__(
        self, backoff: SourceBackoff | None = None, *, stall_s: float = 1.5, steady_s: float = 5.0
    ) -> None:
        """Begin unconnected.

        `stall_s`: seconds without a frame after which the connection counts as broken; `steady_s`:
        seconds of frames after which the pauses start from the shortest again, so that a flapping
        camera is not hammered.
        """
        self._backoff = backoff or SourceBackoff()
        self._stall_s = stall_s
        self._steady_s = steady_s
        self._attempt = 0
        self._retry_at = 0.0
        self._streaming_since: float | None = None
        self._heard_at: float | None = None
        self.state = SourceLinkState.CONNECTING
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
        self.state = SourceLinkState.CONNECTING
        self._heard_at = now_s
        self._streaming_since = None

    def frame(self, now_s: float) -> None:
        """Note a frame that arrived."""
        if self._streaming_since is None:
            self._streaming_since = now_s
            self.state = SourceLinkState.STREAMING
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
        self.state = SourceLinkState.WAITING
        return pause_s

    def ended(self) -> None:
        """Note that nothing more comes."""
        self.state = SourceLinkState.ENDED

    def stalled(self, now_s: float) -> bool:
        """Whether a connection that streamed has been silent for too long."""
        silent_since = self._heard_at if self.state is SourceLinkState.STREAMING else None
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
        return max(0.0, self._retry_at - now_s) if self.state is SourceLinkState.WAITING else 0.0


_REQUANTIZED = 12
"""Levels by which an encoder may change a held picture from one key frame to the next."""
_MOVED = 0.01
"""Share of the pixels that may change by more."""
_REPEATS = 0.7
"""Share of exact repetitions that no live picture has (24 pictures a second as 60: 0.6)."""


_REPEATS_LEFT = 0.4
"""Share below which a frozen picture is live again."""
_WINDOW = 50
"""Frames of which the share is taken."""


class FreezeDetector:
    """Notices a camera that goes on sending one and the same picture.

    Even a still scene has sensor noise, so pixels that stay equal mean a hung sensor or encoder.
    Between two key frames a held picture repeats exactly; over a key frame the encoder changes it
    by a few levels. So a picture is held while hardly a pixel departs by more than that, and frozen
    when most of its frames are exact repetitions too. A sparse sample of the picture is compared,
    not all of it.
    """

    def __init__(self, frozen_after_s: float) -> None:
        self._frozen_after_s = frozen_after_s
        self._held: NDArray[np.int16] | None = None
        self._last = np.zeros(0, np.int16)
        self._since_s = 0.0
        self._is_frozen = False
        self._repeats: deque[bool] = deque(maxlen=_WINDOW)

    def frozen(self, image: ImageArray, now_s: float) -> bool:
        """Whether `image` (h, w, 3) and all before it for `frozen_after_s` seconds were equal."""
        sample = image[::16, ::16].astype(np.int16)
        if not self._holds(sample):
            self._held, self._last, self._since_s = sample, sample, now_s
            self._repeats.clear()
            self._is_frozen = False
            return False
        self._repeats.append(np.array_equal(sample, self._last))
        self._last = sample
        for_long = now_s - self._since_s >= self._frozen_after_s
        share = sum(self._repeats) / len(self._repeats)
        self._is_frozen = for_long and share >= (_REPEATS_LEFT if self._is_frozen else _REPEATS)
        return self._is_frozen

    def _holds(self, sample: NDArray[np.int16]) -> bool:
        held = self._held
        if held is None or held.shape != sample.shape:
            return False
        return float(np.mean(np.abs(sample - held) > _REQUANTIZED)) <= _MOVED
