"""The network one frame ahead: every frame once, in order, accounted for."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from edge.box.gc_control import frozen_heap
from edge.box.loaded_model import Network
from edge.box.model_updates.hot_swap import SwitchingRegistrar
from edge.box.pipeline import RunCounters, run_loop
from edge.box.stages.prefetch import PrefetchedFrames
from edge.box.stages.read import reader_for
from edge.box.stages.refinement_budget import RefinementBudget
from edge.box.stages.register import RegisterStage
from edge.errors import EngineError, SourceError
from edge.fields import load_field
from edge.types import Frame, ImageArray, Registration, RejectionReason
from tests.box.parts import GOOD, LOST, MENDED, ListSource, ScriptedRegistrar, make_frame

WAIT_S = 30.0


@dataclass
class Seen:
    number: int
    took_ms: float = 5.0


class TwoPhase(ScriptedRegistrar):
    """Records which frames are sensed and finished; `broken` numbers fail in the network."""

    def __init__(self, broken: tuple[int, ...] = ()) -> None:
        super().__init__([GOOD, MENDED, LOST])
        self.sensed: list[int] = []
        self.finished: list[int] = []
        self.registered = 0
        self._broken = broken

    def sense(self, image_bgr: ImageArray, *, pts_s: float | None = None) -> Seen:
        number = len(self.sensed)
        self.sensed.append(number)
        if number in self._broken:
            raise EngineError("no memory")
        return Seen(number)

    def finish(self, flight: Seen, **_hints: object) -> Registration:
        self.finished.append(flight.number)
        return self._answers[flight.number % 3]

    def register(
        self, image_bgr: ImageArray, *, pts_s: float | None = None, spare_ms: float | None = None
    ) -> Registration:
        self.registered += 1
        return super().register(image_bgr, pts_s=pts_s)


def never() -> ListSource:
    raise SourceError("must not be opened again")


def network(registrar: TwoPhase) -> Network:
    return Network(registrar, load_field("soccer"), None, "scripted", "none")


class ListOutlet:
    def __init__(self) -> None:
        self.frames: list[int] = []

    def publish(self, frame: Frame, registration: Registration) -> None:
        self.frames.append(frame.index)


@pytest.mark.parametrize(
    ("most", "stopped_at", "why", "answered"),
    [(None, None, "end", 9), (3, None, "max_frames", 3), (None, 1, "signal", 2)],
)
def test_every_frame_of_a_file_is_answered_once_in_order(
    most: int | None, stopped_at: int | None, why: str, answered: int
):
    registrar, outlet, tally, stop = TwoPhase(), ListOutlet(), RunCounters(), threading.Event()
    switching = SwitchingRegistrar(network(registrar))
    reader = PrefetchedFrames(reader_for(ListSource(frames=9), never), switching.sense)

    def on_frame(frame: Frame, _registration: Registration) -> None:
        if frame.index == stopped_at:
            stop.set()

    ended = run_loop(
        reader,
        switching,
        tally,
        stop=stop,
        outlet=outlet,
        max_frames=most,
        on_frame=on_frame,
        answering=RegisterStage(switching, flight_of=reader.flight),
    )
    reader.close()
    assert ended == why
    assert outlet.frames == registrar.finished == list(range(answered))
    assert registrar.registered == 0
    account = reader.account
    assert account.processed == tally.ledger.processed == answered
    assert account.captured == answered + account.waiting + sum(account.dropped.values())
    assert (account.captured, account.dropped) == (reader.captured, dict(reader.dropped))


def test_the_network_runs_ahead_no_further_than_told():
    sensed = threading.Semaphore(0)

    def sense(_frame: Frame) -> Seen:
        sensed.release()
        return Seen(0)

    reader = PrefetchedFrames(reader_for(ListSource(frames=9), never), sense, ahead=1)
    assert sensed.acquire(timeout=WAIT_S)
    assert not sensed.acquire(timeout=0.1)
    assert reader.get(WAIT_S) is not None
    assert sensed.acquire(timeout=WAIT_S)
    reader.close()
    assert reader.account.processed == 1


def test_a_frame_that_the_network_fails_on_is_registered_as_ever():
    registrar = TwoPhase(broken=(1,))
    switching = SwitchingRegistrar(network(registrar))
    reader = PrefetchedFrames(reader_for(ListSource(frames=3), never), switching.sense)
    answering = RegisterStage(switching, flight_of=reader.flight)
    run_loop(reader, switching, RunCounters(), stop=threading.Event(), answering=answering)
    reader.close()
    assert (registrar.finished, registrar.registered) == ([0, 2], 1)


def test_a_flight_of_the_network_before_is_not_finished_by_the_next():
    before, after = TwoPhase(), TwoPhase()
    switching = SwitchingRegistrar(network(before))
    flight = switching.sense(make_frame(0))
    switching.switch(network(after))
    switching.register(make_frame(0).image, flight=flight)
    assert (before.finished, after.finished, after.registered) == ([], [], 1)


def test_an_error_of_the_source_comes_where_its_frame_would():
    class Breaks(ListSource):
        def read(self) -> Frame | None:
            frame = super().read()
            if frame is not None and frame.index == 2:
                raise SourceError("cut short")
            return frame

    reader = PrefetchedFrames(reader_for(Breaks(frames=5), never), lambda _frame: None)
    assert [reader.get(WAIT_S).index for _ in range(2)] == [0, 1]  # type: ignore[union-attr]
    with pytest.raises(SourceError, match="cut short"):
        reader.get(WAIT_S)
    reader.close()


def test_frozen_frames_are_not_shown_to_the_network():
    class Frozen(ListSource):
        def read(self) -> Frame | None:
            frame = super().read()
            return None if frame is None else replace(frame, frozen=True)

    registrar = TwoPhase()
    switching = SwitchingRegistrar(network(registrar))
    reader = PrefetchedFrames(reader_for(Frozen(frames=2), never), switching.sense)
    answering = RegisterStage(switching, flight_of=reader.flight)
    tally = RunCounters()
    run_loop(reader, switching, tally, stop=threading.Event(), answering=answering)
    reader.close()
    assert registrar.sensed == []
    assert tally.ledger.reasons() == {RejectionReason.FROZEN.value: 2}


def at(pts_s: float | None, index: int = 0) -> Frame:
    return replace(make_frame(index), pts_s=pts_s)


def test_an_allowance_is_the_interval_between_frames_and_now_and_then_an_answer_is_mended():
    allowance = RefinementBudget()

    def ask(pts_s: float | None, waited_ms: float = 0.0) -> tuple[float | None, bool]:
        spare_ms = allowance.of(at(pts_s), waited_ms)
        return None if spare_ms is None else round(spare_ms, 6), allowance.mends

    assert ask(0.0) == (None, False)  # no pace is known yet
    allowance.refined(at(0.0))
    assert ask(0.02) == (20.0, False)
    assert ask(0.06) == (20.0, False)  # a frame was dropped between
    assert ask(0.08) == (20.0, False)
    assert ask(0.20) == (20.0, True)  # a fifth of a second after the last
    assert ask(0.22) == (20.0, True)  # which needed no refinement
    assert ask(0.24, 25.0) == (0.0, False)  # another frame has come meanwhile
    assert ask(0.26) == (20.0, True)
    allowance.refined(at(0.26))
    assert ask(0.28) == (20.0, False)
    assert ask(0.29, 7.0) == (13.0, False)
    assert ask(0.30, 70.0) == (0.0, False)
    assert ask(None) == (None, False)
    assert ask(0.01) == (20.0, True)  # the source starts over


def test_answers_of_a_slower_stream_are_mended_more_often():
    allowance = RefinementBudget()
    for n in range(3):
        allowance.of(at(n / 25), 0.0)
    allowance.refined(at(2 / 25))
    assert allowance.of(at(4 / 25), 0.0) == pytest.approx(40.0)
    assert not allowance.mends
    allowance.of(at(5 / 25), 0.0)
    assert allowance.mends


class Hurried(TwoPhase):
    """Leaves each answer to be mended."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = [GOOD]
        self.done: list[str] = []
        self.asked = 0

    def mend(self, *, refine: bool) -> bool:
        self.asked += 1
        if refine:
            self.done.append("mended")
        return refine


