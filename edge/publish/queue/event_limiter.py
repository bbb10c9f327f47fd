"""Event storms are cut down to a rate, and what was left out is said. Pure.

A switched or faulty source can bring several cuts a second for hours, a field at the edge of being
recognized `locked` and `lost` by turns. Subscribers, their disks and the spool are spared: each
group of kinds has a token bucket. While it is empty only the newest event is held back; it is sent
once there is a token again, with the number of those before it that were not sent.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edge.publish.messages.registration import EventKind
from edge.publish.queue.event_detector import EventDraft

BURST = 10
"""Events of a group that may come at once."""
EVERY_S = 2.0
"""One more event of a group may come so often."""

_GROUPS = {
    EventKind.LOST: EventKind.LOCKED,
    EventKind.SOURCE_LOST: EventKind.SOURCE_BACK,
}
"""Kinds that undo each other share a bucket: the state that is told last is the true one."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float
    held: EventDraft | None = None
    left_out: int = 0
    """Events before the held one that are not sent."""


class EventLimiter:
    """Takes events as they come and returns those to send now.

    Times are seconds of a monotonic clock and come in as arguments. Not thread-safe.
    """

    def __init__(self, burst: int = BURST, every_s: float = EVERY_S) -> None:
        self._burst = burst
        self._every_s = every_s
        self._buckets: dict[EventKind, _Bucket] = {}
        self.suppressed = 0
        """Events that are not sent, each counted by the `suppressed` of a later one."""

    def offer(self, draft: EventDraft, now_s: float) -> list[EventDraft]:
        """Take one event; return what is to be sent now, older ones first."""
        group = _GROUPS.get(draft.kind, draft.kind)
        bucket = self._buckets.setdefault(group, _Bucket(self._burst, now_s))
        events = self._due(bucket, now_s)
        if bucket.held is None and self._take(bucket):
            return [*events, draft]
        if bucket.held is not None:
            bucket.left_out += 1
            self.suppressed += 1
        bucket.held = draft
        return events

    def due(self, now_s: float) -> list[EventDraft]:
        """Return the events that were held back and may be sent now."""
        return [e for bucket in self._buckets.values() for e in self._due(bucket, now_s)]

    def flush(self) -> list[EventDraft]:
        """Return all events that are held back: the run ends."""
        held = [_told(bucket) for bucket in self._buckets.values() if bucket.held is not None]
        self._buckets.clear()
        return held

    def _due(self, bucket: _Bucket, now_s: float) -> list[EventDraft]:
        gained = max(now_s - bucket.at_s, 0.0) / self._every_s
        bucket.tokens, bucket.at_s = min(bucket.tokens + gained, self._burst), now_s
        if bucket.held is None or not self._take(bucket):
            return []
        event = _told(bucket)
        bucket.held, bucket.left_out = None, 0
        return [event]

    @staticmethod
    def _take(bucket: _Bucket) -> bool:
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _told(bucket: _Bucket) -> EventDraft:
    """Return the held event, with the number of those that it stands for."""
    assert bucket.held is not None
    if not bucket.left_out:
        return bucket.held
    detail = {**bucket.held.detail, "suppressed": str(bucket.left_out)}
    return dataclasses.replace(bucket.held, detail=detail)
