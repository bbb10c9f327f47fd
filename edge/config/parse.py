"""A broker as it is written on the command line."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from edge.config.brokers import AnyBroker, BrokerConfig
from edge.errors import ConfigError
from edge.redaction import HIDDEN, redact

_ADAPTER: TypeAdapter[AnyBroker] = TypeAdapter(BrokerConfig)


def parse_broker(spec: str) -> AnyBroker:
    """Read `embedded[:PORT]`, `mqtt://[user[:pw]@]host[:port]` or `mqtts://…`.

    Raises ConfigError, without the password in it.
    """
    try:
        broker: AnyBroker = _ADAPTER.validate_python(spec)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"broker {_shown(spec)!r}: {message}") from error
    return broker


def _shown(spec: str) -> str:
    """Return an address without what may be a password, however it is written."""
    shown = redact.address(spec)
    return shown if shown != spec or "@" not in spec else f"{HIDDEN}@{spec.rpartition('@')[2]}"
