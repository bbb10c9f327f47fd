"""Which frames of a video the network looks at, and which are followed from the one before."""

from __future__ import annotations

SOON_S = 0.0215
"""Longest time from a frame to one that is followed from it: of 48 frames a second."""


class Turns:
    """Tells which frames may be followed: those soon after one that the network saw."""

    def __init__(self) -> None:
        self._looked_s: float | None = None
        self._followed = 0

    def follows(self, pts_s: float | None, in_a_row: int = 1) -> bool:
        """Whether the next frame may be followed, as one of `in_a_row` at most.

        Also as the only one, so late as so many would be.
        """
        looked_s, late_s = self._looked_s, in_a_row * SOON_S
        soon = pts_s is not None and looked_s is not None and 0 < pts_s - looked_s <= late_s
        if soon and self._followed < in_a_row:
            self._followed += 1
            return True
        self._looked_s, self._followed = pts_s, 0
        return False
