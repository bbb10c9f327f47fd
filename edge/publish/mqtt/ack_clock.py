"""Which messages the broker has yet to acknowledge, and for how long it has had them. Pure.

A message waits first for the kernel to take it: on a slow link that takes long and is nobody's
fault. The time for its acknowledgement runs from then on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Unacknowledged:
    order: int
    size: int
    written_s: float | None = None


class AckClock:
    """The messages on their way; packets are written in the order in which they are sent."""

    def __init__(self) -> None:
        self._order = 0
        self._waiting: dict[int, _Unacknowledged] = {}
        self._plain: dict[int, _Unacknowledged] = {}
        """Messages of QoS 0 that were not written yet."""
        self.ever = False
        """Whether the broker acknowledged anything on this connection."""

    def clear(self) -> None:
        """Begin again on a fresh connection."""
        self._waiting.clear()
        self._plain.clear()
        self.ever = False

    def sent(self, mid: int, qos: int, size: int) -> None:
        """Take note that a message of `size` bytes was handed over under the id `mid`."""
        self._order += 1
        (self._waiting if qos else self._plain)[mid] = _Unacknowledged(self._order, size)

    def through(self, mid: int, now_s: float) -> None:
        """Take note of an acknowledgement (QoS 1), or that a message was written (QoS 0)."""
        plain = self._plain.pop(mid, None)
        if plain is not None:
            self._write(now_s, plain.order)
        elif self._waiting.pop(mid, None) is not None:
            self.ever = True

    def all_written(self, now_s: float) -> None:
        """Take note that the kernel has taken everything."""
        self._write(now_s, self._order + 1)

    @property
    def in_flight(self) -> int:
        """Count the messages of QoS 1 that are not acknowledged."""
        return len(self._waiting)

    @property
    def unwritten_bytes(self) -> int:
        """Sum what is not known to be written."""
        plain = sum(item.size for item in self._plain.values())
        return plain + sum(w.size for w in self._waiting.values() if w.written_s is None)

    def oldest_s(self, now_s: float) -> float:
        """Return how long the broker has had the oldest message that it did not acknowledge."""
        written = [w.written_s for w in self._waiting.values() if w.written_s is not None]
        return now_s - min(written) if written else 0.0

    def _write(self, now_s: float, before: int) -> None:
        for item in self._waiting.values():
            if item.order < before and item.written_s is None:
                item.written_s = now_s
