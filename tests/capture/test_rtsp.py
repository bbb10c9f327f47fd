"""Against a real RTSP server on loopback, and against what is none."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from edge.capture import FrameSource, LiveReader, SourceBackoff, SourceLinkState, open_source
from edge.capture.rtsp import capture_time
from edge.errors import SourceError
from tests.capture.media import RtspServer, make_video, number_of

pytestmark = pytest.mark.process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RtspServer]:
    make_video(tmp_path / "cam.mp4", 200)
    with RtspServer(tmp_path) as running:
        yield running


def test_frames_arrive_with_their_times(server: RtspServer) -> None:
    with open_source(server.address("cam.mp4", "me:secret@")) as source:
        frames = [source.read() for _ in range(12)]
        info = source.info
    assert (info.kind, info.width, info.height, info.live) == ("rtsp", 128, 72, True)
    assert info.fps == pytest.approx(25)
    assert "secret" not in info.uri
    seen = [f for f in frames if f is not None]
    assert len(seen) == 12
    numbers = [number_of(f.image) for f in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 12)), "none is lost while we read"
    assert [f.index for f in seen] == list(range(12))
    assert [f.pts_s for f in seen] == pytest.approx([i / 25 for i in range(12)], abs=1e-3)
    assert {f.clock_source for f in seen} <= {"rtcp", "host"}
    assert source.read() is None, "after close there is nothing more"


def read_on(source: FrameSource) -> None:
    for _ in range(500):
        source.read()


def test_the_end_of_a_live_stream_is_an_error(tmp_path: Path) -> None:
    make_video(tmp_path / "short.mp4", 30)
    with (
        RtspServer(tmp_path) as server,
        open_source(server.address("short.mp4")) as source,
        pytest.raises(SourceError, match="the camera ended the stream"),
    ):
        read_on(source)


def test_a_silent_camera_is_noticed(server: RtspServer) -> None:
    with open_source(server.address("cam.mp4"), read_timeout_s=0.5) as source:
        source.read()
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(SourceError, match=r"no data for 0\.5 s; is the camera on"):
            read_on(source)


def test_a_reader_survives_the_cameras_restart(tmp_path: Path) -> None:
    make_video(tmp_path / "cam.mp4", 250)
    with RtspServer(tmp_path) as first:
        port, address = first.port, first.address("cam.mp4")
        open_ = partial(open_source, address, open_timeout_s=2.0, read_timeout_s=1.0)
        reader = LiveReader(open_, first=open_(), backoff=SourceBackoff(0.1, 1.0, 0.1))
        with reader:
            before = [reader.get(10) for _ in range(3)]
            assert reader.state is SourceLinkState.STREAMING
            first.stop()
            while reader.failures == 0:
                reader.get(0.1)
            assert reader.last_error is not None
            with RtspServer(tmp_path, port):
                after = [reader.get(60) for _ in range(4)]
                assert reader.last_error is None
    indices = [f.index for f in (*before, *after) if f is not None]
    assert len(indices) == 7
    assert indices == sorted(set(indices)), "numbers never come twice"
    counts = reader.counts
    assert counts.captured == counts.processed + sum(counts.dropped.values())


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """A TCP server that gives each request the same answer, or none at all."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                try:
                    while request := client.recv(4096):
                        if reply is None:
                            continue
                        number = request.split(b"CSeq: ")[-1].split(b"\r\n")[0]
                        client.sendall(reply.replace(b"%", number))
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(90)


@pytest.mark.parametrize(
    ("reply", "userinfo", "error"),
    [
        (None, "", "no answer within 0.7 s; check the address, the cable and the firewall"),
        (b"RTSP/1.0 401 Unauthorized\r\nCSeq: %\r\n\r\n", "", "wants a user name and password"),
        (b"RTSP/1.0 401 No\r\nCSeq: %\r\n\r\n", "me:secret@", "refuses this user name or password"),
        (b"RTSP/1.0 403 Forbidden\r\nCSeq: %\r\n\r\n", "", "the camera forbids this user"),
        (b"RTSP/1.0 404 Not Found\r\nCSeq: %\r\n\r\n", "", "knows no stream of this path"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "", "127.0.0.1"),
    ],
)
def test_what_gives_no_stream_gives_one_clear_line(
    reply: bytes | None, userinfo: str, error: str
) -> None:
    with answering(reply) as port, pytest.raises(SourceError) as caught:
        open_source(f"rtsp://{userinfo}127.0.0.1:{port}/cam", open_timeout_s=0.7)
    assert error in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_the_server_does_not_have(server: RtspServer) -> None:
    with pytest.raises(SourceError, match="the camera knows no stream of this path"):
        open_source(server.address("other.mp4"))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SourceError, match="the host refuses the connection; is RTSP switched on"):
        open_source(f"rtsp://127.0.0.1:{port}/cam")


_NOW = 1_800_000_000_000_000_000


@pytest.mark.parametrize(
    ("camera_ns", "expected"),
    [
        (None, (_NOW, "host")),
        (_NOW - 80_000_000, (_NOW - 80_000_000, "rtcp")),
        (_NOW + 80_000_000, (_NOW + 80_000_000, "rtcp")),
        (0, (_NOW, "host")),
        (_NOW - 3_600_000_000_000, (_NOW, "host")),
    ],
)
def test_a_cameras_clock_is_believed_if_it_can_be_right(
    camera_ns: int | None, expected: tuple[int, str]
) -> None:
    assert capture_time(camera_ns, _NOW) == expected
