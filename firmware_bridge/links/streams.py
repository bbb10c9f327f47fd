"""Telemetry that comes by itself: FreeD and OpenTrackIO datagrams."""

from __future__ import annotations

import socket
import struct
from abc import abstractmethod
from dataclasses import replace

from edge.errors import ProtocolError
from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import TrackSample, read_sample
from firmware_bridge.config import BridgeConfig
from firmware_bridge.links.base import CameraLink, now_pair
from firmware_bridge.model import Telemetry
from firmware_bridge.profiles import FreeDProfile, profile

_TICK_S = 0.2
_MAX_DATAGRAM = 65536


class DatagramLink(CameraLink):
    """Receives UDP on one port.

    Packets from other addresses than the configured host are counted, not read.
    """

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__(f"udp:{config.port_in_force}", config.stale_s)
        self._config = config
        self.port = config.port_in_force
        """The bound port: with `port: 0` known once the link runs."""

    def _run(self) -> None:
        allowed = self._resolve(self._config.host) if self._config.host else None
        with self._open() as sock:
            self.port = sock.getsockname()[1]
            while not self._stop.is_set():
                try:
                    data, sender = sock.recvfrom(_MAX_DATAGRAM)
                except TimeoutError:
                    continue
                if allowed is not None and sender[0] != allowed:
                    self._count_foreign()
                    continue
                try:
                    self._datagram(data, sender)
                except ProtocolError as error:
                    self._protocol_error(error)

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.settimeout(_TICK_S)
            if self._group():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._config.bind, self.port))
            if self._group():
                self._join(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _join(self, sock: socket.socket) -> None:
        interface = self._config.interface or "0.0.0.0"  # noqa: S104 - the system's choice
        request = struct.pack("4s4s", socket.inet_aton(self._group()), socket.inet_aton(interface))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)

    def _group(self) -> str:
        """Multicast group to join, or empty."""
        return ""

    @abstractmethod
    def _datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        """Handle one datagram; a ProtocolError is counted by the caller."""


class FreeDLink(DatagramLink):
    """FreeD D1 (and A2) from a camera's tracking output."""

    kind = "freed"
    sequence_modulus = 16

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__(config)
        self._profile = profile(config.profile).freed

    def _datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        utc, mono = now_pair()
        message = freed.decode(data, check=self._profile.checksum, trailing=self._profile.trailing)
        if isinstance(message, freed.FreeDCommand):
            self._count(
                "command", f"a D0 command came from {sender[0]}: the sender takes us for a device"
            )
            return
        wanted = self._config.camera_id
        if wanted not in {None, freed.ANY_CAMERA, message.camera_id}:
            self._count_foreign()
            return
        self._accept(freed_telemetry(message, self._profile, utc, mono))


def freed_telemetry(
    message: freed.FreeDPosition | freed.RadamecPosition,
    quirks: FreeDProfile,
    utc_ns: int,
    monotonic_ns: int,
) -> Telemetry:
    """Return what a FreeD position says, as its device's profile reads it."""
    telemetry = Telemetry(
        received_ns=utc_ns,
        monotonic_ns=monotonic_ns,
        source="freed",
        pan_deg=message.pan_deg,
        tilt_deg=message.tilt_deg,
        zoom=float(message.zoom),
        focus=float(message.focus),
        camera_id=message.camera_id,
    )
    if not isinstance(message, freed.FreeDPosition):
        return telemetry
    return replace(
        telemetry,
        roll_deg=message.roll_deg,
        position_m=(message.x_mm / 1e3, message.y_mm / 1e3, message.z_mm / 1e3),
        focal_mm=quirks.focal_mm(message),
        sequence=quirks.sequence(message),
    )


class OpenTrackIOLink(DatagramLink):
    """OpenTrackIO samples, unicast or from a source's multicast group."""

    kind = "opentrackio"
    sequence_modulus = 1 << 32

    def __init__(self, config: BridgeConfig) -> None:
        super().__init__(config)
        self._reassembler = otio.Reassembler()
        self._sensor_mm: tuple[float, float] | None = None

    @property
    def sensor_mm(self) -> tuple[float, float] | None:
        """Width and height of the sensor, once a static block has come."""
        return self._sensor_mm

    def _group(self) -> str:
        number = self._config.source_number
        return otio.multicast_group(number) if number else ""

    def _datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        utc, mono = now_pair()
        dropped = self._reassembler.dropped
        whole = self._reassembler.feed(otio.decode_segment(data), sender)
        if self._reassembler.dropped > dropped:
            self._count(
                "segments", "OpenTrackIO: a sample with a missing or misplaced segment was dropped"
            )
        if whole is None:
            return
        sample = read_sample(otio.parse_payload(*whole))
        if sample.violations:
            self._count(
                "schema",
                f"OpenTrackIO: fields against the schema: {', '.join(sample.violations[:4])}",
            )
        if self._other_source(sample):
            self._count_foreign()
            return
        self._sensor_mm = sample.sensor_mm or self._sensor_mm
        self._accept(_telemetry(sample, utc, mono))

    def _other_source(self, sample: TrackSample) -> bool:
        """Whether the sample names another source than the configured one."""
        wanted = self._config.source_number
        return bool(wanted) and sample.source_number is not None and sample.source_number != wanted


def _telemetry(sample: TrackSample, utc: int, mono: int) -> Telemetry:
    stamped = sample.sample_s is not None and sample.sample_ns is not None
    zoom = sample.zoom if sample.zoom is not None else sample.raw_zoom
    focus = sample.focus if sample.focus is not None else sample.raw_focus
    return Telemetry(
        received_ns=utc,
        monotonic_ns=mono,
        source="opentrackio",
        pan_deg=sample.pan_deg,
        tilt_deg=sample.tilt_deg,
        roll_deg=sample.roll_deg,
        zoom=None if zoom is None else float(zoom),
        focus=None if focus is None else float(focus),
        focal_mm=sample.focal_mm,
        position_m=sample.position_m,
        sample_ns=(sample.sample_s or 0) * 10**9 + (sample.sample_ns or 0) if stamped else None,
        sequence=sample.sequence,
    )
