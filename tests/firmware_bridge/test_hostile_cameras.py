"""Cameras that drip, flood or say nothing: bounded in time and memory, and gone when told to."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.errors import ConfigError, ProtocolError
from firmware_bridge.bridge import Bridge
from firmware_bridge.codecs import onvif
from firmware_bridge.config import BridgeConfig
from firmware_bridge.control import open_control
from firmware_bridge.links import open_link
from firmware_bridge.links.onvif_client import OnvifClient
from firmware_bridge.links.visca_client import ViscaClient
from tests import black_hole, hostile
from tests.firmware_bridge.waiting import until

HOST = "127.0.0.1"
SHORT_S = 0.5
VISCA_PEERS = {
    "silent": hostile.silent,
    "deaf": hostile.deaf,
    "closing": hostile.closing,
    "drips bytes": hostile.drip(b"", b"\x90", 0.01),
    "drips strays": hostile.drip(b"", b"\x90\x41\xff", 0.01),
    "floods bytes": hostile.flood(b""),
    "floods strays": hostile.flood(b"", b"\x90\x41\xff" * 4096),
}


@contextmanager
def most_memory(most_bytes: int) -> Iterator[None]:
    """Fail where the block takes more memory of Python's than this."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def ended(call: threading.Thread, what: str) -> None:
    call.join(20)
    assert not call.is_alive(), what


@pytest.mark.parametrize("name", hostile.HTTP_PEERS)
def test_an_onvif_call_ends_in_time_and_in_bounded_memory(name: str) -> None:
    found: list[BaseException] = []

    def call(port: int) -> None:
        with OnvifClient(HOST, port, timeout_s=SHORT_S) as client:
            try:
                client.connect()
            except Exception as error:  # noqa: BLE001 - the test says which may come
                found.append(error)

    with hostile.peer(hostile.HTTP_PEERS[name]) as port, most_memory(16 << 20):
        thread = threading.Thread(target=call, args=(port,), daemon=True)
        thread.start()
        ended(thread, name)
    (error,) = found
    assert isinstance(error, (OSError, ProtocolError)), error


@pytest.mark.parametrize("kind", ["onvif", "visca"])
def test_a_link_ends_at_once_whatever_its_camera_does(kind: str) -> None:
    peers = hostile.HTTP_PEERS if kind == "onvif" else VISCA_PEERS
    with contextlib.ExitStack() as stack:
        links = []
        for behaviour in peers.values():
            port = stack.enter_context(hostile.peer(behaviour))
            keys = {"type": kind, "host": HOST, "port": port, "transport": "tcp"}
            if kind == "onvif":
                del keys["transport"]
            links.append(open_link(BridgeConfig.from_mapping(keys)))
        for link in links:
            assert link is not None
            link.start()
        threading.Event().wait(0.3)
        closers = [threading.Thread(target=link.close) for link in links if link is not None]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(10)
        for name, link in zip(peers, links, strict=True):
            assert link is not None
            assert until(lambda link=link: not link._thread.is_alive()), name  # type: ignore[misc]
            assert "defect" not in link.state().errors, name


def test_a_silent_visca_camera_on_udp_is_left_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        camera.bind((HOST, 0))
        port = camera.getsockname()[1]
        client = ViscaClient(HOST, port, timeout_s=30)
        failed = threading.Event()

        def ask() -> None:
            with contextlib.suppress(ConnectionAbortedError):
                client.inquire(b"\x81\x09\x06\x12\xff")
                return
            failed.set()

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        camera.recv(100)
        client.abort()
        ended(thread, "inquire")
        assert failed.is_set()
        client.close()


def test_a_call_that_waits_is_woken_by_abort() -> None:
    with hostile.peer(hostile.silent) as port:
        client = OnvifClient(HOST, port, timeout_s=60)
        failed = threading.Event()

        def connect() -> None:
            with contextlib.suppress(OSError):
                client.connect()
                return
            failed.set()

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        assert until(lambda: client._connection is not None and client._connection.sock)
        client.abort()
        ended(thread, "connect")
        assert failed.is_set()
        with pytest.raises(InterruptedError):
            client.connect()


