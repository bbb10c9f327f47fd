"""The network one frame ahead: every frame once, in order, accounted for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from edge.box.allowance import Allowance
from edge.box.answering import Answering
from edge.box.network import Network
from edge.box.pipeline import Tally, run_loop
from edge.box.readers import reader_for
from edge.box.sensing import SensedFrames
from edge.box.switching import SwitchingRegistrar
from edge.errors import EngineError, SourceError
from edge.fields import load_field
from edge.types import Frame, Image, Reason, Registration, State
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

    def sense(self, image_bgr: Image, *, pts_s: float | None = None) -> Seen:
        number = len(self.sensed)
        self.sensed.append(number)
        if number in self._broken:
            raise EngineError("no memory")
        return Seen(number)

    def finish(self, flight: Seen, **_hints: object) -> Registration:
        self.finished.append(flight.number)
        return self._answers[flight.number % 3]

    def register(
        self, image_bgr: Image, *, pts_s: float | None = None, spare_ms: float | None = None
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
    registrar, outlet, tally, stop = TwoPhase(), ListOutlet(), Tally(), threading.Event()
    switching = SwitchingRegistrar(network(registrar))
    reader = SensedFrames(reader_for(ListSource(frames=9), never), switching.sense)

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
        answering=Answering(switching, flight_of=reader.flight),
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

    reader = SensedFrames(reader_for(ListSource(frames=9), never), sense, ahead=1)
    assert sensed.acquire(timeout=WAIT_S)
    assert not sensed.acquire(timeout=0.1)
    assert reader.get(WAIT_S) is not None
    assert sensed.acquire(timeout=WAIT_S)
    reader.close()
    assert reader.account.processed == 1


def test_a_frame_that_the_network_fails_on_is_registered_as_ever():
    registrar = TwoPhase(broken=(1,))
    switching = SwitchingRegistrar(network(registrar))
    reader = SensedFrames(reader_for(ListSource(frames=3), never), switching.sense)
    answering = Answering(switching, flight_of=reader.flight)
    run_loop(reader, switching, Tally(), stop=threading.Event(), answering=answering)
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

    reader = SensedFrames(reader_for(Breaks(frames=5), never), lambda _frame: None)
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
    reader = SensedFrames(reader_for(Frozen(frames=2), never), switching.sense)
    answering = Answering(switching, flight_of=reader.flight)
    tally = Tally()
    run_loop(reader, switching, tally, stop=threading.Event(), answering=answering)
    reader.close()
    assert registrar.sensed == []
    assert tally.ledger.reasons() == {Reason.FROZEN.value: 2}


def at(pts_s: float | None, index: int = 0) -> Frame:
    return replace(make_frame(index), pts_s=pts_s)


def test_an_allowance_is_the_interval_between_frames_and_now_and_then_unbounded():
    allowance, refined = Allowance(), Registration(State.REFINED, dense_ran=True)
    assert allowance.of(at(0.0), 0.0) is None  # no pace is known yet
    allowance.answered(at(0.0), refined)
    assert allowance.of(at(0.02), 0.0) == pytest.approx(20.0)
    assert allowance.of(at(0.06), 0.0) == pytest.approx(20.0)  # a frame was dropped between
    assert allowance.of(at(0.08), 0.0) == pytest.approx(20.0)
    assert allowance.of(at(0.20), 0.0) is None  # a fifth of a second after the last
    allowance.answered(at(0.20), GOOD)  # which needed no refinement
    assert allowance.of(at(0.22), 0.0) is None
    assert allowance.of(at(0.24), 25.0) == 0.0  # another frame has come meanwhile
    assert allowance.of(at(0.26), 0.0) is None
    allowance.answered(at(0.26), refined)
    assert allowance.of(at(0.28), 0.0) == pytest.approx(20.0)
    assert allowance.of(at(0.29), 7.0) == pytest.approx(13.0)
    assert allowance.of(at(0.30), 70.0) == 0.0
    assert allowance.of(at(None), 0.0) is None
    assert allowance.of(at(0.01), 0.0) is None  # the source starts over


def test_a_slower_stream_is_unbounded_more_often():
    allowance = Allowance()
    for n in range(3):
        allowance.of(at(n / 25), 0.0)
    allowance.answered(at(2 / 25), Registration(State.REFINED, dense_ran=True))
    assert allowance.of(at(4 / 25), 0.0) == pytest.approx(40.0)
    assert allowance.of(at(5 / 25), 0.0) is None
