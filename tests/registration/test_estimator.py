"""The camera is carried from frame to frame: a look corrects it and nothing jumps."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.bundles import find_bundle
from edge.capture import RenderedMatch
from edge.fields import load_field
from edge.geometry import apply_homography
from edge.registration import FieldRegistrar
from edge.registration import camera as cam
from edge.registration.motion import Motion
from edge.registration.settings import RIVAL_PX
from edge.types import RegistrationState
from firmware_bridge import Bridge, BridgeConfig
from models.registration.metrics import errors

SIZE = (640, 360)
FOCAL = 1.4


@pytest.fixture(scope="module")
def shot():
    """(picture, truth) of one shot that pans, 30 a second."""
    with RenderedMatch(seconds=1.0, fps=30, seed=5, cutaways=False) as source:
        return [(frame.image, source.truth.field_from_image) for frame in iter(source.read, None)]


@pytest.fixture
def fresh():
    bundle = find_bundle("soccer")
    made = FieldRegistrar(bundle, load_field("soccer"), engine="onnxruntime", threads=1)
    yield made
    made.close()


def theta(kappa=0.0, log_aspect=0.0):
    made = np.zeros(len(cam.PARAMETERS))
    made[[0, 1, cam.KAPPA]] = np.log(FOCAL), log_aspect, kappa
    return made


def straight(px, camera):
    """(n, 2) where a pinhole has them."""
    bends = cam.lens(camera, SIZE)
    return px if bends is None else bends.straight(px.T).T


def turned(before_px, how, zoom, camera):
    """Where a camera's corners are after a turn (rotation vector) and a zoom."""
    scale = FOCAL * SIZE[0] * np.array([1.0, np.exp(camera[1])])
    middle = (np.array(SIZE) - 1) / 2
    flat = (straight(before_px, camera) - middle) / scale
    q = cv2.Rodrigues(np.array(how, float))[0] @ np.c_[flat, np.ones(len(flat))].T
    there = (zoom * q[:2] / q[2]).T * scale + middle
    bent = there.copy()
    for _ in range(20):  # the inverse of `straight`, by a fixed point
        bent += there - straight(bent, camera)
    return bent


def pairs(before_px, after_px):
    """Corners that were followed; the free homography is not what is asked."""
    return Motion(np.eye(3), before_px, after_px)


@pytest.mark.parametrize("camera", [theta(), theta(kappa=0.04), theta(log_aspect=0.5)])
@pytest.mark.parametrize(("how", "zoom"), [((0.002, -0.01, 0.001), 1.0), ((0.0, 0.03, 0.0), 1.03)])
def test_a_turn_is_found_among_people_who_run(camera, how, zoom):
    rng = np.random.default_rng(7)
    before = rng.uniform([0, 0], SIZE, (80, 2))
    after = turned(before, how, zoom, camera) + rng.normal(0, 0.1, (80, 2))
    running = slice(0, 30)
    after[running] += rng.normal([9.0, -2.0], 1.0, (30, 2))
    found = pairs(before, after).turn(SIZE, camera)
    assert found is not None
    assert found.corners == pytest.approx(50, abs=3)
    assert np.abs(cv2.Rodrigues(found.rotation)[0].ravel() - how).max() < 3e-4
    assert found.zoom == pytest.approx(zoom, abs=1e-3)
    assert found.rms_px < 0.25


@pytest.mark.parametrize("kind", ["noise", "far too far"])
def test_no_turn_is_made_up(kind):
    rng = np.random.default_rng(8)
    before = rng.uniform([0, 0], SIZE, (60, 2))
    after = rng.uniform([0, 0], SIZE, (60, 2)) if kind == "noise" else before + 5000.0
    assert pairs(before, after).turn(SIZE, theta()) is None


def off_px(given, truth):
    """(n, 2) by how much an answer is off at field points of the picture, pixels of 1280."""
    u, v = np.meshgrid(np.linspace(200, 1080, 6), np.linspace(250, 650, 5))
    px = np.stack([u.ravel(), v.ravel()], 1)
    return apply_homography(np.linalg.inv(given), apply_homography(truth, px)) - px


