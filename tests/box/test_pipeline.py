from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from edge.box.pipeline import RunCounters, run_loop
from edge.box.signals import stop_on_signals
from edge.box.stages.read import reader_for
from edge.capture import open_source
from edge.errors import SourceError
from edge.types import Frame, Registration
from tests.box.parts import GOOD, LOST, MENDED, ListSource, ScriptedRegistrar, write_video


class ListOutlet:
    def __init__(self) -> None:
        self.frames: list[int] = []

    def publish(self, frame: Frame, registration: Registration) -> None:
        self.frames.append(frame.index)


def signal_self(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    threading.Event().wait(10)  # a handler runs between two instructions, not within kill()


def never() -> ListSource:
    raise SourceError("must not be opened again")


def test_every_frame_of_a_video_file_is_registered_and_published(tmp_path: Path):
    reader = reader_for(open_source(write_video(tmp_path / "a.mp4", frames=12)), never)
    outlet, tally = ListOutlet(), RunCounters()
    registrar = ScriptedRegistrar([GOOD, MENDED, LOST])
    why = run_loop(reader, registrar, tally, stop=threading.Event(), outlet=outlet)
    reader.close()
    assert why == "end"
    assert outlet.frames == list(range(12))
    assert tally.ledger.states() == {
        "verified": 4,
        "refined": 4,
        "tracked": 0,
        "held": 0,
        "lost": 4,
    }
    assert (reader.captured, sum(reader.dropped.values())) == (12, 0)
    assert list(tally.times.percentiles()) == [
        "queue",
        "preprocess",
        "infer",
        "keypoints",
        "verify",
        "total",
    ]
    assert tally.times.percentiles()["total"].count == 12


def test_max_frames_stops_and_what_was_decoded_ahead_is_accounted_for(tmp_path: Path):
    reader = reader_for(open_source(write_video(tmp_path / "a.mp4", frames=30)), never)
    tally = RunCounters()
    why = run_loop(reader, ScriptedRegistrar(), tally, stop=threading.Event(), max_frames=7)
    reader.close()
    assert (why, tally.ledger.processed) == ("max_frames", 7)
    assert reader.captured == 7 + sum(reader.dropped.values())


def test_live_keeps_the_newest_frames_and_the_account_adds_up():
    first_seen, all_read = threading.Event(), threading.Event()

    class Bursting(ListSource):
        """Gives its first frame, waits until that is in work, then gives the rest at once."""

        def read(self) -> Frame | None:
            if len(self._left) == 39:
                first_seen.wait(10)
            frame = super().read()
            if frame is None:
                all_read.set()
            return frame

    def hook(number: int) -> None:
        if number == 0:
            first_seen.set()
            all_read.wait(10)

    reader = reader_for(Bursting(frames=40, live=True), never)
    outlet, tally = ListOutlet(), RunCounters()
    why = run_loop(
        reader, ScriptedRegistrar(hook=hook), tally, stop=threading.Event(), outlet=outlet
    )
    reader.close()
    assert why == "end"
    given = outlet.frames
    assert given[0] == 0
    assert given[1:] == list(range(40 - len(given) + 1, 40))
    assert 2 <= len(given) <= 5
    assert (reader.captured, tally.ledger.processed) == (40, len(given))
    assert reader.dropped["busy"] == 40 - len(given)


def test_an_error_of_the_source_comes_out_of_the_loop():
    class Breaking(ListSource):
        def read(self) -> Frame | None:
            if len(self._left) == 2:
                raise SourceError("memory: broke")
            return super().read()

    reader = reader_for(Breaking(frames=5), never)
    tally = RunCounters()
    with pytest.raises(SourceError, match="memory: broke"):
        run_loop(reader, ScriptedRegistrar(), tally, stop=threading.Event())
    reader.close()
    assert tally.ledger.processed == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_cleanly_and_the_second_interrupts(number: signal.Signals):
    before = signal.getsignal(number)
    reader = reader_for(ListSource(frames=1000), never)
    tally = RunCounters()

    def hook(frame: int) -> None:
        if frame == 3:
            os.kill(os.getpid(), number)

    with stop_on_signals() as stop:
        why = run_loop(reader, ScriptedRegistrar(hook=hook), tally, stop=stop)
        assert (why, tally.ledger.processed) == ("signal", 4)
        with pytest.raises(KeyboardInterrupt):
            signal_self(number)
    reader.close()
    assert signal.getsignal(number) is before
