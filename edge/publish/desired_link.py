"""The box's own line for what is desired of it: hears that on one topic, says what is in force.

What the box retains is heard as well: a report that somebody else overwrote or cleared is sent
again. A connection apart from the publisher's, so that it stands while the stages are built anew
or cannot be built at all, and its messages stand in nobody's way.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.publish.connection import Backoff, Connection, Hooks, Incoming, Outgoing, Session
from edge.publish.endpoint import Endpoint
from edge.publish.message import Message
from edge.publish.outbox import Outbox
from edge.publish.outgoing import outgoing
from edge.publish.spool import Spool
from edge.publish.topics import Topics

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
"""Packets beyond it the broker keeps (MQTT 5); what is too long for a message is refused."""
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.5, 8.0
"""Between hearing a foreign message on a topic of the box and sending the box's own again."""
_CALM_S = 60.0
"""After so long without a foreign message the pause is short again."""


class DesiredLink:
    """Subscribes to one topic of a box and keeps others of it retained."""

    def __init__(
        self,
        endpoint: Endpoint,
        topics: Topics,
        name: str,
        desired: str,
        *,
        most_bytes: int = MOST_BYTES,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used.

        `name` tells this line's client from the box's others, `desired` is the topic to hear.
        """
        self.session = secrets.token_hex(8)
        """Names this link in its messages."""
        self.topics = topics
        self._desired = desired
        self._retained: dict[str, _Retained] = {}
        session = Session(
            client_id=f"touchline-{topics.site}-{topics.device}-{name}",
            subscriptions=[(f"{desired.rpartition('/')[0]}/+", 1)],
            most_bytes=most_bytes,
        )
        self._connection = Connection(endpoint, session, backoff)
        self._spool = Spool(None)
        self._outbox = Outbox(self._connection, self._spool, frame_expiry_s=1)

    def start(self, on_desired: Callable[[bytes], None]) -> None:
        """Start connecting; returns at once.

        `on_desired` is called with each payload on the network's thread; it may not block or raise.
        """

        def take(incoming: Incoming) -> None:
            if incoming.topic != self._desired:
                self._look_at(incoming)
            elif incoming.payload:  # an empty one clears what was retained
                on_desired(incoming.payload)

        def up(receive_maximum: int, session_present: bool) -> None:  # noqa: FBT001 - the hook's
            for retained in list(self._retained.values()):
                retained.forget_echoes()  # everything is sent again
            outbox.note_up(receive_maximum, session_present)

        outbox = self._outbox
        outbox.start()
        self._connection.start(Hooks(up, outbox.note_down, outbox.note_sent, take))

    def retain(self, topic: str, make: Callable[[str, int], Message]) -> None:
        """Say what a topic holds from now on; `make` gets the session and the message's number.

        Sent when the broker is there, and again whenever it may have forgotten. Returns at once.
        """
        retained = self._retained.setdefault(topic, _Retained())

        def compose() -> Outgoing | None:
            if retained.doubted and retained.heard == retained.sent:
                retained.doubted = False
                return None  # what was heard in between was one of the box's own, on its way
            retained.doubted = False
            retained.seq += 1
            message = outgoing(topic, make(self.session, retained.seq), qos=1, retain=True)
            retained.sent = message.payload
            retained.echoes.append(message.payload)
            return message

        retained.compose, retained.doubted = compose, False
        self._outbox.set_document(topic, compose)

    def settle(self, timeout_s: float) -> bool:
        """Wait until the broker has what it is to retain, or is away; whether it has it."""
        return self._outbox.flush(timeout_s)

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Send what waits, and end; whether all was sent in time."""
        sent = self._outbox.flush(timeout_s)
        self._connection.stop()
        self._outbox.stop()
        self._spool.close()
        return sent

    def _look_at(self, incoming: Incoming) -> None:
        """Send a retained document again after a moment where the broker has another in its place.

        The pause grows while somebody keeps writing, so that two boxes of one name do not storm.
        """
        retained = self._retained.get(incoming.topic)
        if retained is None or retained.compose is None or retained.sent is None:
            return
        if not retained.is_foreign(incoming.payload) or retained.doubted:
            return
        retained.doubted = True
        pause_s = retained.next_pause_s(time.monotonic())
        log.info("%s: somebody else wrote it; sent again in %g s", incoming.topic, pause_s)
        self._outbox.set_document(incoming.topic, retained.compose, delay_s=pause_s)


@dataclass(slots=True)
class _Retained:
    """A topic that the box retains: what it sent there last, and what it heard there last."""

    compose: Callable[[], Outgoing | None] | None = None
    seq: int = 0
    sent: bytes | None = None
    heard: bytes | None = None
    doubted: bool = False
    """Whether another message was heard there, and the document is about to be sent again."""
    echoes: deque[bytes] = field(default_factory=lambda: deque(maxlen=16))
    """What was sent and not yet heard, the oldest first."""
    _pause_s: float = 0.0
    _last_s: float = 0.0

    def forget_echoes(self) -> None:
        """Take note that what is on its way may never be heard."""
        self.doubted = False
        self.echoes.clear()

    def is_foreign(self, payload: bytes) -> bool:
        """Take note of what was heard on the topic; whether somebody else wrote it."""
        self.heard = payload
        known = payload in self.echoes
        while known and self.echoes.popleft() != payload:
            pass
        return not known and payload != self.sent

    def next_pause_s(self, now_s: float) -> float:
        """Return how long to wait before the document is sent again."""
        quiet = now_s - self._last_s > _CALM_S
        self._pause_s = _FIRST_PAUSE_S if quiet else min(2 * self._pause_s, _MOST_PAUSE_S)
        self._last_s = now_s
        return self._pause_s
