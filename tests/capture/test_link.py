from __future__ import annotations

import numpy as np
import pytest

from edge.capture import FreezeDetector, Outage, SourceBackoff, SourceLink, SourceLinkState
from tests.capture.media import numbered


@pytest.mark.parametrize(
    ("attempt", "pause_s"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 10.0), (1000, 10.0), (10**6, 10.0)],
)
def test_pauses_grow_up_to_the_longest(attempt: int, pause_s: float) -> None:
    assert SourceBackoff(0.5, 2.0, 10.0).pause_s(attempt) == pause_s


def test_a_connection_that_breaks_is_tried_again_later_and_later() -> None:
    link = SourceLink(SourceBackoff(1.0, 3.0, 60.0))
    link.connecting(0.0)
    assert link.state is SourceLinkState.CONNECTING
    assert link.failed(0.0, "refused") == 1.0
    assert link.state is SourceLinkState.WAITING
    assert (link.retry_in_s(0.25), link.retry_in_s(5.0)) == (0.75, 0.0)
    link.connecting(1.0)
    assert link.retry_in_s(1.0) == 0.0
    assert link.failed(1.5, "refused") == 3.0
    assert (link.failures, link.last_error) == (2, "refused")


def test_a_camera_that_refuses_the_user_is_left_alone_for_longer() -> None:
    link = SourceLink(SourceBackoff(1.0, 1.0, 1.0, denied_s=20.0))
    assert link.failed(0.0, "wrong password", "denied") == 20.0
    assert link.failed(30.0, "refused") == 1.0
    assert link.causes == {"denied": 1, "unreachable": 1}


def test_an_outage_lasts_until_a_frame_comes() -> None:
    link = SourceLink(stall_s=1.5)
    assert link.outage(9.0) is None, "nothing was tried yet"
    link.failed(10.0, "refused")
    link.connecting(11.0)
    assert link.outage(12.0) == Outage("unreachable", "refused")
    link.frame(13.0)
    assert link.outage(14.0) is None
    assert link.outage(14.6) == Outage("silent", "no picture for 1.5 s")


def test_a_frame_clears_the_error_but_only_time_clears_the_pauses() -> None:
    link = SourceLink(SourceBackoff(1.0, 2.0, 60.0), steady_s=5.0)
    link.failed(0.0, "refused")
    link.connecting(1.0)
    link.frame(1.1)
    assert link.state is SourceLinkState.STREAMING
    assert link.last_error is None
    assert link.failed(2.0, "broke") == 2.0, "it flaps: the pauses go on growing"
    link.connecting(4.0)
    for now_s in (4.5, 7.0, 9.5):
        link.frame(now_s)
    assert link.failed(10.0, "broke") == 1.0, "it was steady: the pauses start anew"


@pytest.mark.parametrize(("silent_s", "stalled"), [(0.0, False), (1.9, False), (2.1, True)])
def test_silence_is_a_stall(silent_s: float, stalled: bool) -> None:
    link = SourceLink(stall_s=2.0)
    link.connecting(0.0)
    assert not link.stalled(100.0), "a connection being made has its own timeout"
    link.frame(10.0)
    assert link.stalled(10.0 + silent_s) is stalled


def test_the_end_is_the_end() -> None:
    link = SourceLink()
    link.connecting(0.0)
    link.frame(0.0)
    link.ended()
    assert link.state is SourceLinkState.ENDED
    assert not link.stalled(99.0)


def test_equal_pictures_for_long_are_a_frozen_camera() -> None:
    detector = FreezeDetector(3.0)
    still = numbered(5)
    assert [detector.frozen(still, now_s) for now_s in (0.0, 1.0, 2.9, 3.0)] == [
        *[False] * 3,
        True,
    ]
    moved = still.copy()
    moved[::16, ::16] -= np.uint8(40)
    assert not detector.frozen(moved, 4.0)
    assert not detector.frozen(moved, 6.9)
    assert detector.frozen(moved, 7.0)
