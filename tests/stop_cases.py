"""Boxes beside peers that misbehave: what each case needs, and how it ends at SIGTERM."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import black_hole, hostile
from tests.publish.parts import Mosquitto, eventually, free_port

ROOT = Path(__file__).resolve().parents[1]
LIVE = {"type": "rendered", "seconds": 3600, "width": 160, "height": 96, "live": True}
WITHOUT_NETWORK = """
import functools, os, sys
from edge.cli import main, run
from tests.box.conftest import NetworkMaker
from tests.box.parts import ScriptedRegistrar

make = NetworkMaker(ScriptedRegistrar())
run.run_managed = functools.partial(run.run_managed, make_network=make)
run.run_box = functools.partial(run.run_box, make_network=make)
run.STOP_S = float(os.environ.get("STOP_S", run.STOP_S))
sys.exit(main(sys.argv[1:]))
"""
"""The box without a model: its start is quick, and all its links are real."""


@dataclass(slots=True)
class Scene:
    """What a case gives to its box."""

    folder: Path
    stack: ExitStack
    config: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    stderr: int | None = None
    stdout: int | None = None
    in_black_hole: bool = False
    after_start: Callable[[int], None] = lambda _: None
    """Called with the port of the health pages once the box runs."""
    expected: int = 0
    """The exit code."""


Case = Callable[[Scene], None]


def _peer(scene: Scene, behave: hostile.Behaviour) -> int:
    return scene.stack.enter_context(hostile.peer(behave))


def _never_connects(scene: Scene) -> int:
    """Return a port whose listener takes no more connections: a SYN gets no answer."""
    server = scene.stack.enter_context(socket.socket())
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    for _ in range(4):
        client = scene.stack.enter_context(socket.socket())
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(server.getsockname())
    return int(server.getsockname()[1])


def _full_pipe(scene: Scene) -> int:
    reading, writing = os.pipe()
    scene.stack.callback(os.close, reading)
    scene.stack.callback(os.close, writing)
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    return writing


def rtsp(behave: hostile.Behaviour) -> Case:
    """Return a case with a camera that behaves so on RTSP."""

    def prepare(scene: Scene) -> None:
        url = f"rtsp://127.0.0.1:{_peer(scene, behave)}/1"
        scene.config["source"] = {"type": "rtsp", "url": url}

    return prepare


def link(kind: str, behave: hostile.Behaviour) -> Case:
    """Return a case with a camera that behaves so on its control port."""

    def prepare(scene: Scene) -> None:
        keys: dict[str, Any] = {"type": kind, "host": "127.0.0.1", "port": _peer(scene, behave)}
        if kind == "visca":
            keys["transport"] = "tcp"
        scene.config["camera"] = {"link": keys}

    return prepare


def broker(behave: hostile.Behaviour) -> Case:
    """Return a case with a broker that behaves so."""

    def prepare(scene: Scene) -> None:
        scene.config["broker"] = f"mqtt://127.0.0.1:{_peer(scene, behave)}"

    return prepare


def _rtsp_never_connects(scene: Scene) -> None:
    url = f"rtsp://127.0.0.1:{_never_connects(scene)}/1"
    scene.config["source"] = {"type": "rtsp", "url": url}


def _broker_never_connects(scene: Scene) -> None:
    scene.config["broker"] = f"mqtt://127.0.0.1:{_never_connects(scene)}"


def _onvif_never_connects(scene: Scene) -> None:
    port = _never_connects(scene)
    scene.config["camera"] = {"link": {"type": "onvif", "host": "127.0.0.1", "port": port}}


def _visca_udp_silent(scene: Scene) -> None:
    camera = scene.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    camera.bind(("127.0.0.1", 0))
    keys = {"type": "visca", "host": "127.0.0.1", "port": camera.getsockname()[1]}
    scene.config["camera"] = {"link": {**keys, "transport": "udp"}}


def _names(**changes: Any) -> Case:
    def prepare(scene: Scene) -> None:
        scene.in_black_hole = True
        scene.config |= changes

    return prepare


def _broker_stops_reading(scene: Scene) -> None:
    served = Mosquitto(scene.folder)
    served.start()
    scene.stack.callback(served.stop)
    scene.config["broker"] = served.url
    process = served._process
    assert process is not None
    scene.stack.callback(process.send_signal, signal.SIGCONT)
    scene.after_start = lambda _port: process.send_signal(signal.SIGSTOP)


def _subscriber_reads_nothing(scene: Scene) -> None:
    port = free_port()
    scene.config["broker"] = f"embedded:{port}"

    def begin(_pages: int) -> None:
        client = scene.stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.sendall(bytes.fromhex("100d00044d5154540402003c000161"))  # CONNECT, client "a"
        client.recv(100)
        client.sendall(bytes.fromhex("8206000100012300"))  # SUBSCRIBE to "#"

    scene.after_start = begin


def _page_clients_drip(scene: Scene) -> None:
    def begin(port: int) -> None:
        eventually(lambda: _listens(port), "the pages")
        for said in (b"", b"GET /metrics HTTP/1.1\r\nX", b"GET /metrics HTTP/1.1\r\n\r\n") * 20:
            client = scene.stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(said)

    scene.after_start = begin


def _nobody_reads_the_log(scene: Scene) -> None:
    scene.stderr = _full_pipe(scene)
    scene.config["log"] = {"level": "debug"}


def _nobody_reads_stdout(scene: Scene) -> None:
    scene.stdout = _full_pipe(scene)
    scene.options.append("--json")
    scene.expected = 1  # the account could not be printed, and the guard said so


def _manager_hears_nothing(scene: Scene) -> None:
    path = scene.folder / "notify"
    manager = scene.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    manager.bind(str(path))
    scene.environment |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000"}


CASES: dict[str, Case] = {
    "RTSP camera: silent": rtsp(hostile.silent),
    "RTSP camera: reads nothing": rtsp(hostile.deaf),
    "RTSP camera: drips a header": rtsp(hostile.drip(b"RTSP/1.0 200 OK\r\nX: ", b"a")),
    "RTSP camera: floods headers": rtsp(hostile.flood(b"RTSP/1.0 200 OK\r\n", b"X: y\r\n" * 999)),
    "RTSP camera: never connects": _rtsp_never_connects,
    "RTSP camera: its name server answers nothing": _names(
        source={"type": "rtsp", "url": "rtsp://camera.example/1"}
    ),
    "ONVIF camera: silent": link("onvif", hostile.silent),
    "ONVIF camera: drips headers": link("onvif", hostile.HTTP_PEERS["drips headers"]),
    "ONVIF camera: drips interim answers": link(
        "onvif", hostile.HTTP_PEERS["drips interim answers"]
    ),
    "ONVIF camera: floods its body": link("onvif", hostile.HTTP_PEERS["floods its body"]),
    "ONVIF camera: never connects": _onvif_never_connects,
    "VISCA camera: silent on TCP": link("visca", hostile.silent),
    "VISCA camera: drips strays": link("visca", hostile.drip(b"", b"\x90\x41\xff", 0.01)),
    "VISCA camera: silent on UDP": _visca_udp_silent,
    "cameras and receivers: their name server answers nothing": _names(
        camera={
            "link": {
                "type": "onvif",
                "host": "camera.example",
                "tracking": {"freed": ["receiver.example:40000"]},
            }
        }
    ),
    "broker: silent": broker(hostile.silent),
    "broker: drips its answer": broker(hostile.drip(b"\x20\xff\xff\xff\x7f", b"\x00")),
    "broker: never connects": _broker_never_connects,
    "broker: its name server answers nothing": _names(broker="mqtt://broker.example"),
    "broker: stops reading": _broker_stops_reading,
    "embedded broker: a subscriber reads nothing": _subscriber_reads_nothing,
    "health pages: clients drip and read nothing": _page_clients_drip,
    "log: nobody reads stderr": _nobody_reads_the_log,
    "account: nobody reads stdout": _nobody_reads_stdout,
    "service manager: hears nothing": _manager_hears_nothing,
}


def together(names: tuple[str, ...]) -> Case:
    """Return a case with all of these at once; they must not be about the same link."""

    def prepare(scene: Scene) -> None:
        begins = []
        for name in names:
            scene.after_start = lambda _: None
            CASES[name](scene)
            begins.append(scene.after_start)
        scene.after_start = lambda port: [begin(port) for begin in begins] and None

    return prepare


@dataclass(frozen=True, slots=True)
class Ended:
    """How a box ended."""

    code: int | None
    """Exit code; None: it had to be killed."""
    took_s: float
    peak_mb: float
    """Most resident memory until the signal."""
    said: str
    expected: int


def stop(
    case: Case,
    folder: Path,
    *,
    settle_s: float = 1.5,
    patience_s: float = 30.0,
    model: bool = False,
) -> Ended:
    """Start a box in a case, send SIGTERM once it runs and `settle_s` went by; how it ended."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scene = Scene(folder, stack)
        scene.config = {"source": LIVE, "broker": "embedded:0", "site": "hall", "device": "box1"}
        case(scene)
        port = free_port()
        scene.config.setdefault("health", {"http": {"port": port}})
        with _box(scene, model=model) as box:
            _wait_for_start(box, scene, port)
            scene.after_start(port)
            time.sleep(settle_s)
            peak_mb = _peak_mb(box.pid)
            begun_s = time.monotonic()
            box.send_signal(signal.SIGTERM)
            try:
                code: int | None = box.wait(patience_s)
            except subprocess.TimeoutExpired:
                code = None
            took_s = time.monotonic() - begun_s
        said = (folder / "stderr").read_text() if scene.stderr is None else ""
    return Ended(code, took_s, peak_mb, said, scene.expected)


