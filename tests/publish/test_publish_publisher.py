"""The publisher against real brokers: what arrives, what is kept, and that nothing waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from edge.config import PublishConfig
from edge.config.models import EventConfig
from edge.publish import Endpoint
from edge.publish.messages.registration import Event, Homography, Info, StateMessage
from edge.publish.queue.outbox import EventItem, FrameItem
from tests.publish.listener import Listener
from tests.publish.parts import (
    FIELD_FROM_IMAGE,
    Mosquitto,
    answered,
    eventually,
    lost,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

FIRST_LOCKS = PublishConfig(events=EventConfig(locked_after_frames=1, lost_after_frames=1))


def test_a_message_that_cannot_be_made_silences_no_other(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Any:
        raise ValueError("no such number")

    with Listener(endpoint.port) as listener, make_publisher(endpoint) as publisher:
        publisher.wait_connected()
        outbox = publisher._outbox
        for _ in range(3):
            outbox.set_document("touchline/wrong", fails)
            outbox.offer_event(EventItem("touchline/wrong", fails))
            outbox.offer_frame("cam", FrameItem(fails, time.monotonic()))
            eventually(lambda: outbox.flush(0.1), "the outbox is empty")
        publisher.publish(make_frame(), answered())
        eventually(lambda: listener.of("/homography"), "the frame")
        counts = publisher.counts()
        assert counts.frames.dropped == {"unmade": 3}
        assert counts.events.dropped == {"unmade": 3}
        assert "no such number" in (outbox.problem or "")
    told = [r for r in caplog.records if "could not be made" in r.message]
    assert len(told) == 2, "each once: the topic's, and the frame's"


def test_what_is_published_arrives_and_is_accounted_for(endpoint: Endpoint) -> None:
    with Listener(endpoint.port) as listener:
        publisher = make_publisher(endpoint)
        with publisher:
            publisher.wait_connected()
            for index in range(20):
                publisher.publish(make_frame(index), answered() if index < 12 else lost())
                eventually(lambda n=index: len(listener.of("/homography")) > n, "the frame")
        eventually(lambda: listener.of("/state")[-1].data["status"] == "offline", "offline")
    frames = [Homography.model_validate(h.data) for h in listener.of("/homography")]
    assert [f.seq for f in frames] == list(range(1, 21))
    assert [f.frame_id for f in frames] == list(range(20))
    assert frames[0].matrix is not None
    assert frames[0].matrix.tolist() == FIELD_FROM_IMAGE.tolist()
    assert {f.matrix is None for f in frames[12:]} == {True}
    events = [Event.model_validate(h.data) for h in listener.of("/event")]
    assert [(e.seq, e.kind.value, e.frame_id) for e in events] == [(1, "locked", 0)]
    states = [StateMessage.model_validate(h.data) for h in listener.of("/state")]
    assert [s.status.value for s in states] == ["online", "stopping", "offline"]
    assert {s.clean for s in states} == {True}
    assert len({m.session for m in [*frames, *events, *states]}) == 1
    info = Info.model_validate(listener.of("/info")[0].data)
    assert (info.cameras[0].field.name, info.bundles[0].version) == ("soccer", "1.0.0")
    counts = publisher.counts()
    assert (counts.frames.offered, counts.frames.published, counts.frames.dropped) == (20, 20, {})
    assert (counts.events.delivered, counts.events.waiting, counts.events.dropped) == (1, 0, {})


def test_messages_tell_themselves_by_their_properties(endpoint: Endpoint) -> None:
    with Listener(endpoint.port) as listener, make_publisher(endpoint) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(), answered())
        eventually(lambda: listener.of("/homography"), "a homography")
        properties = listener.of("/homography")[0].properties
        session = publisher.session
    assert properties["ContentType"] == "application/json"
    assert properties["PayloadFormatIndicator"] == 1
    assert properties["MessageExpiryInterval"] == 1
    assert dict(properties["UserProperty"]) == {
        "schema": "touchline.homography/1",
        "session": session,
        "seq": "1",
    }


def test_who_comes_late_gets_state_info_and_the_latest_homography(endpoint: Endpoint) -> None:
    with make_publisher(endpoint) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(3), answered())
        with Listener(endpoint.port) as early:
            eventually(lambda: early.of("/latest"), "the latest homography")
        with Listener(endpoint.port) as late:
            eventually(lambda: len(late.heard) >= 3, "the retained set")
        retained = {h.topic.rpartition("box/")[2] for h in late.heard if h.retained}
        assert retained == {"state", "info", "cam/cam1/homography/latest"}
        assert late.of("/latest")[0].data["frame_id"] == 3
        assert late.of("/state")[0].data["status"] == "online"


def test_latest_is_a_copy_once_an_interval_not_once_a_frame(endpoint: Endpoint) -> None:
    settings = PublishConfig(latest_interval_s=60)
    with (
        Listener(endpoint.port) as listener,
        make_publisher(endpoint, settings=settings) as publisher,
    ):
        publisher.wait_connected()
        for index in range(10):
            publisher.publish(make_frame(index), answered())
            eventually(lambda n=index: len(listener.of("/homography")) > n, "the frame")
        assert [h.data["frame_id"] for h in listener.of("/latest")] == [0]
        publisher.stop()
        eventually(lambda: len(listener.of("/latest")) == 2, "the last one at the end")
        assert listener.of("/latest")[-1].data["frame_id"] == 9


def test_latest_expires(endpoint: Endpoint) -> None:
    settings = PublishConfig(latest_expiry_s=1)

    def kept() -> list[object]:
        with Listener(endpoint.port, "touchline/v1/venue/box/cam/+/homography/latest") as late:
            probe = paho.MQTTv5
            with Listener(endpoint.port, "touchline/v1/venue/box/info", version=probe) as other:
                eventually(lambda: other.heard, "a retained message, after which ours has come")
            return list(late.heard)

    with make_publisher(endpoint, settings=settings) as publisher:
        publisher.wait_connected()
        with Listener(endpoint.port) as early:
            publisher.publish(make_frame(), answered())
            eventually(lambda: early.of("/latest"), "the latest homography")
            assert early.of("/latest")[0].properties["MessageExpiryInterval"] == 1
        eventually(lambda: not kept(), "its expiry")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_both_protocol_versions(endpoint: Endpoint, version: str) -> None:
    chosen = replace(endpoint, mqtt_version=version)
    with Listener(endpoint.port, version=paho.MQTTv311) as listener:
        with make_publisher(chosen, settings=FIRST_LOCKS) as publisher:
            publisher.wait_connected()
            publisher.publish(make_frame(), answered())
        eventually(lambda: listener.of("/state")[-1:], "a state")
        eventually(lambda: listener.of("/state")[-1].data["status"] == "offline", "offline")
    ends = {h.topic.rpartition("/")[2] for h in listener.heard}
    assert ends == {"state", "info", "homography", "latest", "event"}


def test_the_will_of_a_killed_box_is_offline_under_its_session(endpoint: Endpoint) -> None:
    script = (
        "import sys, time\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from edge.config import PublishConfig\n"
        "from edge.publish import Endpoint\n"
        "from tests.publish.parts import make_publisher\n"
        "p = make_publisher(Endpoint('127.0.0.1', int(sys.argv[2])),"
        " settings=PublishConfig(will_delay_s=1))\n"
        "p.start()\n"
        "p.wait_connected()\n"
        "print(p.session, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = str(Path(__file__).parents[2])
    with Listener(endpoint.port) as listener:
        command = [sys.executable, "-c", script, root, str(endpoint.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as box:
            assert box.stdout is not None
            session = box.stdout.readline().strip()
            eventually(lambda: listener.of("/state"), "the birth")
            os.kill(box.pid, signal.SIGKILL)
        eventually(lambda: len(listener.of("/state")) > 1, "the will")
        with Listener(endpoint.port) as late:
            eventually(lambda: late.of("/state"), "the will, retained")
    birth, will = (StateMessage.model_validate(h.data) for h in listener.of("/state"))
    assert (birth.status.value, birth.clean) == ("online", True)
    assert (will.status.value, will.clean) == ("offline", False)
    assert birth.session == will.session == session
    assert late.of("/state")[0].data["status"] == "offline"


def test_the_broker_away_keeps_events_and_drops_frames(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    mosquitto.stop()
    spool = tmp_path / "spool.sqlite"
    publisher = make_publisher(mosquitto.endpoint, settings=FIRST_LOCKS, spool_path=spool)
    with publisher:
        eventually(lambda: publisher.problem, "the complaint")
        assert "nothing listens there" in str(publisher.problem)
        for index in range(1000):
            publisher.publish(make_frame(index), answered() if index % 10 else lost())
        eventually(lambda: publisher.counts().events.waiting == 200, "the events, spooled")
        counts = publisher.counts()
        assert (counts.frames.published, counts.frames.dropped) == (0, {"offline": 999})
        assert (counts.frames.pending, counts.frames.unaccounted) == (1, 0)
    counts = publisher.counts()
    assert counts.frames.dropped == {"offline": 999, "stopped": 1}

    mosquitto.start()
    with Listener(mosquitto.port) as listener:
        with make_publisher(mosquitto.endpoint, spool_path=spool) as second:
            eventually(lambda: len(listener.of("/event")) == 200, "the events of the first run")
            eventually(lambda: second.counts().events.delivered == 200, "their acknowledgement")
        assert [h.data["seq"] for h in listener.of("/event")] == list(range(1, 201))
        assert {h.data["session"] for h in listener.of("/event")} == {publisher.session}
        assert listener.of("/homography") == []


def test_a_frame_that_waited_too_long_is_not_published(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    settings = PublishConfig(frame_expiry_s=1)
    with make_publisher(mosquitto.endpoint, settings=settings) as publisher:
        publisher.publish(make_frame(), answered())
        item = publisher._outbox.frames
        eventually(lambda: item.counts().pending == 1, "the frame in its slot")
        waiting = publisher._outbox.frames._items
        key, frame = next(iter(waiting.items()))
        waiting[key] = replace(frame, offered_s=frame.offered_s - 5)
        mosquitto.start()
        eventually(lambda: publisher.counts().frames.dropped == {"expired": 1}, "its expiry")


def test_the_retained_set_is_published_again_to_a_broker_that_forgot(mosquitto: Mosquitto) -> None:
    with make_publisher(mosquitto.endpoint) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(), answered())
        eventually(lambda: publisher.counts().frames.published == 1, "the frame")
        mosquitto.kill()
        mosquitto.start()  # without persistence: it knows nothing
        with Listener(mosquitto.port) as listener:
            eventually(lambda: len(listener.heard) >= 3, "the retained set")
        ends = {h.topic.rpartition("/")[2] for h in listener.heard}
        assert ends == {"state", "info", "latest"}
        assert listener.of("/state")[0].data["status"] == "online"


def test_stopping_twice_or_without_a_start_is_harmless(mosquitto: Mosquitto) -> None:
    publisher = make_publisher(mosquitto.endpoint)
    assert publisher.stop()
    publisher = make_publisher(mosquitto.endpoint)
    publisher.start()
    publisher.wait_connected()
    assert publisher.stop()
    assert publisher.stop()
