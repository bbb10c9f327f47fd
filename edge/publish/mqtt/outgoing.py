"""A message of this project as the connection takes it. Pure."""

from __future__ import annotations

from edge.publish.messages.base import Message
from edge.publish.mqtt.packet import Outgoing


def outgoing(
    topic: str, message: Message, *, qos: int = 0, retain: bool = False, expiry_s: int | None = None
) -> Outgoing:
    """Return a message with what a reader may sort by without its payload in user properties."""
    properties = (
        ("schema", message.SCHEMA),
        ("session", message.session),
        ("seq", str(message.seq)),
    )
    return Outgoing(topic, message.payload(), qos, retain, expiry_s, properties)
