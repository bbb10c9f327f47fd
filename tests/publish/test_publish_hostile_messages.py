"""A subscriber outlives whatever anybody publishes, and holds a bounded part of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edge.cli.listen import Board
from edge.config.ids import host_id
from edge.publish.client import subscriber as client_module
from edge.publish.client.subscriber import Health, Received, TouchlineClient
from edge.publish.messages.examples import TOPICS as DOCUMENTED
from edge.publish.mqtt.packet import Incoming
from edge.publish.mqtt.topics import Address, parse_topic
from tests.publish.listener import Listener
from tests.publish.parts import FAST, TOPICS, Mosquitto

pytestmark = pytest.mark.process

HOMOGRAPHY = TOPICS.homography("cam1")
HOSTILE = {
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a huge number": b'{"seq": ' + b"9" * 5000 + b"}",
    "NaN": b'{"seq": NaN, "frame_id": Infinity}',
    "ten megabytes": b'"' + b"x" * 10_000_000 + b'"',
    "invalid UTF-8": b'{"schema": "\xff\xfe\xc0\x80"}',
    "surrogates": b'{"camera": "\\ud800"}',
    "nothing": b"",
    "a nul": b"\x00" * 100,
    "an array": b"[1, 2, 3]",
}


def example(end: str) -> bytes:
    """Return the example message of a topic."""
    document = next(d for d in DOCUMENTED if f"/{d.topic}".endswith(end))
    return document.examples[0].payload()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_client_outlives_hostile_messages(mosquitto: Mosquitto, version: str) -> None:
    with (
        Listener(mosquitto.port, "none") as stranger,
        TouchlineClient(f"mqtt://127.0.0.1:{mosquitto.port}", backoff=FAST) as client,
    ):
        client.wait_connected(60)
        for payload in HOSTILE.values():
            for topic in (HOMOGRAPHY, TOPICS.state, TOPICS.health, TOPICS.event("cam1")):
                stranger._client.publish(topic, payload, 1)
        for topic in ("touchline/v1/[bold]/box/state", "touchline/v1/x/state", "touchline/v1//"):
            stranger._client.publish(topic, b"{}", 1).wait_for_publish(60)
        sent = stranger._client.publish(HOMOGRAPHY, example("/homography"), 1)
        sent.wait_for_publish(60)
        received = client.next(60)
        assert received is not None
        assert received.kind == "homography"
        assert client.connected
        assert client.invalid > 20


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_counted_as_none(payload: bytes) -> None:
    client = TouchlineClient("mqtt://127.0.0.1:1")
    for topic in (HOMOGRAPHY, TOPICS.state, TOPICS.info, TOPICS.health, TOPICS.segments("job")):
        client._take(Incoming(topic, payload, retained=False))
    assert client.invalid in {0, 5}


def test_what_strangers_retain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MAX_KNOWN", 10)
    monkeypatch.setattr(client_module, "_MAX_WAITING_BYTES", 20_000)
    client = TouchlineClient("mqtt://127.0.0.1:1")
    for number in range(100):
        root = f"touchline/v1/venue/box-{number}"
        client._take(Incoming(f"{root}/state", example("/state"), retained=True))
        client._take(Incoming(f"{root}/cam/cam1/homography", example("/homography"), retained=True))
        segments = json.loads(example("/{job}")) | {"job": f"job-{number}"}
        payload = json.dumps(segments).encode()
        client._take(Incoming(f"{root}/segments/job-{number}", payload, retained=True))
    assert client.invalid == 0
    assert len(client._states) == len(client._kept) == 10
    assert len(client._programmes) <= 10
    assert client._waiting_bytes <= 20_000
    assert client.dropped > 0
    while client.next(0) is not None:
        pass
    assert client._waiting_bytes == 0


@pytest.mark.parametrize(
    "topic",
    ["site/[/red]/state", "Site/box/state", "site/box", "a b/box/state", "s/d/cam/[x]/homography",
     "s/d/segments/a/b", "s/d/segments/../x"],
)  # fmt: skip
def test_a_topic_of_other_names_is_no_box(topic: str) -> None:
    assert parse_topic("touchline", f"touchline/v1/{topic}") is None


def test_the_table_shows_text_as_text() -> None:
    health = json.loads(example("/health"))
    health["clock"]["source"] = "[/nothing] [bold"
    health["problems"] = ["[red]", "x" * 100_000]
    message = Health.model_validate(health)
    board = Board()
    for number in range(400):
        address = Address("venue", f"box-{number}", "health")
        board.add(Received(address, message, retained=True, received_ns=0), 0.0)
    console = Console(file=io.StringIO(), width=200)
    console.print(board.render(1.0))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[/nothing]" in shown
    assert "box-0 " not in shown
    assert "box-399" in shown


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("box-north", "box-north"),
        ("Box-North.venue.example", "box-north"),
        ("CAM 1!", "cam-1"),
        ("_x_", "x"),
        ("jetson\u00e4", "jetson"),
        ("a" * 80, "a" * 63),
        ("localhost", "box-ba7816bf"),
        ("", "box-ba7816bf"),
        ("(none)", "box-ba7816bf"),
        ("\u6d4b\u8bd5", "box-ba7816bf"),
    ],
)
def test_a_host_name_gives_an_id(host: str, expected: str, tmp_path: Path) -> None:
    machine_id = tmp_path / "machine-id"
    machine_id.write_text("abc\n")
    assert host_id(host, (machine_id,)) == expected
    assert host_id("", (tmp_path / "none",)) == "box"
