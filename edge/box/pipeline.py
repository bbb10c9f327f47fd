"""The loop that takes frames from a reader, registers them, and hands the answers on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.box.monitoring.frame_accounting import FrameLedger
from edge.box.monitoring.latency import StageTimes
from edge.box.outputs.worker import SinkThread
from edge.box.protocols import FrameReader, FrameRegistrar, Outlet, Stop
from edge.box.stages.register import RegisterStage, ms_since
from edge.types import CameraPrior, Frame, Registration

_POLL_S = 0.2
"""How soon a stop is noticed while no frame comes."""

OnFrame = Callable[[Frame, Registration], None]
OnWait = Callable[[], None]
PriorOf = Callable[[Frame], "CameraPrior | None"]
"""What the camera's telemetry says of a frame before it is registered; returns at once."""


@dataclass(frozen=True, slots=True)
class RunCounters:
    """What the loop counts as it goes."""

    ledger: FrameLedger = field(default_factory=FrameLedger)
    times: StageTimes = field(default_factory=StageTimes)


def run_loop(
    reader: FrameReader,
    registrar: FrameRegistrar,
    tally: RunCounters,
    *,
    stop: Stop,
    outlet: Outlet | None = None,
    sinks: SinkThread | None = None,
    max_frames: int | None = None,
    on_frame: OnFrame | None = None,
    on_wait: OnWait | None = None,
    prior_of: PriorOf | None = None,
    answering: RegisterStage | None = None,
) -> str:
    """Process frames until the source ends; returns why it stopped: `end`, `signal`, `max_frames`.

    Stage `queue` is the time from the decoded picture (`Frame.monotonic_ns`) to the start of its
    registration, `total` to its end, when it is handed over for publication. `on_frame` is called
    after each frame, `on_wait` whenever none came for a moment. `answering` says what is known of a
    frame before it is registered (None: nothing).
    """
    answering = answering or RegisterStage(registrar)
    why = "signal"
    while not stop.is_set():
        if max_frames is not None and tally.ledger.processed >= max_frames:
            why = "max_frames"
            break
        frame = reader.get(_POLL_S)
        if frame is not None:
            prior = None if prior_of is None else prior_of(frame)
            registration = _counted(frame, *answering.answer(frame, prior), tally)
            if outlet is not None:
                outlet.publish(frame, registration)
            if sinks is not None:
                sinks.put(frame, registration)
            if on_frame is not None:
                on_frame(frame, registration)
            answering.given(frame)
        elif reader.ended:
            why = "end"
            break
        elif on_wait is not None:
            on_wait()
    return why


def _counted(
    frame: Frame, answer: Registration, waited_ms: float, tally: RunCounters
) -> Registration:
    stages = {"queue": waited_ms, **answer.latency_ms, "total": ms_since(frame.monotonic_ns)}
    tally.times.add_all(stages)
    tally.ledger.add(answer)
    return dataclasses.replace(answer, latency_ms=stages)
