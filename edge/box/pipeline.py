"""The loop that takes frames from a reader, registers them, and hands the answers on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.box.interfaces import FrameReader, Outlet, Registrar, Stop
from edge.box.ledger import FrameLedger
from edge.box.sink_thread import SinkThread
from edge.box.timing import StageTimes
from edge.types import CameraPrior, Frame, Reason, Registration, State

_FROZEN = Registration(State.LOST, Reason.FROZEN)

_POLL_S = 0.2
"""How soon a stop is noticed while no frame comes."""

OnFrame = Callable[[Frame, Registration], None]
OnWait = Callable[[], None]
PriorOf = Callable[[Frame], "CameraPrior | None"]
"""What the camera's telemetry says of a frame before it is registered; returns at once."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the loop counts as it goes."""

    ledger: FrameLedger = field(default_factory=FrameLedger)
    times: StageTimes = field(default_factory=StageTimes)


def run_loop(
    reader: FrameReader,
    registrar: Registrar,
    tally: Tally,
    *,
    stop: Stop,
    outlet: Outlet | None = None,
    sinks: SinkThread | None = None,
    max_frames: int | None = None,
    on_frame: OnFrame | None = None,
    on_wait: OnWait | None = None,
    prior_of: PriorOf | None = None,
) -> str:
    """Process frames until the source ends; returns why it stopped: `end`, `signal`, `max_frames`.

    Stage `queue` is the time from the decoded picture (`Frame.monotonic_ns`) to the start of its
    registration, `total` to its end, when it is handed over for publication. `on_frame` is called
    after each frame, `on_wait` whenever none came for a moment.
    """
    while not stop.is_set():
        if max_frames is not None and tally.ledger.processed >= max_frames:
            return "max_frames"
        frame = reader.get(_POLL_S)
        if frame is None:
            if reader.ended:
                return "end"
            if on_wait is not None:
                on_wait()
            continue
        prior = None if prior_of is None else prior_of(frame)
        registration = _register(frame, registrar, tally, prior)
        if outlet is not None:
            outlet.publish(frame, registration)
        if sinks is not None:
            sinks.put(frame, registration)
        if on_frame is not None:
            on_frame(frame, registration)
    return "signal"


def _register(
    frame: Frame, registrar: Registrar, tally: Tally, prior: CameraPrior | None
) -> Registration:
    queue_ms = _ms_since(frame.monotonic_ns)
    known = {} if prior is None else {"prior": prior}
    answer = (
        _FROZEN if frame.frozen else registrar.register(frame.image, pts_s=frame.pts_s, **known)
    )
    stages = {"queue": queue_ms, **answer.latency_ms, "total": _ms_since(frame.monotonic_ns)}
    tally.times.add_all(stages)
    tally.ledger.add(answer)
    return dataclasses.replace(answer, latency_ms=stages)


def _ms_since(monotonic_ns: int) -> float:
    return (time.monotonic_ns() - monotonic_ns) / 1e6
