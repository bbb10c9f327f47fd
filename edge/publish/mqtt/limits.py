"""What a broker grants, as its CONNACK says it, and messages cut to fit. Pure.

Source: OASIS MQTT 5.0, section 3.2.2.3. MQTT 3.1.1 has no such properties: everything is granted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge.publish.mqtt.packet import Outgoing, UnsendableError

RECEIVE_MAXIMUM = 65535
"""Messages that a broker takes unacknowledged where it names no number."""
_FRAMING_BYTES = 5 + 2 + 2 + 4
"""Fixed header, length of the topic, packet id, length of the properties: at most."""
_PROPERTY_BYTES = 64
"""Content type, format indicator and expiry: at most."""


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """What the broker takes of this client."""

    retain: bool = True
    """Whether it keeps retained messages."""
    qos: int = 2
    """Highest QoS that it takes."""
    receive_maximum: int = RECEIVE_MAXIMUM
    """Messages of QoS 1 on their way at once."""
    packet_bytes: int | None = None
    """Largest packet that it takes; None: any."""

    @staticmethod
    def of_connack(properties: Any) -> BrokerLimits:
        """Read the properties of a CONNACK; what is absent is granted in full."""
        return BrokerLimits(
            retain=bool(getattr(properties, "RetainAvailable", 1)),
            qos=getattr(properties, "MaximumQoS", 2),
            receive_maximum=getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM),
            packet_bytes=getattr(properties, "MaximumPacketSize", None),
        )

    def within(self, other: BrokerLimits) -> BrokerLimits:
        """Return what both take, as far as retained messages and QoS go."""
        return replace(self, retain=self.retain and other.retain, qos=min(self.qos, other.qos))

    def fit(self, message: Outgoing) -> Outgoing:
        """Return the message as this broker takes it; raises UnsendableError where it cannot."""
        check_topic(message.topic)
        size = packet_bytes(message)
        if self.packet_bytes is not None and size > self.packet_bytes:
            raise UnsendableError(
                f"{size} bytes, and the broker takes {self.packet_bytes}: "
                "raise its maximum packet size"
            )
        retain, qos = message.retain and self.retain, min(message.qos, self.qos)
        if (retain, qos) == (message.retain, message.qos):
            return message
        return replace(message, retain=retain, qos=qos)

    def lacks(self) -> list[str]:
        """Say what this project needs and the broker refuses, one line each, with what to do."""
        found = []
        if not self.retain:
            found.append(
                "the broker keeps no retained messages, so that who subscribes later misses state, "
                "info and health: allow them there (mosquitto: retain_available true)"
            )
        if self.qos < 1:
            found.append(
                "the broker takes QoS 0 alone, so that events may be lost: "
                "allow QoS 1 there (mosquitto: max_qos 2)"
            )
        return found


def packet_bytes(message: Outgoing) -> int:
    """Return an upper bound of the size of a message's packet, in bytes."""
    pairs = sum(len(k.encode()) + len(v.encode()) + 5 for k, v in message.user_properties)
    topic = len(message.topic.encode())
    return _FRAMING_BYTES + _PROPERTY_BYTES + topic + pairs + len(message.payload)


def check_topic(topic: object) -> None:
    """Raise UnsendableError for a topic on which no broker takes a message.

    Source: OASIS MQTT 5.0, sections 1.5.4 and 4.7: a broker closes the connection for these.
    """
    if not isinstance(topic, str) or not topic:
        raise UnsendableError("it has no topic")
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= 65535 or any(c in "+#" or not c.isprintable() for c in topic):
        raise UnsendableError(f"{topic[:80]!r} is no topic")
