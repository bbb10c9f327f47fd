"""The registrar with the network that ships: a match, pictures without a field, odd pictures."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.bundles import find_bundle
from edge.errors import UsageError
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.types import RegistrationState, RejectionReason
from models.registration.metrics import errors
from tests.once import rendered

pytestmark = pytest.mark.slow


def match(seconds=6.0, fps=3.0, seed=3, **kwargs):
    """(picture, truth) of a rendered match."""
    return rendered(seconds, fps, seed=seed, **kwargs)


def reprojection(truth, found, width, height):
    """Mean distance of visible field points, over the picture's height."""
    return errors(truth, found, 105.0, 68.0, width, height).reprojection


def test_a_match_is_registered(fresh):
    errors = []
    for image, truth in match():
        answer = fresh.register(image)
        if truth.field_from_image is None:
            continue
        assert answer.state is not RegistrationState.LOST
        height, width = image.shape[:2]
        errors.append(reprojection(truth.field_from_image, answer.field_from_image, width, height))
    assert len(errors) > 8
    assert np.median(errors) < 0.006
    assert max(errors) < 0.03


def test_cutaways_are_lost_with_a_reason(fresh):
    lost = 0
    for image, truth in match(seconds=20.0, fps=1.5, seed=1):
        if truth.shot in {"close_up", "crowd"}:
            answer = fresh.register(image)
            assert answer.state is RegistrationState.LOST
            assert answer.reason is not RejectionReason.NONE
            assert answer.field_from_image is None
            lost += 1
    assert lost > 3


@pytest.mark.parametrize(
    ("width", "height"), [(640, 360), (1920, 1080), (960, 540), (720, 576), (854, 480)]
)
def test_any_size_gives_the_same_answer(fresh, width, height):
    image, truth = next(iter(match(cutaways=False)))
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    answer = fresh.register(resized)
    sx, sy = width / image.shape[1], height / image.shape[0]
    old_from_new = np.array([[1 / sx, 0, 0.5 / sx - 0.5], [0, 1 / sy, 0.5 / sy - 0.5], [0, 0, 1]])
    assert answer.field_from_image is not None
    expected = truth.field_from_image @ old_from_new
    assert reprojection(expected, answer.field_from_image, width, height) < 0.015


def pictures_without_a_field():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    bars = np.repeat(rng.integers(0, 256, (1, 8, 3), dtype=np.uint8), 80, axis=1).repeat(
        360, axis=0
    )
    ramp = np.tile(np.linspace(0, 255, 640, dtype=np.uint8)[None, :, None], (360, 1, 3))
    grass = np.clip(rng.normal([50, 130, 80], 6, (360, 640, 3)), 0, 255).astype(np.uint8)
    stripes = grass.copy()
    stripes[:, ::40] //= 2
    return {
        "black": np.zeros((360, 640, 3), np.uint8),
        "white": np.full((360, 640, 3), 255, np.uint8),
        "noise": noise,
        "colour bars": bars,
        "ramp": ramp,
        "bare grass": grass,
        "stripes": stripes,
    }


@pytest.mark.parametrize("name", pictures_without_a_field())
def test_no_field_no_homography(fresh, name):
    answer = fresh.register(pictures_without_a_field()[name])
    assert answer.state is RegistrationState.LOST
    assert answer.field_from_image is None
    assert answer.reason is not RejectionReason.NONE


@pytest.mark.parametrize("sport", ["nba", "nhl", "itf"])
def test_another_sports_field_is_no_soccer_field(fresh, sport):
    from edge.fields import texture

    field = load_field(sport)
    raster = texture(field, field.length_m / 900)
    height, width = raster.data.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    seen = np.float32([[200, 90], [440, 90], [620, 340], [20, 340]])
    h = cv2.getPerspectiveTransform(corners, seen)
    image = cv2.warpPerspective(raster.data, h, (640, 360), borderValue=(80, 70, 90))
    assert fresh.register(image).field_from_image is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((720, 1280), np.uint8),
        np.zeros((720, 1280, 4), np.uint8),
        np.zeros((720, 1280, 3), np.float32),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((10, 4000, 3), np.uint8),
    ],
)
def test_unusable_pictures_are_refused(fresh, image):
    answer = fresh.register(image)
    assert (answer.state, answer.reason) == (RegistrationState.LOST, RejectionReason.BAD_FRAME)


def test_lost_frames_leave_no_trace(fresh):
    frames = [image for image, _ in match(seconds=2.0, fps=2.0, cutaways=False)]
    alone = fresh.register(frames[0]).field_from_image
    fresh.reset()
    fresh.register(np.zeros_like(frames[0]))
    after = fresh.register(frames[0])
    assert after.cut
    assert np.allclose(alone, after.field_from_image)


def test_quality_says_what_it_should(fresh):
    image, _ = next(iter(match(cutaways=False)))
    answer = fresh.register(image)
    q = answer.quality
    assert 0.5 < q.score <= 1
    assert q.inliers >= 8
    assert 0 < q.rms_px < 4
    assert 0 < q.expected_error_m < 5
    assert 0.3 < q.line_support <= 1
    assert {"preprocess", "infer", "keypoints", "verify"} <= set(answer.latency_ms)
    assert np.isclose(np.linalg.norm(answer.field_from_image), 1)


