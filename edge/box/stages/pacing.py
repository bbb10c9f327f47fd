"""A file played as if it were a camera, one thinned out, and one that starts over at its end."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

from edge.capture import FrameSource, SourceInfo, interrupt
from edge.types import Frame

_DEFAULT_FPS = 25.0
_LONGEST_WAIT_S = 2.0
_LONGEST_WAIT_STEPS = 5.0
"""A frame is waited for so many steps of the film's rate at most: longer gaps are passed over."""


class Paced:
    """Gives a source's frames at their presentation times, for trying a live box with a file.

    The times of the frames are those at which they are given: `capture_ns` is the host's clock. A
    gap in the film, and a step back, are not waited out.
    """

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._closed = threading.Event()
        self._due_ns: int | None = None
        self._pts_s = 0.0
        self._step_s = 1 / (source.info.fps or _DEFAULT_FPS)
        self._longest_s = max(_LONGEST_WAIT_S, _LONGEST_WAIT_STEPS * self._step_s)

    @property
    def info(self) -> SourceInfo:
        """Return the source's facts, called live."""
        return dataclasses.replace(self._source.info, live=True)

    @property
    def corrupt(self) -> int:
        """Count the frames that could not be decoded."""
        return self._source.corrupt

    @property
    def note(self) -> str | None:
        """Return one line about something odd in the source."""
        return self._source.note

    def read(self) -> Frame | None:
        """Return the next frame when its time has come, or None at the end or after `close`."""
        frame = self._source.read()
        if frame is None:
            return None
        now_ns = time.monotonic_ns()
        self._due_ns = self._next_due(frame, now_ns)
        if self._closed.wait(max(0.0, (self._due_ns - now_ns) / 1e9)):
            return None
        return dataclasses.replace(
            frame,
            capture_ns=time.time_ns(),
            monotonic_ns=time.monotonic_ns(),
            clock_source="host",
        )

    def _next_due(self, frame: Frame, now_ns: int) -> int:
        pts_s = frame.pts_s if frame.pts_s is not None else frame.index * self._step_s
        ahead_s, self._pts_s = pts_s - self._pts_s, pts_s
        if self._due_ns is None:
            return now_ns
        step_s = ahead_s if 0 <= ahead_s <= self._longest_s else self._step_s
        return self._due_ns + int(step_s * 1e9)

    def interrupt(self) -> None:
        """Wake a waiting `read`."""
        self._closed.set()
        interrupt(self._source)

    def close(self) -> None:
        """Wake a waiting `read` and close the source."""
        self._closed.set()
        self._source.close()


class EveryNth:
    """Gives every n-th frame of a source; frames keep their numbers and times."""

    def __init__(self, source: FrameSource, every: int) -> None:
        self._source = source
        self._every = every

    @property
    def info(self) -> SourceInfo:
        """Return the source's facts, at the rate of the frames that are given."""
        info = self._source.info
        fps = None if info.fps is None else info.fps / self._every
        return dataclasses.replace(info, fps=fps)

    @property
    def corrupt(self) -> int:
        """Count the frames that could not be decoded."""
        return self._source.corrupt

    @property
    def note(self) -> str | None:
        """Return one line about something odd in the source."""
        return self._source.note

    def read(self) -> Frame | None:
        """Return the next frame whose number divides by n, or None at the end."""
        while (frame := self._source.read()) is not None:
            if frame.index % self._every == 0:
                return frame
        return None

    def interrupt(self) -> None:
        """End a read that waits."""
        interrupt(self._source)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class Looped:
    """Starts a source over at its end; numbers and presentation times go on."""

    def __init__(self, open_: Callable[[], FrameSource]) -> None:
        self._open = open_
        self._source = open_()
        self._info = dataclasses.replace(self._source.info, frames=None)
        self._corrupt_before = 0
        self._index_base = 0
        self._pts_base_s = 0.0
        self._last: Frame | None = None

    @property
    def info(self) -> SourceInfo:
        """Return the source's facts; how many frames there will be is unknown."""
        return self._info

    @property
    def corrupt(self) -> int:
        """Count the frames that could not be decoded, over all rounds."""
        return self._corrupt_before + self._source.corrupt

    @property
    def note(self) -> str | None:
        """Return one line about something odd in the source."""
        return self._source.note

    def read(self) -> Frame | None:
        """Return the next frame; None only if a round gives no frame at all."""
        frame = self._source.read()
        if frame is None and self._last is not None:
            self._start_over(self._last)
            frame = self._source.read()
        if frame is None:
            return None
        pts_s = None if frame.pts_s is None else self._pts_base_s + frame.pts_s
        self._last = dataclasses.replace(frame, index=self._index_base + frame.index, pts_s=pts_s)
        return self._last

    def interrupt(self) -> None:
        """End a read that waits."""
        interrupt(self._source)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _start_over(self, last: Frame) -> None:
        self._corrupt_before += self._source.corrupt
        self._source.close()
        self._source = self._open()
        self._index_base = last.index + 1
        if last.pts_s is not None:
            self._pts_base_s = last.pts_s + 1 / (self._info.fps or _DEFAULT_FPS)
        self._last = None
