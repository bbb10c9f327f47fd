"""The whole bridge against a simulated camera: alignment, prior, events, tracking out."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from edge.types import Quality, Registration, RegistrationState, RejectionReason
from firmware_bridge import Bridge, BridgeConfig, CameraPose
from firmware_bridge.align import AlignVerdict
from firmware_bridge.codecs import freed
from firmware_bridge.links.streams import DatagramLink
from firmware_bridge.model import Telemetry
from firmware_bridge.pose import PoseVerdict, homography_from_pose
from firmware_bridge.sim import SimSettings, SimulatedCamera, Simulator
from tests.firmware_bridge.waiting import until
from tests.publish.parts import free_port

RIG = SimSettings(
    pan_sign=-1,
    pan_offset_deg=12.0,
    tilt_sign=1,
    tilt_offset_deg=-1.5,
    lag_s=0.12,
    noise_deg=0.02,
    loss=0.05,
    focal_widths=(1.1, 4.5),
    seed=2,
)
LOST = Registration(RegistrationState.LOST, RejectionReason.FEW_KEYPOINTS)
START_NS = 1_800_000_000_000_000_000


def seen(
    pose: CameraPose,
    rng: np.random.Generator,
    state: RegistrationState = RegistrationState.VERIFIED,
) -> Registration:
    """A registration of this pose with the noise of a good network."""
    noisy = replace(
        pose,
        pan_deg=pose.pan_deg + rng.normal(0, 0.02),
        tilt_deg=pose.tilt_deg + rng.normal(0, 0.02),
        focal_px=pose.focal_px * math.exp(rng.normal(0, 0.003)),
    )
    quality = Quality(score=0.95, inliers=40, rms_px=1.0, expected_error_m=0.3)
    h = homography_from_pose(noisy)
    alone = h if state is RegistrationState.VERIFIED else None
    return Registration(state, field_from_image=h, quality=quality, alone=alone)


@contextmanager
def bridge_without_network(**settings: object) -> Iterator[tuple[Bridge, DatagramLink]]:
    """A bridge whose link is fed by hand, so that minutes pass in a moment."""
    bridge = Bridge(
        BridgeConfig.from_mapping({"type": "freed", "port": 0, "bind": "127.0.0.1", **settings})
    )
    assert isinstance(bridge._link, DatagramLink)
    try:
        yield bridge, bridge._link
    finally:
        bridge.close()


class Venue:
    """A simulated camera whose telemetry and pictures go into a bridge, on a clock of its own."""

    def __init__(self, bridge: Bridge, link: DatagramLink, settings: SimSettings = RIG) -> None:
        self.bridge, self.link = bridge, link
        self.rng = np.random.default_rng(5)
        self.camera = SimulatedCamera(settings)
        self.t = 0.0

    def ns(self, t: float) -> int:
        return START_NS + round(t * 1e9)

    def run(
        self, seconds: float, state: RegistrationState = RegistrationState.VERIFIED
    ) -> list[object]:
        """Telemetry at 50 Hz and pictures at 25 Hz; returns the estimates."""
        s, estimates = self.camera.settings, []
        for index in range(int(seconds * 50)):
            head = self.camera.state(self.t)
            if self.rng.random() >= s.loss:
                pan, tilt = (
                    a + self.rng.normal(0, s.noise_deg) for a in (head.pan_deg, head.tilt_deg)
                )
                at = self.ns(self.t)
                self.link._accept(
                    Telemetry(at, at, "freed", pan, tilt, zoom=float(round(head.zoom)))
                )
            if index % 2 == 0:
                pose = self.camera.pose(self.t - s.lag_s)
                registration = (
                    LOST if state is RegistrationState.LOST else seen(pose, self.rng, state)
                )
                estimates.append(
                    self.bridge.on_registration(registration, 1280, 720, self.ns(self.t))
                )
            self.t += 0.02
        return estimates


def test_signs_offsets_lens_and_lag_are_found_and_serve_as_prior() -> None:
    with bridge_without_network() as (bridge, link):
        venue = Venue(bridge, link)
        assert venue.run(1.0)[0].pose is not None
        assert bridge.prior(venue.ns(venue.t), 1280, 720) is None
        venue.run(39.0)
        fit = bridge.align_now()
        assert fit.verdict is AlignVerdict.OK
        assert fit.pan is not None
        assert fit.tilt is not None
        assert fit.lens is not None
        assert (fit.pan.gain, fit.tilt.gain) == (-1.0, 1.0)
        assert fit.pan.offset_deg == pytest.approx(RIG.pan_offset_deg, abs=0.05)
        assert fit.tilt.offset_deg == pytest.approx(RIG.tilt_offset_deg, abs=0.05)
        assert fit.lag_s == pytest.approx(RIG.lag_s, abs=0.010)
        for zoom in np.linspace(fit.lens.zoom[0], fit.lens.zoom[-1], 9):
            assert fit.lens.focal(zoom) == pytest.approx(RIG.focal(zoom), rel=0.005)
        assert [event.kind for event in bridge.take_events()] == ["aligned"]
        # two seconds of close-ups: the telemetry carries the pose
        began = venue.t
        estimates = venue.run(2.0, RegistrationState.LOST)
        for index, estimate in enumerate(estimates):
            true = venue.camera.pose(began + index * 0.04 - RIG.lag_s)
            assert estimate is not None
            assert estimate.source == "telemetry"
            assert estimate.pose.pan_deg == pytest.approx(true.pan_deg, abs=0.2)
            assert estimate.pose.tilt_deg == pytest.approx(true.tilt_deg, abs=0.2)
            assert estimate.pose.focal_px == pytest.approx(true.focal_px, rel=0.02)
            assert (estimate.pose.x_m, estimate.pose.y_m) == pytest.approx((2.0, -62.0), abs=1.0)


def test_a_leaning_mount_does_not_show_in_the_prior() -> None:
    settings = replace(RIG, lean_deg=(0.8, -1.0))
    with bridge_without_network() as (bridge, link):
        venue = Venue(bridge, link, settings)
        venue.run(40.0)
        fit = bridge.align_now()
        assert (fit.lean.x_deg, fit.lean.y_deg) == pytest.approx(settings.lean_deg, abs=0.15)
        bridge.take_events()
        for _ in range(10):
            venue.run(0.5)
            at = venue.t - 0.02
            prior, true = bridge.prior(venue.ns(at), 1280, 720), venue.camera.pose(at - RIG.lag_s)
            assert prior is not None
            assert prior.pose is not None
            assert prior.pose.pan_deg == pytest.approx(true.pan_deg, abs=0.25)
            assert prior.pose.tilt_deg == pytest.approx(true.tilt_deg, abs=0.12)
            assert prior.pose.roll_deg == pytest.approx(true.roll_deg, abs=0.15)
        assert bridge.take_events() == []


def test_an_alignment_outlives_a_camera_that_stands_still() -> None:
    with bridge_without_network() as (bridge, link):
        venue = Venue(bridge, link)
        venue.run(30.0)
        found = bridge.align_now()
        assert found.verdict is AlignVerdict.OK
        # a minute of standing still, as the link and the pictures would tell it
        end = venue.t + 90.0
        head, last = venue.camera.state(venue.t), bridge._vision[-1]
        while venue.t < end:
            at = venue.ns(venue.t)
            link._accept(Telemetry(at, at, "freed", head.pan_deg, head.tilt_deg, zoom=head.zoom))
            bridge._vision.append(replace(last, capture_ns=at))
            venue.t += 0.04
        assert bridge.align_now() is found
        assert bridge.prior(venue.ns(venue.t - 0.02), 1280, 720) is not None
        assert [event.kind for event in bridge.take_events()] == ["aligned"]


@pytest.mark.slow
def test_a_turned_mount_and_a_converter_raise_events() -> None:
    with bridge_without_network() as (bridge, link):
        venue = Venue(bridge, link)
        venue.run(30.0)
        assert bridge.align_now().verdict is AlignVerdict.OK
        bridge.take_events()
        venue.run(5.0)
        assert bridge.take_events() == []
        venue.camera = SimulatedCamera(replace(RIG, pan_offset_deg=15.0))
        venue.run(10.0)
        (event,) = bridge.take_events()
        assert event.kind == "camera_moved"
        assert event.values["pan_deg"] == pytest.approx(3.0, abs=0.3)
        assert bridge.alignment.verdict is AlignVerdict.NEEDS_DATA
        venue.run(30.0)
        assert bridge.align_now().verdict is AlignVerdict.OK
        assert [e.kind for e in bridge.take_events()] == ["aligned"]
        venue.camera = SimulatedCamera(replace(RIG, pan_offset_deg=15.0, focal_widths=(1.65, 6.75)))
        venue.run(10.0)
        (event,) = bridge.take_events()
        assert event.kind == "lens_changed"
        assert event.values["focal_ratio"] == pytest.approx(1.5, rel=0.05)


def test_a_camera_on_another_stand_raises_an_event() -> None:
    with bridge_without_network() as (bridge, link):
        venue = Venue(bridge, link)
        venue.run(10.0)
        venue.camera = SimulatedCamera(replace(RIG, position_m=(12.0, -62.0, 14.0)))
        estimates = venue.run(20.0)
        kinds = [event.kind for event in bridge.take_events()]
        assert kinds == ["camera_moved"]
        last = estimates[-1]
        assert last.pose.x_m == pytest.approx(12.0, abs=0.5)


def test_poses_go_out_as_tracking() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        config = BridgeConfig.from_mapping(
            {"tracking": {"freed": [f"127.0.0.1:{sock.getsockname()[1]}"]}}
        )
        rng = np.random.default_rng(1)
        camera = SimulatedCamera(RIG)
        with Bridge(config) as bridge:
            for index in range(50):
                estimate = bridge.on_registration(
                    seen(camera.pose(index / 25), rng), 1280, 720, START_NS + index * 40_000_000
                )
                assert estimate is not None
                assert estimate.pose is not None
                message = freed.decode(sock.recv(100))
                assert isinstance(message, freed.FreeDPosition)
                assert message.pan_deg == pytest.approx(estimate.pose.pan_deg, abs=1e-4)
                assert message.y_mm == pytest.approx(estimate.pose.y_m * 1e3, abs=1)
            assert estimate.steady
            assert estimate.sigma is not None
            assert bridge.on_registration(LOST, 1280, 720, START_NS) is None
            assert bridge.sent == {"sent": 50}
            assert bridge.link_state() is None


def test_a_homography_of_no_camera_is_neither_sent_nor_learnt() -> None:
    with Bridge(BridgeConfig()) as bridge:
        wrong = Registration(RegistrationState.VERIFIED, field_from_image=np.ones((3, 3)))
        estimate = bridge.on_registration(wrong, 1280, 720, START_NS)
        assert estimate is not None
        assert estimate.pose is None
        assert estimate.verdict is not PoseVerdict.OK


@pytest.mark.parametrize("kind", ["freed", "opentrackio", "visca", "onvif"])
def test_every_kind_of_link_end_to_end(kind: str) -> None:
    """Real sockets and real time: each protocol brings the head's angles into the bridge."""
    port = free_port(socket.SOCK_DGRAM)
    stream = ("127.0.0.1", port)
    settings = replace(RIG, noise_deg=0.0, loss=0.0)
    with Simulator(
        settings,
        freed_to=stream if kind == "freed" else None,
        opentrackio_to=stream if kind == "opentrackio" else None,
    ) as simulator:
        ports = {"visca": simulator.visca.ports[0], "onvif": simulator.onvif.port}
        raw = {
            "type": kind,
            "host": "127.0.0.1",
            "port": ports.get(kind, port),
            "bind": "127.0.0.1",
        }
        with Bridge(BridgeConfig.from_mapping({**raw, "poll_hz": 50})) as bridge:

            def enough() -> bool:
                state = bridge.link_state()
                return state is not None and state.received >= 5

            assert until(enough)
            state = bridge.link_state()
            assert state is not None
            assert state.latest is not None
            assert state.latest.source == kind
            true = simulator.camera.state(state.latest.monotonic_ns / 1e9)
            assert state.latest.pan_deg == pytest.approx(true.pan_deg, abs=8.0)
            assert json.dumps(state.errors) == "{}"
            assert time.monotonic_ns() > state.latest.monotonic_ns
