"""Where a broker is and how to speak with it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge.config import RemoteBrokerConfig, TlsConfig, credentials
from edge.errors import BrokerError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's address and the means to enter."""

    host: str
    port: int
    secure: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsConfig = field(default_factory=TlsConfig)
    mqtt_version: Literal["5", "3.1.1"] = "5"
    keepalive_s: int = 10

    @property
    def url(self) -> str:
        """The address for people; without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.secure else 'mqtt'}://{host}:{self.port}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what TLS needs, or None; raises BrokerError for an unusable certificate."""
        if not self.secure:
            return None
        context = ssl.create_default_context()
        context.sslsocket_class = _ClosingSocket
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.tls.ca is not None:
            _load(self.tls.ca, "authority", lambda p: context.load_verify_locations(cafile=p))
        if self.tls.cert is not None and self.tls.key is not None:
            key = str(self.tls.key)
            _load(self.tls.cert, "certificate", lambda p: context.load_cert_chain(p, key))
        return context


class _ClosingSocket(ssl.SSLSocket):
    """Closes when the handshake fails, which paho leaves to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def endpoint_of(config: RemoteBrokerConfig) -> Endpoint:
    """Return the endpoint of a configured broker; raises ConfigError for an unreadable password."""
    username, password = credentials(config)
    return Endpoint(
        host=config.host,
        port=config.port,
        secure=config.secure,
        username=username,
        password=password,
        tls=config.tls,
        mqtt_version=config.mqtt_version,
        keepalive_s=config.keepalive_s,
    )


def _load(file: Path, what: str, load: Callable[[str], None]) -> None:
    try:
        load(str(file))
    except ssl.SSLError as error:
        raise BrokerError(
            f"{file}: the {what} is not usable ({error.reason or error}): give a PEM file"
        ) from error
    except OSError as error:
        raise BrokerError(f"{file}: the {what} cannot be read: {error.strerror}") from error
