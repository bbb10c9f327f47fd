"""Send a pose as a tracking system would: FreeD and OpenTrackIO, one packet a frame."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Sequence

from edge.errors import ConfigError, ProtocolError
from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import (
    UNDISTORTED_TO_DISTORTED,
    TrackSample,
    build_sample,
)
from firmware_bridge.config import TrackingConfig, parse_target, resolve
from firmware_bridge.model import CameraPose

_LOG = logging.getLogger(__name__)
_STATIC_EVERY_NS = 2_000_000_000
FREED_FOCAL_UNITS_PER_MM = 100
"""FreeD's zoom field carries the focal length in mm times 100, as Z CAM's cameras do."""
_TEN_METRES_MM10 = 100_000
_RETRY_S, _RENEW_S = 5.0, 60.0
"""Pauses between lookups of a receiver's name: until it is known, and afterwards."""


class TrackingSender:
    """Sends each pose at once, without ever waiting.

    What the network cannot take is counted and dropped.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        freed_targets = [parse_target(target) for target in config.freed]
        group = otio.multicast_group(config.source_number)
        otio_targets = [
            (host or group, port) for host, port in map(parse_target, config.opentrackio)
        ]
        self._names = Receivers([host for host, _ in (*freed_targets, *otio_targets)])
        self._freed, self._otio = freed_targets, otio_targets
        self._encoding = (
            otio.PayloadEncoding.CBOR if config.encoding == "cbor" else otio.PayloadEncoding.JSON
        )
        self._source_id = config.source_id or uuid.uuid5(uuid.NAMESPACE_DNS, config.label).urn
        self._sequence = 0
        self._static_ns: int | None = None
        self.counts: Counter[str] = Counter()
        """`sent` and `dropped` datagrams, and `unfit` poses that a format cannot carry."""
        self._sock = _open(config) if self._freed or self._otio else None

    @property
    def active(self) -> bool:
        """Whether there is anybody to send to."""
        return self._sock is not None

    def send(self, pose: CameraPose, capture_ns: int, *, status: str = "") -> None:
        """Send one pose to every receiver; never blocks, never raises."""
        if self._sock is None:
            return
        try:
            if self._freed:
                packet = freed.encode_position(self.freed_position(pose))
                self._to_all(packet, self._freed)
            if self._otio:
                sample = self.opentrackio_sample(pose, capture_ns, status=status)
                payload = otio.build_payload(self._encoding, build_sample(sample))
                for segment in otio.split(payload, self._encoding, self._sequence):
                    self._to_all(otio.encode_segment(segment), self._otio)
        except ProtocolError as error:
            self.counts["unfit"] += 1
            _LOG.debug("pose not sent: %s", error)
        self._sequence += 1

    def freed_position(self, pose: CameraPose) -> freed.FreeDPosition:
        """Return the D1 message of a pose."""
        return freed.FreeDPosition(
            camera_id=self._config.camera_id,
            pan_deg=pose.pan_deg,
            tilt_deg=pose.tilt_deg,
            roll_deg=pose.roll_deg,
            x_mm=pose.x_m * 1e3,
            y_mm=pose.y_m * 1e3,
            z_mm=pose.z_m * 1e3,
            zoom=round(self.focal_mm(pose) * FREED_FOCAL_UNITS_PER_MM),
            focus=_TEN_METRES_MM10,
            spare=(self._sequence & 0xF) << 12,
        )

    def opentrackio_sample(
        self, pose: CameraPose, capture_ns: int, *, status: str = ""
    ) -> TrackSample:
        """Return the OpenTrackIO sample of a pose; every two seconds with the static block."""
        c = self._config
        tai_ns = capture_ns + c.tai_minus_utc_s * 10**9
        static = self._static_ns is None or abs(capture_ns - self._static_ns) >= _STATIC_EVERY_NS
        if static:
            self._static_ns = capture_ns
        sensor = (c.sensor_width_mm, c.sensor_width_mm * pose.height_px / pose.width_px)
        return TrackSample(
            position_m=(pose.x_m, pose.y_m, pose.z_m),
            pan_deg=pose.pan_deg,
            tilt_deg=pose.tilt_deg,
            roll_deg=pose.roll_deg,
            focal_mm=self.focal_mm(pose),
            radial=(pose.k1,),
            distortion_model=UNDISTORTED_TO_DISTORTED,
            sample_s=tai_ns // 10**9,
            sample_ns=tai_ns % 10**9,
            rate=c.rate,
            sequence=self._sequence & 0xFFFFFFFF,
            locked=c.clock_locked,
            sync_source=c.clock_source,
            status=status,
            sample_id=uuid.uuid4().urn,
            source_id=self._source_id,
            source_number=c.source_number,
            sensor_mm=sensor if static else None,
            resolution_px=(pose.width_px, pose.height_px) if static else None,
            label=c.label if static else "",
        )

    def focal_mm(self, pose: CameraPose) -> float:
        """Focal length in millimetres on the configured sensor."""
        return pose.focal_px / pose.width_px * self._config.sensor_width_mm

    def close(self) -> None:
        """Free the socket; a lookup under way is given up."""
        self._names.close()
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _to_all(self, packet: bytes, targets: list[tuple[str, int]]) -> None:
        for target in targets:
            self.counts["sent" if self._out(packet, target) else "dropped"] += 1

    def _out(self, packet: bytes, target: tuple[str, int]) -> bool:
        assert self._sock is not None
        address = self._names.address(target[0])
        if address is None:
            return False
        try:
            self._sock.sendto(packet, (address, target[1]))
        except OSError:
            # a full buffer, an absent network: the next frame is 20 ms away
            return False
        return True


class Receivers:
    """The addresses of receivers; those with names are looked up on a thread, again and again.

    A socket that is given a name asks the name server for each packet, and waits.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        """Start; raises nothing: a name that is not known yet may be known later."""
        self._stop = threading.Event()
        self._addresses: dict[str, str | None] = {host: _numeric(host) for host in hosts}
        self._named = [host for host, address in self._addresses.items() if address is None]
        if self._named:
            threading.Thread(target=self._run, name="tracking-names", daemon=True).start()

    def address(self, host: str) -> str | None:
        """Return the address that a receiver had last; None while it is not known."""
        return self._addresses[host]

    def close(self) -> None:
        """End the lookups; returns at once."""
        self._stop.set()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            for host in self._named:
                self._look_up(host)
            known = all(self._addresses[host] for host in self._named)
            pause_s = _RENEW_S if known else _RETRY_S

    def _look_up(self, host: str) -> None:
        try:
            self._addresses[host] = resolve(host, cancelled=self._stop)
        except (OSError, ConfigError) as error:  # the address it had stays
            _LOG.info("tracking data for %s: %s", host, error)


def _numeric(host: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return None


def _open(config: TrackingConfig) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, config.ttl)
        if config.interface:
            address = socket.inet_aton(config.interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"camera.link.tracking.interface: {config.interface!r} is not of this box ({error})"
        ) from error
    return sock
