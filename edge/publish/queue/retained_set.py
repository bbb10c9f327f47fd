"""The retained set of a box: what each topic holds, what is to be sent, and what is on its way.

Set from any thread; the outbox's thread does the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge.publish.mqtt.own_topics import OwnTopics
from edge.publish.mqtt.packet import Outgoing

Compose: TypeAlias = "Callable[[], Outgoing | None]"
"""Makes a retained document at the moment it is sent; None when it has nothing left to say."""

ASIDE_S = 600.0
"""A document that the broker does not take is tried again after this."""


@dataclass(frozen=True, slots=True)
class _Flying:
    topic: str
    retained: bool


class RetainedSet:
    """Topics with what they hold; each is sent when it changes and after each reconnection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compose: dict[str, Compose] = {}
        self._due: dict[str, float] = {}
        """Topics that are to be sent, and when."""
        self._doubted: set[str] = set()
        """Topics that somebody else may have written; cleared where the box has nothing to say."""
        self._aside: dict[str, float] = {}
        """Topics whose documents this broker does not take, and until when they wait."""
        self._flying: dict[int, _Flying] = {}
        self.own = OwnTopics()

    def __bool__(self) -> bool:
        """Whether any document waits to be sent."""
        return bool(self._due)

    @property
    def flying(self) -> list[str]:
        """The topics whose documents are on their way."""
        return [item.topic for item in self._flying.values()]

    def put(self, topic: str, compose: Compose, due_s: float) -> None:
        """Say what a topic holds from now on; an earlier due time stays."""
        with self._lock:
            self._compose[topic] = compose
            self._doubted.discard(topic)
            self._due[topic] = min(due_s, self._due.get(topic, due_s))

    def next_s(self, now_s: float) -> float | None:
        """Return when the next document is due, if that is later than now."""
        with self._lock:
            later = [due for due in self._due.values() if due > now_s]
        return min(later, default=None)

    def due(self, now_s: float) -> list[str]:
        """Return the topics to send now; one that is on its way waits for its end."""
        flying = set(self.flying)
        with self._lock:
            waiting = [t for t, due in self._due.items() if due <= now_s and t not in flying]
            for topic in [t for t in waiting if self._aside.get(t, 0.0) > now_s]:
                self._due.pop(topic)  # until the connection after the time is over
                waiting.remove(topic)
        return waiting

    def take(self, topic: str) -> Outgoing | None:
        """Make the document of a topic that was due; None where there is nothing to send."""
        with self._lock:
            self._due.pop(topic, None)
            compose = self._compose[topic]
            doubted = topic in self._doubted
            self._doubted.discard(topic)
        if doubted and self.own.is_newest(topic):
            return None
        message = compose()
        if message is None and doubted:
            return Outgoing(topic, b"", qos=1, retain=True)
        return message

    def put_back(self, topic: str, now_s: float) -> None:
        """Send a topic's document another time: it was not taken now."""
        with self._lock:
            self._due.setdefault(topic, now_s)

    def set_aside(self, topic: str, now_s: float) -> None:
        """Leave a topic's document out for a while: this broker does not take it."""
        self._aside[topic] = now_s + ASIDE_S
        with self._lock:
            self._due.pop(topic, None)

    def sent(self, mid: int, message: Outgoing) -> None:
        """Take note that a document is on its way."""
        self._flying[mid] = _Flying(message.topic, message.retain)
        if message.retain:
            self.own.sent(message.topic, message.payload)

    def settle(self, mid: int, *, taken: bool) -> str | None:
        """Take note of an answer; return the topic if `mid` was a document."""
        item = self._flying.pop(mid, None)
        if item is None:
            return None
        if taken and item.retained:
            self.own.taken(item.topic)
        return item.topic

    def renew(self, now_s: float) -> None:
        """Send everything again: the broker may have lost what it retained."""
        self._flying.clear()
        with self._lock:
            self._due = dict.fromkeys(self._compose, now_s)
            self._doubted.clear()

    def lost(self) -> None:
        """Take note that the connection is gone."""
        self.own.lost()

    def heard(self, topic: str, payload: bytes, now_s: float) -> bool:
        """Take note of what came on a topic of this box; whether somebody else wrote it."""
        pause_s = self.own.hear(topic, payload, now_s)
        if pause_s is None:
            return False
        with self._lock:
            if topic in self._compose and topic not in self._due:
                self._doubted.add(topic)
                self._due.setdefault(topic, now_s + pause_s)
        return True
