"""A run and the camera beside it: poses on MQTT and as FreeD, events, links that cannot start."""

from __future__ import annotations

import logging
import math
import socket
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.box.box import Options, run_box
from edge.box.stages.pose import CameraStage, open_camera
from edge.capture import SourceInfo
from edge.config import Config, redacted, validate_text, with_changes
from edge.publish import EventKind
from edge.types import Quality, Registration, RegistrationState
from firmware_bridge import Bridge, BridgeConfig, BridgeEvent, CameraPose
from firmware_bridge.codecs import freed
from firmware_bridge.pose import homography_from_pose
from tests.box.conftest import Mosquitto, NetworkMaker, Subscriber, wait_for
from tests.box.parts import LOST, ScriptedRegistrar, make_frame, write_video

SIZE = (160, 96)
FILE = SourceInfo("memory", "file", *SIZE, 25.0, 30, live=False)


def answer(pan_deg: float, size: tuple[int, int] = SIZE) -> Registration:
    pose = CameraPose(2.0, -50.0, 14.0, pan_deg, -14.0, 0.0, 1.6 * size[0], *size)
    quality = Quality(score=0.95, inliers=40, rms_px=0.2, expected_error_m=0.2)
    h = homography_from_pose(pose)
    return Registration(RegistrationState.VERIFIED, field_from_image=h, quality=quality, alone=h)


