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
    FixedLag,
    Limits,
    backward,
    constrained,
    forward,
    log_partition,
    marginals,
    path_score,
    segment_posterior,
    viterbi,
)


def case(seed, steps, k, scale=2.0):
    rng = np.random.default_rng(seed)
    crf = Crf(rng.normal(0, scale, (k, k)), rng.normal(0, scale, k), rng.normal(0, scale, k))
    return rng.normal(0, scale, (steps, k)), crf


def every_path(steps, k):
    return np.array(list(itertools.product(range(k), repeat=steps)))


def scores(emissions, crf, paths):
    return np.array([path_score(emissions, crf, p) for p in paths])


SMALL = pytest.mark.parametrize(
    ("seed", "steps", "k"), [(0, 1, 2), (1, 2, 3), (2, 5, 3), (3, 7, 2), (4, 4, 4), (5, 6, 3)]
)


@SMALL
def test_sums_and_maxima_over_every_path(seed, steps, k):
    emissions, crf = case(seed, steps, k)
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


@SMALL
@pytest.mark.parametrize("margin", [0, 1, 2])
def test_a_segment_is_as_probable_as_the_paths_that_have_it(seed, steps, k, margin):
    emissions, crf = case(seed, steps, k)
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
    lambda most, shortest, more: Limits(most, shortest, None if more is None else shortest + more),
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
@given(st.integers(0, 10_000), st.integers(1, 7), st.lists(LIMITS, min_size=3, max_size=3))
def test_constrained_decoding_finds_the_best_path_that_keeps_to_the_limits(seed, steps, limits):
    emissions, crf = case(seed, steps, 3)
    paths = [p for p in every_path(steps, 3) if keeps(p, limits)]
    if not paths:
        with pytest.raises(ValueError, match="limits"):
            constrained(emissions, crf, tuple(limits))
        return
    s = scores(emissions, crf, paths)
    path, score = constrained(emissions, crf, tuple(limits))
    assert score == pytest.approx(s.max())
    assert path.tolist() == paths[s.argmax()].tolist()


def test_without_limits_it_is_viterbi():
    emissions, crf = case(8, 400, 3, scale=1.0)
    path, score = constrained(emissions, crf, (Limits(),) * 3)
    expected, best = viterbi(emissions, crf)
    assert path.tolist() == expected.tolist()
    assert score == pytest.approx(best)


@pytest.mark.parametrize("lag", [0, 1, 5, 60])
def test_decisions_on_a_stream_use_what_came_until_then(lag):
    emissions, crf = case(11, 40, 3, scale=1.0)
    decoder = FixedLag(crf, lag)
    decided = [d for e in emissions if (d := decoder.push(e)) is not None]
    assert len(decided) == max(0, 40 - lag)
    open_end = Crf(crf.transitions, crf.start, np.zeros(3))
    for t, (label, p) in enumerate(decided):
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
        Limits(**limits)


def test_forbidden_transitions_stay_forbidden():
    crf = Crf.of([[0, -np.inf], [0, 0]], [0, 0], [0, 0])
    path, _ = viterbi(np.array([[5.0, 0], [0, 1], [0, 9]]), crf)
    assert path.tolist() in ([0, 0, 0], [1, 1, 1])
    assert np.isfinite(log_partition(np.zeros((3, 2)), crf))
