"""Which frames of a video the network looks at, and which are followed from the one before."""

from __future__ import annotations

SOON_S = 0.0215
"""Longest time from a frame to one that is followed from it: of 48 frames a second."""
UNSEEN_S = 0.0345
"""Longest time after a frame that the network saw: two are followed of three at 60 a second."""
PRESSED_S = 0.052
"""The same where the network cannot look so often."""


class Turns:
    """Tells which frames may be followed: those soon after the one before them.

    And not long after one that the network saw.
    """

    def __init__(self) -> None:
        self._before_s: float | None = None
        self._looked_s: float | None = None
        self.soon = False
        """Whether the last frame came soon after the one before it."""

    def follows(self, pts_s: float | None, *, pressed: bool = False) -> bool:
        """Whether the next frame may be followed; `pressed`: also one that comes twice as late."""
        before_s, looked_s, self._before_s = self._before_s, self._looked_s, pts_s
        self.soon = False
        if pts_s is not None and before_s is not None and looked_s is not None:
            self.soon = 0 < pts_s - before_s <= (2 if pressed else 1) * SOON_S
            if self.soon and pts_s - looked_s <= (PRESSED_S if pressed else UNSEEN_S):
                return True
        self._looked_s = pts_s
        return False
