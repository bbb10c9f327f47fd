"""A box whose log or output nobody reads goes on, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.box.conftest import Mosquitto, Subscriber, free_port, wait_for
from tests.box.test_signals import connected
from tests.stop_cases import WITHOUT_NETWORK

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TALKATIVE = """
import logging, sys
from edge.cli import logs, main
from edge.health.log_stream import STDERR
from edge.publish import Publisher

said = Publisher.publish
def publish(self, *what):
    logging.getLogger("edge").warning("x" * 40_000)  # every frame says a lot
    return said(self, *what)
Publisher.publish = publish
sys.exit(main(sys.argv[1:]))
"""


def full_pipe() -> tuple[int, int]:
    """Return both ends of a pipe into which nothing goes any more."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, bytes(4096))
    return reading, writing


def test_a_box_goes_on_while_nobody_reads_its_log_and_ends_at_the_signal(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    config = tmp_path / "touchline.yaml"
    config.write_text(
        f"broker: {mosquitto.url}\nsite: hall\ndevice: box1\nlog: {{format: json}}\n"
        "health: {http: null, interval_s: 0.5}\n"
        "source: {type: rendered, seconds: 600, width: 320, height: 192, live: true}\n"
    )
    reading, writing = full_pipe()
    command = [sys.executable, "-c", TALKATIVE, "run", "--config", str(config), "--json"]
    box = subprocess.Popen(command, cwd=ROOT, stderr=writing, stdout=writing)
    os.close(writing)
    try:
        wait_for(lambda: len(subscriber.of("homography")) >= 60)
        lost = lambda: [m["process"]["log_messages_dropped"] for m in subscriber.of("health")]  # noqa: E731
        wait_for(lambda: lost()[-1:] > [0])
        box.send_signal(signal.SIGTERM)
        assert box.wait(timeout=30) == 1, "its account could not be printed"
    finally:
        box.kill()
        box.wait()
        os.close(reading)
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])


def test_a_closed_stderr_is_no_error(tmp_path: Path):
    command = f"exec {sys.executable} -m edge.cli run --source nothing.mp4 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "") or done.returncode == 1


def test_the_embedded_broker_serves_while_nobody_reads_what_it_logs(tmp_path: Path):
    port = free_port()
    config = tmp_path / "touchline.yaml"
    config.write_text(
        f"broker: embedded:{port}\nsite: hall\ndevice: box1\nlog: {{level: debug}}\n"
        "health: {http: null}\n"
        "source: {type: rendered, seconds: 600, width: 160, height: 96, live: true}\n"
    )
    reading, writing = full_pipe()
    command = [sys.executable, "-c", WITHOUT_NETWORK, "run", "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stderr=writing, stdout=subprocess.DEVNULL) as box:
        os.close(writing)
        try:
            subscriber = connected(port)
            with closing(subscriber):
                wait_for(lambda: len(subscriber.of("homography")) >= 150)
            box.send_signal(signal.SIGTERM)
            assert box.wait(timeout=30) == 0
        finally:
            box.kill()
            os.close(reading)
