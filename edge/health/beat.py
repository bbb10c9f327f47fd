"""Whether a box lives: told by finished frames and by attempts to open its source. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

STALLED_AFTER_S = 45.0
"""No frame and no attempt for this long is no life: an attempt takes up to 5 s and pauses 15 s."""
FRESH_S = 5.0
"""A box whose last frame is older is not ready."""


@dataclass(slots=True)
class Beat:
    """Remembers the last signs of life; times are seconds of a monotonic clock.

    A thread that merely runs gives no sign: only work that was finished does.
    """

    begun_s: float
    last_frame_s: float | None = None
    _last_sign_s: float = field(init=False)
    _attempts: int = 0

    def __post_init__(self) -> None:
        """Begin alive."""
        self._last_sign_s = self.begun_s

    def frame(self, now_s: float) -> None:
        """Note a frame that was answered and handed over."""
        self.last_frame_s = self._last_sign_s = now_s

    def waiting(self, now_s: float, attempts: int) -> bool:
        """Note that no frame came; whether another attempt at the source is a sign of life.

        `attempts` counts those that ended: a reader that hangs in one does not count on.
        """
        if attempts == self._attempts:
            return False
        self._attempts, self._last_sign_s = attempts, now_s
        return True

    def silent_s(self, now_s: float) -> float:
        """Return the seconds since the last sign of life."""
        return max(0.0, now_s - self._last_sign_s)

    def live(self, now_s: float) -> bool:
        """Whether a sign of life came lately."""
        return self.silent_s(now_s) < STALLED_AFTER_S

    def fresh(self, now_s: float) -> bool:
        """Whether frames are being answered now."""
        return self.last_frame_s is not None and now_s - self.last_frame_s < FRESH_S