def test_a_look_of_the_network_makes_no_answer_jump(fresh, shot):
    given = [fresh.register(image, pts_s=i / 30) for i, (image, _) in enumerate(shot)]
    looks = [i for i, a in enumerate(given) if i and "infer" in a.latency_ms]
    assert 3 <= len(looks) <= 6
    off = [off_px(a.field_from_image, truth) for a, (_, truth) in zip(given, shot, strict=True)]
    jumps = [np.linalg.norm(off[i] - off[i - 1], axis=1).mean() for i in range(1, len(off))]
    assert np.median([jumps[i - 1] for i in looks]) < 1.0
    assert np.median(jumps) < 0.5
    assert np.median(np.linalg.norm(off[-1], axis=1)) < 4.0


def test_looks_bear_the_tracked_answer_out(fresh, shot):
    given = [fresh.register(image, pts_s=i / 30) for i, (image, _) in enumerate(shot[:14])]
    looked = [a for a in given[1:] if "infer" in a.latency_ms]
    assert {a.state for a in looked} == {RegistrationState.VERIFIED}
    assert min(a.quality.score for a in looked) >= 0.75


def test_a_wrong_belief_is_given_up(fresh, shot):
    (first, _), (second, truth) = shot[0], shot[1]
    fresh.register(first, pts_s=0.0)
    belief = fresh.estimator.belief
    off = belief.answer.camera.theta + np.eye(len(cam.PARAMETERS))[2] * np.radians(1.5)
    height, width = belief.grey.shape
    picture = fresh.prepare(first)
    shown = fresh.workbench.shown(picture, off)
    moved = apply_homography(shown, [[0.0, 0.0]]) - apply_homography(
        belief.answer.image_from_field, [[0.0, 0.0]]
    )
    assert np.linalg.norm(moved) > 2 * RIVAL_PX
    wrong = replace(
        belief.answer,
        image_from_field=shown,
        camera=replace(belief.answer.camera, theta=off),
    )
    fresh.estimator.back_to(replace(belief, answer=wrong))
    given = [fresh.register(second) for _ in range(3)]
    right = errors(truth, given[-1].field_from_image, 105.0, 68.0, 1280, 720)
    assert right.right
    assert (width, height) == (640, 360)


def test_pictures_that_stand_alone_know_nothing_of_each_other(fresh, shot):
    image = shot[3][0]
    fresh.reset()
    alone = fresh.register(image)
    for other, _ in shot[:3]:
        fresh.register(other, pts_s=None)
    fresh.reset()
    again = fresh.register(image)
    assert np.array_equal(alone.field_from_image, again.field_from_image)


def test_looks_say_what_a_picture_shows_by_itself(fresh, shot):
    given = [fresh.register(image, pts_s=i / 30) for i, (image, _) in enumerate(shot)]
    for answer, (_, truth) in zip(given, shot, strict=True):
        if "infer" not in answer.latency_ms:
            assert answer.alone is None
        elif answer.alone is not None:
            assert errors(truth, answer.alone, 105.0, 68.0, 1280, 720).right
    assert sum(a.alone is not None for a in given) >= 4
    looked = [a for a in given[1:] if a.alone is not None]
    assert not any(np.array_equal(a.alone, a.field_from_image) for a in looked)


@pytest.mark.slow
def test_a_camera_on_its_mount_is_not_said_to_move_nor_its_pixels_to_be_squeezed(fresh):
    events = []
    with Bridge(BridgeConfig()) as bridge, RenderedMatch(seconds=10.0, fps=60) as source:
        while (frame := source.read()) is not None:
            given = fresh.register(frame.image, pts_s=frame.pts_s)
            height, width = frame.image.shape[:2]
            bridge.on_registration(given, width, height, round(1e18 + frame.pts_s * 1e9))
            events += [event.kind for event in bridge.take_events()]
        bridge.judge_aspect()
        events += [event.kind for event in bridge.take_events()]
    assert events == []
