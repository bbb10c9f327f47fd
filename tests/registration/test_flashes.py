"""A photographer's flash: a brighter picture of the same shot, no cut, and no reason to be lost."""

import cv2
import numpy as np
import pytest

from edge.registration import motion as moving
from edge.registration.cuts import ALIKE, alike, change
from edge.registration.motion import motion
from edge.registration.settings import DAZZLED, DAZZLED_FRAMES
from edge.types import RegistrationState
from models.registration.metrics import errors
from tests.once import rendered


@pytest.fixture(scope="module")
def shot():
    """(picture, truth) of half a second of one shot."""
    shown = rendered(0.5, 30, seed=3, cutaways=False)
    return [(image, truth.field_from_image) for image, truth in shown]


def flash(image, gain=1.8, lift=25.0):
    return np.clip(image.astype(np.float32) * gain + lift, 0, 255).astype(np.uint8)


def bleached(image, level=235):
    """What a strong flash leaves: dark things are seen, lines on a bright floor are not."""
    return np.maximum(np.minimum(flash(image, 2.2, 40.0), level), 60)


def thumbnail(image):
    return cv2.resize(image, (40, 24), interpolation=cv2.INTER_AREA).astype(np.float32)


def reprojection(truth, answer, image):
    height, width = image.shape[:2]
    return errors(truth, answer.field_from_image, 105.0, 68.0, width, height).reprojection


@pytest.mark.slow
def test_a_flash_is_alike_and_another_shot_is_not(shot):
    one = thumbnail(shot[0][0])
    assert change(one, thumbnail(flash(shot[0][0]))) > 0.16
    assert alike(one, thumbnail(flash(shot[0][0]))) > ALIKE
    assert alike(one, one[:, ::-1]) < ALIKE
    assert alike(one, np.full_like(one, 7.0)) == 0.0


def test_a_flash_does_not_end_the_shot(fresh, shot):
    answers = [
        fresh.register(flash(image) if i in (6, 7, 10) else image)
        for i, (image, _) in enumerate(shot)
    ]
    assert not any(a.cut for a in answers)
    assert all(a.state is not RegistrationState.LOST for a in answers)
    for answer, (image, truth) in zip(answers, shot, strict=True):
        assert reprojection(truth, answer, image) < 0.02


def test_another_shot_as_bright_is_a_cut(fresh, shot):
    fresh.register(shot[0][0])
    rng = np.random.default_rng(0)
    crowd = rng.integers(0, 255, (45, 80, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    assert fresh.register(crowd).cut


def hidden(image):
    """The picture, flashed, with the lines on its ground gone; the stands and the players stay."""
    made = flash(image)
    ground = made[170:]
    ground[:] = np.minimum(ground, cv2.medianBlur(ground, 61))
    return made


def test_what_a_flash_hides_is_carried_by_the_motion(fresh, shot):
    for image, _ in shot[:6]:
        sure = fresh.register(image)
    image, truth = shot[6]
    alone = fresh.register(hidden(image))
    assert alone.state is RegistrationState.TRACKED
    assert alone.quality.score == pytest.approx(DAZZLED * sure.quality.score, abs=0.1)
    assert reprojection(truth, alone, image) < 0.02
    after = fresh.register(shot[7][0])
    assert after.quality.score > 0.7


@pytest.mark.slow
def test_without_lines_nothing_is_carried_for_long(fresh, shot):
    for image, _ in shot[:6]:
        fresh.register(image)
    dark = [fresh.register(hidden(shot[6][0])) for _ in range(DAZZLED_FRAMES + 4)]
    assert {a.state for a in dark[:DAZZLED_FRAMES]} == {RegistrationState.TRACKED}
    # what the picture itself still tells may be given, for what little it is
    assert RegistrationState.TRACKED not in {a.state for a in dark[DAZZLED_FRAMES:]}
    assert max(a.quality.score for a in dark[DAZZLED_FRAMES:]) < 0.4


def test_without_a_flash_lines_that_vanish_are_not_carried_over(fresh, shot):
    for image, _ in shot[:6]:
        fresh.register(image)
    gone = shot[6][0].copy()
    gone[170:] = np.minimum(gone[170:], cv2.medianBlur(gone[170:], 61))
    assert fresh.register(gone).state is RegistrationState.LOST


def greys(shot):
    return [
        cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (640, 360)) for image, _ in shot[:4]
    ]


def test_motion_is_told_through_a_change_of_light(shot, monkeypatch):
    before, after = greys(shot)[0], greys(shot)[3]
    plain = motion(before, after)
    lit = motion(before, bleached(after))
    assert plain is not None
    assert lit is not None
    corners = np.array([[100.0, 500, 100, 500], [100, 100, 300, 300], [1, 1, 1, 1]])
    at, there = plain.after_from_before @ corners, lit.after_from_before @ corners
    assert np.abs(at[:2] / at[2] - there[:2] / there[2]).max() < 1.5
    monkeypatch.setattr(moving, "LIT", 255.0)  # never tried again
    assert motion(before, bleached(after)) is None


def test_no_motion_is_made_up_between_different_pictures(shot):
    before = greys(shot)[0]
    noise = np.random.default_rng(1).integers(120, 255, before.shape).astype(np.uint8)
    assert motion(before, noise) is None
