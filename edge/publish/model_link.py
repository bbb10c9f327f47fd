"""The box's own line for model updates: hears which bundle is desired, says which is in use."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from edge.publish.connection import Backoff, Connection, Hooks, Incoming, Outgoing, Session
from edge.publish.endpoint import Endpoint
from edge.publish.model_messages import ModelReported
from edge.publish.outbox import Outbox
from edge.publish.spool import Spool
from edge.publish.topics import Topics

MOST_BYTES = 64 * 1024
"""Packets beyond it the broker keeps (MQTT 5)."""


class ModelLink:
    """Subscribes to `model/desired` and keeps `model/reported` retained."""

    def __init__(
        self,
        endpoint: Endpoint,
        topics: Topics,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used."""
        self.session = secrets.token_hex(8)
        """Names this link in its messages."""
        self._topics = topics
        self._seq = 0
        session = Session(
            client_id=f"touchline-{topics.site}-{topics.device}-model",
            subscriptions=[(topics.model_desired, 1)],
            most_bytes=MOST_BYTES,
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

    def stop(self) -> None:
        """Send what waits, and end."""
        self._outbox.flush(2.0)
        self._connection.stop()
        self._outbox.stop()
        self._spool.close()

    def report(self, report: ModelReported) -> None:
        """Say this from now on, whenever the broker is there; session and number are put in."""

        def compose() -> Outgoing:
            self._seq += 1
            message = report.model_copy(update={"session": self.session, "seq": self._seq})
            properties = (
                ("schema", message.SCHEMA),
                ("session", message.session),
                ("seq", str(message.seq)),
            )
            topic = self._topics.model_reported
            return Outgoing(topic, message.payload(), 1, retain=True, user_properties=properties)

        self._outbox.set_document(self._topics.model_reported, compose)
