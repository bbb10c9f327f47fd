from __future__ import annotations

import dataclasses
import threading

import pytest

from edge.box.stages.pacing import Looped, Paced
from edge.types import Frame
from tests.box.parts import ListSource


def test_paced_frames_come_no_sooner_than_their_time():
    paced = Paced(ListSource(frames=4, fps=50.0))
    frames = [paced.read() for _ in range(5)]
    assert frames[4] is None
    stamps = [f.monotonic_ns for f in frames if f is not None]
    assert len(stamps) == 4
    for i, stamp in enumerate(stamps):
        assert stamp - stamps[0] >= i * 20e6 - 1e6  # a lower bound: a slow machine only adds
    assert paced.info.live
    assert frames[0] is not None
    assert frames[0].clock_source == "host"


def test_closing_wakes_a_reader_that_waits():
    source = ListSource(frames=2, fps=None)
    paced = Paced(source)
    paced.read()
    paced._due_ns = paced._due_ns + 3600 * 10**9 if paced._due_ns else None  # an hour to go
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(paced.read()))
    thread.start()
    paced.close()
    thread.join(90)
    assert got == [None]
    assert source.closed


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 10.0])
def test_a_gap_is_not_waited_out(jump_s: float):
    source = ListSource(frames=6)
    read = source.read
    source.read = lambda: jumped(read(), jump_s)  # type: ignore[method-assign]
    paced = Paced(source)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(iter(paced.read, None)))
    thread.start()
    thread.join(8)
    late = thread.is_alive()
    paced.interrupt()
    thread.join(30)
    assert not late
    assert len(got) == 6


def jumped(frame: Frame | None, jump_s: float) -> Frame | None:
    if frame is None or frame.index < 3 or frame.pts_s is None:
        return frame
    return dataclasses.replace(frame, pts_s=frame.pts_s + jump_s)


def test_a_loop_goes_on_with_numbers_and_times():
    opened: list[ListSource] = []

    def open_() -> ListSource:
        opened.append(ListSource(frames=3))
        return opened[-1]

    looped = Looped(open_)
    frames = [looped.read() for _ in range(8)]
    assert [f.index for f in frames if f] == list(range(8))
    assert [round(f.pts_s * 50) for f in frames if f and f.pts_s is not None] == list(range(8))
    assert looped.info.frames is None
    looped.close()
    assert [s.closed for s in opened] == [True, True, True]


def test_a_loop_over_nothing_ends():
    looped = Looped(lambda: ListSource(frames=0))
    assert looped.read() is None
