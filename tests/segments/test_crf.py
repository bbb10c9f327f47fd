"""The chain against every path there is, and against a library of others."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchcrf import CRF

from edge.segments.crf import (
    Crf,
    DurationLimits,
    FixedLag,
    backward,
    constrained,
    forward,
    log_partition,
    marginals,
    path_score,
    segment_posterior,
    viterbi,
)


def case(seed, steps, k, scale=2.0, own=False):
    """Random scores; `own`: transitions of its own for each step."""
    rng = np.random.default_rng(seed)
    crf = Crf(rng.normal(0, scale, (k, k)), rng.normal(0, scale, k), rng.normal(0, scale, k))
    emissions = rng.normal(0, scale, (steps, k))
    return emissions, crf.moved(rng.normal(0, scale, (steps - 1, k, k))) if own else crf


def every_path(steps, k):
    return np.array(list(itertools.product(range(k), repeat=steps)))


def scores(emissions, crf, paths):
    return np.array([path_score(emissions, crf, p) for p in paths])


SMALL = pytest.mark.parametrize(
    ("seed", "steps", "k"), [(0, 1, 2), (1, 2, 3), (2, 5, 3), (3, 7, 2), (4, 4, 4), (5, 6, 3)]
)
OWN = pytest.mark.parametrize("own", [False, True], ids=["one chain", "a table a step"])


@SMALL
@OWN
def test_sums_and_maxima_over_every_path(seed, steps, k, own):
    emissions, crf = case(seed, steps, k, own=own)
    paths = every_path(steps, k)
    s = scores(emissions, crf, paths)
    assert log_partition(emissions, crf) == pytest.approx(np.logaddexp.reduce(s))
    best, score = viterbi(emissions, crf)
    assert best.tolist() == paths[s.argmax()].tolist()
    assert score == pytest.approx(s.max())
    p = np.exp(s - np.logaddexp.reduce(s))
    expected = np.array([[p[paths[:, t] == y].sum() for y in range(k)] for t in range(steps)])
    assert marginals(emissions, crf) == pytest.approx(expected)
    both = forward(emissions, crf) + backward(emissions, crf)
    assert np.ptp(np.logaddexp.reduce(both, axis=1)) < 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_an_independent_library_agrees(seed):
    rng = np.random.default_rng(100 + seed)
    steps, k = int(rng.integers(1, 200)), int(rng.integers(2, 7))
    emissions, crf = case(seed, steps, k)
    other = CRF(k).double()
    with torch.no_grad():
        other.transitions.copy_(torch.from_numpy(crf.transitions))
        other.start_transitions.copy_(torch.from_numpy(crf.start))
        other.end_transitions.copy_(torch.from_numpy(crf.end))
    e = torch.from_numpy(emissions)[:, None].requires_grad_()
    best, score = viterbi(emissions, crf)
    every = torch.ones(steps, 1, dtype=torch.bool)
    assert other.decode(e, every)[0] == best.tolist()
    likelihood = other(e, torch.from_numpy(best)[:, None], every)
    partition = score - likelihood.item()
    assert log_partition(emissions, crf) == pytest.approx(partition, abs=1e-6)
    # the partition's gradient by the emissions is the marginals
    path = torch.from_numpy(best)[:, None]
    gradient = torch.autograd.grad(-likelihood, e)[0][:, 0].numpy()
    gradient[np.arange(steps), path[:, 0].numpy()] += 1
    assert marginals(emissions, crf) == pytest.approx(gradient, abs=1e-6)


def runs(path):
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [(int(path[a]), a, b) for a, b in itertools.pairwise(edges)] if len(path) else []


@pytest.mark.parametrize("seed", range(6))
def test_an_independent_library_agrees_on_transitions_of_each_step(seed):
    # the same chain with a label for each step and label: what belongs to another step is forbidden
    rng = np.random.default_rng(200 + seed)
    steps, k = int(rng.integers(2, 9)), int(rng.integers(2, 5))
    emissions, crf = case(seed, steps, k, own=True)
    never = -1e4
    wide = np.full((steps, steps, k), never)
    wide[np.arange(steps), np.arange(steps)] = emissions
    moves = np.full((steps, k, steps, k), never)
    for t in range(steps - 1):
        moves[t, :, t + 1] = crf.transitions[t]
    other = CRF(steps * k).double()
    with torch.no_grad():
        other.transitions.copy_(torch.from_numpy(moves.reshape(steps * k, -1)))
        other.start_transitions.copy_(torch.from_numpy(np.tile(crf.start, steps)))
        other.end_transitions.copy_(torch.from_numpy(np.tile(crf.end, steps)))
    e = torch.from_numpy(wide.reshape(steps, 1, -1))
    best, score = viterbi(emissions, crf)
    path = torch.from_numpy(best + k * np.arange(steps))[:, None]
    every = torch.ones(steps, 1, dtype=torch.bool)
    assert other.decode(e, every)[0] == path[:, 0].tolist()
    partition = score - other(e, path, every).item()
    assert log_partition(emissions, crf) == pytest.approx(partition, abs=1e-6)


@SMALL
@OWN
@pytest.mark.parametrize("margin", [0, 1, 2])
def test_a_segment_is_as_probable_as_the_paths_that_have_it(seed, steps, k, margin, own):
    emissions, crf = case(seed, steps, k, own=own)
    paths = every_path(steps, k)
    s = scores(emissions, crf, paths)
    p = np.exp(s - np.logaddexp.reduce(s))
    for label, start, end in itertools.product(range(k), range(steps), range(1, steps + 1)):
        if start >= end:
            continue
        m = min(margin, (end - start - 1) // 2)
        having = [
            any(y == label and abs(a - start) <= m and abs(b - end) <= m for y, a, b in runs(path))
            for path in paths
        ]
        found = segment_posterior(emissions, crf, label, start, end, margin)
        assert found == pytest.approx(p[having].sum(), abs=1e-9)


LIMITS = st.builds(
    lambda most, shortest, more: DurationLimits(
        most, shortest, None if more is None else shortest + more
    ),
    st.none() | st.integers(0, 2),
    st.integers(1, 3),
    st.none() | st.integers(0, 2),
)


def keeps(path, limits):
    found = runs(path)
    return all(
        (one.most is None or sum(r[0] == y for r in found) <= one.most)
        and all(one.shortest <= b - a <= (one.longest or len(path)) for r, a, b in found if r == y)
        for y, one in enumerate(limits)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 7),
    st.lists(LIMITS, min_size=3, max_size=3),
    st.booleans(),
)
def test_constrained_decoding_finds_the_best_path_that_keeps_to_the_limits(
    seed, steps, limits, own
):
    emissions, crf = case(seed, steps, 3, own=own)
    paths = [p for p in every_path(steps, 3) if keeps(p, limits)]
    if not paths:
        with pytest.raises(ValueError, match="limits"):
            constrained(emissions, crf, tuple(limits))
        return
    s = scores(emissions, crf, paths)
    path, score = constrained(emissions, crf, tuple(limits))
    assert score == pytest.approx(s.max())
    assert path.tolist() == paths[s.argmax()].tolist()


@OWN
def test_without_limits_it_is_viterbi(own):
    emissions, crf = case(8, 400, 3, scale=1.0, own=own)
    path, score = constrained(emissions, crf, (DurationLimits(),) * 3)
    expected, best = viterbi(emissions, crf)
    assert path.tolist() == expected.tolist()
    assert score == pytest.approx(best)


@OWN
@pytest.mark.parametrize("lag", [0, 1, 5, 60])
def test_decisions_on_a_stream_use_what_came_until_then(lag, own):
    emissions, crf = case(11, 40, 3, scale=1.0, own=own)
    moves = np.broadcast_to(crf.transitions, (39, 3, 3))
    decoder = FixedLag(Crf(np.zeros((3, 3)), crf.start, crf.end) if own else crf, lag)
    given = [None, *moves] if own else [None] * 40
    decided = [d for e, m in zip(emissions, given, strict=True) if (d := decoder.push(e, m))]
    assert len(decided) == max(0, 40 - lag)
    for t, (label, p) in enumerate(decided):
        open_end = Crf(moves[: t + lag], crf.start, np.zeros(3))
        expected = marginals(emissions[: t + lag + 1], open_end)[t]
        assert (label, p) == (expected.argmax(), pytest.approx(expected.max()))
    rest = decoder.finish()
    assert len(decided) + len(rest) == 40
    whole = marginals(emissions, crf)
    for t, (label, p) in enumerate(rest, len(decided)):
        assert (label, p) == (whole[t].argmax(), pytest.approx(whole[t].max()))
    assert decoder.finish() == []


def test_a_long_stream_loses_no_digits():
    emissions, crf = case(12, 3, 3)
    decoder = FixedLag(crf, 2)
    for _ in range(4000):
        for e in emissions + 50.0:
            last = decoder.push(e)
    assert 0 < last[1] <= 1


@pytest.mark.parametrize("shape", [(0, 3), (4, 2), (4,)])
def test_emissions_of_another_shape_are_refused(shape):
    _, crf = case(0, 1, 3)
    with pytest.raises(ValueError, match="emissions"):
        viterbi(np.zeros(shape), crf)


def test_parameters_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="labels"):
        Crf.of(np.zeros((3, 3)), np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("limits", [{"shortest": 0}, {"shortest": 3, "longest": 2}, {"most": -1}])
def test_limits_that_nothing_keeps_to_are_refused(limits):
    with pytest.raises(ValueError, match="keeps"):
        DurationLimits(**limits)


def test_forbidden_transitions_stay_forbidden():
    crf = Crf.of([[0, -np.inf], [0, 0]], [0, 0], [0, 0])
    path, _ = viterbi(np.array([[5.0, 0], [0, 1], [0, 9]]), crf)
    assert path.tolist() in ([0, 0, 0], [1, 1, 1])
    assert np.isfinite(log_partition(np.zeros((3, 2)), crf))


def test_transitions_of_another_number_of_steps_are_refused():
    emissions, crf = case(13, 6, 3, own=True)
    with pytest.raises(ValueError, match="transitions of 5 steps are not 4"):
        viterbi(emissions[1:], crf)
    with pytest.raises(ValueError, match="not of one number of labels"):
        Crf(np.zeros((5, 2, 3)), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="a stream has no number of steps"):
        FixedLag(crf, 2)


def test_what_is_forbidden_at_one_step_is_in_no_segment():
    moves = np.zeros((5, 2, 2))
    moves[2, 1, 1] = -np.inf
    emissions, crf = np.zeros((6, 2)), Crf(moves, np.zeros(2), np.zeros(2))
    assert segment_posterior(emissions, crf, 1, 1, 5) == 0
    assert 0 < segment_posterior(emissions, crf, 1, 3, 5) < 1
    assert 0 < segment_posterior(emissions, crf, 1, 0, 3) < 1
