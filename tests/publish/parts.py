"""A mosquitto to kill and restart, and frames, answers and publishers to test with."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.fields import load_field
from edge.publish import BoxInfo, BundleInfo, Endpoint, Publisher, Topics
from edge.publish.mqtt.connection import Backoff
from edge.types import Frame, Quality, Registration, RegistrationState, RejectionReason

FAST = Backoff(first_s=0.05, most_s=0.2)
TOPICS = Topics("touchline", "venue", "box")
CAMERA = "cam1"
FIELD_FROM_IMAGE = np.array(
    [[-3.51458, 0.169037, 1.48758], [1.0739, 22.9331, -873.378], [0.0, -0.302432, 1.0]]
)
"""Of a picture of 128x72 from 40 m behind a touchline, 12 m high."""


def eventually(condition: Callable[[], object], what: str, timeout_s: float = 90.0) -> None:
    """Wait until `condition` holds; the limit only ends a test that hangs."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not come: {what}")
        time.sleep(0.01)


_PORTS = range(20_000, 32_000)
"""Below the ports that the kernel gives to others."""
_WORKERS = 16
_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nobody listens on, and that no test beside this one is given.

    Each worker of pytest-xdist draws from a part of its own, and draws no port twice.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = [port for port in _PORTS[worker % _WORKERS :: _WORKERS] if port not in _given]
    while own:
        port = own.pop(secrets.randbelow(len(own)))
        _given.add(port)
        try:
            with socket.socket(socket.AF_INET, kind) as sock:
                sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    pytest.fail("no free port")


def make_frame(index: int = 0) -> Frame:
    image = np.zeros((72, 128, 3), np.uint8)
    return Frame(image, index, index / 25, 1_700_000_000_000_000_000 + index, time.monotonic_ns())


def answered(
    state: RegistrationState = RegistrationState.VERIFIED, *, cut: bool = False
) -> Registration:
    quality = Quality(0.97, 38, 1.4, 0.3, 0.9)
    latency_ms = {"infer": 9.81234}
    return Registration(
        state,
        field_from_image=FIELD_FROM_IMAGE,
        quality=quality,
        cut=cut,
        latency_ms=latency_ms,
    )


def lost(reason: RejectionReason = RejectionReason.NO_FIELD) -> Registration:
    return Registration(RegistrationState.LOST, reason)


def make_publisher(endpoint: Endpoint, topics: Topics = TOPICS, **options: object) -> Publisher:
    bundle = BundleInfo(name="soccer", version="1.0.0", sport="soccer")
    info = BoxInfo(CAMERA, load_field("soccer"), "rendered", [bundle], "7")
    return Publisher(endpoint, topics, info, **({"backoff": FAST} | options))  # type: ignore[arg-type]


def find_program(name: str) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    found = shutil.which(name, path=path)
    assert found is not None, f"{name} is missing: apt-get install mosquitto mosquitto-clients"
    return found


class Mosquitto:
    """A mosquitto on one port of loopback that can be killed and started again."""

    def __init__(
        self, folder: Path, extra: str = "", listener: str = "allow_anonymous true"
    ) -> None:
        self.port = free_port()
        self.folder = folder
        self._config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(f"{user}{extra}\nlistener {self.port} 127.0.0.1\n{listener}\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        return self.endpoint.url

    def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_program("mosquitto"), "-c", str(self._config)], stdout=log, stderr=log
            )
        eventually(self._listening, f"mosquitto: {self._log()}")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def save(self) -> None:
        """Make it write its database, and wait until it has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        eventually((self.folder / "mosquitto.db").exists, "mosquitto's database")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def _listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")