def test_refine_always_runs_the_dense_head_and_never_does_not():
    image, truth = next(iter(match(cutaways=False)))
    found = {}
    for mode in ("always", "never"):
        made = FieldRegistrar(
            find_bundle("soccer"),
            load_field("soccer"),
            engine="onnxruntime",
            threads=1,
            refine=mode,
        )
        answer = made.register(image)
        made.close()
        found[mode] = answer.dense_ran
        assert reprojection(truth.field_from_image, answer.field_from_image, 1280, 720) < 0.02
    assert found == {"always": True, "never": False}


def test_a_bundle_of_another_sport_is_a_wrong_call():
    with pytest.raises(UsageError, match="basketball"):
        FieldRegistrar(find_bundle("soccer"), load_field("nba"))


def test_overlapping_frames_get_the_same_answers(fresh):
    frames = [image for image, _ in match(seconds=3.0, fps=2.0, cutaways=False)]
    frames[2] = np.full_like(frames[2], 255)  # another shot
    frames[4] = np.zeros((16, 16, 3), np.uint8)  # cannot be used
    alone = [fresh.register(image) for image in frames]
    made = FieldRegistrar(
        find_bundle("soccer"), load_field("soccer"), engine="onnxruntime", threads=1
    )
    with ThreadPoolExecutor(1) as network:
        flights = [network.submit(made.sense, image) for image in frames]
        overlapped = [made.finish(flight.result()) for flight in flights]
    made.close()
    assert {a.state for a in alone} >= {RegistrationState.VERIFIED, RegistrationState.LOST}
    assert any(a.cut for a in alone)
    for one, other in zip(alone, overlapped, strict=True):
        assert (one.state, one.reason, one.cut) == (other.state, other.reason, other.cut)
        assert one.latency_ms.keys() == other.latency_ms.keys()
        if one.field_from_image is not None:
            assert np.array_equal(one.field_from_image, other.field_from_image)


def test_letters_on_a_board_behind_a_faint_line_do_not_draw_the_camera(fresh):
    """They are as good a ridge as the far touchline; every other line then fits a little worse."""
    off = []
    for image, truth in match(seconds=0.4, fps=30.0, seed=1, cutaways=False):
        answer = fresh.register(image)
        height, width = image.shape[:2]
        off.append(reprojection(truth.field_from_image, answer.field_from_image, width, height))
    assert len(off) == 12
    assert np.median(off) < 0.004


@contextmanager
def doubting(registrar, accepted):
    """Every answer is in doubt, and those from a score on are given."""
    given = registrar.policy.thresholds
    registrar.policy.thresholds = replace(given, verified=2.0, accepted=accepted, carried=accepted)
    try:
        yield
    finally:
        registrar.policy.thresholds = given


def test_a_good_answer_is_not_refined_where_that_would_be_late(fresh):
    image, _ = next(match(cutaways=False))
    with doubting(fresh, 0.1):
        first = fresh.register(image, spare_ms=1e9)
        late = fresh.register(image, spare_ms=1.0)
    with doubting(fresh, 1.5):  # none is good enough
        poor = fresh.register(image, spare_ms=1.0)
        waited = fresh.register(image, spare_ms=0.0)
    assert [a.dense_ran for a in (first, late, poor, waited)] == [True, False, True, False]
    assert late.field_from_image is not None
    assert poor.field_from_image is None
    assert waited.field_from_image is None


def test_what_is_late_is_refined_behind_the_answer_for_the_frames_to_come(fresh):
    image, _ = next(match(cutaways=False))
    scores = []
    for mends in (False, True):
        fresh.reset()
        with doubting(fresh, 0.1):
            assert not fresh.mend()  # nothing was given yet
            fresh.register(image, spare_ms=1e9)
            assert not fresh.mend()  # it was refined in time
            fresh.reset()
            late = fresh.register(image, pts_s=1.0, spare_ms=1.0)
            assert late.dense_ran is False
            if mends:
                assert fresh.mend()
                assert not fresh.mend()  # once
            followed = fresh.register(image, pts_s=1.01, spare_ms=0.0)
        assert "infer" not in followed.latency_ms
        scores.append(followed.quality.score)
    assert scores[1] >= scores[0]


def test_a_verified_answer_that_is_not_sure_is_refined_while_that_gains_something(fresh):
    image, _ = next(match(cutaways=False))
    given = fresh.policy.thresholds
    fresh.policy.thresholds = replace(given, verified=0.01, sure=2.0)  # good, but never sure
    try:
        tried = [fresh.register(image).dense_ran for _ in range(8)]
        cut = fresh.register(np.full_like(image, 255))
        again = fresh.register(image)
        late = fresh.register(image, spare_ms=1.0)
        fresh.policy.thresholds = replace(given, verified=0.01, sure=0.0)
        plain = fresh.register(image)
    finally:
        fresh.policy.thresholds = given
    assert tried[0]
    assert tried[1:].count(True) <= 3  # the same picture gains nothing more
    assert cut.state is RegistrationState.LOST
    assert again.dense_ran  # another shot
    assert not late.dense_ran
    assert not plain.dense_ran


def test_warming_up_leaves_nothing_behind(fresh):
    image, _ = next(match(cutaways=False))
    one = fresh.register(image)
    fresh.warm_up()
    other = fresh.register(image)
    assert np.array_equal(one.field_from_image, other.field_from_image)
    assert not other.cut
