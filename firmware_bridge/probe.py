"""What answers at an address, in which dialect, and what it says."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge.errors import ProtocolError, UsageError
from firmware_bridge.codecs import freed, visca
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import read_sample
from firmware_bridge.config import resolve
from firmware_bridge.links.onvif_client import OnvifClient
from firmware_bridge.links.visca_client import ViscaClient, ViscaError

USUAL_PORTS: Mapping[str, tuple[int, ...]] = {
    "visca": (52381,),
    "visca raw-udp": (1259,),
    "visca tcp": (5678,),
    "onvif": (80, 8000, 8080, 2020),
    "freed": (40000, 1111, 6301, 8001, 52380),
    "opentrackio": (55555,),
}
LISTEN_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """One thing that a camera speaks."""

    dialect: str
    port: int
    says: str
    """A line for a person."""
    config: Mapping[str, str | int]
    """The settings of `camera.link` that would use it."""


def probe(
    host: str,
    *,
    ports: Mapping[str, Iterable[int]] = USUAL_PORTS,
    username: str = "",
    password: str = "",
    listen_s: float = LISTEN_S,
) -> list[ProbeAnswer]:
    """Ask on every port of every dialect, and listen for streams: about `listen_s` + 2 seconds."""
    address = resolve(host)
    tries = [
        _try(dialect, address, port, username, password, listen_s)
        for dialect, numbers in ports.items()
        for port in numbers
    ]
    with ThreadPoolExecutor(max_workers=max(len(tries), 1)) as pool:
        answers = [future.result() for future in [pool.submit(t) for t in tries]]
    return [answer for answer in answers if answer is not None]


def _try(
    dialect: str, host: str, port: int, username: str, password: str, listen_s: float
) -> Callable[[], ProbeAnswer | None]:
    kinds: dict[str, Callable[[], ProbeAnswer | None]] = {
        "visca": lambda: _visca(host, port, "udp"),
        "visca raw-udp": lambda: _visca(host, port, "raw-udp"),
        "visca tcp": lambda: _visca(host, port, "tcp"),
        "onvif": lambda: _onvif(host, port, username, password),
        "freed": lambda: _listen(host, port, "freed", _freed_says, listen_s),
        "opentrackio": lambda: _listen(host, port, "opentrackio", _otio_says, listen_s),
    }
    if dialect not in kinds:
        raise UsageError(f"dialect {dialect!r} is unknown; known: {', '.join(kinds)}")
    attempt = kinds[dialect]

    def guarded() -> ProbeAnswer | None:
        try:
            return attempt()
        except (OSError, ProtocolError):
            return None

    return guarded


def _visca(host: str, port: int, transport: str) -> ProbeAnswer | None:
    with ViscaClient(host, port, transport) as client:
        client.reset()
        words = []
        try:
            v = visca.decode_version(client.inquire(visca.VERSION_INQUIRY))
            words.append(f"vendor {v.vendor:04X} model {v.model:04X} ROM {v.rom:04X}")
        except ViscaError as error:
            words.append(str(error))
        data = client.inquire(visca.PAN_TILT_INQUIRY)
        pan, tilt = visca.decode_pan_tilt(data)
        nibbles = f"{len(data) - 4}+4 nibbles"
        words.append(f"pan {pan} tilt {tilt} units ({nibbles})")
    config: dict[str, str | int] = {
        "type": "visca",
        "host": host,
        "port": port,
        "transport": transport,
    }
    return ProbeAnswer("VISCA " + transport, port, ", ".join(words), config)


def _onvif(host: str, port: int, username: str, password: str) -> ProbeAnswer | None:
    config: dict[str, str | int] = {"type": "onvif", "host": host, "port": port}
    with OnvifClient(host, port, username=username, password=password) as client:
        try:
            client.connect()
            device, status = client.device(), client.status()
        except ProtocolError as error:
            # HTTP that is no SOAP at all is not a camera; a refusal is one
            refused = "refused" in str(error)
            return ProbeAnswer("ONVIF", port, str(error), config) if refused else None
        name = " ".join(device.get(key, "") for key in ("Manufacturer", "Model", "FirmwareVersion"))
        where = (
            "no position" if status.pan is None else f"pan {status.pan:g} tilt {status.tilt or 0:g}"
        )
        unit = "degrees" if status.pan_tilt_space.endswith("Degrees") else "generic units"
        says = f"{name.strip()}, {where} ({unit}), clock {client.clock_offset_s:+.1f} s"
    return ProbeAnswer("ONVIF", port, says, config)


def _listen(
    host: str, port: int, dialect: str, say: Callable[[bytes], str], listen_s: float
) -> ProbeAnswer | None:
    """Listen on a local port for packets of this host."""
    deadline, packets, wrong, says = time.monotonic() + listen_s, 0, 0, ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("0.0.0.0", port))  # noqa: S104 - a camera sends to any address it was told
        except OSError as error:
            _log.warning(
                "%s: cannot listen on port %d of this machine: %s (does `touchline run` "
                "listen there? its state then shows what comes)",
                dialect,
                port,
                error.strerror,
            )
            return None
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, sender = sock.recvfrom(65536)
            except TimeoutError:
                break
            if sender[0] != host:
                continue
            packets += 1
            try:
                says = say(data)
            except ProtocolError as error:
                wrong += 1
                says = says or str(error)
    if not packets:
        return None
    rate = f"{packets / listen_s:.0f} packets/s" + (
        f", {wrong} of {packets} malformed" if wrong else ""
    )
    return ProbeAnswer(
        dialect, port, f"{says}; {rate}", {"type": dialect, "host": host, "port": port}
    )


def _freed_says(data: bytes) -> str:
    message = freed.decode(data)
    if isinstance(message, freed.FreeDCommand):
        return f"command {message.command:02X}"
    return (
        f"camera {message.camera_id}: pan {message.pan_deg:.2f} tilt {message.tilt_deg:.2f} deg, "
        f"zoom {message.zoom}, focus {message.focus}, spare {message.spare:04X}"
    )


def _otio_says(data: bytes) -> str:
    segment = otio.decode_segment(data)
    if segment.offset or not segment.last:
        return "a segmented sample"
    sample = read_sample(otio.parse_payload(segment.encoding, segment.payload))
    pan = "no pan" if sample.pan_deg is None else f"pan {sample.pan_deg:.2f}"
    tilt = "no tilt" if sample.tilt_deg is None else f"tilt {sample.tilt_deg:.2f} deg"
    note = f", against the schema: {', '.join(sample.violations[:3])}" if sample.violations else ""
    return f"source {sample.source_number}, {pan} {tilt}, focal length {sample.focal_mm} mm{note}"
