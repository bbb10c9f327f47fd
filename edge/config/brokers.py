"""Which MQTT broker to publish to: the embedded one, or any other by URL."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from edge.config.secrets_in_text import bad_userinfo, not_replaced
from edge.config.section import Section, setting

MQTT_PORT = 1883
MQTTS_PORT = 8883


_HOST = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?"
"""Names of letters, digits, - and _, and IPv4 and IPv6 addresses."""


class TlsConfig(Section):
    """TLS towards the broker."""

    ca: Path | None = setting(
        None,
        "Authority",
        "PEM file of the authority that signed the broker's certificate; null: the system's.",
        change="restart",
        path="file",
    )
    cert: Path | None = setting(
        None, "Certificate", "This box's certificate, PEM.", change="restart", path="file"
    )
    key: Path | None = setting(
        None,
        "Key",
        "The private key of this box's certificate, PEM.",
        change="restart",
        path="file",
    )

    @model_validator(mode="after")
    def _pair(self) -> TlsConfig:
        if (self.cert is None) != (self.key is None):
            msg = "a certificate and its key belong together: give both cert and key, or neither"
            raise ValueError(msg)
        return self


class _Broker(Section):
    mqtt_version: Literal["5", "3.1.1"] = setting(
        "5",
        "MQTT version",
        "Protocol version; 3.1.1 has no expiry, content type or user properties.",
        change="restart",
    )
    username: str | None = setting(None, "User", "User name at the broker.", change="restart")
    password: str | None = setting(
        None,
        "Password",
        "The password; a file or a variable keeps it out of this file.",
        secret=True,
        change="restart",
    )
    password_file: Path | None = setting(
        None,
        "Password file",
        "File whose first line is the password.",
        change="restart",
        path="file",
    )
    password_env: str | None = setting(
        None, "Password variable", "Environment variable that holds the password.", change="restart"
    )
    keepalive_s: int = setting(
        10,
        "Keep-alive",
        "A dead link is noticed within one and a half times this.",
        unit="s",
        ge=2,
        le=3600,
        change="restart",
    )

    @field_validator("password", "password_env")
    @classmethod
    def _is_meant(cls, password: str | None) -> str | None:
        problem = not_replaced(password or "", "use password_env: NAME, without $ and braces")
        if problem:
            raise ValueError(problem)
        return password

    @model_validator(mode="after")
    def _one_password(self) -> _Broker:
        given = [
            n for n in ("password", "password_file", "password_env") if getattr(self, n) is not None
        ]
        if len(given) > 1:
            msg = f"{' and '.join(given)} are given: keep one"
            raise ValueError(msg)
        if given and self.username is None:
            msg = f"{given[0]} is given without a username"
            raise ValueError(msg)
        return self


class EmbeddedBrokerConfig(_Broker):
    """The broker that comes with Touchline, started and stopped with it."""

    type: Literal["embedded"] = setting(
        ..., "Kind", "The broker that comes with Touchline.", change="restart"
    )
    host: str = setting(
        "127.0.0.1",
        "Listen address",
        "127.0.0.1: this box alone; 0.0.0.0: every network of the box, with a password only.",
        min_length=1,
        change="restart",
    )
    port: int = setting(
        MQTT_PORT, "Port", "TCP port; 0: any free one.", ge=0, le=65535, change="restart"
    )

    @model_validator(mode="after")
    def _closed_or_with_password(self) -> EmbeddedBrokerConfig:
        if is_loopback(self.host) is False and not self.may_have_password:
            raise ValueError(open_broker_problem(self.host))
        return self

    @property
    def may_have_password(self) -> bool:
        """Whether a password is given, or named; a file or variable may still be empty."""
        return bool(self.password or self.password_file or self.password_env)


class RemoteBrokerConfig(_Broker):
    """A broker that runs elsewhere: mosquitto, EMQX, VerneMQ, HiveMQ, a cloud's."""

    type: Literal["mqtt"] = setting(..., "Kind", "A broker that runs elsewhere.", change="restart")
    url: str = setting(
        ...,
        "Address",
        "mqtt://host[:port], or mqtts://host[:port] for TLS; `user:password@` may stand first.",
        secret=True,
        change="restart",
    )
    tls: TlsConfig = setting(
        TlsConfig(), "TLS", "Certificates for an mqtts:// address.", change="restart"
    )

    @field_validator("url")
    @classmethod
    def _is_mqtt(cls, url: str) -> str:
        problem = _url_problem(url)
        if problem:
            raise ValueError(problem)
        return url

    @model_validator(mode="after")
    def _consistent(self) -> RemoteBrokerConfig:
        if not self.secure and self.tls != TlsConfig():
            msg = "certificates are given for an address without TLS: write mqtts://, or remove tls"
            raise ValueError(msg)
        if self.username is not None and urlsplit(self.url).username:
            msg = "a user stands in the url and in username: keep one"
            raise ValueError(msg)
        return self

    @property
    def secure(self) -> bool:
        """Whether the address asks for TLS."""
        return self.url.lower().startswith("mqtts://")

    @property
    def host(self) -> str:
        """The broker's host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's TCP port."""
        return urlsplit(self.url).port or (MQTTS_PORT if self.secure else MQTT_PORT)


