"""Emissions become segments; boundaries move to cuts, black and silence."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.segments.crf import Crf, marginals
from edge.segments.decode import REACH_S, USUAL, Cues, SegmentRules, decode, movable, runs, snapped
from edge.segments.types import Emissions, Label, Segment
from edge.segments.verify import Verifier

STICKY = Crf.of([[0, -4, -4], [-4, 0, -4], [-4, -4, 0]], [0, -1, -1], [0, -1, -1])
C, I, R = Label  # noqa: E741 - content, intro, recap


def emissions(labels, strength=2.0):
    """Rows that speak for the labels, and evidence of one column: the row's number."""
    e = np.zeros((len(labels), 3))
    e[np.arange(len(labels)), labels] = strength
    return Emissions(e, np.arange(len(labels), dtype=float)[:, None])


def programme(*parts):
    return np.concatenate([np.full(n, label) for label, n in parts])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (((C, 60),), []),
        (((R, 30), (I, 25), (C, 100)), [(R, 0, 30), (I, 30, 55)]),
        (((C, 40), (I, 25), (C, 60)), [(I, 40, 65)]),
        (((I, 20), (R, 40), (C, 60)), [(I, 0, 20), (R, 20, 60)]),
        (((C, 40), (I, 2), (C, 60)), []),
        (((C, 40), (I, 20), (C, 30), (I, 12), (C, 30)), [(I, 40, 60)]),
        (((C, 40), (R, 5), (C, 60)), []),
    ],
)
def test_clear_emissions_are_decoded(parts, expected):
    found = decode(emissions(programme(*parts)), STICKY)
    assert [(s.label, s.start_s, s.end_s) for s in found] == expected
    assert all(s.probability > 0.9 for s in found)


def test_what_is_not_sure_is_not_marked():
    weak = emissions(programme((C, 40), (I, 20), (C, 40)), 0.45)
    assert decode(weak, STICKY, {I: SegmentRules(threshold=0.0)})
    assert not decode(weak, STICKY, {I: SegmentRules(threshold=0.9)})


def test_a_window_begins_where_it_begins():
    found = decode(emissions(programme((C, 40), (I, 25), (C, 60))), STICKY, first_s=100.0)
    assert (found[0].start_s, found[0].end_s) == (140, 165)


def test_a_label_without_rules_is_never_marked():
    both = emissions(programme((C, 30), (R, 30), (C, 20), (I, 25), (C, 100)))
    assert [s.label for s in decode(both, STICKY, {I: USUAL[I]})] == [I]
    assert decode(Emissions(np.zeros((0, 3)), np.zeros((0, 0))), STICKY) == ()


def test_a_step_says_where_one_part_ends_and_another_begins():
    judged = emissions(programme((R, 30), (C, 70)))
    judged.emissions[20:45] = 0  # no second says whether it is still the recap
    doubtful = decode(judged, STICKY, {R: SegmentRules(threshold=0.0)})
    moves = np.zeros((100, 3, 3))
    moves[38, R, C] = 3.0
    told = Emissions(judged.emissions, judged.evidence, moves)
    found = decode(told, STICKY, {R: SegmentRules(threshold=0.0)})
    assert (found[0].start_s, found[0].end_s) == (0, 38)
    assert found[0].probability > doubtful[0].probability
    # the rows of moves go with the seconds, the first one with none
    apart = Emissions.joined([told[:30], told[30:]])
    assert decode(apart, STICKY, {R: SegmentRules(threshold=0.0)}) == found
    later = decode(told[10:], STICKY, {R: SegmentRules(threshold=0.0)})
    assert (later[0].start_s, later[0].end_s) == (0, 28)
    assert told.scaled(2.0).moves[38, R, C] == 1.5
    assert Emissions.joined([judged[:30], judged[30:]]).moves is None


def test_ends_that_the_chain_doubts_are_left_out():
    judged = emissions(programme((C, 40), (I, 30), (C, 40)))
    judged.emissions[40:48] *= 0.05
    found = {
        ends: decode(judged, STICKY, {I: SegmentRules(threshold=0.0, ends=ends)})
        for ends in (0.0, 0.5, 0.7, 0.9, 0.9999)
    }
    starts = {ends: one[0].start_s for ends, one in found.items() if one}
    assert starts[0.0] == 40
    assert 40 < starts[0.7] < starts[0.9] <= 49
    assert starts[0.5] <= starts[0.7]
    assert all(one[0].end_s in (69, 70) for ends, one in found.items() if one and ends < 0.95)
    sure = marginals(judged.emissions, STICKY)[:, I]
    for ends, one in found.items():
        inside = sure[int(one[0].start_s) : int(one[0].end_s)] if one else np.ones(1)
        assert min(inside[0], inside[-1]) >= ends
    nothing = decode(judged, STICKY, {I: SegmentRules(threshold=0.0, ends=0.7, shortest_s=28)})
    assert not nothing  # what is left is too short


def test_a_segment_is_as_likely_as_its_seconds_are_on_average():
    judged = emissions(programme((C, 40), (I, 30), (C, 40)), 1.0)
    judged.emissions[50:55] *= -1
    (found,) = decode(judged, STICKY, {I: SegmentRules(threshold=0.0)})
    inside = marginals(judged.emissions, STICKY)[int(found.start_s) : int(found.end_s), I]
    assert inside.min() < 0.9
    assert found.probability == pytest.approx(inside.mean())


