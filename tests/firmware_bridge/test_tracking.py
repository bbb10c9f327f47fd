"""What is sent as a tracking system: received over real sockets, valid by the schema, at once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from edge.errors import ConfigError
from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import read_sample
from firmware_bridge.config import TrackingConfig
from firmware_bridge.model import CameraPose
from firmware_bridge.profiles import profile
from firmware_bridge.tracking import TrackingSender

DATA = Path(__file__).parent / "data" / "opentrackio"
SCHEMA = json.loads((DATA / "schema.v1.0.1.generated.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
POSE = CameraPose(-5.0, -60.25, 12.5, 13.5, -9.25, 1.5, 2560.0, 1280, 720, k1=-0.02)
CAPTURE_NS = 1_800_000_000_123_456_789


@contextmanager
def receiver(group: str = "") -> Iterator[tuple[socket.socket, int]]:
    """A bound socket that waits two seconds at most, and its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1" if not group else "0.0.0.0", 0))
        if group:
            request = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        sock.settimeout(10)
        yield sock, sock.getsockname()[1]


def test_freed_carries_the_pose() -> None:
    with receiver() as (sock, port):
        sender = TrackingSender(TrackingConfig(freed=(f"127.0.0.1:{port}",), camera_id=9))
        sender.send(POSE, CAPTURE_NS)
        sender.send(POSE, CAPTURE_NS)
        first, second = (freed.decode(sock.recv(100)) for _ in range(2))
        sender.close()
    assert isinstance(first, freed.FreeDPosition)
    assert isinstance(second, freed.FreeDPosition)
    assert (first.camera_id, first.pan_deg, first.tilt_deg, first.roll_deg) == (9, 13.5, -9.25, 1.5)
    assert (first.x_mm, first.y_mm, first.z_mm) == (-5000.0, -60250.0, 12500.0)
    # what we send is read by the profile of the cameras whose habit we took over
    habit = profile("zcam-p2").freed
    assert habit.focal_mm(first) == pytest.approx(72.0)
    assert [habit.sequence(p) for p in (first, second)] == [0, 1]


@pytest.mark.parametrize("encoding", ["json", "cbor"])
def test_opentrackio_carries_the_pose_and_fits_the_schema(encoding: str) -> None:
    with receiver() as (sock, port):
        config = TrackingConfig(
            opentrackio=(f"127.0.0.1:{port}",), encoding=encoding, rate=(60000, 1001)
        )
        sender = TrackingSender(config)
        times = [CAPTURE_NS + i * 500_000_000 for i in range(6)]
        for at in times:
            sender.send(POSE, at, status="verified")
        packets = [sock.recv(65536) for _ in times]
        sender.close()
    samples = []
    for number, packet in enumerate(packets):
        segment = otio.decode_segment(packet)
        assert (segment.sequence, segment.offset, segment.last) == (number, 0, True)
        assert len(packet) <= 1472
        raw = otio.parse_payload(segment.encoding, segment.payload)
        VALIDATOR.validate(raw)
        samples.append(read_sample(raw))
    first = samples[0]
    assert first.violations == ()
    assert first.position_m == (-5.0, -60.25, 12.5)
    assert (first.pan_deg, first.tilt_deg, first.roll_deg) == (13.5, -9.25, 1.5)
    assert first.focal_mm == pytest.approx(72.0)
    assert (first.distortion_model, first.radial) == ("Brown-Conrady U-D", (-0.02,))
    assert (first.sample_s, first.sample_ns) == (1_800_000_037, 123_456_789)
    assert (first.rate, first.sequence, first.status) == ((60000, 1001), 0, "verified")
    assert (first.locked, first.sync_source) == (False, "ntp")
    assert first.sensor_mm == (36.0, 20.25)
    assert first.resolution_px == (1280, 720)
    # the static block comes with the first and then every two seconds
    assert [s.sensor_mm is not None for s in samples] == [True, False, False, False, True, False]
    assert len({s.sample_id for s in samples}) == 6
    assert len({s.source_id for s in samples}) == 1


def test_multicast_of_the_source_number() -> None:
    with receiver(otio.multicast_group(42)) as (sock, port):
        config = TrackingConfig(
            opentrackio=(f"{otio.multicast_group(42)}:{port}",),
            source_number=42,
            interface="127.0.0.1",
        )
        sender = TrackingSender(config)
        sender.send(POSE, CAPTURE_NS)
        segment = otio.decode_segment(sock.recv(65536))
        sender.close()
    assert read_sample(otio.parse_payload(segment.encoding, segment.payload)).source_number == 42


def test_what_a_format_cannot_carry_is_counted_and_not_sent() -> None:
    with receiver() as (sock, port):
        sender = TrackingSender(TrackingConfig(freed=(f"127.0.0.1:{port}",)))
        sender.send(replace(POSE, y_m=-140.0), CAPTURE_NS)
        sender.send(replace(POSE, pan_deg=float("nan")), CAPTURE_NS)
        sender.send(POSE, CAPTURE_NS)
        assert sock.recv(100)
        counts = dict(sender.counts)
        sender.close()
    assert counts == {"unfit": 2, "sent": 1}


def test_nobody_to_send_to() -> None:
    sender = TrackingSender(TrackingConfig())
    assert not sender.active
    sender.send(POSE, CAPTURE_NS)
    sender.close()
    assert sender.counts == {}


def test_receivers_that_are_gone_do_no_harm() -> None:
    sender = TrackingSender(TrackingConfig(freed=("240.0.0.1:9", "127.0.0.1:9")))
    for _ in range(20):
        sender.send(POSE, CAPTURE_NS)
    sender.close()
    assert sender.counts["sent"] + sender.counts["dropped"] == 40


def test_an_interface_of_another_box_is_refused() -> None:
    with pytest.raises(ConfigError, match="interface"):
        TrackingSender(TrackingConfig(freed=("127.0.0.1:9",), interface="192.0.2.77"))
