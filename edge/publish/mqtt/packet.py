"""Messages as the connection takes and gives them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import TouchlineError


class UnsendableError(TouchlineError):
    """A message that this broker will never take; the text says why."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expiry_s: int | None = None
    user_properties: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message received."""

    topic: str
    payload: bytes
    retained: bool
    """Whether the broker had kept it from before the subscription."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic filter to hear."""

    topic: str
    qos: int = 0
    own: bool = False
    """Whether this client writes there itself. What it writes is not to come back (MQTT 5), and
    the broker may refuse to let it read there."""
