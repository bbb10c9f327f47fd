"""Options of the command line: the short forms of a source and a broker."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edge.config.brokers import AnyBroker, BrokerConfig
from edge.config.sources import AnySource, SourceConfig, without_userinfo
from edge.errors import ConfigError


def parse_broker(spec: str) -> AnyBroker:
    """Read `embedded[:PORT]`, `mqtt://[user[:pw]@]host[:port]` or `mqtts://…`.

    Raises ConfigError, without the password in it.
    """
    broker: AnyBroker = _parse(BrokerConfig, "broker", spec)
    return broker


def parse_source(spec: str) -> AnySource:
    """Read `rtsp://…`, `/dev/video0`, `rendered[:SEED]` or a path; raises ConfigError."""
    source: AnySource = _parse(SourceConfig, "source", spec)
    return source


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _parse(kind: Any, what: str, spec: str) -> Any:
    try:
        return _adapter(kind).validate_python(spec)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what} {without_userinfo(spec)!r}: {message}") from error
