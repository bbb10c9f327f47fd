"""Watches one run: gathers its figures, publishes them, serves them, and tells systemd."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

from edge.box.outputs.worker import SinkThread
from edge.box.pipeline import OnFrame, RunCounters
from edge.box.protocols import FrameReader
from edge.box.stages.publish import Publication
from edge.capture import SourceInfo
from edge.config import Config
from edge.health.beat import FRESH_S, Beat
from edge.health.clock import JumpDetector, KernelClock, clock_source, kernel_clock
from edge.health.log_stream import STDERR
from edge.health.notify import Notifier
from edge.health.prometheus import render
from edge.health.server import HealthServer, HttpAnswer, json_answer
from edge.health.system import read_process
from edge.health.window import Rates, Window
from edge.publish.messages.health import (
    ClockHealth,
    FrameAccount,
    Health,
    ProcessHealth,
    PublicationHealth,
    SourceHealth,
    SpoolHealth,
    StageTime,
)
from edge.publish.queue.publisher import PublicationCounts
from edge.threads import ThreadWatch
from edge.types import Frame, Registration

log = logging.getLogger(__name__)

_JUMP_WORTH_SAYING_S = 1.0
_CLOCK_SOURCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of a run that have figures."""

    source: SourceInfo
    reader: FrameReader
    tally: RunCounters
    publication: Publication
    sinks: SinkThread | None
    bundle: Callable[[], str]
    """Names the bundle in use, which an update may change."""
    threads: ThreadWatch = field(default_factory=ThreadWatch)
    """Threads of this process that ended by an exception."""


