"""A broker as it is written on the command line."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from edge.config.brokers import AnyBroker, BrokerConfig
from edge.config.sources import without_userinfo
from edge.errors import ConfigError

_ADAPTER: TypeAdapter[AnyBroker] = TypeAdapter(BrokerConfig)


def parse_broker(spec: str) -> AnyBroker:
    """Read `embedded[:PORT]`, `mqtt://[user[:pw]@]host[:port]` or `mqtts://…`.

    Raises ConfigError, without the password in it.
    """
    try:
        broker: AnyBroker = _ADAPTER.validate_python(spec)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"broker {without_userinfo(spec)!r}: {message}") from error
    return broker
