"""The bridge's settings as plain dataclasses.

The box fills them from `camera.link` of its configuration.
"""

from __future__ import annotations

import dataclasses
import difflib
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edge.errors import ConfigError
from edge.name_lookup import LOOKUP_S, look_up
from firmware_bridge.profiles import profile, profiles

TYPES = ("none", "freed", "opentrackio", "visca", "onvif", "recording")
TRANSPORTS = ("udp", "raw-udp", "tcp")
DEFAULT_PORTS = {"freed": 40000, "opentrackio": 55555, "visca": 52381, "onvif": 80}
_RAW_PORTS = {"raw-udp": 1259, "tcp": 5678}


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """Where the pose from the pictures is sent, as a tracking system would send it."""

    freed: tuple[str, ...] = ()
    """`host:port` of each receiver; a multicast group is a host like any other."""
    opentrackio: tuple[str, ...] = ()
    """`host:port` of each receiver; `multicast` stands for the source number's own group."""
    camera_id: int = 1
    """FreeD camera id, 0 to 255."""
    source_number: int = 1
    """OpenTrackIO source number, 1 to 200."""
    source_id: str = ""
    """`urn:uuid:...` of this box as an OpenTrackIO source; empty derives one from the label."""
    label: str = "touchline"
    interface: str = ""
    """Local address whose network card sends multicast; empty leaves it to the system."""
    ttl: int = 1
    sensor_width_mm: float = 36.0
    """Turns focal length in pixels into millimetres; the default gives 35 mm equivalents."""
    rate: tuple[int, int] = (50, 1)
    """Frames a second as a fraction: 60000/1001 for 59.94."""
    encoding: str = "json"
    tai_minus_utc_s: int = 37
    """PTP counts TAI seconds, 37 ahead of UTC since 2017."""
    clock_locked: bool = False
    clock_source: str = "ntp"


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """How the bridge talks with one camera; `type="none"` only sends."""

    type: str = "none"
    host: str = ""
    """The camera.

    For streams, packets from other addresses are then ignored; for VISCA and ONVIF, required.
    """
    port: int | None = None
    """Local port of a stream, remote port of VISCA and ONVIF.

    None takes the protocol's usual one.
    """
    bind: str = "0.0.0.0"  # noqa: S104 - a camera sends to whatever address of the box it was told
    profile: str = "generic"
    camera_id: int | None = None
    """FreeD: take only this camera's messages."""
    transport: str = ""
    """VISCA: `udp` (Sony's framing), `raw-udp` or `tcp`; empty takes the profile's."""
    source_number: int = 0
    """OpenTrackIO: join this source's multicast group; 0 for unicast."""
    file: str = ""
    """Recording: the packets that came while a film was taken (`links.recording`)."""
    interface: str = ""
    username: str = ""
    password: str = ""
    poll_hz: float = 10.0
    stale_s: float = 1.0
    """Telemetry older than this counts as none."""
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def transport_in_force(self) -> str:
        """VISCA transport: the given one or the profile's."""
        return self.transport or profile(self.profile).visca.transport

    @property
    def port_in_force(self) -> int:
        """Port: the given one, or the usual one of the protocol and transport."""
        if self.port is not None:
            return self.port
        usual = DEFAULT_PORTS.get(self.type, 0)
        return _RAW_PORTS.get(self.transport_in_force, usual) if self.type == "visca" else usual

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> BridgeConfig:
        """Build from a configuration section.

        Raises ConfigError with the path and what is known there.
        """
        values = _known(cls, raw, "camera.link")
        tracking = values.pop("tracking", None) or {}
        if not isinstance(tracking, Mapping):
            raise ConfigError("camera.link.tracking: expected a section with keys of its own")
        return cls(
            **values,
            tracking=TrackingConfig(**_known(TrackingConfig, tracking, "camera.link.tracking")),
        )


_T = TypeVar("_T")


def _known(cls: type[_T], raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values = {}
    for key, value in raw.items():
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(names))}"
            raise ConfigError(f"{path}.{key}: unknown key; {hint}")
        values[key] = tuple(value) if isinstance(value, list) else value
    return values


def _check(c: BridgeConfig) -> None:
    _one_of("camera.link.type", c.type, TYPES)
    _one_of("camera.link.profile", c.profile, tuple(profiles()))
    if c.transport:
        _one_of("camera.link.transport", c.transport, TRANSPORTS)
    _within("camera.link.port", c.port, 0, 65535)
    _within("camera.link.camera_id", c.camera_id, 0, 255)
    _within("camera.link.source_number", c.source_number, 0, 200)
    _within("camera.link.poll_hz", c.poll_hz, 0.1, 60)
    _within("camera.link.stale_s", c.stale_s, 0.05, 60)
    if c.type in {"visca", "onvif"} and not c.host:
        raise ConfigError(f"camera.link.host: {c.type} needs the camera's address")
    if c.type == "recording" and not c.file:
        raise ConfigError("camera.link.file: a recording needs its file")
    t = c.tracking
    _one_of("camera.link.tracking.encoding", t.encoding, ("json", "cbor"))
    _one_of(
        "camera.link.tracking.clock_source", t.clock_source, ("genlock", "videoIn", "ptp", "ntp")
    )
    _within("camera.link.tracking.camera_id", t.camera_id, 0, 255)
    _within("camera.link.tracking.source_number", t.source_number, 1, 200)
    _within("camera.link.tracking.ttl", t.ttl, 0, 255)
    _within("camera.link.tracking.sensor_width_mm", t.sensor_width_mm, 1, 100)
    if len(t.rate) != 2 or not all(isinstance(v, int) and v > 0 for v in t.rate):
        raise ConfigError(
            "camera.link.tracking.rate: expected two whole numbers, such as [60000, 1001]"
        )
    for target in (*t.freed, *t.opentrackio):
        parse_target(target)


def _one_of(path: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(allowed)}"
        raise ConfigError(f"{path}: {value!r} is unknown; {hint}")


def _within(path: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ConfigError(f"{path}: {value} is outside {low:g}..{high:g}")


def parse_target(target: str) -> tuple[str, int]:
    """`host:port` -> (host, port).

    `multicast` keeps port 55555 for a group that the sender knows.
    """
    if target == "multicast":
        return "", DEFAULT_PORTS["opentrackio"]
    host, colon, port = target.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ConfigError(f"camera.link.tracking: {target!r} is not host:port")
    return host, int(port)


def resolve(
    host: str, *, timeout_s: float = LOOKUP_S, cancelled: threading.Event | None = None
) -> str:
    """Return the IPv4 address of a host name.

    Raises ConfigError for a name that the network does not know, and as `edge.name_lookup.look_up`
    does where the name server gives no answer.
    """
    try:
        found = look_up(host, 0, family=socket.AF_INET, timeout_s=timeout_s, cancelled=cancelled)
    except (TimeoutError, InterruptedError):
        raise
    except OSError as error:
        raise ConfigError(
            f"camera.link.host: {host!r} is not known to this network ({error})"
        ) from error
    return str(found[0][1][0])
