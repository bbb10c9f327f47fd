"""Links over real sockets: good streams, foreign senders, any bytes, silence, and coming back."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.freed import FreeDPosition
from firmware_bridge.config import BridgeConfig
from firmware_bridge.links import open_link
from firmware_bridge.links.base import CameraLink, Meter
from firmware_bridge.links.streams import DatagramLink
from tests.firmware_bridge.waiting import until

PACKETS = Path(__file__).parent / "data" / "opentrackio" / "packets"


@contextmanager
def running(config: BridgeConfig) -> Iterator[tuple[CameraLink, socket.socket]]:
    """A started link, and a socket that is connected to its port."""
    link = open_link(config)
    assert isinstance(link, DatagramLink)
    link.start()
    try:
        assert until(lambda: link.port != 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", link.port))
            yield link, sender
    finally:
        link.close()


def freed_config(**settings: object) -> BridgeConfig:
    return BridgeConfig.from_mapping(
        {"type": "freed", "host": "127.0.0.1", "port": 0, "bind": "127.0.0.1", **settings}
    )


def test_freed_stream_with_its_fields_and_state() -> None:
    with running(freed_config(profile="zcam-p2")) as (link, sender):
        for number in range(20):
            position = FreeDPosition(
                3, 10.5, -4.25, 1.0, 1000, 2000, 3000, 950, 30, number % 16 << 12
            )
            if number != 7:
                sender.send(freed.encode_position(position))
                time.sleep(0.005)
        assert until(lambda: link.state().received == 19)
        state = link.state()
        latest = state.latest
        assert latest is not None
        assert (latest.pan_deg, latest.tilt_deg, latest.roll_deg) == (10.5, -4.25, 1.0)
        assert latest.position_m == (1.0, 2.0, 3.0)
        assert latest.focal_mm == pytest.approx(9.5)
        assert latest.camera_id == 3
        assert state.lost == 1
        assert state.connected
        assert state.rate_hz is not None
        assert state.jitter_ms is not None
        assert len(link.history()) == 19


def test_a_stream_that_falls_silent_goes_stale() -> None:
    with running(freed_config(stale_s=0.05)) as (link, sender):
        sender.send(freed.encode_position(FreeDPosition(1, 0.0, 0.0)))
        assert until(lambda: link.state().received == 1)
        assert until(lambda: not link.state().connected)
        sender.send(freed.encode_position(FreeDPosition(1, 0.0, 0.0)))
        assert until(lambda: link.state().received == 2)


def test_wrong_checksums_and_other_bytes_are_counted_and_never_used() -> None:
    good = freed.encode_position(FreeDPosition(1, 5.0, 0.0))
    dice = random.Random(1)
    with running(freed_config()) as (link, sender):
        sender.send(good)
        assert until(lambda: link.state().received == 1)
        for _ in range(50):
            sender.send(dice.randbytes(dice.randrange(1, 60)))
        sender.send(good[:-1] + bytes([good[-1] ^ 1]))
        sender.send(b"")
        sender.send(freed.encode_command(freed.FreeDCommand(1, 1)))
        assert until(lambda: sum(link.state().errors.values()) == 53)
        state = link.state()
        assert state.errors["protocol"] == 52
        assert state.errors["command"] == 1
        assert state.received == 1
        sender.send(good)
        assert until(lambda: link.state().received == 2)


def test_other_addresses_and_other_cameras_are_ignored() -> None:
    packet = freed.encode_position(FreeDPosition(1, 5.0, 0.0))
    with running(freed_config(host="127.0.0.9")) as (link, sender):
        sender.send(packet)
        assert until(lambda: link.state().foreign == 1)
        assert link.state().received == 0
    with running(freed_config(camera_id=2)) as (link, sender):
        sender.send(packet)
        sender.send(freed.encode_position(FreeDPosition(2, 5.0, 0.0)))
        assert until(lambda: link.state().received == 1)
        assert link.state().foreign == 1


def otio_config(**settings: object) -> BridgeConfig:
    return BridgeConfig.from_mapping(
        {"type": "opentrackio", "host": "127.0.0.1", "port": 0, "bind": "127.0.0.1", **settings}
    )


def test_opentrackio_reference_packets_arrive() -> None:
    with running(otio_config()) as (link, sender):
        for encoding in ("json", "cbor"):
            sender.send((PACKETS / f"recommended_static.{encoding}.seg0of1.bin").read_bytes())
        assert until(lambda: link.state().received == 2)
        latest = link.state().latest
        assert latest is not None
        assert (latest.pan_deg, latest.tilt_deg, latest.focal_mm) == (180.0, 90.0, 24.305)
        assert link.state().errors == {}


def test_opentrackio_segments_schema_and_losses_are_counted() -> None:
    payload = (
        b'{"sourceNumber":4,"lens":{"pinholeFocalLength":0.0},'
        b'"transforms":[{"translation":{},"rotation":{"pan":7}}]}'
    )
    parts = otio.split(payload, otio.PayloadEncoding.JSON, 0, mtu=40)
    with running(otio_config()) as (link, sender):
        for part in parts:
            sender.send(otio.encode_segment(part))
        assert until(lambda: link.state().received == 1)
        assert link.state().errors == {"schema": 1}
        for part in (parts[0], parts[2]):
            sender.send(otio.encode_segment(part))
        sender.send(b"OTrk")
        assert until(lambda: link.state().errors.get("protocol") == 1)
        assert link.state().errors == {"schema": 1, "segments": 1, "protocol": 1}
        latest = link.state().latest
        assert latest is not None
        assert latest.pan_deg == 7.0


def test_multicast_of_one_source_is_joined() -> None:
    group = otio.multicast_group(7)
    payload = b'{"sourceNumber":7,"transforms":[{"translation":{},"rotation":{"pan":7}}]}'
    with (
        running(otio_config(source_number=7, bind="0.0.0.0", interface="127.0.0.1")) as (link, _),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        assert isinstance(link, DatagramLink)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        for text in (payload, payload.replace(b'"sourceNumber":7', b'"sourceNumber":8')):
            for segment in otio.split(text, otio.PayloadEncoding.JSON, 0):
                sender.sendto(otio.encode_segment(segment), (group, link.port))
        assert until(lambda: link.state().received + link.state().foreign == 2)
        assert (link.state().received, link.state().foreign) == (1, 1)


def test_a_port_that_is_taken_is_tried_again() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        link = open_link(freed_config(port=port))
        assert link is not None
        link.start()
        try:
            assert until(lambda: link.state().errors.get("connection", 0) >= 1)
            taken.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                packet = freed.encode_position(FreeDPosition(1, 0.0, 0.0))

                def arrives() -> bool:
                    sender.sendto(packet, ("127.0.0.1", port))
                    return link.state().received > 0

                assert until(arrives)
            assert link.state().reconnects >= 1
        finally:
            link.close()


def test_no_link_for_none() -> None:
    assert open_link(BridgeConfig()) is None


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [
        ([0, 1, 2, 3], 0),
        ([0, 1, 4], 2),
        ([14, 15, 0, 1], 0),
        ([15, 2], 2),
        ([3, 3, 3], 0),
        ([5, 4], 0),
        ([None, 1, None, 3], 1),
    ],
)
def test_losses_by_sequence(numbers: list[int | None], lost: int) -> None:
    meter = Meter(16)
    for index, number in enumerate(numbers):
        meter.valid(index * 20_000_000, number)
    assert meter.lost == lost
    assert meter.received == len(numbers)


def test_rate_and_jitter() -> None:
    meter = Meter()
    assert meter.spacing(0) == (None, None, None)
    for index in range(50):
        meter.valid(index * 20_000_000 + (index % 2) * 2_000_000)
    rate, jitter, age = meter.spacing(49 * 20_000_000 + 2_000_000 + 1_000_000_000)
    assert rate == pytest.approx(50, rel=0.01)
    assert jitter == pytest.approx(2.0, rel=0.1)
    assert age == pytest.approx(1.0)
