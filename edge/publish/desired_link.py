"""The box's own line for what is desired of it: hears that on one topic, says what is in force.

A connection apart from the publisher's, so that it stands while the stages are built anew or cannot
be built at all, and its messages stand in nobody's way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from edge.publish.connection import Backoff, Connection, Hooks, Incoming, Outgoing, Session
from edge.publish.endpoint import Endpoint
from edge.publish.message import Message
from edge.publish.outbox import Outbox
from edge.publish.outgoing import outgoing
from edge.publish.spool import Spool
from edge.publish.topics import Topics

MOST_BYTES = 4 * 1024 * 1024
"""Packets beyond it the broker keeps (MQTT 5); what is too long for a message is refused."""


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
        self._seq: dict[str, int] = {}
        session = Session(
            client_id=f"touchline-{topics.site}-{topics.device}-{name}",
            subscriptions=[(desired, 1)],
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
            if incoming.payload:  # an empty one clears what was retained
                on_desired(incoming.payload)

        outbox = self._outbox
        outbox.start()
        self._connection.start(Hooks(outbox.note_up, outbox.note_down, outbox.note_sent, take))

    def retain(self, topic: str, make: Callable[[str, int], Message]) -> None:
        """Say what a topic holds from now on; `make` gets the session and the message's number.

        Sent when the broker is there, and again whenever it may have forgotten. Returns at once.
        """

        def compose() -> Outgoing:
            self._seq[topic] = self._seq.get(topic, 0) + 1
            return outgoing(topic, make(self.session, self._seq[topic]), qos=1, retain=True)

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