@contextmanager
def _box(scene: Scene, *, model: bool) -> Iterator[subprocess.Popen[bytes]]:
    file = scene.folder / "touchline.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(scene.config))))
    begin = ["-m", "edge.cli"] if model else ["-c", WITHOUT_NETWORK]
    command = [sys.executable, *begin, "run", "--config", str(file), *scene.options]
    if scene.in_black_hole:
        command = black_hole.command(scene.folder / "hole", *command)
    environment = {**os.environ, "XDG_STATE_HOME": str(scene.folder / "state")}
    with (
        (scene.folder / "stderr").open("wb") as stderr,
        (scene.folder / "stdout").open("wb") as out,
    ):
        box = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=stderr if scene.stderr is None else scene.stderr,
            stdout=out if scene.stdout is None else scene.stdout,
            env=environment | scene.environment,
        )
        try:
            yield box
        finally:
            box.kill()
            box.wait()


def _wait_for_start(box: subprocess.Popen[bytes], scene: Scene, port: int) -> None:
    """Wait until the box has said where it publishes; where nobody reads that, for its pages."""

    def started() -> bool:
        if scene.stderr is None:
            return b"publishing to" in (scene.folder / "stderr").read_bytes()
        return _listens(port)

    eventually(lambda: box.poll() is not None or started(), "the start of the box")


def _peak_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1.024e-3
    return 0.0


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1.0).close()
        return True
    return False
