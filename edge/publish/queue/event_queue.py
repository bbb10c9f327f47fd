"""Which event is sent when: in order, until acknowledged, and again when the broker may have died.

A broker that is killed takes with it what it had acknowledged and not yet delivered. So after a
reconnection the events acknowledged in the last minute are sent again, under the same ids, by which
subscribers know them. Not thread-safe: the outbox's thread owns it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from edge.publish.queue.spool import Spool, Spooled

IN_FLIGHT = 8
"""Events sent and not yet acknowledged, at most."""
REPEATED_FOR_S = 60.0
"""How long after its acknowledgement an event is sent again when the link was lost."""
PAUSE_S = 3.0
"""Wait after a broker came back that forgot its sessions: subscribers are on their way back too."""
_REMEMBERED = 256


class EventQueue:
    """The events of a spool and of the last minute, and which of them are in flight."""

    def __init__(self, spool: Spool, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._spool = spool
        self._clock_s = clock_s
        self._in_flight: dict[int, Spooled] = {}
        self._acknowledged: deque[tuple[float, Spooled]] = deque(maxlen=_REMEMBERED)
        self._repeats: deque[Spooled] = deque()
        self._sent_number = 0
        self._connected_before = False
        self._from_s = float("-inf")
        self.delivered = 0
        """Events that the broker acknowledged, each counted once."""

    def __len__(self) -> int:
        """Count the events that the broker has not yet acknowledged, repeats included."""
        return len(self._spool) + len(self._repeats) + len(self._repeated_in_flight())

    @property
    def in_flight(self) -> int:
        """Count the events sent and not yet acknowledged."""
        return len(self._in_flight)

    def append(self, topic: str, payload: Callable[[int], bytes], now_ns: int) -> None:
        """Add an event."""
        self._spool.append(topic, payload, now_ns)

    def due(self, room: int) -> list[Spooled]:
        """Return the events to send now, in order, at most `room`."""
        room = min(room, IN_FLIGHT - len(self._in_flight))
        if room <= 0 or self.pause_s() > 0:
            return []
        if self._repeats:
            return [self._repeats[i] for i in range(min(room, len(self._repeats)))]
        return self._spool.waiting(room, after=self._sent_number) if self._spool else []

    def pause_s(self) -> float:
        """Return how long nothing is due yet; 0 when something may be."""
        return max(self._from_s - self._clock_s(), 0.0)

    def sent(self, mid: int, event: Spooled) -> None:
        """Take note that an event that was due is under way as message `mid`."""
        self._in_flight[mid] = event
        if self._repeats and self._repeats[0] is event:
            self._repeats.popleft()
        else:
            self._sent_number = event.number

    def number_of(self, mid: int) -> int | None:
        """Return the number of the event that is under way as message `mid`; None if none is."""
        event = self._in_flight.get(mid)
        return None if event is None else event.number

    def settle(self, mid: int, *, refused: bool) -> bool:
        """Take note of an acknowledgement or refusal; whether `mid` was an event."""
        event = self._in_flight.pop(mid, None)
        if event is None:
            return False
        if not self._is_new(event):
            return True
        if refused:
            self._spool.drop(event.number, "refused")
            return True
        self._spool.remove(event.number)
        self._acknowledged.append((self._clock_s(), event))
        self.delivered += 1
        return True

    @property
    def flying(self) -> list[int]:
        """The numbers of the events sent and not yet acknowledged."""
        return [event.number for event in self._in_flight.values()]

    def set_aside(self, number: int, cause: str) -> None:
        """Give up an event that the broker will never take, and count it under `cause`."""
        self._in_flight = {m: e for m, e in self._in_flight.items() if e.number != number}
        if any(event.number == number for event in self._repeats):
            self._repeats = deque(e for e in self._repeats if e.number != number)
        else:
            self._spool.drop(number, cause)

    def connected(self, *, forgot: bool) -> None:
        """Begin again on a fresh connection; `forgot` when the broker knows of no session."""
        now = self._clock_s()
        self._in_flight.clear()
        self._sent_number = 0
        if self._connected_before:
            recent = (e for at, e in self._acknowledged if now - at <= REPEATED_FOR_S)
            self._repeats = deque(recent)
            self._from_s = now + PAUSE_S if forgot else now
        self._connected_before = True

    def _is_new(self, event: Spooled) -> bool:
        return not self._acknowledged or event.number > self._acknowledged[-1][1].number

    def _repeated_in_flight(self) -> list[Spooled]:
        return [event for event in self._in_flight.values() if not self._is_new(event)]
