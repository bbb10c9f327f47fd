"""A camera that fails under a running box: events, lost frames, counts, and a box that stays."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest

from edge.box.box import Options, run_box
from edge.box.monitoring.run_summary import Summary
from edge.box.monitoring.source_watch import OutageWatch
from edge.capture import Outage
from edge.config import Config, with_changes
from tests.box.conftest import Mosquitto, NetworkMaker, Subscriber, free_port, wait_for
from tests.box.parts import ScriptedRegistrar, make_frame
from tests.capture.faulty import FaultyCamera, make_clips

pytestmark = pytest.mark.process

GONE = Outage("silent", "no picture")
ANEW = Outage("unreachable", "refused")


def look(watch: OutageWatch, *steps: tuple[Any, Outage | None, int]) -> list[tuple[str, int]]:
    return [
        (draft.kind.value, draft.stamp.frame_id)
        for now, (frame, outage, breaks) in enumerate(steps)
        for draft in watch.look(frame, outage, breaks, now_s=now, now_ns=10**18 + now)
    ]


FROZEN = dataclasses.replace(make_frame(4), frozen=True)


@pytest.mark.parametrize(
    ("steps", "events", "causes"),
    [
        ([(make_frame(0), None, 0), (None, None, 0), (make_frame(1), None, 0)], [], {}),
        (
            [(make_frame(3), None, 0), (None, GONE, 0), (None, ANEW, 2), (make_frame(9), None, 2)],
            [("source_lost", 3), ("source_back", 9)],
            {"silent": 1},
        ),
        (  # over before anybody looked
            [(make_frame(3), None, 0), (make_frame(5), None, 1)],
            [("source_lost", 3), ("source_back", 5)],
            {"closed": 1},
        ),
        (  # a frame that lay ready when the source went away is its last
            [(make_frame(3), None, 0), (make_frame(4), GONE, 1), (None, GONE, 1)],
            [("source_lost", 4)],
            {"silent": 1},
        ),
        (  # such a frame, and back before the next look
            [(make_frame(3), None, 0), (make_frame(4), GONE, 1), (make_frame(5), None, 1)],
            [("source_lost", 4), ("source_back", 5)],
            {"closed": 1},
        ),
        (  # away from the beginning
            [(None, ANEW, 1), (None, ANEW, 2), (make_frame(0), None, 2)],
            [("source_lost", 0), ("source_back", 0)],
            {"unreachable": 1},
        ),
        (  # a frozen picture is not back
            [
                (make_frame(3), None, 0),
                (FROZEN, Outage("frozen", "held"), 0),
                (FROZEN, Outage("frozen", "held"), 1),
                (make_frame(8), None, 1),
            ],
            [("source_lost", 3), ("source_back", 8)],
            {"frozen": 1},
        ),
    ],
)
def test_an_outage_is_two_events(steps, events, causes) -> None:
    watch = OutageWatch()
    assert look(watch, *steps) == events
    assert dict(watch.causes) == causes


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("camera") / "clips")


class RunningBox:
    """A box in a thread, on a camera and a broker of this test."""

    def __init__(self, config: Config) -> None:
        self.registrar = ScriptedRegistrar()
        self.summary: Summary | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(config,))
        self._thread.start()

    def _run(self, config: Config) -> None:
        make = NetworkMaker(self.registrar)
        self.summary = run_box(config, Options(), stop=self._stop, make_network=make)

    def end(self) -> Summary:
        self._stop.set()
        self._thread.join(60)
        assert self.summary is not None
        return self.summary


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def config_for(mosquitto: Mosquitto, port: int) -> Config:
    return with_changes(
        Config(),
        {
            "broker": mosquitto.url,
            "source": f"rtsp://user:secret@127.0.0.1:{port}/live",
            "camera.frozen_after_s": 0.8,
        },
    )


def events(subscriber: Subscriber) -> list[str]:
    return [m["kind"] for m in subscriber.of("event") if m["kind"].startswith("source")]


def reasons(subscriber: Subscriber) -> list[str]:
    return [m["reason"] for m in subscriber.of("homography")]


@pytest.mark.slow
def test_a_camera_that_dies_freezes_and_comes_back_is_told_on_mqtt(
    clips: Path, mosquitto: Mosquitto, subscriber: Subscriber, state: None
) -> None:
    with FaultyCamera(clips) as camera:
        box = RunningBox(config_for(mosquitto, camera.port))
        try:
            wait_for(lambda: subscriber.of("homography"), 60)
            camera.kill()
            wait_for(lambda: events(subscriber) == ["source_lost"], 60)
            lost = next(m for m in subscriber.of("event") if m["kind"] == "source_lost")
            assert lost["detail"]["cause"] in {"closed", "silent"}
            assert "secret" not in lost["detail"]["message"]
            assert [m["status"] for m in subscriber.of("state")] == ["online"]
            wait_for(lambda: subscriber.of("latest")[-1]["state"] == "lost", 60)
            told = subscriber.of("homography")
            assert [m["reason"] for m in told].count("no_source") == 1
            assert subscriber.of("latest")[-1] == told[-1], "the last good one is not held"
            assert (told[-1]["reason"], told[-1]["frame_id"]) == ("no_source", lost["frame_id"])
            assert told[-1]["capture"]["time_ns"] >= lost["time_ns"]
            with FaultyCamera(clips, camera.port) as second:
                wait_for(lambda: events(subscriber)[1:] == ["source_back"], 60)
                back = [m for m in subscriber.of("event") if m["kind"] == "source_back"]
                assert float(back[0]["detail"]["away_s"]) > 0
                second.show("freeze")
                wait_for(lambda: subscriber.of("homography")[-1]["reason"] == "frozen", 60)
                wait_for(lambda: events(subscriber)[2:] == ["source_lost"], 60)
                seen = box.registrar.seen
                wait_for(
                    lambda: (
                        len([m for m in subscriber.of("homography") if m["reason"] == "frozen"])
                        > 20
                    ),
                    60,
                )
                assert box.registrar.seen == seen, "a frozen picture is not even looked at"
                second.show("live")
                wait_for(lambda: events(subscriber)[3:] == ["source_back"], 60)
                summary = box.end()
        finally:
            box.end()
    assert sum(summary.outages.values()) == 2
    assert summary.outages["frozen"] == 1
    assert summary.reasons["frozen"] > 20
    assert summary.captured == summary.processed + sum(summary.dropped.values())
    assert "unaccounted" not in summary.dropped


def test_a_box_comes_up_without_its_camera_and_finds_it_later(
    clips: Path, mosquitto: Mosquitto, subscriber: Subscriber, state: None
) -> None:
    port = free_port()
    box = RunningBox(config_for(mosquitto, port))
    try:
        wait_for(lambda: events(subscriber) == ["source_lost"], 60)
        assert subscriber.of("event")[0]["detail"]["cause"] == "unreachable"
        assert [m["status"] for m in subscriber.of("state")] == ["online"]
        assert subscriber.of("info")[-1]["cameras"][0]["source"] == "rtsp"
        with FaultyCamera(clips, port) as camera:
            wait_for(lambda: subscriber.of("homography"), 60)
            wait_for(lambda: events(subscriber) == ["source_lost", "source_back"], 60)
            camera.show("size")
            wait_for(lambda: subscriber.of("homography")[-1]["image_size"] == [480, 288], 60)
            summary = box.end()
    finally:
        box.end()
    assert dict(summary.outages) == {"unreachable": 1}
