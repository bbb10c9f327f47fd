"""The box's own line for what is desired of it: hears that on one topic, says what is in force.

A port of its own on the box's line, so that it stands while the stages are built again or cannot be
built at all, and its messages stand in nobody's way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from edge.publish.messages.base import Message
from edge.publish.mqtt.connection import Backoff, Hooks
from edge.publish.mqtt.endpoint import Endpoint
from edge.publish.mqtt.outgoing import outgoing
from edge.publish.mqtt.packet import Incoming, Outgoing, Subscription
from edge.publish.mqtt.shared_connection import ConnectionPort, SharedConnection
from edge.publish.mqtt.topics import Topics
from edge.publish.queue.outbox import Outbox
from edge.publish.queue.spool import Spool

MOST_BYTES = 4 * 1024 * 1024
"""What is longer is cut here, and refused as no message by who takes it."""


class DesiredLink:
    """Subscribes to one topic of a box and keeps others of it retained."""

    def __init__(
        self,
        way: Endpoint | SharedConnection,
        topics: Topics,
        name: str,
        desired: str,
        *,
        most_bytes: int = MOST_BYTES,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used.

        `way` is the box's line, or a broker to make one to; `desired` is the topic to hear.
        `name` tells this link's thread from others.
        """
        self.session = secrets.token_hex(8)
        """Names this link in its messages."""
        self.topics = topics
        self._seq: dict[str, int] = {}
        self._desired = desired
        self._most_bytes = most_bytes
        self._port = ConnectionPort.on(way, topics, [Subscription(desired, qos=1)], backoff)
        self._spool = Spool(None)
        self._outbox = Outbox(self._port, self._spool, frame_expiry_s=1, name=name)

    def start(self, on_desired: Callable[[bytes], None]) -> None:
        """Start connecting; returns at once.

        `on_desired` is called with each payload on the network's thread; it may not block or raise.
        """
        outbox = self._outbox

        def take(incoming: Incoming) -> None:
            if incoming.topic != self._desired:
                outbox.note_heard(incoming)
            elif incoming.payload:  # an empty one clears what was retained
                on_desired(incoming.payload[: self._most_bytes + 1])

        outbox.start()
        self._port.start(Hooks(outbox.note_up, outbox.note_down, outbox.note_sent, take))

    def retain(self, topic: str, make: Callable[[str, int], Message]) -> None:
        """Say what a topic holds from now on; `make` gets the session and the message's number.

        Sent when the broker is there, and again whenever it may have forgotten. Returns at once.
        """
        if topic not in self._seq:
            self._seq[topic] = 0
            self._port.also(Subscription(topic, own=True))

        def compose() -> Outgoing:
            self._seq[topic] += 1
            return outgoing(topic, make(self.session, self._seq[topic]), qos=1, retain=True)

        self._outbox.set_document(topic, compose)

    def settle(self, timeout_s: float) -> bool:
        """Wait until the broker has what it is to retain, or is away; whether it has it."""
        return self._outbox.flush(timeout_s)

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Send what waits, and end; whether all was sent in time."""
        sent = self._outbox.flush(timeout_s)
        self._port.stop()
        self._outbox.stop()
        self._spool.close()
        return sent
