"""Between capture and inference: the newest frames only, and every frame accounted for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge.types import Frame

MOST = 4
"""Frames that wait at most, however patient a slot is: a burst must not fill the memory."""


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """Where the captured frames went: `captured == processed + waiting + sum(dropped.values())`."""

    captured: int = 0
    processed: int = 0
    waiting: int = 0
    """Frames that lie in the slot."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By cause: `busy` (not taken in time, and a newer frame came), `closed` (left at the end)."""


class LatestSlot:
    """A slot for the newest frames, given in their order. Thread-safe.

    One frame that takes long makes those behind it wait, and they are soon caught up with. When the
    oldest has waited for `patience_s` as a newer one comes, they are not: all of them drop, so that
    who cannot keep up goes on with the newest. Without patience only the newest ever waits.
    """

    def __init__(self, patience_s: float = 0.0) -> None:
        self._changed = threading.Condition()
        self._patience_ns = round(1e9 * patience_s)
        self._frames: deque[Frame] = deque()
        self._closed = False
        self._captured = 0
        self._processed = 0
        self._dropped = {"busy": 0, "closed": 0}

    def put(self, frame: Frame) -> None:
        """Offer a frame; what waited too long drops as `busy`, one after `close` as `closed`."""
        with self._changed:
            self._captured += 1
            if self._closed:
                self._dropped["closed"] += 1
                return
            if self._frames and self._are_late(frame):
                self._drop("busy")
            self._frames.append(frame)
            self._changed.notify()

    def get(self, timeout_s: float | None = None) -> Frame | None:
        """Take the next frame; None when none came within `timeout_s` or ever will.

        None as `timeout_s` sets no limit.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._closed, timeout_s)
            if not self._frames:
                return None
            self._processed += 1
            return self._frames.popleft()

    def finish(self) -> None:
        """Accept no more frames; what lies in the slot may still be taken, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what lies in the slot as `closed` and wake everybody who waits."""
        with self._changed:
            self._closed = True
            self._drop("closed")
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether no more frames are accepted."""
        with self._changed:
            return self._closed

    @property
    def counts(self) -> SlotCounts:
        """Where the frames went so far."""
        with self._changed:
            dropped = MappingProxyType(dict(self._dropped))
            return SlotCounts(self._captured, self._processed, len(self._frames), dropped)

    def _are_late(self, newer: Frame) -> bool:
        waited_ns = newer.monotonic_ns - self._frames[0].monotonic_ns
        return waited_ns >= self._patience_ns or len(self._frames) >= MOST

    def _drop(self, cause: str) -> None:
        self._dropped[cause] += len(self._frames)
        self._frames.clear()
