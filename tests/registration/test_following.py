"""Frames that are answered from the frame before and the picture's motion, without the network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge.bundles import find_bundle
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.types import RegistrationState, RejectionReason
from models.registration.metrics import errors
from tests.once import rendered

PTS_S = 1 / 60


def make(**options):
    bundle, field = find_bundle("soccer"), load_field("soccer")
    return FieldRegistrar(bundle, field, engine="onnxruntime", threads=1, **options)


@pytest.fixture(scope="module")
def shot():
    """(picture, truth) of a second of one shot."""
    return list(rendered(0.5, 60, seed=3, cutaways=False))


def answers(registrar, pictures, *, first_s=0.0, **hints):
    return [
        registrar.register(image, pts_s=first_s + i * PTS_S, **hints)
        for i, image in enumerate(pictures)
    ]


def seen_by_network(answer):
    return "infer" in answer.latency_ms


@pytest.mark.slow
def test_frames_between_looks_are_followed_and_as_near_the_truth(fresh, shot):
    given = answers(fresh, [image for image, _ in shot])
    followed = [i for i, a in enumerate(given) if not seen_by_network(a)]
    assert followed == [i for i in range(len(given)) if i % 12]
    assert {given[i].state for i in followed} == {RegistrationState.TRACKED}
    off = [
        errors(truth.field_from_image, a.field_from_image, 105.0, 68.0, 1280, 720).reprojection
        for a, (_, truth) in zip(given, shot, strict=True)
    ]
    assert np.median([off[i] for i in followed]) < np.median(off[::12]) + 0.002
    assert max(off) < 0.02
    for i in followed:
        answer, before = given[i], given[i - 1]
        assert answer.quality.score < before.quality.score
        assert answer.quality.inliers == before.quality.inliers
        assert answer.quality.line_support > 0.5
        assert set(answer.latency_ms) == {"preprocess", "motion", "verify"}


def test_no_frame_is_followed_where_none_may_be(fresh, shot):
    pictures = [image for image, _ in shot[:6]]
    assert all(seen_by_network(fresh.register(image)) for image in pictures)  # no time is known
    fresh.policy.follows = False
    try:
        assert all(map(seen_by_network, answers(fresh, pictures, first_s=9.0)))
    finally:
        fresh.policy.follows = True
    fresh.policy.refines = "always"
    try:
        assert all(a.dense_ran for a in answers(fresh, pictures, first_s=19.0))
    finally:
        fresh.policy.refines = "auto"


def test_another_shot_is_looked_at(fresh, shot):
    first, other = shot[0][0], np.ascontiguousarray(shot[20][0][:, ::-1] // 2)
    given = answers(fresh, [first, other])
    assert seen_by_network(given[1])
    fresh.reset()
    given = answers(fresh, [first, np.ascontiguousarray(first[::-1])])
    assert seen_by_network(given[1])


def test_a_picture_whose_lines_are_gone_is_looked_at(fresh, shot):
    first = shot[0][0]
    turf = np.full_like(first, np.median(first.reshape(-1, 3), axis=0))
    without = np.where(
        np.random.default_rng(0).random(first.shape[:2])[..., None] < 0.5, turf, first
    )
    given = answers(fresh, [first, without])
    assert seen_by_network(given[1])


def test_a_doubtful_answer_is_followed_only_where_there_is_no_time(fresh, shot):
    pictures = [image for image, _ in shot[:7]]
    given = fresh.policy.thresholds
    fresh.policy.thresholds = type(given)(verified=2.0, accepted=given.accepted)  # all are doubted
    try:
        assert all(map(seen_by_network, answers(fresh, pictures)))
        fresh.reset()
        late = answers(fresh, pictures, first_s=9.0, spare_ms=0.0)
    finally:
        fresh.policy.thresholds = given
    assert [seen_by_network(a) for a in late] == [True, *[False] * 6]
    assert not any(a.dense_ran for a in late)


def test_where_no_field_was_seen_a_still_picture_shows_none(fresh, shot):
    grey = np.full_like(shot[0][0], 90)
    given = answers(fresh, [*[grey] * 14, shot[0][0]])
    assert [a.reason for a in given[:14]] == [RejectionReason.NO_FIELD] * 14
    assert [i for i, a in enumerate(given) if seen_by_network(a)] == [0, 12, 14]
    assert given[14].field_from_image is not None


def test_overlapping_frames_are_followed_alike(shot):
    """Whatever the network's thread knows of the frame before when it begins with one."""
    grey = np.full_like(shot[0][0], 90)
    pictures = [image for image, _ in shot[:8]] + [grey] * 4 + [image for image, _ in shot[8:12]]
    alone, made = make(), make()
    one = answers(alone, pictures)
    with ThreadPoolExecutor(1) as network:
        flights = [
            network.submit(made.sense, image, pts_s=i * PTS_S) for i, image in enumerate(pictures)
        ]
        other = [made.finish(flight.result()) for flight in flights]
    alone.close()
    made.close()
    assert [(a.state, a.reason) for a in one] == [(a.state, a.reason) for a in other]
    assert RegistrationState.TRACKED in {a.state for a in one}
    for a, b in zip(one, other, strict=True):
        if a.field_from_image is not None:
            assert np.array_equal(a.field_from_image, b.field_from_image)
