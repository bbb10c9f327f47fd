"""Whether one more refinement of answers that are good already is worth its time."""

from __future__ import annotations

GAIN = 0.02
"""By how much a score must rise for a refinement to have been worth it."""
LONGEST = 15
"""Frames without a try after several that gained nothing."""


class Worth:
    """Puts refinements off while they gain nothing: 1, 3, 7 frames, then `LONGEST` each time."""

    def __init__(self) -> None:
        self._wait = self._left = 0

    def forget(self) -> None:
        """Another shot: the next one is tried."""
        self._wait = self._left = 0

    def asks(self) -> bool:
        """Whether this frame is one to try; each call is a frame."""
        if self._left:
            self._left -= 1
            return False
        return True

    def told(self, gain: float) -> None:
        """What the score of the frame tried has gained."""
        self._wait = 0 if gain >= GAIN else min(2 * self._wait + 1, LONGEST)
        self._left = self._wait
