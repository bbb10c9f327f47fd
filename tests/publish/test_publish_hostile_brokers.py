"""Brokers that are there and of no use: noticed, named, left alone for longer each time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.publish import EventDraft, EventKind, Publisher
from edge.publish.messages.compose import Stamp
from edge.publish.mqtt import connection
from edge.publish.mqtt.connection import Backoff
from edge.publish.mqtt.packet import Outgoing
from edge.publish.queue.outbox import EventItem
from tests.publish.hostile import HostileBroker
from tests.publish.listener import Listener
from tests.publish.parts import (
    TOPICS,
    Mosquitto,
    answered,
    eventually,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

KNOWN = b"\x01\x00\x00"
"""CONNACK of a broker that kept the session: events need not wait for subscribers to come back."""
GROWING = Backoff(0.02, 0.1, fault_first_s=0.1, fault_most_s=30.0)


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a broker's answers as long as a test may take; nothing else changes."""
    monkeypatch.setattr(connection, "ANSWER_S", 0.3)
    monkeypatch.setattr(connection, "ACK_S", 0.5)


@contextmanager
def at(broker: HostileBroker) -> Iterator[Publisher]:
    publisher = make_publisher(broker.endpoint, backoff=GROWING)
    try:
        publisher.start()
        yield publisher
    finally:
        publisher.stop(0.2)
        broker.close()


def cut(index: int) -> EventDraft:
    return EventDraft(EventKind.CUT, Stamp.of(make_frame(index)))