AnyBroker: TypeAlias = EmbeddedBrokerConfig | RemoteBrokerConfig


def is_loopback(host: str) -> bool | None:
    """Whether an address is this machine's alone; None for a name, which is not looked up.

    Every form that listening takes counts: `0`, `127.1`, `::ffff:127.0.0.1`, `fe80::1%eth0`.
    """
    text = host.strip().removeprefix("[").removesuffix("]").partition("%")[0]
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, ValueError):
            return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def open_broker_problem(host: str) -> str:
    """Say why a broker without a password stays on loopback, and what to do."""
    return (
        f"{host} lets the network in, and whoever connects could steer the box: set username and "
        "password_file (or password_env) in the configuration's broker section, or listen on "
        "127.0.0.1"
    )


def broker_from_spec(spec: str) -> dict[str, Any]:
    """Turn a broker's short form into its keys.

    `embedded`, `embedded:PORT`, `embedded:HOST:PORT` (an IPv6 address in brackets), `mqtt://…`,
    `mqtts://…`.
    """
    kind, _, rest = spec.partition(":")
    if kind != "embedded":
        return {"type": "mqtt", "url": spec}
    host, _, port = rest.rpartition(":")
    if rest.endswith("]") or (not host and "." in rest):  # an address without a port
        host, port = rest, ""
    if port and not port.isdecimal():
        msg = f"{port[:20]!r} is no port: write embedded, embedded:PORT or embedded:HOST:PORT"
        raise ValueError(msg)
    found = {"type": "embedded"}
    if host:
        found["host"] = host.removeprefix("[").removesuffix("]")
    return found | ({"port": port} if port else {})


def _expand(value: object) -> object:
    return broker_from_spec(value) if isinstance(value, str) else value


BrokerConfig: TypeAlias = Annotated[
    Annotated[AnyBroker, Field(discriminator="type")], BeforeValidator(_expand)
]
"""A broker's section, or its short form (`embedded`, `mqtt://…`, `mqtts://…`)."""


_EXPECTED = (
    "expected embedded, mqtt://host[:port] or mqtts://host[:port]; user and password stand in "
    "username and password_file"
)
"""Without an address that has a password: what hides passwords would hide a part of it."""


def _url_problem(url: str) -> str | None:
    if not re.match(r"^mqtts?://", url, re.IGNORECASE):
        return _scheme_problem(url)
    problem = bad_userinfo(url) or not_replaced(url, "use username and password_env")
    if problem:
        return problem
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text would quote a part of the password
        return f"the host or port is malformed; {_EXPECTED}"
    if not parts.hostname:
        return f"no host in it; {_EXPECTED}"
    if not re.fullmatch(_HOST, parts.hostname):
        return f"{parts.hostname[:60]!r} is no host name or address; {_EXPECTED}"
    if port == 0:
        return f"port 0 cannot be connected to; {_EXPECTED}"
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return f"nothing may follow the port; {_EXPECTED}"
    return None


def _scheme_problem(url: str) -> str:
    """Say how an address begins; it is repeated only where it holds no password."""
    host = re.fullmatch(rf"({_HOST}|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?/?", url)
    if host is not None:
        return f"did you mean mqtt://{url}? An address begins with mqtt://, or mqtts:// for TLS"
    other = re.match(r"^([A-Za-z][A-Za-z0-9+.-]{0,20})://", url)
    if other is not None:
        return f"{other[1]}:// is no protocol of a broker here; {_EXPECTED}"
    return f"{_EXPECTED}; an address begins with mqtt://, or mqtts:// for TLS"
