"""Presentation times that run on: one place for stamps that jump, restart, repeat or are missing.

Files and live sources use it alike. Pure: times come in as arguments.
"""

from __future__ import annotations

from collections import deque

LONGEST_GAP_S = 10.0
"""A longer step between two frames of a file is a joint of two recordings, not a pause."""
_LONGEST_STEPS = 8.0
"""Of a film with few frames: a pause may last so many of its usual steps."""
_LIVE_SLACK_S = 2.0
"""A live frame may be stamped so much later than its arrival suggests: networks hold frames up."""
_BACK_STEPS = 8.0
"""Stamps that swap places by so many steps, as B-frames do that are stamped in the order of their
decoding, are put in order; beyond, the clock was set back."""
_MOST_REPEATS = 3
"""A stamp that comes more often than that in a row says nothing any more."""


class Timeline:
    """Turns a stream's stamps into seconds that only grow.

    A stamp that continues the ones before keeps its distance to them. After a jump the time goes on
    by one usual step, or by the time between the arrivals of two live frames. A single wrong stamp
    moves nothing: the stamps behind it are placed as those before it.
    """

    def __init__(self, step_s: float | None, origin_s: float | None = None) -> None:
        """Begin before the first frame.

        `step_s` is the nominal time between two frames; `origin_s` is the stamp of the film's
        beginning, which counts where the first frame lies close behind it.
        """
        self._nominal_s = step_s
        self._origin_s = origin_s
        self._steps: deque[float] = deque(maxlen=16)
        self._offset: float | None = None
        self._offset_before: float | None = None
        self._stamp: float | None = None
        self._repeats = 0
        self._now: float | None = None

    @property
    def step_s(self) -> float | None:
        """The usual time between two frames, seconds; None where nothing tells."""
        mean = sum(self._steps) / len(self._steps) if self._steps else 0.0
        return mean if mean > 0 else self._nominal_s

    def place(self, stamp_s: float | None, elapsed_s: float | None = None) -> float | None:
        """Return the time of the next frame, more than that of the frame before.

        `elapsed_s` is the time since the arrival of the frame before, of a live source. None while
        there is neither a stamp nor a rate.
        """
        if self._now is None:
            self._now = self._first(stamp_s)
        else:
            placed = self._next(stamp_s, elapsed_s, self._now)
            self._now = placed if placed > self._now else self._now + self._least()
        self._repeats = self._repeats + 1 if stamp_s == self._stamp else 0
        self._stamp = stamp_s if stamp_s is not None else self._stamp
        return self._now

    def _first(self, stamp_s: float | None) -> float | None:
        if stamp_s is None:
            return None if self._nominal_s is None else 0.0
        ahead_s = 0.0 if self._origin_s is None else stamp_s - self._origin_s
        first = ahead_s if 0 <= ahead_s <= LONGEST_GAP_S else 0.0
        self._offset = first - stamp_s
        return first

    def _next(self, stamp_s: float | None, elapsed_s: float | None, now: float) -> float:
        repeated = stamp_s == self._stamp
        if stamp_s is None or (repeated and self._repeats >= _MOST_REPEATS):
            return now + self._bridge(elapsed_s)
        for offset in (self._offset, self._offset_before):
            if offset is not None and self._continues(stamp_s + offset - now, elapsed_s):
                self._offset, self._offset_before = offset, self._offset
                self._steps.append(max(stamp_s + offset - now, 0.0))
                return now + self._half() if repeated else stamp_s + offset
        self._offset_before = self._offset
        self._offset = now + self._bridge(elapsed_s) - stamp_s
        return stamp_s + self._offset

    def _continues(self, ahead_s: float, elapsed_s: float | None) -> bool:
        step = self.step_s or 0.0
        if ahead_s < -_BACK_STEPS * step:
            return False
        if elapsed_s is not None:
            return ahead_s <= elapsed_s + max(_LIVE_SLACK_S, _LONGEST_STEPS * step)
        longest = max([step, self._nominal_s or 0.0, *self._steps])
        return ahead_s <= max(LONGEST_GAP_S, _LONGEST_STEPS * longest)

    def _bridge(self, elapsed_s: float | None) -> float:
        """Time over a place where the stamps say nothing, seconds."""
        return elapsed_s if elapsed_s is not None else (self.step_s or self._least())

    def _half(self) -> float:
        return (self.step_s or 0.0) / 2

    def _least(self) -> float:
        """The least time between two frames, seconds."""
        return max((self.step_s or 0.0) / 4, 1e-4)
