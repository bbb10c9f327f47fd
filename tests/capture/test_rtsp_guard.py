"""What stands between FFmpeg and a camera: each answer bounded, each wait ended."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture import LiveReader, open_source
from edge.capture.rtsp import _elsewhere
from edge.capture.rtsp_guard import CameraRefused, Messages
from edge.errors import SourceError
from firmware_bridge.sim.rtsp import RtspServer, _RtspClient
from tests.capture.faulty import encode, noisy
from tests.capture.hostile import PEERS, Peer, hostile, silent


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)
def test_no_peer_holds_the_opening_up_or_fills_the_memory(peer: Peer) -> None:
    with hostile(peer) as told:
        with pytest.raises(SourceError) as caught:
            open_source(f"rtsp://127.0.0.1:{told.port}/live", open_timeout_s=1.0)
        assert told.sent < 16 << 20, "what is under way in the sockets, and no more"
        assert told.connections <= 5
    assert str(caught.value).startswith("rtsp://127.0.0.1:")
    assert "\n" not in str(caught.value)


ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nv=0\r\n"
PACKET = b"$\0" + struct.pack(">H", 12) + bytes(range(12))


@given(st.lists(st.integers(1, 30), max_size=30))
def test_answers_and_packets_are_told_apart_wherever_they_are_cut(cuts: list[int]) -> None:
    data = ANSWER + PACKET * 3 + ANSWER + PACKET + b"\r\n" + ANSWER
    messages, statuses = Messages(), []
    for cut in [*cuts, len(data)]:
        statuses += [answer.status for answer in messages.take(data[:cut])]
        data = data[cut:]
    assert statuses == [200, 200, 200]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_pass_or_are_refused(pieces: list[bytes]) -> None:
    messages = Messages()
    try:
        for piece in pieces:
            messages.take(piece)
    except CameraRefused:
        return
    assert len(messages._head) <= 20 << 10


@pytest.mark.parametrize(
    "text",
    [
        b"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        b"RTSP/1.0 200 OK\nContent-Length:1\nCONTENT-LENGTH : 70000\n\n",
        b"RTSP/1.0 200 OK\r\nCon\rtent-Length: 70000\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n$\0\0\x08\r\n\r\n",
        b"\r\nContent-Length: 70000\r\n\r\n",
        b"a" * 17_000,
        b"$\0\0\7abcdefg",
    ],
)
def test_what_ffmpeg_would_take_into_memory_is_refused(text: bytes) -> None:
    with pytest.raises(CameraRefused):
        Messages().take(text)


@pytest.mark.parametrize(
    ("address", "location", "expected"),
    [
        ("rtsp://u:p@a/1", "rtsp://a/2", "rtsp://u:p@a/2"),
        ("rtsp://u:p@a:554/1", "rtsp://a:8554/2", "rtsp://u:p@a:8554/2"),
        ("rtsp://u:p@a/1", "rtsp://b/2", "rtsp://b/2"),
        ("rtsp://u:p@a/1", "rtsp://x:y@b/2", "rtsp://b/2"),
        ("rtsp://u:p@a/1", "/2", "rtsp://u:p@a/2"),
    ],
)
def test_a_password_follows_no_redirection_to_another_host(
    address: str, location: str, expected: str
) -> None:
    assert _elsewhere(address, location) == expected


class UdpServer(RtspServer):
    """A camera that sends over UDP only."""

    target = ("", 0)

    def __init__(self) -> None:
        super().__init__()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))

    def close(self) -> None:
        super().close()
        self._udp.close()

    def _setup(self, client: _RtspClient, transport: str) -> tuple[str, str]:
        ports = transport.partition("client_port=")[2].partition(";")[0].partition("-")[0]
        if "TCP" in transport or not ports:
            return "461 Unsupported Transport", ""
        self.target = (client.sock.getpeername()[0], int(ports))
        client.channel = 0
        own = self._udp.getsockname()[1]
        reply = f"Transport: RTP/AVP;unicast;client_port={ports}-{int(ports) + 1}"
        reply += f";server_port={own}-{own + 1}\r\nSession: {client.session};timeout=60\r\n"
        return "200 OK", reply

    def _send(self, client: _RtspClient, payloads: list[bytes], rtp_time: int, utc_ns: int) -> None:
        for index, payload in enumerate(payloads):
            marker = 0x80 if index == len(payloads) - 1 else 0
            head = struct.pack("!BBHII", 0x80, 96 | marker, client.sequence, rtp_time, 7)
            client.sequence = (client.sequence + 1) & 0xFFFF
            self._udp.sendto(head + payload, self.target)


class Pushing:
    """Sends pictures through a server at a rate, from a thread."""

    def __init__(self, server: RtspServer, fps: float) -> None:
        self._server, self._fps = server, fps
        self._units = [encode([picture])[0] for picture in noisy(4, (320, 192))]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> str:
        self._server.start()
        self._thread.start()
        return self._server.url

    def pause(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def __exit__(self, *_: object) -> None:
        self.pause()
        self._server.close()

    def _run(self) -> None:
        for number in range(10_000):
            unit = self._units[number % 4]
            self._server.push(unit, round(number * 90_000 / self._fps), time.time_ns())
            if self._stop.wait(1 / self._fps):
                return


def test_a_camera_of_udp_alone_is_found_by_itself() -> None:
    with Pushing(UdpServer(), 25) as url, open_source(url) as source:
        frames = [source.read() for _ in range(10)]
    assert all(frame is not None and frame.image.shape == (192, 320, 3) for frame in frames)


def test_a_camera_that_refuses_both_transports_is_named() -> None:
    class Neither(RtspServer):
        def _setup(self, client: _RtspClient, transport: str) -> tuple[str, str]:
            return "461 Unsupported Transport", ""

    with Pushing(Neither(), 25) as url, pytest.raises(SourceError, match=r"461.*source\.transport"):
        open_source(url)


def read_some(url: str) -> None:
    with open_source(url, read_timeout_s=0.4, open_timeout_s=1.0) as source:
        for _ in range(4):
            source.read()


def test_a_slow_camera_is_silent_only_when_it_is_not_configured() -> None:
    with Pushing(RtspServer(), 0.6) as url:
        with open_source(url, read_timeout_s=5.0) as source:
            frames = [source.read() for _ in range(3)]
        with pytest.raises(SourceError, match=r"no data for 0\.4 s|cannot connect|no answer"):
            read_some(url)
    times = [frame.pts_s for frame in frames if frame is not None]
    assert times == pytest.approx([0.0, 5 / 3, 10 / 3], abs=0.3)


def test_closing_ends_a_read_that_waits() -> None:
    pushing = Pushing(RtspServer(), 25)
    with pushing as url:
        reader = LiveReader(lambda: open_source(url, read_timeout_s=300.0, open_timeout_s=5.0))
        assert reader.get(60) is not None
        pushing.pause()
        while reader.get(0.5) is not None:
            pass
        reader.close()
        reader._thread.join(10)
        assert not reader._thread.is_alive()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path, "-out",
         tmp_path / "cert.pem", "-subj", "/CN=camera", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    return path


@pytest.mark.process
def test_a_camera_behind_tls_is_read(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = RtspServer()
    server._listener = context.wrap_socket(server._listener, server_side=True)
    with Pushing(server, 25) as url, open_source(url.replace("rtsp:", "rtsps:")) as source:
        frames = [source.read() for _ in range(10)]
    assert all(frame is not None for frame in frames)


def test_a_peer_that_never_speaks_tls_is_given_up() -> None:
    with hostile(silent) as told, pytest.raises(SourceError, match="no answer within"):
        open_source(f"rtsps://127.0.0.1:{told.port}/live", open_timeout_s=0.7)