FAULTS = {
    "accepts and never answers": ({"connack": None}, "accepts connections and gives no answer"),
    "no SUBACK": ({"subacks": False}, "the broker answers no subscription"),
    "no PUBACK": ({"acks": False}, "the broker takes messages and acknowledges none"),
    "unavailable": ({"connack": b"\x00\x88\x00"}, "the broker refused: it is not available now"),
    "quota": ({"connack": b"\x00\x97\x00"}, "the broker refused: its quota is exceeded"),
    "not authorized": ({"connack": b"\x00\x87\x00"}, "this user may not connect"),
    "a broken CONNACK": ({"connack": b"\x00\x00\x05\x21"}, "sends what is no MQTT 5"),
    "an unknown property": ({"connack": b"\x00\x00\x02\x7f\x01"}, "sends what is no MQTT 5"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_named_once_and_the_pauses_grow(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    options, words = FAULTS[fault]
    broker = HostileBroker(**options)  # type: ignore[arg-type]
    with at(broker) as publisher:
        eventually(lambda: len(broker.connects) >= 5, "five attempts")
        assert any(words in line for line in publisher.broker_problems)
        starts = broker.connects
        pauses = [b - a for a, b in itertools.pairwise(starts)]
        assert max(pauses[2:]) > min(pauses[:2]), "they grow"
    lines = [r.getMessage() for r in caplog.records if words in r.getMessage()]
    assert len(lines) == 1, lines


def test_a_broker_that_acknowledges_again_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    broker = HostileBroker(acks=False)
    with at(broker) as publisher:
        eventually(lambda: len(broker.connects) >= 2 and publisher.connected, "another connection")
        assert publisher.broker_problems, "it is connected, and not believed yet"
        broker.acks = True
        eventually(lambda: publisher.connected and not publisher.broker_problems, "trust")
        publisher.event(cut(1))
        eventually(lambda: publisher.counts().events.delivered == 1, "the event")


def test_no_more_is_on_its_way_than_the_broker_takes() -> None:
    broker = HostileBroker(connack=b"\x00\x00\x03\x21\x00\x01")  # Receive Maximum 1
    broker.ack_after_s = 0.01
    with at(broker) as publisher:
        for index in range(20):
            publisher.event(cut(index))
        eventually(lambda: publisher.counts().events.delivered == 20, "all events")
        assert broker.most_in_flight == 1


def test_a_message_for_which_the_broker_closes_blocks_nothing_behind_it() -> None:
    broker = HostileBroker(
        connack=KNOWN, closes_for=lambda m: m.topic.endswith("/event") and b'-3"' in m.body
    )
    with at(broker) as publisher:
        for index in range(8):
            publisher.event(cut(index))
        eventually(lambda: publisher.counts().events.delivered == 7, "the others")
        assert publisher.counts().events.dropped == {"refused": 1}
        assert "event 3: given up" in (publisher.problem or "")


def test_a_document_for_which_the_broker_closes_is_left_out() -> None:
    broker = HostileBroker(connack=KNOWN, closes_for=lambda m: m.topic.endswith("/info"))
    with at(broker) as publisher:
        publisher.event(cut(0))
        eventually(lambda: publisher.counts().events.delivered == 1, "the event")
        eventually(lambda: "info: not sent" in (publisher.problem or ""), "the complaint")


def test_what_no_broker_takes_is_given_up_and_counted() -> None:
    broker = HostileBroker(connack=b"\x00\x00\x05\x27\x00\x00\x08\x00")  # packets of 2048 bytes
    with at(broker) as publisher:
        outbox = publisher._outbox
        for topic in ("touchline/#", "touchline/\x00", "touchline/\ud800", "t" * 70_000):
            outbox.offer_event(EventItem(topic, lambda _number: b"{}"))
        outbox.offer_event(EventItem(TOPICS.event("cam1"), lambda _number: b"x" * 3000))
        outbox.set_document("touchline/large", lambda: Outgoing("touchline/large", b"x" * 3000, 1))
        publisher.event(cut(1))
        eventually(lambda: publisher.counts().events.delivered == 1, "the event behind them")
        dropped = publisher.counts().events.dropped
        assert sum(dropped.values()) == 5, dropped
        assert set(dropped) <= {"unsendable", "unmade"}
        assert broker.of("touchline/large") == []


# -- what mosquitto refuses when it is told to


@contextmanager
def limited(folder: Path, extra: str) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, "log_type all", f"allow_anonymous true\n{extra}")
    broker.start()
    yield broker
    broker.stop()


def test_a_broker_without_retained_messages_gets_none_and_is_named(tmp_path: Path) -> None:
    with limited(tmp_path, "retain_available false") as broker, Listener(broker.port) as listener:
        with make_publisher(broker.endpoint, backoff=GROWING) as publisher:
            eventually(lambda: publisher.connected, "a connection")
            publisher.publish(make_frame(), answered())
            eventually(lambda: listener.of("/homography"), "the frame")
            eventually(lambda: listener.of("/state"), "the state, not retained")
            assert any("keeps no retained messages" in p for p in publisher.broker_problems)
        log = (tmp_path / "mosquitto.log").read_text()
    assert log.count("as touchline-venue-box") == 1, "accepted once, and never lost"


def test_a_broker_of_qos_0_gets_that_and_is_named(tmp_path: Path) -> None:
    with limited(tmp_path, "max_qos 0") as broker, Listener(broker.port) as listener:
        with make_publisher(broker.endpoint, backoff=GROWING) as publisher:
            eventually(lambda: publisher.connected, "a connection")
            publisher.event(cut(1))
            eventually(lambda: listener.of("/event"), "the event")
            assert any("takes QoS 0 alone" in p for p in publisher.broker_problems)
        log = (tmp_path / "mosquitto.log").read_text()
    assert log.count("as touchline-venue-box") == 1, "accepted once, and never lost"


def test_a_live_frame_never_waits_for_a_broker_of_no_use() -> None:
    broker = HostileBroker(connack=None)
    with at(broker) as publisher:
        begun = time.monotonic()
        for index in range(1000):
            publisher.publish(make_frame(index), answered())
        taken_s = time.monotonic() - begun
        counts = publisher.counts().frames
        assert counts.offered == 1000
        assert counts.unaccounted == 0
        assert taken_s < 60, "a deadlock, not a measurement"
