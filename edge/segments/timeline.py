"""The times of a stream, as broken as they may be, made one time line."""

from __future__ import annotations

MOST_GAP_S = 60.0
"""A leap that is longer, beyond where the file should end, is an error of the time stamps."""
_BACK_S = 1.0
"""Less than this is no leap but a stamp that is not quite in order."""


class StreamTimeline:
    """Times of one stream in seconds from the file's beginning; they never go back.

    A stream that starts anew (files that were joined) goes on where it was; one without times goes
    on by the length of its pieces.
    """

    def __init__(self, start_s: float, end_s: float | None) -> None:
        self.jumps = 0
        """Leaps that were mended."""
        self.now_s = 0.0
        """The latest time given."""
        self.end_s = 0.0
        """Where the latest piece ends."""
        self._shift_s = start_s
        self._told_end_s = end_s

    def at(self, raw_s: float | None, lasts_s: float) -> float:
        """Give the time of the next picture or piece of sound, which says `raw_s` of itself."""
        time_s = self.end_s if raw_s is None else raw_s - self._shift_s
        if self._is_leap(time_s):
            self.jumps += 1
            self._shift_s += time_s - self.end_s
            time_s = self.end_s
        self.now_s = max(self.now_s, time_s)
        self.end_s = self.now_s + lasts_s
        return self.now_s

    def _is_leap(self, time_s: float) -> bool:
        if time_s < self.now_s - _BACK_S:
            return True
        beyond = self._told_end_s is None or time_s > self._told_end_s + MOST_GAP_S
        return beyond and time_s > self.now_s + MOST_GAP_S