def test_a_service_at_no_address_and_a_clock_out_of_range_are_refused_in_words() -> None:
    media = f"<Namespace>{onvif.MEDIA_NS}</Namespace><XAddr>http://[::/media</XAddr>"
    answers = iter(
        [
            onvif.envelope(
                "<t><UTCDateTime><Time><Hour>23</Hour><Minute>59</Minute><Second>59</Second></Time>"
                "<Date><Year>9999</Year><Month>12</Month><Day>31</Day></Date></UTCDateTime></t>"
            ),
            onvif.envelope(f"<t><Service>{media}</Service></t>"),
        ]
    )

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        for answer in answers:
            asked = b""
            while not asked.endswith(b"</s:Envelope>"):
                asked += connection.recv(65536)
            connection.sendall(hostile.http(answer))

    with hostile.peer(behave) as port, OnvifClient(HOST, port, username="u") as client:
        with pytest.raises(ProtocolError, match="an address that is none"):
            client.connect()
        assert client.clock_offset_s == 0


def test_a_camera_that_answers_elsewhere_is_named_so() -> None:
    with (
        hostile.peer(hostile.HTTP_PEERS["redirects elsewhere"]) as port,
        OnvifClient(HOST, port) as client,
        pytest.raises(ProtocolError, match="HTTP status 307: the camera answers elsewhere"),
    ):
        client.connect()


def test_a_defect_in_what_a_link_reads_ends_no_thread(monkeypatch, caplog) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("firmware_bridge.links.streams.freed.decode", broken)
    link = open_link(BridgeConfig.from_mapping({"type": "freed", "port": 0, "bind": HOST}))
    assert link is not None
    link.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:

            def counted() -> bool:
                port = link.port  # type: ignore[attr-defined]
                if port:
                    camera.sendto(b"x", (HOST, port))
                return link.state().errors.get("defect", 0) >= 3

            assert until(counted)
    finally:
        link.close()
    assert len([r for r in caplog.records if r.exc_info]) == 1


def test_a_recording_that_is_a_pipe_is_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    keys = {"type": "recording", "file": str(tmp_path / "pipe")}
    with pytest.raises(ConfigError, match="is no file"):
        open_link(BridgeConfig.from_mapping(keys))


_IN_BLACK_HOLE = """
import time
from edge.types import Quality, Registration, RegistrationState
from firmware_bridge.bridge import Bridge
from firmware_bridge.config import BridgeConfig
from firmware_bridge.model import CameraPose

for kind in ("visca", "onvif", "none"):
    begun = time.monotonic()
    bridge = Bridge(BridgeConfig.from_mapping({
        "type": kind, "host": "camera.example",
        "tracking": {"freed": ["receiver.example:40000", "127.0.0.1:40001"]},
    }))
    bridge.start()
    assert time.monotonic() - begun < 4, "the start waits for a name server"
    time.sleep(0.2)
    begun = time.monotonic()
    for frame in range(10):
        bridge._sender.send(CameraPose(0, -60, 10, 0, -10, 0, 2000, 1920, 1080), frame)
    assert time.monotonic() - begun < 1, "a frame waits for a name server"
    print(dict(bridge.sent))
    begun = time.monotonic()
    bridge.close()
    assert time.monotonic() - begun < 4, "the end waits for a name server"
"""


@pytest.mark.process
def test_a_name_server_that_answers_nothing_holds_up_neither_start_nor_frames_nor_end(
    tmp_path: Path,
) -> None:
    done = black_hole.run(tmp_path / "hole", sys.executable, "-c", _IN_BLACK_HOLE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{'dropped': 10, 'sent': 10}"] * 3


def test_a_receiver_with_a_name_is_sent_to() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(20)
        port = receiver.getsockname()[1]
        keys = {"type": "none", "tracking": {"freed": [f"localhost:{port}"]}}
        from firmware_bridge.model import CameraPose

        pose = CameraPose(0, -60, 10, 0, -10, 0, 2000, 1920, 1080)
        with Bridge(BridgeConfig.from_mapping(keys)) as bridge:

            def sent() -> bool:
                bridge._sender.send(pose, 0)
                return bridge.sent.get("sent", 0) > 0

            assert until(sent)
            assert receiver.recv(100)[0] == 0xD1


def test_controls_of_a_silent_camera_end() -> None:
    with hostile.peer(hostile.silent) as port:
        keys = {"type": "visca", "host": HOST, "port": port, "transport": "tcp"}
        control = open_control(BridgeConfig.from_mapping(keys))
        with pytest.raises(TimeoutError):
            control.position()
        control.close()
