"""What a box retains about its configuration is put right where somebody else wrote there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.publish import Endpoint
from edge.publish.messages.base import Message
from edge.publish.messages.config import ConfigReported
from edge.publish.messages.config_examples import CONFIG_SCHEMA, REPORTED
from edge.publish.mqtt.desired_link import DesiredLink
from tests.publish.conftest import embedded, endpoint, mosquitto
from tests.publish.parts import FAST, TOPICS, eventually

pytestmark = pytest.mark.process

__all__ = ["embedded", "endpoint", "mosquitto"]


def of(message: Message) -> Callable[[str, int], Message]:
    return lambda session, seq: message.model_copy(update={"session": session, "seq": seq})


class Stranger:
    """Writes anything anywhere, and looks at what a broker retains."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.heard: list[tuple[str, bytes]] = []
        self._client.on_message = lambda _c, _d, m: self.heard.append((m.topic, m.payload))
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"{TOPICS.root}/#", qos=1)
        self._client.loop_start()

    def write(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(60)

    def last(self, topic: str) -> bytes:
        return next((data for at, data in reversed(self.heard) if at == topic), b"")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def stranger_at(port: int) -> Iterator[Stranger]:
    stranger = Stranger(port)
    try:
        yield stranger
    finally:
        stranger.close()


def is_ours(payload: bytes, link: DesiredLink) -> bool:
    return link.session.encode() in payload


@pytest.mark.parametrize("lie", [b"", b"{}", b"\x00\xff" * 500], ids=["cleared", "empty", "junk"])
def test_a_report_that_a_stranger_wrote_is_put_right(endpoint: Endpoint, lie: bytes) -> None:
    link = DesiredLink(endpoint, TOPICS, "config", TOPICS.config_desired, backoff=FAST)
    topics = {TOPICS.config_reported: REPORTED, TOPICS.config_schema: CONFIG_SCHEMA}
    with stranger_at(endpoint.port) as stranger:
        try:
            for topic, message in topics.items():
                link.retain(topic, of(message))
            link.start(lambda _payload: None)
            for topic in topics:
                eventually(lambda t=topic: is_ours(stranger.last(t), link), "the box's own")
                stranger.write(topic, lie)
                eventually(lambda t=topic: stranger.last(t) == lie, "the lie")
                eventually(lambda t=topic: is_ours(stranger.last(t), link), "the box's own again")
        finally:
            link.stop()
        with stranger_at(endpoint.port) as late:
            for topic in topics:
                eventually(lambda t=topic: is_ours(late.last(t), link), "retained")


def test_an_old_report_of_the_box_itself_is_replaced_by_the_present_one(endpoint: Endpoint) -> None:
    topic = TOPICS.config_reported
    link = DesiredLink(endpoint, TOPICS, "config", TOPICS.config_desired, backoff=FAST)
    with stranger_at(endpoint.port) as stranger:
        try:
            link.retain(topic, of(REPORTED))
            link.start(lambda _payload: None)
            eventually(lambda: is_ours(stranger.last(topic), link), "the first report")
            old = stranger.last(topic)
            link.retain(topic, of(REPORTED.model_copy(update={"revision": 99, "seen": 99})))
            eventually(lambda: b'"revision":99' in stranger.last(topic), "the second")
            stranger.write(topic, old)
            eventually(lambda: stranger.last(topic) == old, "the replay")
            eventually(lambda: b'"revision":99' in stranger.last(topic), "the present one again")
        finally:
            link.stop()


def test_what_the_box_sends_itself_is_not_taken_for_anothers(endpoint: Endpoint) -> None:
    topic = TOPICS.config_reported
    link = DesiredLink(endpoint, TOPICS, "config", TOPICS.config_desired, backoff=FAST)
    made = threading.Event()
    sent: list[int] = []

    def make(session: str, seq: int) -> ConfigReported:
        sent.append(seq)
        made.set()
        return REPORTED.model_copy(update={"session": session, "seq": seq})

    with stranger_at(endpoint.port) as stranger:
        try:
            link.start(lambda _payload: None)
            for _ in range(20):
                made.clear()
                link.retain(topic, make)
                assert made.wait(60)
            eventually(lambda: f'"seq":{sent[-1]}'.encode() in stranger.last(topic), "the last")
            count = len(sent)
            end = time.monotonic() + 1.5  # longer than the pause before a correction
            eventually(lambda: time.monotonic() > end, "a while")
            assert len(sent) == count
        finally:
            link.stop()


def test_two_who_write_the_same_topic_do_not_storm(endpoint: Endpoint) -> None:
    topic = TOPICS.config_reported
    links = [
        DesiredLink(endpoint, TOPICS, name, TOPICS.config_desired, backoff=FAST)
        for name in ("config", "twin")
    ]
    with stranger_at(endpoint.port) as stranger:
        try:
            for link in links:
                link.retain(topic, of(REPORTED))
                link.start(lambda _payload: None)
            end = time.monotonic() + 4
            eventually(lambda: time.monotonic() > end, "a while")
            assert len([t for t, _ in stranger.heard if t == topic]) < 20
        finally:
            for link in links:
                link.stop()
