"""The box's own line for configuration: hears what is desired, says what is in force.

A connection apart from the publisher's, so that it stands while the stages are built anew or cannot
be built at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.publish.connection import Backoff, Connection, Hooks, Incoming, Outgoing, Session
from edge.publish.endpoint import Endpoint
from edge.publish.message import Message
from edge.publish.outbox import Outbox
from edge.publish.spool import Spool
from edge.publish.topics import Topics

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

MOST_BYTES = 4 * 1024 * 1024
"""Packets beyond it the broker keeps (MQTT 5); what is too long for a configuration is refused."""


class ConfigLink:
    """Subscribes to `config/desired` and keeps `config/reported` and `config/schema` retained.

    `on_desired` is called with each payload on the network's thread and may not block or raise.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topics: Topics,
        on_desired: Callable[[bytes], None],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; raises BrokerError for certificates that cannot be used."""
        self.session = secrets.token_hex(8)
        """Names this link in its messages."""
        self.topics = topics
        self._on_desired = on_desired
        self._seq: dict[str, int] = {}
        session = Session(
            client_id=f"touchline-{topics.site}-{topics.device}-config",
            subscriptions=[(topics.config_desired, 1)],
            most_bytes=MOST_BYTES,
        )
        self._connection = Connection(endpoint, session, backoff)
        self._spool = Spool(None)
        self._outbox = Outbox(self._connection, self._spool, frame_expiry_s=1)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start connecting; returns at once."""
        outbox = self._outbox
        outbox.start()
        self._connection.start(
            Hooks(outbox.note_up, outbox.note_down, outbox.note_sent, self._take)
        )

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connection.connected

    def retain(self, topic: str, make: Callable[[str, int], Message]) -> None:
        """Say what a topic holds from now on; `make` gets the session and the message's number.

        Sent when the broker is there, and again whenever it may have forgotten. Returns at once.
        """

        def compose() -> Outgoing:
            self._seq[topic] = self._seq.get(topic, 0) + 1
            message = make(self.session, self._seq[topic])
            properties = (
                ("schema", message.SCHEMA),
                ("session", message.session),
                ("seq", str(message.seq)),
            )
            return Outgoing(topic, message.payload(), 1, retain=True, user_properties=properties)

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

    def _take(self, incoming: Incoming) -> None:
        if incoming.payload:  # an empty one clears what was retained
            self._on_desired(incoming.payload)