def test_a_verifier_has_a_say_in_how_likely_a_segment_is():
    both = emissions(programme((R, 30), (C, 20), (I, 25), (C, 60)))
    plain = {s.label: s.probability for s in decode(both, STICKY)}
    late = Verifier(np.array([0.1, 0, 0]), -4.0)  # mean second above 40
    for label, sure in ((R, False), (I, True)):
        told = {s.label: s.probability for s in decode(
            both,
            STICKY,
            {R: SegmentRules(threshold=0.0), I: SegmentRules(threshold=0.0)},
            {label: late},
        )}  # fmt: skip
        other = I if label is R else R
        assert told[other] == plain[other]
        assert told[label] > 0.8 if sure else told[label] < 0.1
    assert [s.label for s in decode(both, STICKY, verifiers={R: late})] == [I]


def test_runs_cover_the_path():
    assert runs(np.array([0, 0, 1, 2, 2])) == [(C, 0, 2), (I, 2, 3), (R, 3, 5)]
    assert runs(np.zeros(0, int)) == []


CUES = Cues(
    cuts_s=np.array([10.3, 11.0, 29.2, 31.9, 55.0]),
    black_s=np.array([[30.0, 31.0]]),
    silence_s=np.array([[54.5, 55.5], [29.9, 31.2]]),
)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (Segment(I, 10.0, 20.0), (10.3, 20.0)),
        (Segment(I, 31.0, 55.4), (31.0, 55.0)),
        (Segment(I, 12.0, 29.5), (11.0, 30.0)),
        (Segment(I, 0.0, 30.5), (0.0, 30.0)),
        (Segment(I, 70.0, 80.0), (70.0, 80.0)),
    ],
)
def test_boundaries_move_to_the_best_cue(segment, expected):
    (found,) = snapped([segment], CUES)
    assert (found.start_s, found.end_s) == expected
    assert found.probability == segment.probability


def test_segments_that_touch_go_on_touching():
    recap, intro = snapped([Segment(R, 0.0, 30.4), Segment(I, 30.4, 55.0)], CUES)
    assert recap.end_s == intro.start_s == 31.0


def test_a_segment_goes_on_to_the_programmes_end():
    (found,) = snapped([Segment(I, 40.0, 56.0)], CUES, end_s=56.0)
    assert found.end_s == 56.0


@pytest.mark.parametrize(
    ("ends", "cuts"),
    [
        ([(1.0, 2.0), (3.0, 4.0)], [4.0]),  # one cut for two ends
        ([(0.0, 10.0), (10.0, 14.0)], [11.9, 12.2]),  # they touch, and the second stays as it was
    ],
)
def test_ends_that_want_one_cut_do_not_cross(ends, cuts):
    made = snapped([Segment(I, *e) for e in ends], Cues(cuts_s=np.array(cuts)))
    assert made[0].start_s < made[0].end_s <= made[1].start_s < made[1].end_s


def test_only_ends_that_move_need_cues():
    segments = [Segment(R, 0.0, 30.0), Segment(I, 30.0, 55.0), Segment(I, 70.0, 80.0)]
    assert movable(segments, 80.0) == [30.0, 55.0, 70.0]
    assert movable([], 80.0) == []


times = st.lists(st.floats(0, 100), max_size=12).map(sorted)


@settings(max_examples=100, deadline=None)
@given(times, times, st.lists(st.floats(1, 30), min_size=2, max_size=6))
def test_snapped_segments_stay_in_order(cuts, ends, lengths):
    at, segments = 0.0, []
    for k, length in enumerate(lengths):
        if k % 2:
            segments.append(Segment(I, at, at + length))
        at += length
    pairs = np.array(ends[: len(ends) // 2 * 2]).reshape(-1, 2)
    made = snapped(segments, Cues(np.array(cuts), pairs, pairs), reach_s=2.0)
    assert len(made) == len(segments)
    for old, new in zip(segments, made, strict=True):
        assert abs(new.start_s - old.start_s) <= 2.0
        assert abs(new.end_s - old.end_s) <= 2.0
        assert new.end_s > new.start_s
    assert all(a.end_s <= b.start_s for a, b in pairwise(made))


@settings(max_examples=100, deadline=None)
@given(times, times, st.lists(st.floats(1, 30), min_size=2, max_size=6))
def test_cues_out_of_reach_decide_nothing(cuts, blacks, lengths):
    ends = np.cumsum([0.0, *lengths])
    segments = [Segment(I, a, b) for a, b in zip(ends[::2], ends[1::2], strict=False)]
    end_s = segments[-1].end_s
    spans = np.array(blacks[: len(blacks) // 2 * 2]).reshape(-1, 2)
    cues = Cues(cuts_s=np.array(cuts), black_s=spans)
    reached = np.array(movable(segments, end_s))[:, None]
    near = Cues(
        cuts_s=cues.cuts_s[(abs(cues.cuts_s - reached) <= REACH_S).any(0)],
        black_s=spans[(abs(spans[:, :1] - reached.T) <= REACH_S).any(1)
                      | (abs(spans[:, 1:] - reached.T) <= REACH_S).any(1)],
    )  # fmt: skip
    assert snapped(segments, near, end_s=end_s) == snapped(segments, cues, end_s=end_s)
