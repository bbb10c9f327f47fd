from __future__ import annotations

import threading
from pathlib import Path

from edge.box.outputs.worker import SinkThread
from edge.types import Frame, Registration
from tests.box.parts import GOOD, make_frame


class ListSink:
    def __init__(self, *, fail_at: int | None = None, gate: threading.Event | None = None) -> None:
        self.path = Path("list")
        self.frames: list[int] = []
        self.ending = ""
        self._fail_at = fail_at
        self._gate = gate

    def write(self, frame: Frame, registration: Registration) -> None:
        if self._gate is not None:
            self._gate.wait()
        if frame.index == self._fail_at:
            raise OSError(28, "No space left on device")
        self.frames.append(frame.index)

    def close(self) -> None:
        self.ending += "closed"

    def abort(self) -> None:
        self.ending += "aborted"

    def interrupt(self) -> None:
        self.ending += "interrupted"


def test_every_frame_of_a_file_arrives_in_order():
    sink = ListSink()
    thread = SinkThread([sink], wait=True, depth=2)
    for i in range(50):
        thread.put(make_frame(i), GOOD)
    thread.close()
    assert (sink.frames, sink.ending, thread.dropped) == (list(range(50)), "closed", 0)


def test_a_live_source_never_waits_and_what_is_left_out_is_counted():
    gate = threading.Event()
    sink = ListSink(gate=gate)
    thread = SinkThread([sink], wait=False, depth=3)
    for i in range(20):
        thread.put(make_frame(i), GOOD)  # would block here for ever if it waited
    gate.set()
    thread.close()
    assert len(sink.frames) + thread.dropped == 20
    assert thread.dropped >= 16


def test_a_failing_output_is_removed_and_the_others_go_on():
    bad, good = ListSink(fail_at=3), ListSink()
    thread = SinkThread([bad, good], wait=True, depth=2)
    for i in range(10):
        thread.put(make_frame(i), GOOD)
    thread.close()
    assert (bad.frames, bad.ending) == ([0, 1, 2], "aborted")
    assert (good.frames, good.ending) == (list(range(10)), "closed")
    assert [(f.path, f.message) for f in thread.failures] == [("list", "No space left on device")]


def test_abort_leaves_nothing_and_may_follow_close():
    sink = ListSink()
    thread = SinkThread([sink], wait=True)
    thread.put(make_frame(0), GOOD)
    thread.abort()
    thread.abort()
    thread.close()
    assert sink.ending == "aborted"


def test_an_interruption_writes_no_more_frames_and_keeps_what_is_whole():
    gate = threading.Event()
    sink = ListSink(gate=gate)
    thread = SinkThread([sink], wait=True, depth=8)
    for i in range(5):
        thread.put(make_frame(i), GOOD)
    threading.Timer(0.2, gate.set).start()
    thread.abort(keep_whole=True)
    assert sink.ending == "interrupted"
    assert len(sink.frames) <= 1
