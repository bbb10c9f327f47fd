"""Which MQTT broker to publish to: the embedded one, or any other by URL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

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
        "127.0.0.1: this box alone; 0.0.0.0: every network of the box (set a password then).",
        min_length=1,
        change="restart",
    )
    port: int = setting(
        MQTT_PORT, "Port", "TCP port; 0: any free one.", ge=0, le=65535, change="restart"
    )


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
        return self.url.startswith("mqtts://")

    @property
    def host(self) -> str:
        """The broker's host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's TCP port."""
        return urlsplit(self.url).port or (MQTTS_PORT if self.secure else MQTT_PORT)


AnyBroker: TypeAlias = EmbeddedBrokerConfig | RemoteBrokerConfig


def broker_from_spec(spec: str) -> dict[str, Any]:
    """Turn a broker's short form (`embedded[:PORT]`, `mqtt://…`, `mqtts://…`) into its keys."""
    kind, _, port = spec.partition(":")
    if kind == "embedded":
        return {"type": "embedded"} | ({"port": port} if port else {})
    return {"type": "mqtt", "url": spec}


def _expand(value: object) -> object:
    return broker_from_spec(value) if isinstance(value, str) else value


BrokerConfig: TypeAlias = Annotated[
    Annotated[AnyBroker, Field(discriminator="type")], BeforeValidator(_expand)
]
"""A broker's section, or its short form (`embedded`, `mqtt://…`, `mqtts://…`)."""


def _url_problem(url: str) -> str | None:
    expected = "expected embedded, mqtt://[user[:password]@]host[:port] or mqtts://…"
    if not re.match(r"^mqtts?://", url):
        return expected
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text would quote a part of the password
        return f"the host or port is malformed; {expected}"
    if not parts.hostname:
        return f"no host in it; {expected}"
    if not re.fullmatch(_HOST, parts.hostname):
        return f"{parts.hostname[:60]!r} is no host name or address; {expected}"
    if port == 0:
        return f"port 0 cannot be connected to; {expected}"
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return f"nothing may follow the port; {expected}"
    return None
