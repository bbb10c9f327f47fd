"""How long answering a live frame may take: no longer than the next one takes to come."""

from __future__ import annotations

import math
from collections import deque

from edge.types import Frame

_REMEMBERED = 31
"""Intervals between frames by which a source's pace is told."""
_MENDED_EVERY_S, _FAST_EVERY_S = 0.1, 0.2
"""A doubtful answer may be refined after it was given so often, seconds of the stream."""
_FAST_MS = 21.5
"""Interval of a fast stream, of 48 frames a second and more: they differ by half as much."""


class RefinementBudget:
    """Tells the milliseconds that a frame may take; the loop's thread alone uses it.

    Frames that take longer than the interval between them make later ones wait, and in the end
    drop. Where frames come so fast that refinement does not fit in, an answer that is good enough
    to be given is given unrefined, and refined behind that, for the frames to come, once in a tenth
    or, of a fast stream, a fifth of a second, if its frame has not waited already.
    """

    def __init__(self) -> None:
        self._intervals_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_pts_s: float | None = None
        self._refined_s: float | None = None
        self._mends = False

    def of(self, frame: Frame, waited_ms: float) -> float | None:
        """Milliseconds until the next frame, 0 or more; None when they do not count.

        The frame was decoded `waited_ms` ago.
        """
        pts_s, last_s = frame.pts_s, self._last_pts_s
        self._last_pts_s, self._mends = pts_s, False
        if pts_s is None:
            return None
        if last_s is not None and pts_s > last_s:
            self._intervals_s.append(pts_s - last_s)
        if not self._intervals_s:
            return None
        # frames that were dropped lengthen some intervals, jitter shortens a few
        interval_ms = 1e3 * sorted(self._intervals_s)[len(self._intervals_s) // 4]
        # since_s is negative where the source started over
        since_s = math.inf if self._refined_s is None else pts_s - self._refined_s
        every_s = _FAST_EVERY_S if interval_ms <= _FAST_MS else _MENDED_EVERY_S
        self._mends = waited_ms < interval_ms and not 0.0 <= since_s < every_s
        return max(0.0, interval_ms - waited_ms)

    @property
    def mends(self) -> bool:
        """Whether the answer to the frame last asked about may be refined behind it."""
        return self._mends

    def refined(self, frame: Frame) -> None:
        """Take note that a frame, or its answer behind it, took its time."""
        self._refined_s = frame.pts_s
