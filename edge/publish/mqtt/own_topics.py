"""The retained topics that a box alone writes: notices when somebody else wrote or cleared one.

Pure: what was sent, what was heard and the time come in. A broker sends back what the box itself
wrote (MQTT 3.1.1, and brokers that ignore `no local`), and at a subscription what was retained
before. So a topic is watched from the moment at which the broker has the box's own message. What is
heard then and is not the box's newest message is a doubt, which its newest message ends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256

_REMEMBERED = 16
_ECHO_PAUSE_S = 0.5
"""Wait for the newest message after an older one of the box, which is an echo or a replay."""
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.2, 10.0
"""Between hearing a foreign message and sending the box's own again: two that fight over a topic
do not storm."""
_CALM_S = 60.0
"""After so long without a foreign message the pause is short again."""


@dataclass(slots=True)
class _Topic:
    sent: deque[bytes] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """Digests, the newest last."""
    heard: bytes | None = None
    watched: bool = False
    pause_s: float = 0.0
    foreign_s: float = float("-inf")


class OwnTopics:
    """What a box wrote on each of its retained topics, and what it heard there."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self.overwritten = 0
        """Messages of others that were heard on these topics."""

    def sent(self, topic: str, payload: bytes) -> None:
        """Take note of what the box writes on a topic."""
        known = self._topics.setdefault(topic, _Topic())
        known.sent.append(_digest(payload))
        known.heard = None

    def taken(self, topic: str) -> None:
        """Take note that the broker has what the box wrote."""
        if topic in self._topics:
            self._topics[topic].watched = True

    def lost(self) -> None:
        """Take note that the connection is gone: what is heard next may be old."""
        for known in self._topics.values():
            known.watched = False

    def watches(self, topic: str) -> bool:
        """Whether what is heard on a topic now is newer than what the box wrote there."""
        known = self._topics.get(topic)
        return known is not None and known.watched

    def is_newest(self, topic: str) -> bool:
        """Whether the box's newest message is what was heard last on a topic."""
        known = self._topics.get(topic)
        return known is not None and bool(known.sent) and known.heard == known.sent[-1]

    def hear(self, topic: str, payload: bytes, now_s: float) -> float | None:
        """Return after how many seconds the box is to write again; None where all is well."""
        known = self._topics.get(topic)
        if known is None:
            return None
        known.heard = _digest(payload)
        if not known.watched or (known.sent and known.heard == known.sent[-1]):
            return None
        if known.heard in known.sent:
            return _ECHO_PAUSE_S
        self.overwritten += 1
        calm = now_s - known.foreign_s > _CALM_S
        known.pause_s = _FIRST_PAUSE_S if calm else min(2 * known.pause_s, _MOST_PAUSE_S)
        known.foreign_s = now_s
        return known.pause_s


def _digest(payload: bytes) -> bytes:
    return sha256(payload).digest()
