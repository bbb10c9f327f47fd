"""An answer moves with the picture: known motions, other shots, a match."""

import cv2
import numpy as np
import pytest

from edge.geometry import apply_homography
from edge.registration.motion import motion
from edge.registration.settings import KEPT
from edge.registration.stopwatch import Stopwatch
from edge.types import RegistrationState
from models.registration.metrics import errors
from tests.once import rendered

SIZE = (640, 360)


def scene(seed=0, size=(900, 600)):
    """A picture with corners everywhere."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (size[1] // 12, size[0] // 12), np.uint8)
    return cv2.GaussianBlur(cv2.resize(small, size, interpolation=cv2.INTER_NEAREST), (0, 0), 1.5)


def seen_through(world, h):
    return cv2.warpPerspective(world, h, SIZE, flags=cv2.INTER_LINEAR)


def camera(pan_px=0.0, tilt_px=0.0, zoom=1.0, skew=0.0):
    """(3, 3) picture from world."""
    h = np.array([[zoom, 0, pan_px - 120], [0, zoom, tilt_px - 100], [0, 0, 1.0]])
    h[2, 0] = skew
    return h


@pytest.mark.parametrize(
    "moved",
    [
        camera(),
        camera(pan_px=14),
        camera(pan_px=-30, tilt_px=8),
        camera(zoom=1.04),
        camera(pan_px=6, skew=2e-5),
    ],
)
def test_a_known_motion_is_found(moved):
    world = scene()
    found = motion(seen_through(world, camera()), seen_through(world, moved))
    corners = np.array([[40.0, 40], [600, 40], [600, 320], [40, 320]])
    expected = apply_homography(moved @ np.linalg.inv(camera()), corners)
    assert found is not None
    assert np.abs(apply_homography(found.after_from_before, corners) - expected).max() < 0.7


def test_people_who_run_do_not_move_the_scene():
    world = scene()
    before, after = seen_through(world, camera()), seen_through(world, camera(pan_px=5))
    runner = scene(seed=9)[:160, :200]
    before[100:260, 100:300] = runner
    after[100:260, 120:320] = runner
    found = motion(before, after)
    assert found is not None
    h = found.after_from_before
    assert h[0, 2] / h[2, 2] == pytest.approx(5, abs=0.7)


@pytest.mark.parametrize("kind", ["another shot", "flat", "another size", "graphics alone"])
def test_no_motion_is_made_up(kind):
    before = seen_through(scene(), camera())
    after = {
        "another shot": seen_through(scene(seed=3), camera()),
        "flat": np.full(SIZE[::-1], 90, np.uint8),
        "another size": np.zeros((180, 320), np.uint8),
        "graphics alone": np.full(SIZE[::-1], 90, np.uint8),
    }[kind]
    if kind == "graphics alone":
        before = after.copy()
        before[20:60, 20:200] = after[20:60, 20:200] = scene()[:40, :180]
    assert motion(before, after) is None


def observed(registrar, image):
    return registrar.observe(registrar.prepare(image), Stopwatch())


def match(fps, seed=3):
    return rendered(4.0, fps, seed=seed, cutaways=False)


def carried_to(registrar, seen):
    """What the frame before makes of an observation; None where it says nothing."""
    prediction = registrar.estimator.predict(seen.picture)
    return None if prediction is None else registrar.estimator.at_look(seen, prediction)


@pytest.mark.slow
def test_the_answer_before_is_carried_to_the_next_frame(registrar):
    registrar.reset()
    off = []
    for image, truth in match(fps=8.0):
        seen = observed(registrar, image)
        carried = carried_to(registrar, seen)
        before = registrar.register(image)
        if carried is not None:
            height, width = image.shape[:2]
            h = np.linalg.inv(carried.image_from_field) @ seen.picture.net_from_source
            off.append(errors(truth.field_from_image, h, 105.0, 68.0, width, height).reprojection)
        assert before.state is not RegistrationState.LOST
    assert len(off) > 15
    assert np.median(off) < 0.006


@pytest.mark.slow
def test_what_is_carried_loses_confidence_and_ends_with_the_shot(registrar):
    registrar.reset()
    image, _ = next(match(fps=8.0))
    assert carried_to(registrar, observed(registrar, image)) is None
    score = registrar.register(image).quality.score
    carried = carried_to(registrar, observed(registrar, image))
    assert carried is not None
    assert carried.verdict.score >= KEPT * score - 1e-9
    other, _ = next(match(fps=8.0, seed=5))
    assert carried_to(registrar, observed(registrar, np.ascontiguousarray(other[::-1]))) is None


@pytest.mark.slow
def test_a_frame_of_doubt_is_answered_by_the_frame_before(registrar, monkeypatch):
    registrar.reset()
    frames = [image for image, _ in match(fps=8.0)][:2]
    first = registrar.register(frames[0])
    assert first.state is RegistrationState.VERIFIED
    doubt = dict.fromkeys(registrar.workbench.model, 0.0) | {"score.bias": -4.0}
    monkeypatch.setattr(registrar.workbench, "model", doubt)
    second = registrar.register(frames[1])
    assert second.state is RegistrationState.TRACKED
    assert second.quality.score == pytest.approx(KEPT * first.quality.score)
    registrar.reset()
    assert registrar.register(frames[1]).state is RegistrationState.LOST
