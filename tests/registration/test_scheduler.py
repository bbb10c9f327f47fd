"""Which frames the network looks at, at every rate and where times are odd."""

import pytest

from edge.registration.scheduler import NetworkTurn, Times, plan
from edge.registration.settings import LOOK_S, PRESSED_S

MARKS = {NetworkTurn.NOW: "o", NetworkTurn.BEHIND: "b", NetworkTurn.SKIP: "x"}


def pattern(pts_s, **how):
    """What the network does with each frame: looks, looks behind the answer, or nothing."""
    times, marks = Times(), ""
    for s in pts_s:
        planned = plan(s, times, **how)
        times, marks = planned.times, marks + MARKS[planned.network]
    return marks


@pytest.mark.parametrize("fps", [10, 12.5, 24, 25, 29.97, 30, 50, 59.94, 60, 120, 240])
@pytest.mark.parametrize("pressed", [False, True])
def test_the_network_looks_a_few_times_a_second_whatever_the_rate(fps, pressed):
    seen = pattern([7.0 + i / fps for i in range(round(3 * fps))], pressed=pressed)
    look, most_s = ("b", PRESSED_S) if pressed else ("o", LOOK_S)
    assert seen[0] == "o"
    assert set(seen[1:]) == {"x", look}
    gaps = [len(run) + 1 for run in seen[1:].split(look)[:-1]]
    assert all(most_s < gap / fps <= most_s + 1 / fps + 1e-9 for gap in gaps)


def test_a_slow_stream_is_looked_at_frame_by_frame():
    assert pattern([0.0, 1.0, 2.0, 3.0]) == "oooo"
    assert pattern([0.0, 0.2, 0.4, 0.6], pressed=True) == "oooo"


def test_odd_times_are_looked_at():
    assert pattern([None, None, 5.0, 5.01]) == "ooox"
    assert pattern([9.0, 1.0, 1.0, 1.02]) == "ooox"  # a film that starts over, a time given twice
    assert pattern([0.0, 0.017, 0.3, 0.317]) == "oxox"  # many frames were dropped


def test_a_look_that_nobody_began_is_made_up_for():
    assert pattern([0.0, 0.02, 0.04], pressed=True, overdue=True) == "ooo"
