"""One connection a box: who shares it, who disputes it, and what a slow link does to it."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.publish import Endpoint, Topics
from edge.publish.mqtt import send_queue
from edge.publish.mqtt.connection import Backoff
from edge.publish.mqtt.desired_link import DesiredLink
from edge.publish.mqtt.mqtt311 import PUBACK, PacketSplitter, packet
from edge.publish.mqtt.shared_connection import SharedConnection
from edge.threads import watch_threads
from tests.publish.listener import Listener
from tests.publish.parts import (
    FAST,
    TOPICS,
    Mosquitto,
    answered,
    eventually,
    make_frame,
    make_publisher,
)
from tests.publish.test_publish_failures import StallingLink

pytestmark = pytest.mark.process

SHIPPED = Path(__file__).parents[2] / "configs" / "mosquitto.conf"


def connections(port: int) -> int:
    """Count the TCP connections that a port of this machine has accepted and not closed."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "01" for row in rows)


def test_a_box_has_one_connection(mosquitto: Mosquitto) -> None:
    with closing(SharedConnection(mosquitto.endpoint, TOPICS, FAST)) as line:
        config = DesiredLink(line, TOPICS, "config", TOPICS.config_desired)
        model = DesiredLink(line, TOPICS, "model", TOPICS.model_desired)
        heard: dict[str, list[bytes]] = {"config": [], "model": []}
        config.start(heard["config"].append)
        with make_publisher(line) as publisher:  # type: ignore[arg-type]
            model.start(heard["model"].append)
            publisher.publish(make_frame(), answered())
            eventually(lambda: publisher.counts().frames.published == 1, "the frame")
            with Listener(mosquitto.port) as listener:
                eventually(lambda: listener.of("/state"), "the state")
                assert connections(mosquitto.port) == 2, "the box's, and the listener's"
                for name, topic in (
                    ("config", TOPICS.config_desired),
                    ("model", TOPICS.model_desired),
                ):
                    listener._client.publish(topic, b'{"wanted": 1}', 1)
                    eventually(lambda n=name: heard[n], f"what is desired of {name}")
        config.stop()
        model.stop()


def test_the_will_names_the_run_that_is_on(mosquitto: Mosquitto) -> None:
    with closing(SharedConnection(mosquitto.endpoint, TOPICS, FAST)) as line:
        for _ in range(2):
            with make_publisher(line) as publisher:  # type: ignore[arg-type]
                publisher.wait_connected(60)
                used = line.connection._will_used
                assert used is not None
                assert json.loads(used.payload)["session"] == publisher.session


# -- two boxes of one name


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_two_boxes_of_one_name_are_told_so_and_do_not_storm(tmp_path: Path, version: str) -> None:
    broker = Mosquitto(tmp_path, "log_type all")
    broker.start()
    endpoint = replace(broker.endpoint, mqtt_version=version)  # type: ignore[arg-type]
    pauses = Backoff(0.05, 0.2, fault_first_s=0.5, fault_most_s=60.0)
    with ExitStack() as stack:
        stack.callback(broker.stop)
        boxes = [stack.enter_context(make_publisher(endpoint, backoff=pauses)) for _ in range(2)]

        def told() -> bool:
            return any(
                "another box uses the name venue/box" in line
                for box in boxes
                for line in box.broker_problems
            )

        eventually(told, "the words")
        before = (tmp_path / "mosquitto.log").read_text().count("already connected")
        end = time.monotonic() + 4
        eventually(lambda: time.monotonic() > end, "a while")
        after = (tmp_path / "mosquitto.log").read_text().count("already connected")
        assert after - before <= 12, "seven a second before"


def test_a_run_that_was_killed_is_no_rival(mosquitto: Mosquitto) -> None:
    earlier = {"schema": "touchline.state/1", "session": "0" * 16, "seq": 1, "status": "online"}
    payload = json.dumps(earlier | {"time_ns": 1, "clean": True}).encode()
    with Listener(mosquitto.port) as listener:
        listener._client.publish(TOPICS.state, payload, 1, retain=True).wait_for_publish(60)
        with make_publisher(mosquitto.endpoint) as publisher:
            eventually(lambda: len(listener.of("/state")) >= 2, "the box's own state")
            publisher.publish(make_frame(), answered())
            eventually(lambda: publisher.counts().frames.published == 1, "the frame")
            assert publisher.broker_problems == []


