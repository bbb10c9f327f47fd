"""Between capture and inference: the newest frame only, and every frame accounted for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge.types import Frame


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the captured frames went: `captured == processed + waiting + sum(dropped.values())`."""

    captured: int = 0
    processed: int = 0
    waiting: int = 0
    """1 while a frame lies in the slot."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By cause: `busy` (a newer frame came before it was taken), `closed` (left at the end)."""


class LatestSlot:
    """A slot for one frame: putting replaces what nobody took. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._captured = 0
        self._processed = 0
        self._dropped = {"busy": 0, "closed": 0}

    def put(self, frame: Frame) -> None:
        """Offer a frame; one that lies there drops as `busy`, one after `close` as `closed`."""
        with self._changed:
            self._captured += 1
            if self._closed:
                self._dropped["closed"] += 1
                return
            self._dropped["busy"] += self._frame is not None
            self._frame = frame
            self._changed.notify()

    def get(self, timeout_s: float | None = None) -> Frame | None:
        """Take the frame; None when none came within `timeout_s` (None: no limit) or ever will."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            self._processed += frame is not None
            return frame

    def finish(self) -> None:
        """Accept no more frames; what lies in the slot may still be taken, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what lies in the slot as `closed` and wake everybody who waits."""
        with self._changed:
            self._closed = True
            self._dropped["closed"] += self._frame is not None
            self._frame = None
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether no more frames are accepted."""
        with self._changed:
            return self._closed

    @property
    def counts(self) -> Counts:
        """Where the frames went so far."""
        with self._changed:
            waiting = int(self._frame is not None)
            return Counts(
                self._captured, self._processed, waiting, MappingProxyType(dict(self._dropped))
            )