class HealthReporter:
    """Lives as long as a run's loop; `frame` and `waiting` are called on the loop's thread.

    The watchdog is fed there and nowhere else: by a frame that went all the way, or by an attempt
    at a source that is away. It is fed no longer once a thread of the process ended by an
    exception. A thread of its own gathers and publishes the figures.
    """

    def __init__(
        self,
        config: Config,
        watched: Watched,
        *,
        notifier: Notifier | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start; a port that cannot be listened on is a warning, and the run goes on without."""
        self._config = config
        self._watched = watched
        self._notifier = notifier or Notifier.from_environment()
        self._monotonic_s = monotonic_s
        self._begun_s = monotonic_s()
        self._beat = Beat(self._begun_s)
        self._window = Window(config.health.window_s, self._begun_s)
        self._jumps = JumpDetector()
        self._source_of_clock: tuple[bool | None, float, str] = (None, 0.0, "")
        self._stop = threading.Event()
        self._latest = self._gather()
        self._server = self._serve()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)
        self._notifier.ready()
        self._thread.start()

    @property
    def port(self) -> int | None:
        """The port of the pages; None where none are served."""
        return None if self._server is None else self._server.port

    # -- on the loop's thread

    def watching(self, on_frame: OnFrame) -> OnFrame:
        """Return a callback that tells both this monitor and `on_frame` of each frame."""

        def both(frame: Frame, registration: Registration) -> None:
            on_frame(frame, registration)
            self.frame(registration)

        return both

    def frame(self, registration: Registration) -> None:
        """Note a frame that was answered and handed over."""
        now_s = self._monotonic_s()
        self._beat.frame(now_s)
        self._window.add(now_s, MappingProxyType(dict(registration.latency_ms)))
        self._feed()

    def waiting(self) -> None:
        """Note that no frame came; a source that is being opened again is a sign of life."""
        if self._beat.waiting(self._monotonic_s(), self._watched.reader.link.failures):
            self._feed()

    def _feed(self) -> None:
        """Feed the watchdog unless a thread is missing: then the manager is to restart the box."""
        if not self._watched.threads.count:
            self._notifier.alive()

    def close(self) -> None:
        """Publish the last figures, and free the port; the box may go on with another run."""
        self._stop.set()
        self._thread.join()
        self._tick()
        if self._server is not None:
            self._server.close()
        self._notifier.close()

    # -- on the monitor's thread

    def _run(self) -> None:
        self._tick()
        while not self._stop.wait(self._config.health.interval_s):
            self._tick()

    def _tick(self) -> None:
        health = self._latest = self._gather()

        def made(session: str, seq: int) -> Health:
            return health.model_copy(update={"session": session, "seq": seq})

        self._watched.publication.health(made, expiry_s=self._config.health.expiry_s)
        self._notifier.status(status_line(health))

    def _gather(self) -> Health:
        now_s = self._monotonic_s()
        watched, settings = self._watched, self._config.health
        frames = frame_account(watched.tally, watched.reader)
        rates = self._window.rates(now_s, frames.captured)
        counts = watched.publication.raw_counts()
        problems = self._problems(now_s)
        return Health(
            session=watched.publication.session,
            seq=0,
            time_ns=time.time_ns(),
            uptime_s=round(now_s - self._begun_s, 3),
            interval_s=settings.interval_s,
            window_s=settings.window_s,
            live=self._live(now_s),
            ready=not problems,
            problems=problems,
            fps_in=round(rates.fps_in, 2),
            fps_out=round(rates.fps_out, 2),
            frames=frames,
            stages=_stages(rates),
            queues=_queues(watched, frames, counts),
            source=_source(watched),
            publication=_publication(watched.publication, counts),
            spool=_spool(counts),
            process=_process(),
            clock=self._clock(),
            bundle=watched.bundle(),
        )

    def _clock(self) -> ClockHealth:
        jump_ns = self._jumps.feed(time.time_ns(), time.monotonic_ns())
        if jump_ns is not None and abs(jump_ns) >= _JUMP_WORTH_SAYING_S * 1e9:
            log.warning("the clock of this box was set by %+.1f s", jump_ns / 1e9)
        clock = kernel_clock()
        return ClockHealth(
            synchronized=clock.synchronized,
            source=self._clock_source(clock),
            offset_ns=clock.offset_ns,
            error_ns=clock.error_ns,
            jumps=self._jumps.jumps,
            last_jump_ns=self._jumps.last_jump_ns,
        )

    def _clock_source(self, clock: KernelClock) -> str:
        """Look through the programs of the box now and then only; there may be hundreds."""
        now_s = self._monotonic_s()
        known, until_s, source = self._source_of_clock
        if clock.synchronized != known or now_s >= until_s:
            source = clock_source(clock)
            self._source_of_clock = (clock.synchronized, now_s + _CLOCK_SOURCE_S, source)
        return source

    # -- on any thread

    def _live(self, now_s: float) -> bool:
        return self._beat.live(now_s) and not self._watched.threads.count

    def _problems(self, now_s: float) -> list[str]:
        ended = self._watched.threads.problem
        found: list[str] = [] if ended is None else [ended]
        link, publication = self._watched.reader.link, self._watched.publication
        if not self._beat.live(now_s):
            silent_s = self._beat.silent_s(now_s)
            found.append(f"stalled: no frame and no attempt at the source for {silent_s:.0f} s")
        outage = self._watched.reader.outage
        if outage is not None and outage.cause == "frozen":  # frames come, and none is live
            found.append(f"source: {outage.message}")
        elif not self._beat.fresh(now_s):
            found.append(f"source: {link.problem or f'no frame within {FRESH_S:.0f} s'}")
        return found + [f"broker: {line}" for line in publication.broker_problems]

    def _serve(self) -> HealthServer | None:
        http = self._config.health.http
        if http is None or not self._watched.source.live:
            return None
        pages = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}
        try:
            return HealthServer(http.bind, http.port, pages)
        except OSError as error:
            where = f"{http.bind}:{http.port}"
            log.warning(
                "health.http: cannot listen on %s (%s); no metrics are served in this run",
                where,
                error.strerror,
            )
            return None

    def _metrics(self) -> HttpAnswer:
        config = self._config
        labels = {"site": config.site, "device": config.device, "camera": config.camera.id}
        return HttpAnswer(200, render(self._latest, labels))

    def _healthz(self) -> HttpAnswer:
        now_s = self._monotonic_s()
        live, silent_s = self._live(now_s), round(self._beat.silent_s(now_s), 1)
        ended = [failure.thread for failure in self._watched.threads.failures]
        found = {"live": live, "silent_s": silent_s, "ended_threads": ended}
        return json_answer(200 if live else 503, found)

    def _readyz(self) -> HttpAnswer:
        problems = self._problems(self._monotonic_s())
        return json_answer(503 if problems else 200, {"ready": not problems, "problems": problems})


def frame_account(tally: RunCounters, reader: FrameReader) -> FrameAccount:
    """Count where the frames went; the answered are counted first, so that nothing is negative."""
    reasons = tally.ledger.reasons()
    states = tally.ledger.states()
    processed = sum(states.values())
    counts = reader.account
    return FrameAccount(
        captured=counts.captured,
        processed=processed,
        in_work=counts.processed - processed,
        waiting=counts.waiting,
        dropped={cause: n for cause, n in counts.dropped.items() if n},
        states=states,
        reasons=reasons,
    )


def status_line(health: Health) -> str:
    """Return a box's health in one line, for `systemctl status`."""
    if health.problems:
        return "; ".join(health.problems)
    rate = f"{health.fps_out:.1f} of {health.fps_in:.1f} frames/s"
    total = health.stages.get("total")
    return f"ready, {rate}" + (f", {total.p50_ms:.0f} ms" if total else "")


def _stages(rates: Rates) -> dict[str, StageTime]:
    return {
        stage: StageTime(p50_ms=round(spread.p50_ms, 3), p95_ms=round(spread.p95_ms, 3))
        for stage, spread in rates.stages.items()
    }


def _queues(watched: Watched, frames: FrameAccount, counts: PublicationCounts) -> dict[str, int]:
    return {
        "capture": frames.waiting,
        "publication": counts.frames.pending,
        "events": counts.events.waiting,
        "outputs": 0 if watched.sinks is None else watched.sinks.waiting,
    }


def _source(watched: Watched) -> SourceHealth:
    link = watched.reader.link
    return SourceHealth(
        kind=watched.source.kind,
        state=link.state,
        failures=link.failures,
        outages=dict(link.outages),
        problem=link.problem,
    )


def _publication(publication: Publication, counts: PublicationCounts) -> PublicationHealth:
    frames = counts.frames
    return PublicationHealth(
        connected=publication.connected,
        problem=publication.problem,
        overwritten=publication.overwritten,
        offered=frames.offered,
        published=frames.published,
        pending=frames.pending,
        dropped=dict(frames.dropped),
    )


def _spool(counts: PublicationCounts) -> SpoolHealth:
    events = counts.events
    dropped = {cause: n for cause, n in events.dropped.items() if n}
    return SpoolHealth(waiting=events.waiting, delivered=events.delivered, dropped=dropped)


def _process() -> ProcessHealth:
    figures = read_process()
    return ProcessHealth(
        resident_mb=figures.resident_mb,
        threads=figures.threads,
        descriptors=figures.descriptors,
        log_messages_dropped=STDERR.dropped,
        temperatures_c=figures.temperatures_c,
    )