# -- retained topics that a stranger wrote


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("lie", [b"", b'{"status": "offline"}'], ids=["cleared", "overwritten"])
def test_own_retained_topics_are_put_right(endpoint: Endpoint, version: str, lie: bytes) -> None:
    topics = (TOPICS.state, TOPICS.info, TOPICS.latest("cam1"))
    way = replace(endpoint, mqtt_version=version)  # type: ignore[arg-type]
    seen: dict[str, bytes] = {}
    stranger = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    stranger.on_message = lambda _c, _d, m: seen.__setitem__(m.topic, m.payload)
    with make_publisher(way) as publisher:
        publisher.wait_connected(60)
        publisher.publish(make_frame(), answered())
        stranger.connect("127.0.0.1", endpoint.port)
        stranger.subscribe(f"{TOPICS.root}/#", 1)
        stranger.loop_start()
        ours = publisher.session.encode()
        for topic in topics:
            eventually(lambda t=topic: ours in seen.get(t, b""), f"our {topic}")
            stranger.publish(topic, lie, 1, retain=True).wait_for_publish(60)
            eventually(lambda t=topic: seen.get(t) == lie, "the lie")
            eventually(lambda t=topic: ours in seen.get(t, b""), f"our {topic} again")
        assert publisher.overwritten >= 3
    stranger.disconnect()
    stranger.loop_stop()


# -- a link that is slow


def test_little_lies_in_the_kernel_when_a_link_stalls(mosquitto: Mosquitto) -> None:
    link = StallingLink(mosquitto.port)
    endpoint = replace(mosquitto.endpoint, port=link.port, keepalive_s=3600)
    with ExitStack() as stack:
        stack.callback(link.close)
        publisher = stack.enter_context(make_publisher(endpoint))
        publisher.wait_connected(60)
        link.flowing.clear()
        end = time.monotonic() + 1.2
        eventually(lambda: time.monotonic() > end, "the link's rate of before is forgotten")
        index = 0

        def stalled() -> bool:
            nonlocal index
            publisher.publish(make_frame(index), answered())
            index += 1
            return publisher.counts().frames.dropped.get("slow_link", 0) > 100

        eventually(stalled, "frames dropped")
        sock = publisher._port.line.connection._client.socket()
        assert isinstance(sock, socket.socket)
        reading = send_queue.read(sock)
        assert reading is not None
        assert reading.queued_bytes < 20_000, "the kernel has room for 33,000"
        link.flowing.set()


# -- threads


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_outbox_that_fails_and_fails_does_not_die_in_silence(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.publish.queue import outbox

    monkeypatch.setattr(outbox, "_IDLE_S", 0.01)
    with watch_threads() as threads, make_publisher(mosquitto.endpoint) as publisher:
        publisher.wait_connected(60)

        def fails() -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(publisher._outbox, "_step", fails)
        eventually(lambda: threads.count, "the end of the thread, noted")
        assert "a defect" in (threads.problem or "")
        assert "a defect" in (publisher.problem or "")


# -- 200 boxes


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def light_box(port: int, topics: Topics) -> socket.socket:
    """Connect as a box does, hear what it hears, retain its state; returns once that is taken."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    sock.sendall(packet(0x10, text("MQTT") + b"\x05\x02\x00\x0a\x00" + text(topics.device)))
    heard = (topics.state, topics.info, topics.health, topics.latest("cam1"))
    heard += (topics.config_desired, topics.config_reported, topics.model_desired)
    sock.sendall(packet(0x82, b"\x00\x01\x00" + b"".join(text(t) + b"\x00" for t in heard)))
    sock.sendall(packet(0x33, text(topics.state) + b"\x00\x02\x00" + b"x" * 1000))
    kinds: list[int] = []
    splitter = PacketSplitter()
    while PUBACK not in kinds:
        data = sock.recv(65536)
        assert data, f"{topics.device}: closed after {kinds}"
        kinds += [first >> 4 for first, _ in splitter.feed(data)]
    return sock


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_a_broker_as_shipped_takes_200_boxes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        if kind == "embedded":
            port = request.getfixturevalue("embedded").endpoint.port
        else:
            shipped = re.findall(r"(?m)^(?:max_|queue_|persistent_).*$", SHIPPED.read_text())
            broker = Mosquitto(tmp_path, "\n".join(shipped))
            broker.start()
            stack.callback(broker.stop)
            port = broker.port
        for number in range(200):
            topics = Topics("touchline", "hall", f"box-{number}")
            stack.enter_context(light_box(port, topics))
        assert connections(port) >= 200
        late = stack.enter_context(light_box(port, Topics("touchline", "hall", "reader")))
        assert late.fileno() > 0


def test_the_shipped_mosquitto_has_room_for_200_boxes() -> None:
    found = dict(re.findall(r"(?m)^(max_\w+) (\d+)$", SHIPPED.read_text()))
    assert int(found["max_connections"]) >= 200 + 50
    waiting = int(found["max_connections"]) * int(found["max_queued_bytes"])
    assert waiting <= 300e6, "what waits for clients that are away"