class FreeDReceiver:
    """A graphics engine's end of FreeD: takes what arrives on loopback."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def positions(self) -> list[freed.FreeDPosition]:
        found = []
        while True:
            try:
                message = freed.decode(self._socket.recv(2048))
            except BlockingIOError:
                return found
            assert isinstance(message, freed.FreeDPosition)
            found.append(message)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver():
    engine = FreeDReceiver()
    yield engine
    engine.close()


def run(config: Config, film: Path, answers: list[Registration]):
    return run_box(
        config,
        Options(source=str(film)),
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar(answers)),
    )


@pytest.mark.process
@pytest.mark.parametrize(("side", "turned"), [("near", False), ("far", True)])
def test_a_run_sends_the_pose_as_freed_and_publishes_it(
    side: str,
    turned: bool,
    tmp_path: Path,
    mosquitto: Mosquitto,
    subscriber: Subscriber,
    receiver: FreeDReceiver,
):
    film = write_video(tmp_path / "film.mp4", frames=20, size=SIZE)
    pans = np.linspace(-12.0, -5.0, 20)
    config = with_changes(
        Config(),
        {
            "broker": mosquitto.url,
            "field.camera_side": side,
            "camera.link": {"tracking": {"freed": [receiver.address]}},
        },
    )
    summary = run(config, film, [answer(pan) for pan in pans])
    expected = pans + 180.0 if turned else pans

    sent = receiver.positions()
    assert len(sent) == 20
    assert [p.pan_deg for p in sent] == pytest.approx(list(expected), abs=0.05)
    assert sent[-1].y_mm == pytest.approx(50_000 if turned else -50_000, abs=500)

    wait_for(lambda: len(subscriber.of("pose")) == summary.publication["poses"])
    wait_for(lambda: len(subscriber.of("homography")) == 20)
    poses = subscriber.of("pose")
    assert summary.publication["poses"] + summary.publication["poses_dropped"] == 20
    assert poses[-1]["seq"] == 20
    for pose in poses:
        assert pose["schema"] == "touchline.pose/1"
        assert pose["angles_deg"]["pan"] == pytest.approx(expected[pose["seq"] - 1], abs=0.05)
        assert math.copysign(1, pose["position_m"][1]) == (1 if turned else -1)


@pytest.mark.process
def test_without_a_link_the_picture_alone_gives_the_pose(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    film = write_video(tmp_path / "film.mp4", frames=4, size=SIZE)
    config = with_changes(Config(), {"broker": mosquitto.url})
    assert config.camera.link is None
    run(config, film, [answer(6.0)])
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
    pose = subscriber.of("pose")[-1]
    assert (pose["source"], pose["seq"]) == ("vision", 4)
    assert pose["angles_deg"]["pan"] == pytest.approx(6.0, abs=0.05)


@pytest.mark.process
def test_every_frame_of_a_film_is_published_however_fast_the_answers_come(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    film = write_video(tmp_path / "film.mp4", frames=80, size=(64, 48))
    summary = run(with_changes(Config(), {"broker": mosquitto.url}), film, [answer(3.0, (64, 48))])
    assert summary.publication["offered"] == summary.publication["published"] == 80
    wait_for(lambda: len(subscriber.of("homography")) == 80)
    assert [m["frame_id"] for m in subscriber.of("homography")] == list(range(80))


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"type": "visca", "host": "no-such-camera.invalid"}, "no-such-camera.invalid"),
        ({"type": "onvif", "host": "127.0.0.1", "password_env": "NOT_SET_HERE"}, "NOT_SET_HERE"),
    ],
)
def test_a_link_that_cannot_start_is_one_warning_and_poses_go_on(
    link: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
):
    config = with_changes(Config(), {"camera.link": link})
    with caplog.at_level(logging.WARNING):
        camera = open_camera(config, FILE)
    warnings = [r.getMessage() for r in caplog.records]
    assert len(warnings) == 1
    assert words in warnings[0]
    assert "\n" not in warnings[0]
    seen = camera.observe(make_frame(0), answer(5.0, (64, 36)))
    camera.close()
    assert seen.pose is not None
    assert seen.pose.pose is not None
    assert seen.pose.pose.pan_deg == pytest.approx(5.0, abs=0.05)


def test_a_missing_extra_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    tracking = {"opentrackio": ["127.0.0.1:55555"], "encoding": "cbor"}
    config = with_changes(Config(), {"camera.link": {"tracking": tracking}})
    with caplog.at_level(logging.WARNING):
        open_camera(config, FILE).close()
    assert "pip install 'touchline[camera]'" in caplog.text


@pytest.mark.parametrize(
    ("link", "path", "words"),
    [
        ("{type: visca}", "camera.link", "visca needs the camera's address"),
        ("{profile: genric}", "camera.link", "did you mean generic?"),
        ("{tracking: {freed: [nowhere]}}", "camera.link", "'nowhere' is not host:port"),
        ("{prot: 1}", "camera.link.prot", "did you mean 'port'?"),
        ("{tracking: {ttl: 256}}", "camera.link.tracking.ttl", "less than or equal to 255"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused_by_the_configuration(
    link: str, path: str, words: str
):
    (problem,) = validate_text(f"camera:\n  link: {link}\n")
    assert (problem.path, problem.line) == (path, 2)
    assert words in problem.message


def test_the_camera_s_password_is_not_shown():
    config = with_changes(Config(), {"camera.link": {"password": "tops3cret"}})
    assert "tops3cret" not in str(redacted(config))


def test_what_the_bridge_notices_becomes_events():
    bridge = Bridge(BridgeConfig())
    camera = CameraStage(bridge)
    for kind in ("camera_moved", "lens_changed", "aligned"):
        bridge._events.append(BridgeEvent(kind, 1, f"{kind}: so far", {"distance_m": 2.25}))
    frame = replace(make_frame(7), capture_ns=99)
    drafts = camera.observe(frame, LOST).events
    camera.close()
    assert [d.kind for d in drafts] == [
        EventKind.CAMERA_MOVED,
        EventKind.CALIBRATION_CHANGED,
        EventKind.CALIBRATION_CHANGED,
    ]
    assert drafts[1].detail == {
        "what": "lens_changed",
        "message": "lens_changed: so far",
        "distance_m": "2.25",
    }
    assert (drafts[0].stamp.frame_id, drafts[0].stamp.capture_ns) == (7, 99)
    assert list(camera.observe(frame, LOST).events) == []
