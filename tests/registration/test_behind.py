"""The network's look at live frames that were answered by following, for want of time."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest

from edge.errors import EngineError
from edge.fields import load_field
from edge.registration import FieldRegistrar, candidates
from edge.registration.settings import KEPT
from edge.registration.stopwatch import Stopwatch
from edge.types import RegistrationState, RejectionReason
from models.registration.metrics import errors
from tests.once import rendered
from tests.registration.scenes import soccer_bundle

PTS_S = 0.08
"""The network's turn is each third frame, or each fourth where time is short."""
LITTLE_MS = 1.0
UNSEEN = 7
"""Frames from one that is looked at to the last one, at most, that is followed without what was
seen of the next one that is.
"""


@pytest.fixture(scope="module")
def shot():
    """(picture, truth) of half a second of one shot."""
    return list(rendered(0.5, 60, seed=3, cutaways=False))


@pytest.fixture
def fresh():
    """One of its own: its thread ends with it."""
    made = FieldRegistrar(soccer_bundle(), load_field("soccer"), engine="onnxruntime", threads=1)
    yield made
    made.close()


def waited_for(answer):
    """Whether the answer waited for the network."""
    return "infer" in answer.latency_ms


def late(registrar, image, number, *, mends=True):
    """Answer a frame of a stream that leaves no time, as the box does."""
    answer = registrar.register(image, pts_s=number * PTS_S, spare_ms=LITTLE_MS)
    if mends:
        registrar.mend()
    return answer


@contextmanager
def watched(registrar, fails=lambda: False):
    """Lists the threads in which the network ran; where `fails` says so, it raises."""
    encoder, threads = registrar._graphs.encoder, []
    run = encoder.run

    def watching(inputs):
        threads.append(threading.current_thread())
        if fails():
            raise EngineError("no memory")
        return run(inputs)

    encoder.run = watching
    try:
        yield threads
    finally:
        del encoder.run


def apart():
    return threading.current_thread() is not threading.main_thread()


def test_no_sure_frame_waits_for_the_network_and_each_fourth_is_looked_at(fresh, shot):
    with watched(fresh) as threads:
        given = [late(fresh, image, i) for i, (image, _) in enumerate(shot[:28])]
    assert [waited_for(a) for a in given] == [True] + [False] * (len(given) - 1)
    assert {a.state for a in given[1:]} == {RegistrationState.TRACKED}
    assert threads[0] is threading.main_thread()
    assert len(threads) == len(given[::4])
    assert len(set(threads[1:])) == 1
    assert threads[1] is not threading.main_thread()


def test_answers_stay_as_near_the_truth(fresh, shot):
    given = [late(fresh, image, i) for i, (image, _) in enumerate(shot)]
    off = [
        errors(truth.field_from_image, a.field_from_image, 105.0, 68.0, 1280, 720).reprojection
        for a, (_, truth) in zip(given, shot, strict=True)
    ]
    assert max(off) < 0.02
    # followed alone, the score would only fall
    assert given[-1].quality.score > given[0].quality.score * KEPT**UNSEEN


def test_what_was_seen_counts_for_the_frames_behind(fresh, shot):
    """The same picture again and again: its own answer comes back, one frame's motion older."""
    image = shot[0][0]
    own = late(fresh, image, 0)
    scores = [late(fresh, image, i).quality.score for i in range(1, 9)]
    fallen = [own.quality.score * KEPT**n for n in range(1, 9)]
    assert scores[:4] == pytest.approx(fallen[:4])
    assert scores[7] > fallen[7] * 1.01


def test_a_look_that_nobody_begins_is_made_by_the_next_frame(fresh, shot):
    given = [late(fresh, image, i, mends=False) for i, (image, _) in enumerate(shot[:9])]
    assert [waited_for(a) for a in given] == [i in {0, 5} for i in range(9)]


def test_a_doubtful_answer_waits_for_the_network(fresh, shot):
    given = fresh.policy.thresholds
    fresh.policy.thresholds = type(given)(verified=2.0, accepted=given.accepted)
    try:
        answers = [late(fresh, image, i) for i, (image, _) in enumerate(shot[:9])]
    finally:
        fresh.policy.thresholds = given
    assert [waited_for(a) for a in answers] == [i in {0, 4, 8} for i in range(9)]


def test_with_time_enough_nothing_is_looked_at_behind(fresh, shot):
    for i, (image, _) in enumerate(shot[:6]):
        answer = fresh.register(image, pts_s=i * PTS_S, spare_ms=1e9)
        assert not fresh.mend()
        assert waited_for(answer) is (i in {0, 3})


def test_another_shot_leaves_the_look_behind(fresh, shot):
    for i, (image, _) in enumerate(shot[:5]):
        late(fresh, image, i)  # the last one's look is under way
    other = np.ascontiguousarray(shot[20][0][:, ::-1])
    answer = late(fresh, other, 5)
    assert waited_for(answer)
    alone = fresh.register(other)
    assert answer.field_from_image is not None
    assert np.allclose(answer.field_from_image, alone.field_from_image, atol=0.02)


def test_a_field_that_comes_into_view_is_seen_behind(fresh, shot):
    grey = np.full_like(shot[0][0], 90)
    given = [late(fresh, grey, i) for i in range(12)]
    assert {a.reason for a in given} == {RejectionReason.NO_FIELD}
    assert [waited_for(a) for a in given] == [True] + [False] * 11


def test_what_the_network_raises_apart_is_raised_once(fresh, shot):
    def answer_all():
        for i, (image, _) in enumerate(shot[:8]):
            late(fresh, image, i)

    with watched(fresh, fails=apart), pytest.raises(EngineError, match="no memory"):
        answer_all()
    answer = late(fresh, shot[8][0], 8)
    assert answer.field_from_image is not None


def test_where_time_is_short_one_line_is_left_out_at_a_time(fresh, shot, monkeypatch):
    monkeypatch.setattr(candidates, "CLEAN_PX", 0.0)  # every picture is suspicious
    seen = fresh.observe(fresh.prepare(shot[0][0]), Stopwatch())
    bench, left_out = fresh.workbench, []

    def settled(_seen, trial, _theta):
        number = bench.lines.marking[trial.evidence.projected.index]
        there = set(number[first.evidence.found]) - set(number[trial.evidence.found])
        left_out.append(there.pop())

    first = bench.first(seen)
    monkeypatch.setattr(bench, "_settled_anew", settled)
    bench.first(seen)
    every = set(left_out)
    assert len(left_out) == len(every) >= 3
    left_out.clear()
    for k in range(len(every)):
        bench.first(seen, hurried=True)
        assert len(left_out) == k + 1
    assert set(left_out) == every


def test_degenerate_geometry_behind_an_answer_ends_no_run(fresh, shot, monkeypatch):
    followed, raised = fresh.estimator.followed, []

    def fails_in_mend(picture):
        if mending:
            raised.append(True)
            raise np.linalg.LinAlgError("singular")
        return followed(picture)

    mending = False
    monkeypatch.setattr(fresh.estimator, "followed", fails_in_mend)
    given = []
    for i, (image, _) in enumerate(shot[:9]):
        given.append(late(fresh, image, i, mends=False))
        mending = True
        fresh.mend()
        mending = False
    assert raised
    assert all(a.field_from_image is not None for a in given)
    assert sum(map(waited_for, given)) >= 2  # the network looked at the frame after it
