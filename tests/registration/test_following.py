"""Frames that are answered from the frame before and the picture's motion, without the network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge.bundles import find_bundle
from edge.capture import RenderedMatch
from edge.fields import load_field
from edge.registration import Registrar
from edge.registration.turns import SOON_S, Turns
from edge.types import Reason, State
from models.registration.metrics import errors

PTS_S = 1 / 60


def make(**options):
    bundle, field = find_bundle("soccer"), load_field("soccer")
    return Registrar(bundle, field, engine="onnxruntime", threads=1, **options)


@pytest.fixture(scope="module")
def shot():
    """(picture, truth) of a second of one shot."""
    with RenderedMatch(seconds=0.5, fps=60, seed=3, cutaways=False) as source:
        return [(frame.image, source.truth) for frame in iter(source.read, None)]


def answers(registrar, pictures, *, first_s=0.0, **hints):
    return [
        registrar.register(image, pts_s=first_s + i * PTS_S, **hints)
        for i, image in enumerate(pictures)
    ]


def seen_by_network(answer):
    return "infer" in answer.latency_ms


@pytest.mark.parametrize(
    ("pts_s", "in_a_row", "follows"),
    [
        ([0, 0.8, 1.6, 2.4, 3.2], 1, [False, True, False, True, False]),
        ([0, 0.8, 1.6, 2.4, 3.2], 2, [False, True, True, False, True]),
        ([0, 1.5, 3.0, 4.5, 5.3], 1, [False, False, False, False, True]),
        ([0, 1.5, 3.0, 4.5, 5.3], 2, [False, True, False, True, False]),
        ([None, None, 5, 5.5], 1, [False, False, False, True]),
        ([9, 1, 1, 1.5], 1, [False, False, False, True]),  # a film that starts over
    ],
)
def test_turns(pts_s, in_a_row, follows):
    turns = Turns()
    given = [None if s is None else s * SOON_S for s in pts_s]
    assert [turns.follows(s, in_a_row) for s in given] == follows


def test_every_second_frame_is_followed_and_as_near_the_truth(fresh, shot):
    given = answers(fresh, [image for image, _ in shot])
    followed = [a for a in given if not seen_by_network(a)]
    assert len(followed) == 15
    assert {a.state for a in followed} == {State.TRACKED}
    off = [
        errors(truth.field_from_image, a.field_from_image, 105.0, 68.0, 1280, 720).reprojection
        for a, (_, truth) in zip(given, shot, strict=True)
    ]
    assert np.median(off[1::2]) < np.median(off[::2]) + 0.002
    assert max(off) < 0.02
    for before, answer in zip(given[::2], given[1::2], strict=True):
        assert answer.quality.score < before.quality.score
        assert answer.quality.inliers == before.quality.inliers
        assert answer.quality.line_support > 0.5


def test_no_frame_is_followed_where_none_may_be(fresh, shot):
    pictures = [image for image, _ in shot[:6]]
    assert all(seen_by_network(fresh.register(image)) for image in pictures)  # no time is known
    fresh.follows = False
    try:
        assert all(map(seen_by_network, answers(fresh, pictures, first_s=9.0)))
    finally:
        fresh.follows = True
    fresh.refines = "always"
    try:
        assert all(a.dense_ran for a in answers(fresh, pictures, first_s=19.0))
    finally:
        fresh.refines = "auto"


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
    given = fresh.thresholds
    fresh.thresholds = type(given)(verified=2.0, accepted=given.accepted)  # all are doubted
    try:
        assert all(map(seen_by_network, answers(fresh, pictures)))
        fresh.reset()
        late = answers(fresh, pictures, first_s=9.0, spare_ms=0.0)
    finally:
        fresh.thresholds = given
    assert [seen_by_network(a) for a in late] == [True, False, False] * 2 + [True]
    assert not any(a.dense_ran for a in late)


def test_where_no_field_was_seen_a_still_picture_shows_none(fresh, shot):
    grey = np.full_like(shot[0][0], 90)
    given = answers(fresh, [grey, grey, grey, shot[0][0]])
    assert [a.reason for a in given[:3]] == [Reason.NO_FIELD] * 3
    assert [seen_by_network(a) for a in given] == [True, False, True, True]
    assert given[3].field_from_image is not None


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
    assert State.TRACKED in {a.state for a in one}
    for a, b in zip(one, other, strict=True):
        if a.field_from_image is not None:
            assert np.array_equal(a.field_from_image, b.field_from_image)
