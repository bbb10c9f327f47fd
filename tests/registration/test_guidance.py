"""Priors from telemetry: a help where the picture shows too little, never against the picture."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from edge.cli.camera import _Match, _placed
from edge.registration import FieldRegistrar
from edge.registration.guidance import EARNED, PriorRecord
from edge.types import CameraPrior, ImageArray, Registration, RegistrationState
from firmware_bridge.model import CameraPose
from firmware_bridge.pose import estimate_pose, homography_from_pose
from firmware_bridge.sim import SimSettings, SimulatedCamera
from models.registration.metrics import errors
from tests.once import rendered

FPS = 10.0


@pytest.fixture(scope="module")
def shot():
    """Pictures of one shot, with what each truly shows and the prior of good telemetry."""
    rng = np.random.default_rng(5)
    frames = []
    for image, shown in rendered(4.4, FPS, seed=3, cutaways=False, width=640, height=360):
        truth = shown.field_from_image
        frames.append((image, truth, prior_of(truth, len(frames) / FPS, rng)))
    return frames


@pytest.fixture
def fresh(registrar):
    registrar.reset()
    registrar.guide.record = PriorRecord()
    return registrar


def prior_of(truth, time_s: float, rng: np.random.Generator) -> CameraPrior:
    pose = estimate_pose(truth, 640, 360).pose
    assert pose is not None
    return CameraPrior(
        (pose.x_m, pose.y_m, pose.z_m),
        pose.pan_deg + rng.normal(0, 0.03),
        pose.tilt_deg + rng.normal(0, 0.03),
        pose.roll_deg,
        pose.focal_px / 640,
        sigma_m=0.1,
        sigma_deg=(0.05, 0.05, 0.2),
        sigma_focal=0.005,
        time_s=time_s,
        hold_s=0.0,
    )


def earn(registrar: FieldRegistrar, shot, frames: int = 34) -> list[Registration]:
    """Register the first pictures of the shot with their priors."""
    answers = [registrar.register(image, prior=prior) for image, _, prior in shot[:frames]]
    assert sum(a.state is not RegistrationState.LOST for a in answers) > 0.8 * frames
    return answers


def reprojection(truth, answer: Registration) -> float:
    assert answer.field_from_image is not None
    return float(errors(truth, answer.field_from_image, 105.0, 68.0, 640, 360).reprojection)


def black(like: ImageArray) -> ImageArray:
    return np.zeros_like(like)


@pytest.mark.slow
def test_a_black_picture_is_held_only_where_that_is_allowed_and_not_for_long(fresh, shot):
    earn(fresh, shot)
    image, truth, prior = shot[35]
    lost = fresh.register(black(image), prior=prior)
    assert (lost.state, lost.field_from_image) == (RegistrationState.LOST, None)
    held = fresh.register(black(image), prior=replace(prior, hold_s=1.0))
    assert held.state is RegistrationState.HELD
    assert held.guided
    assert reprojection(truth, held) < 0.01
    assert 0.8 < held.quality.score < 1.0
    assert held.quality.expected_error_m is not None
    assert 0.01 < held.quality.expected_error_m < 1.0
    late = fresh.register(black(image), prior=replace(prior, hold_s=1.0, time_s=prior.time_s + 1.5))
    assert late.state is RegistrationState.LOST
    # and what comes after the gap is the same shot
    back = fresh.register(shot[36][0], prior=shot[36][2])
    assert not back.cut
    assert back.state in {
        RegistrationState.VERIFIED,
        RegistrationState.REFINED,
        RegistrationState.TRACKED,
    }


def test_a_prior_that_no_picture_has_borne_out_holds_nothing(fresh, shot):
    earn(fresh, shot, EARNED // 2)
    image, _, prior = shot[EARNED // 2]
    assert (
        fresh.register(black(image), prior=replace(prior, hold_s=9)).state is RegistrationState.LOST
    )


def test_after_a_cut_the_prior_must_be_borne_out_again(fresh, shot):
    earn(fresh, shot)
    image, _, prior = shot[35]
    rng = np.random.default_rng(0)
    crowd = np.repeat(rng.integers(0, 255, (45, 80, 3), np.uint8).repeat(8, 0), 8, 1)
    away = fresh.register(crowd, prior=replace(prior, hold_s=9))
    assert away.cut
    assert away.state is RegistrationState.LOST
    assert (
        fresh.register(black(image), prior=replace(prior, hold_s=9)).state is RegistrationState.LOST
    )
    for image, _, prior in shot[36:40]:
        fresh.register(image, prior=prior)
    assert (
        fresh.register(black(image), prior=replace(prior, hold_s=9)).state is RegistrationState.HELD
    )


def test_a_wrong_prior_neither_leads_nor_holds(fresh, shot):
    wrong = [(i, t, replace(p, pan_deg=p.pan_deg + 3.0)) for i, t, p in shot]
    answers = earn(fresh, wrong)
    found = [
        (t, a)
        for (_, t, _), a in zip(wrong, answers, strict=False)
        if a.state is not RegistrationState.LOST
    ]
    assert np.median([reprojection(t, a) for t, a in found]) < 0.01
    assert max(reprojection(t, a) for t, a in found) < 0.03
    image, _, prior = wrong[35]
    assert (
        fresh.register(black(image), prior=replace(prior, hold_s=9)).state is RegistrationState.LOST
    )


@pytest.mark.slow
def test_narrow_views_are_tracked_with_the_prior_and_confirmed_by_their_lines(fresh):
    """Seven picture widths of focal length: a line or two, too little for the network alone."""
    settings = SimSettings(width_px=640, height_px=360, seed=4, focal_widths=(1.5, 5.0))
    match = _Match(settings)
    camera = SimulatedCamera(_placed(settings, match))
    rng = np.random.default_rng(1)

    def see(pose: CameraPose, time_s: float):
        truth = homography_from_pose(pose)
        return match.picture(pose, 0.1), prior_of(truth, time_s, rng), truth

    for index in range(34):
        image, prior, _ = see(camera.pose(index / 10), index / 10)
        fresh.register(image, prior=prior)
    earned = deepcopy(fresh.guide.record)
    alone, led = [], []
    for pan in (-24, -18, -12, -9, -6, -3, 3, 6, 9, 12, 18, 24):
        pose = replace(camera.pose(0), pan_deg=pan, tilt_deg=-11.0, focal_px=7 * 640.0)
        image, prior, truth = see(pose, 4.0)
        for answers, given in ((alone, None), (led, prior)):
            fresh.reset()  # the view jumps: here that is no cut
            fresh.guide.record = deepcopy(earned)
            answer = fresh.register(image, prior=given)
            right = answer.field_from_image is not None and reprojection(truth, answer) < 0.02
            answers.append((answer, right))
    assert sum(right for _, right in led) >= sum(right for _, right in alone) + 4
    assert all(right for answer, right in led if answer.field_from_image is not None)
    tracked = [answer for answer, _ in led if answer.state is RegistrationState.TRACKED]
    assert len(tracked) >= 2
    assert all(answer.guided for answer in tracked)
