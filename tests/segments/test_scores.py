"""Figures of agreement, counted by hand."""

from __future__ import annotations

import pytest

from edge.segments.scores import SegmentScores, seconds
from edge.segments.types import Label, Segment

INTRO, RECAP = Label.INTRO, Label.RECAP


def spans(*items: tuple[Label, float, float]) -> list[Segment]:
    return [Segment(*i) for i in items]


def test_seconds_are_labelled_at_their_middle() -> None:
    labels = seconds(spans((INTRO, 0.6, 2.4), (RECAP, 2.5, 3.0)), 4.6)
    assert labels.tolist() == [0, 1, 2, 0, 0]
    assert seconds([], 0.2).tolist() == []


def test_counts() -> None:
    scores = SegmentScores()
    scores.add(
        spans((RECAP, 0, 30), (INTRO, 100, 130)), spans((RECAP, 2, 30), (INTRO, 96, 134)), 600
    )
    intro, recap = scores.intro, scores.recap
    assert (intro.right_s, intro.found_s, intro.true_s) == (30, 38, 30)
    assert (recap.precision, recap.recall) == (1, pytest.approx(28 / 30))
    assert intro.f1 == pytest.approx(60 / 68)
    assert intro.hits == {1.0: 0, 3.0: 0, 5.0: 1}
    assert recap.hits == {1.0: 0, 3.0: 1, 5.0: 1}
    assert (intro.start_errors_s, intro.end_errors_s) == ([-4], [4])
    assert scores.skipped_s == 8
    assert scores.skipped_s_per_hour == 48
    assert (scores.clean, scores.alarms) == (0, 0)


def test_an_intro_taken_for_a_recap_is_wrong_but_skips_no_content() -> None:
    scores = SegmentScores()
    scores.add(spans((INTRO, 10, 20)), spans((RECAP, 10, 20)), 100)
    assert (scores.skipped_s, scores.intro.f1, scores.recap.f1) == (0, 0, 0)
    assert scores.intro.segment_f1(5.0) == 0


def test_false_alarms_and_nothing_at_all() -> None:
    scores = SegmentScores()
    assert scores.skipped_s_per_hour is None
    scores.add([], [], 100)
    assert (scores.intro.precision, scores.intro.f1, scores.intro.segment_f1(1.0)) == (None,) * 3
    scores.add([], spans((INTRO, 10, 20)), 100)
    assert (scores.clean, scores.alarms, scores.skipped_s) == (2, 1, 10)


def test_a_true_segment_is_hit_once() -> None:
    scores = SegmentScores()
    scores.add(spans((INTRO, 10, 20)), spans((INTRO, 10, 20), (INTRO, 11, 20)), 100)
    assert scores.intro.hits[1.0] == 1
    assert scores.intro.segment_f1(1.0) == pytest.approx(2 / 3)


def test_what_is_skipped_is_counted_to_the_picture() -> None:
    scores = SegmentScores()
    scores.add(
        spans((INTRO, 10, 20.25)),
        spans((INTRO, 9.7, 20.5), (RECAP, 40.25, 45.0)),
        100,
    )
    assert scores.skipped_s == pytest.approx(0.3 + 0.25 + 4.75)
    assert scores.strangers_s == 4.75
    assert (scores.right_s, scores.judged_s) == (95, 100)


def test_true_segments_that_overlap_count_once() -> None:
    scores = SegmentScores()
    scores.add(spans((INTRO, 10, 20), (RECAP, 15, 30)), spans((INTRO, 5, 32)), 100)
    assert scores.skipped_s == 7


def test_a_true_segment_is_a_boundary_s_measure_once() -> None:
    scores = SegmentScores()
    scores.add(spans((INTRO, 10, 30)), spans((INTRO, 9, 12), (INTRO, 13, 31)), 100)
    assert (scores.intro.start_errors_s, scores.intro.end_errors_s) == ([3], [1])
