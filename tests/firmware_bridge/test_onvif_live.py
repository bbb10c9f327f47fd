"""ONVIF between client and camera: a camera not written here, logins, bombs, silence."""

from __future__ import annotations

import hashlib
import http.server
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ipycam import CameraConfig, IPCamera
from ipycam.http import IPCameraHTTPHandler

from edge.errors import ProtocolError, UsageError
from firmware_bridge.codecs import onvif
from firmware_bridge.config import BridgeConfig
from firmware_bridge.control import open_control
from firmware_bridge.links import open_link
from firmware_bridge.links.onvif_client import OnvifClient
from firmware_bridge.sim import SimSettings, Simulator
from tests.firmware_bridge.waiting import until
from tests.publish.parts import free_port

HOST = "127.0.0.1"
FAST = SimSettings(speed_deg_s=2000, zoom_speed_s=50)


class PeerServer(socketserver.ThreadingTCPServer):
    """The peer's HTTP side on loopback alone, without its streaming and discovery."""

    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def peer(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, username: str = "", password: str = ""
) -> Iterator[tuple[IPCamera, int]]:
    """The virtual ONVIF camera of the ipycam package, and its port."""
    monkeypatch.chdir(tmp_path)  # it keeps its presets in the working directory
    config = CameraConfig(local_ip="192.0.2.1", username="", password="")
    if username:
        config.username, config.password = username, password
    camera = IPCamera(config)
    handler = type("Handler", (IPCameraHTTPHandler,), {"camera": camera})
    server = PeerServer((HOST, 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield camera, server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        camera.ptz.stop()
        if camera.ptz._movement_thread is not None:
            camera.ptz._movement_thread.join()


def test_a_camera_not_written_here_is_read_and_moved(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(tmp_path, monkeypatch) as (camera, port), OnvifClient(HOST, port) as client:
        client.connect()
        assert abs(client.clock_offset_s) < 5
        assert client.profile == onvif.MediaProfile("Profile_Main", "MainStream", "PTZ_Config_1")
        assert onvif.Space(onvif.GENERIC_PAN_TILT, (-1.0, 1.0), (-1.0, 1.0)) in client.spaces
        assert client.device()["Manufacturer"] == "PythonCam"
        client.absolute_move(0.25, -0.5, 0.1, (onvif.GENERIC_PAN_TILT, onvif.GENERIC_ZOOM))
        assert until(lambda: client.status().zoom == pytest.approx(0.1, abs=0.01))
        status = client.status()
        assert (status.pan, status.tilt) == pytest.approx((0.25, -0.5), abs=0.01)
        token = client.set_preset("corner")
        assert client.presets()[token] == "corner"
        client.goto_preset(token)
        client.stop()
        assert camera.ptz.state.pan == pytest.approx(0.25, abs=0.01)


def test_link_and_control_of_a_camera_not_written_here(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peer(tmp_path, monkeypatch) as (_, port):
        config = BridgeConfig.from_mapping(
            {"type": "onvif", "host": HOST, "port": port, "poll_hz": 20}
        )
        control = open_control(config)
        link = open_link(config)
        assert link is not None
        link.start()
        try:
            control.move(87.5, 60.0, 0.5)

            def arrived() -> bool:
                latest = link.state().latest
                return latest is not None and latest.pan_deg == pytest.approx(87.5, abs=0.5)

            assert until(arrived)
            latest = link.state().latest
            assert latest is not None
            assert latest.tilt_deg == pytest.approx(60.0, abs=0.5)
            assert latest.zoom == pytest.approx(0.5, abs=0.01)
            control.set_preset("goal")
            control.goto_preset("goal")
            with pytest.raises(UsageError, match="goal"):
                control.goto_preset("gaol")
            with pytest.raises(UsageError, match="outside"):
                control.move(400.0, 0.0)
        finally:
            link.close()
            control.close()


def test_login_at_a_camera_not_written_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with peer(tmp_path, monkeypatch, "admin", "pa&ss<word") as (_, port):
        with OnvifClient(HOST, port, username="admin", password="pa&ss<word") as client:
            client.connect()
            assert client.status().pan == 0.0
        stranger = OnvifClient(HOST, port, username="admin", password="other")
        with stranger, pytest.raises(onvif.OnvifFaultError, match="check username and password"):
            stranger.connect()


@pytest.mark.parametrize(("username", "password"), [("", ""), ("user", "secret")])
def test_our_camera_in_degrees(username: str, password: str) -> None:
    with Simulator(FAST, wander=False, username=username, password=password) as simulator:
        port = simulator.onvif.port
        with OnvifClient(HOST, port, username=username, password=password) as client:
            client.connect()
            client.absolute_move(33.0, -8.0, 0.75, (onvif.DEGREES, onvif.GENERIC_ZOOM))
            assert until(lambda: client.status().moving is False)
            status = client.status()
            assert (status.pan, status.tilt, status.zoom) == pytest.approx(
                (33.0, -8.0, 0.75), abs=1e-3
            )
            assert status.pan_tilt_space == onvif.DEGREES
            with pytest.raises(onvif.OnvifFaultError, match="Invalid position"):
                client.absolute_move(500.0, 0.0, None, (onvif.DEGREES, onvif.GENERIC_ZOOM))
            assert client.set_preset("a") == "1"
            with pytest.raises(onvif.OnvifFaultError):
                client.goto_preset("77")
            client.stop()
        if username:
            stranger = OnvifClient(HOST, port, username=username, password="wrong")
            with stranger, pytest.raises(onvif.OnvifFaultError):
                stranger.connect()


def test_our_camera_survives_any_request() -> None:
    with Simulator(FAST, wander=False) as simulator:
        port = simulator.onvif.port
        requests = [
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 31\r\n\r\n<a><Body><GetStatus/></Body></a>",
        ]
        for request in requests:
            with socket.create_connection((HOST, port), timeout=10) as sock:
                sock.sendall(request)
                assert (
                    sock.recv(4096).startswith(b"HTTP/1.")
                    or b"400" in request
                    or request[:1] == b"\xff"
                )
        with OnvifClient(HOST, port) as client:
            client.connect()
            assert client.status().pan is not None


@contextmanager
def web_server(answer: Callable[[Any], None]) -> Iterator[int]:
    """An HTTP server whose POST is handled by a function of the handler; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def reply(handler: Any, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><b>&b;</b>'


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: reply(h, b"<html>"),
        lambda h: reply(h, BOMB),
        lambda h: reply(h, b"<a/>" * 100_000),
        lambda h: reply(h, onvif.envelope(""), 500),
        lambda h: reply(h, onvif.envelope(onvif.GET_PROFILES)),
        lambda h: (h.wfile.write(b"nonsense\r\n\r\n"), h.connection.close()),
    ],
    ids=["html", "bomb", "long", "status500", "no profiles", "no http"],
)
def test_hostile_answers_are_protocol_errors(answer: Callable[[Any], None]) -> None:
    with (
        web_server(answer) as port,
        OnvifClient(HOST, port, timeout_s=5) as client,
        pytest.raises(ProtocolError),
    ):
        client.connect()


def test_an_answer_that_drips_for_ever_ends() -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return

    with (
        web_server(drip) as port,
        OnvifClient(HOST, port, timeout_s=0.5) as client,
        pytest.raises(TimeoutError),
    ):
        client.connect()


def test_nothing_listening_is_an_os_error() -> None:
    with OnvifClient(HOST, free_port()) as client, pytest.raises(OSError, match="refused"):
        client.connect()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_http_digest(algorithm: str) -> None:
    """A camera that wants HTTP digest: the response is checked by RFC 7616's own formula."""
    name = "md5" if algorithm == "MD5" else "sha256"

    def hashed(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    seen: list[str] = []

    def answer(handler: Any) -> None:
        given = handler.headers.get("Authorization", "")
        f = {k: q or b for k, q, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', given)}
        if f:
            ha1, ha2 = hashed("user:cam:secret"), hashed(f"POST:{handler.path}")
            wanted = hashed(f"{ha1}:n0nce:{f['nc']}:{f['cnonce']}:auth:{ha2}")
            if f["response"] == wanted and f["username"] == "user" and f["opaque"] == "op":
                seen.append(f["nc"])
                reply(handler, onvif.envelope(""))
                return
        challenge = (
            f'Digest realm="cam", nonce="n0nce", qop="auth", opaque="op", algorithm={algorithm}'
        )
        reply(handler, b"", 401, WWW_Authenticate=challenge)

    with web_server(answer) as port:
        with OnvifClient(HOST, port, username="user", password="secret") as client:
            assert client.device() == {}
            assert client.device() == {}
        stranger = OnvifClient(HOST, port, username="user", password="wrong")
        with stranger, pytest.raises(onvif.OnvifFaultError):
            stranger.device()
    assert seen == ["00000001", "00000002"]


def test_link_counts_what_is_wrong_and_goes_on() -> None:
    count = iter(range(10**9))

    def flaky(handler: Any) -> None:
        reply(handler, b"<html>" if next(count) % 2 else onvif.envelope(""))

    with web_server(flaky) as port:
        config = BridgeConfig.from_mapping(
            {"type": "onvif", "host": HOST, "port": port, "poll_hz": 50}
        )
        link = open_link(config)
        assert link is not None
        link.start()
        try:
            assert until(lambda: link.state().errors.get("connection", 0) >= 2)
            assert link.state().received == 0
            assert not link.state().connected
        finally:
            link.close()