def test_an_answer_is_mended_behind_its_publication_and_not_each():
    registrar, tally = Hurried(), RunCounters()
    switching = SwitchingRegistrar(network(registrar))

    class Outlet:
        def publish(self, frame: Frame, registration: Registration) -> None:
            registrar.done.append(str(frame.index))

    allowance = RefinementBudget()
    answering = RegisterStage(switching, allowance=allowance)
    reader = reader_for(ListSource(frames=21), never)
    run_loop(reader, switching, tally, stop=threading.Event(), outlet=Outlet(), answering=answering)
    reader.close()
    mended = [i for i, what in enumerate(registrar.done) if what == "mended"]
    behind = [int(registrar.done[i - 1]) for i in mended]
    assert len(registrar.done) == 21 + len(mended)
    assert registrar.asked == 21  # what else was put off is done behind every frame
    assert len(behind) >= 2
    assert all(later - earlier >= 10 for earlier, later in pairwise(behind))


class Breaking(Hurried):
    def mend(self, *, refine: bool) -> bool:
        raise EngineError("no memory")


def test_a_new_network_that_fails_to_mend_makes_room_for_the_one_before():
    old = Hurried()
    switching = SwitchingRegistrar(network(old))
    assert switching.switch(network(Breaking()))
    switching.register(make_frame(0).image)
    assert switching.mend(refine=True) is False
    assert "no memory" in (switching.failure or "")
    assert switching.network.registrar is old
    switching.settle()
    alone = SwitchingRegistrar(network(Breaking()))
    with pytest.raises(EngineError):
        alone.mend(refine=False)


def test_what_was_made_is_set_aside_from_collections_until_the_end():
    before = gc.get_freeze_count()
    with frozen_heap():
        assert gc.get_freeze_count() > before + 1000
    assert gc.get_freeze_count() == 0
