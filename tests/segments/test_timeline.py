"""Broken times become one time line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.segments.timeline import StreamTimeline


def times(raw, start=0.0, end=None, lasts=0.5):
    line = StreamTimeline(start, end)
    return [line.at(r, lasts) for r in raw], line.jumps


@pytest.mark.parametrize(
    ("raw", "expected", "jumps"),
    [
        ([0, 0.5, 1.0], [0, 0.5, 1.0], 0),
        ([None, None, None], [0, 0.5, 1.0], 0),
        ([0, 0.5, None, 1.5], [0, 0.5, 1.0, 1.5], 0),
        ([0, 0.6, 0.5, 1.0], [0, 0.6, 0.6, 1.0], 0),  # not quite in order
        ([0, 5, 5.5, 0, 0.5], [0, 5, 5.5, 6.0, 6.5], 1),  # joined files
        ([0, 20, 40], [0, 20, 40], 0),  # a still picture for a long time
        ([0, 0.5, 90000.0, 90000.5], [0, 0.5, 1.0, 1.5], 1),
        ([-0.02, 0.5], [0, 0.5], 0),
    ],
)
def test_times_go_on(raw, expected, jumps):
    assert times(raw) == (pytest.approx(expected), jumps)


def test_a_late_start_is_none_of_the_programme():
    assert times([1.4, 1.9], start=1.4) == (pytest.approx([0, 0.5]), 0)


def test_a_long_still_within_the_file_is_no_leap():
    assert times([0, 300.0, 600.0], end=600.0) == ([0, 300.0, 600.0], 0)


@given(st.lists(st.none() | st.floats(-1e7, 1e7)), st.none() | st.floats(0, 1e5))
def test_time_never_goes_back(raw, end):
    made, _ = times(raw, end=end)
    assert made == sorted(made)
    assert all(t >= 0 for t in made)
