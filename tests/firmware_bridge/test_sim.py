"""The simulated camera: it moves as told, tells what it does, and its picture is real video."""

from __future__ import annotations

import socket
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from firmware_bridge.codecs import freed
from firmware_bridge.codecs import opentrackio as otio
from firmware_bridge.codecs.opentrackio_sample import read_sample
from firmware_bridge.model import CameraPose
from firmware_bridge.sim import SimSettings, SimulatedCamera, Simulator
from firmware_bridge.sim.rtsp import RtspServer, nal_units, rtp_payloads
from firmware_bridge.sim.video import LiveVideo

SETTINGS = SimSettings(pan_sign=-1, pan_offset_deg=30, tilt_sign=-1, tilt_offset_deg=3)


def test_device_and_field_angles_go_together() -> None:
    camera = SimulatedCamera(SETTINGS)
    for t in (0.0, 1.5, 100.0):
        head, pose = camera.state(t), camera.pose(t)
        assert pose.pan_deg == pytest.approx(-head.pan_deg + 30)
        assert pose.tilt_deg == pytest.approx(-head.tilt_deg + 3)
        assert pose.focal_px == pytest.approx(SETTINGS.focal(head.zoom) * 1280)
        assert -30 < pose.pan_deg < 30
        assert -17 < pose.tilt_deg < -7


def test_moves_take_their_time_and_stop() -> None:
    camera = SimulatedCamera(SimSettings(speed_deg_s=10), wander=False)
    camera.move(0.0, pan_deg=-20.0)
    assert camera.state(1.0).pan_deg == -10.0
    assert camera.state(1.0).moving
    assert camera.state(5.0) == camera.state(2.0)
    assert not camera.state(2.0).moving
    camera.move(5.0, pan_deg=20.0)
    camera.move(5.5, tilt_deg=0.0)
    assert camera.state(10.0).pan_deg == 20.0
    camera.move(10.0, pan_deg=0.0)
    camera.stop(11.0)
    assert camera.state(20.0).pan_deg == 10.0
    # the past stays as it was: pictures come out late
    assert camera.state(1.0).pan_deg == -10.0


def test_limits_and_presets() -> None:
    camera = SimulatedCamera(SimSettings(), wander=False)
    assert not camera.move(0.0, pan_deg=171.0)
    assert not camera.move(0.0, tilt_deg=-31.0)
    assert not camera.move(0.0, zoom=-1)
    assert not camera.recall_preset(0.0, 5)
    camera.set_preset(0.0, 5)
    assert camera.recall_preset(1.0, 5)
    camera.home(2.0)
    assert camera.presets() == [5]
    for step in range(1000):
        assert camera.move(3.0 + step, pan_deg=float(step % 90))


def test_streams_say_what_the_head_does() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for sock in (one, two):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(10)
        settings = SimSettings(loss=0.3, noise_deg=0.01)
        with Simulator(
            settings, freed_to=one.getsockname(), opentrackio_to=two.getsockname(), rate_hz=200
        ) as simulator:
            before = simulator.camera.state(time.monotonic())
            message = freed.decode(one.recv(100))
            segment = otio.decode_segment(two.recv(65536))
            for _ in range(20):
                one.recv(100)
        sample = read_sample(otio.parse_payload(segment.encoding, segment.payload))
        assert isinstance(message, freed.FreeDPosition)
        assert message.pan_deg == pytest.approx(sample.pan_deg, abs=1e-3)
        assert message.pan_deg == pytest.approx(before.pan_deg, abs=30)
        assert sample.violations == ()
        assert sample.zoom == pytest.approx(message.zoom / 0x4000, abs=1e-3)
        assert simulator.telemetry.counts["lost"] > 0


def test_nal_units_and_fragments() -> None:
    big = bytes([0x65]) + bytes(range(1, 251)) * 20
    stream = b"\0\0\0\1\x67abc" + b"\0\0\1\x68de" + b"\0\0\0\1" + big
    assert nal_units(stream) == [b"\x67abc", b"\x68de", big]
    parts = rtp_payloads(big)
    assert all(len(part) <= 1400 for part in parts)
    assert [part[1] & 0xC0 for part in parts] == [0x80, 0, 0, 0x40]
    assert bytes([parts[0][0] & 0xE0 | parts[0][1] & 0x1F]) + b"".join(p[2:] for p in parts) == big


class Painter:
    """Encodes pictures whose brightness is the pan angle."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libx264", "w")
        assert isinstance(self._codec, av.VideoCodecContext)
        self._codec.width, self._codec.height, self._codec.pix_fmt = 128, 64, "yuv420p"
        self._codec.time_base = Fraction(1, 25)
        self._codec.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "5"}
        self._codec.gop_size = 5

    def __call__(self, pose: CameraPose, number: int) -> bytes:
        picture = np.full((64, 128, 3), int(128 + 2 * pose.pan_deg), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = number
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def test_the_picture_is_a_stream_that_others_can_read() -> None:
    camera = SimulatedCamera(SimSettings(width_px=128, height_px=64))
    with LiveVideo(camera, Painter(), RtspServer(), fps=25) as video:
        url = video._server.url
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
            levels = []
            for frame in container.decode(video=0):
                levels.append(float(frame.to_ndarray(format="gray").mean()))
                if len(levels) == 12:
                    break
    pans = [(level - 128) / 2 for level in levels]
    assert all(-40 < pan < 40 for pan in pans)
    assert len(levels) == 12


def test_rtsp_survives_rubbish_and_refuses_udp() -> None:
    server = RtspServer()
    server.start()
    try:
        server.push(b"\0\0\1\x67abcd\0\0\1\x68ef\0\0\1\x65xyz", 0, time.time_ns())
        for request, status in (
            (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"200"),
            (b"SETUP x RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP;client_port=1-2\r\n\r\n", b"461"),
            (b"DANCE x RTSP/1.0\r\n\r\n", b"501"),
            (b"\xff\xfe\r\n\r\n", b"501"),
            (b"DESCRIBE rtsp://h/live RTSP/1.0\r\nCSeq: 3\r\n\r\n", b"200"),
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
                sock.sendall(request)
                assert sock.recv(4096).startswith(b"RTSP/1.0 " + status)
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            sock.sendall(b"x" * 20_000)
            try:
                rest = sock.recv(4096)
            except ConnectionResetError:
                rest = b""  # closed with our bytes unread
            assert rest == b""
    finally:
        server.close()
