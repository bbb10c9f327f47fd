"""One run of the box: everything is built in order, run, and taken down in the reverse order."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge.box.gc_control import frozen_heap
from edge.box.loaded_model import Network, NetworkFactory, load_network, network_of
from edge.box.model_updates.controller import MakeNetwork, SelfTest, begin_models, model_updates
from edge.box.model_updates.hot_swap import SwitchingRegistrar
from edge.box.model_updates.self_test_process import self_test_in_child
from edge.box.monitoring.frame_accounting import Balance
from edge.box.monitoring.reporter import HealthReporter, Watched
from edge.box.monitoring.run_summary import Accounts, Summary
from edge.box.monitoring.source_watch import WatchedReader
from edge.box.outputs.opening import OutputPaths, open_outputs
from edge.box.outputs.output_check import inputs_of
from edge.box.outputs.worker import SinkThread
from edge.box.pipeline import RunCounters, run_loop
from edge.box.protocols import Stop
from edge.box.signals import hidden_from_children
from edge.box.stages.pose import open_camera
from edge.box.stages.prefetch import PrefetchedFrames
from edge.box.stages.publish import Publication
from edge.box.stages.read import reader_for
from edge.box.stages.refinement_budget import RefinementBudget
from edge.box.stages.register import RegisterStage
from edge.box.stages.source_plan import open_or_wait, open_unless, plan_source
from edge.capture import SourceInfo
from edge.config import Config
from edge.errors import TouchlineError
from edge.publish import Topics, open_broker
from edge.publish.mqtt.shared_connection import SharedConnection
from edge.threads import ThreadWatch, watch_threads
from edge.types import Frame, Registration


@dataclass(frozen=True, slots=True)
class Options:
    """What a run does beside the configuration."""

    source: str | None = None
    """A source as a person writes it; None: the configuration's."""
    realtime: bool = False
    """Whether to play a file at its own pace, as a camera would."""
    max_frames: int | None = None
    every: int = 1
    """Takes every n-th frame of a file."""
    outputs: OutputPaths = field(default_factory=OutputPaths)
    config_file: Path | None = None
    """Where the configuration comes from, which no output may be."""


@dataclass(frozen=True, slots=True)
class Started:
    """What runs where, once everything is open."""

    source: SourceInfo
    network: Network
    broker: str
    problem: str | None
    """Why the broker of a live source is not there yet; None when it is."""
    publication: Publication
    registrar: SwitchingRegistrar
    """The model may be swapped at run time."""


class Observer(Protocol):
    """Is told how a run goes."""

    def started(self, started: Started) -> None:
        """Everything is open, the first frame comes next."""

    def frame(self, frame: Frame, registration: Registration) -> None:
        """One frame is done."""


class NullObserver:
    """An observer that does nothing."""

    def started(self, started: Started) -> None:
        """Ignore the start."""

    def frame(self, frame: Frame, registration: Registration) -> None:
        """Ignore a frame."""


def run_box(
    config: Config,
    options: Options,
    *,
    stop: Stop,
    observer: Observer | None = None,
    make_network: NetworkFactory = load_network,
    make_updated: MakeNetwork = network_of,
    self_test: SelfTest = self_test_in_child,
    line: SharedConnection | None = None,
    accounts: Accounts | None = None,
    threads: ThreadWatch | None = None,
) -> Summary:
    """Process a source to its end, to `stop`, or to `max_frames`; returns the account of it.

    `line` is a connection to a broker that is open already, and stays so; None makes one to the
    configured broker.
    `accounts` holds the runs before this one, and what is returned is the account of all; a run
    that breaks is added to it as well. `threads` notes threads that end by an exception, from
    before this run; None watches them from now on.

    Raises UsageError for wishes that cannot be met, and SourceError, BundleError, EngineError or
    BrokerError for what cannot be opened; no output file is left behind then.
    """
    observer = observer or NullObserver()
    plan = plan_source(config, options.source, realtime=options.realtime, every=options.every)
    accounts = accounts or Accounts()
    # stages that are built again find what those before them wrote
    outputs = options.outputs if accounts.empty else options.outputs.at_free_names()
    paths = outputs.or_configured(config)
    paths.check(inputs_of(config, options.source, options.config_file))
    tally = RunCounters(times=accounts.times)
    course: _RunRecord | None = None
    try:
        with ExitStack() as stack:
            threads = threads or stack.enter_context(watch_threads())
            # a file is opened first, so that a wrong one fails at once; a camera last, so that no
            # picture grows stale in it while the network loads
            early = None if plan.live else stack.enter_context(closing(open_unless(plan, stop)))
            line = line or stack.enter_context(closing(open_line(config, stack)))
            if (plan.live or options.realtime) and accounts.empty:
                begin_models(config)  # stages that are built again are no start of the box
            network = make_network(config)
            registrar = SwitchingRegistrar(network)
            stack.callback(registrar.close)
            stack.enter_context(frozen_heap())
            source = early or open_or_wait(plan, stop)
            if source is not None and early is None:
                stack.enter_context(closing(source))
            info = source.info if source is not None else plan.waits_as
            assert info is not None
            camera = stack.enter_context(closing(open_camera(config, info)))
            publication = Publication(config, line, network, info, camera)
            stack.callback(publication.stop)
            registrar.on_switch = publication.use
            problem = publication.start()
            observer.started(
                Started(info, network, publication.address, problem, publication, registrar)
            )
            begun_s = time.monotonic()
            with ExitStack() as watch:
                # first: an output that cannot be opened leaves nothing running
                sinks = watch.enter_context(open_outputs(paths, config, network.field, info))
                frames = reader_for(
                    source,
                    plan.open,
                    frozen_after_s=config.camera.frozen_after_s,
                    silent_after_s=plan.silent_after_s,
                )
                # a film's next frames are in the network while one is finished; a live frame gains
                # nothing by growing old there
                sensed = None if info.live else PrefetchedFrames(frames, registrar.sense)
                reader = WatchedReader(sensed or frames, publication.source_event, registrar.reset)
                answering = RegisterStage(
                    registrar,
                    flight_of=sensed.flight if sensed is not None else None,
                    allowance=RefinementBudget() if info.live else None,
                )
                watch.enter_context(closing(reader))
                course = _RunRecord(info, registrar, tally, reader, publication, sinks, begun_s)
                watched = Watched(
                    info,
                    reader,
                    tally,
                    publication,
                    sinks,
                    lambda: registrar.network.label,
                    threads,
                )
                monitor = watch.enter_context(closing(HealthReporter(config, watched)))
                if info.live:
                    watch.enter_context(
                        model_updates(config, line, registrar, make_updated, self_test)
                    )
                watch.callback(camera.stop)  # first of all: it ends while the others do
                course.why = run_loop(
                    reader,
                    registrar,
                    tally,
                    stop=stop,
                    outlet=publication,
                    sinks=sinks,
                    max_frames=options.max_frames,
                    on_frame=monitor.watching(observer.frame),
                    on_wait=monitor.waiting,
                    prior_of=camera.prior,
                    answering=answering,
                )
            course.ended_s = time.monotonic()
            if course.why == "end" and info.live:
                _check_ended(threads)
    except BaseException:
        if course is not None:
            accounts.add(_summary(config, course))
        raise
    return accounts.add(_summary(config, course))


def open_line(config: Config, stack: ExitStack) -> SharedConnection:
    """Return the box's line to its broker, an embedded one running as long as `stack` is open.

    Raises BrokerError or ConfigError where the broker cannot be opened.
    """
    with hidden_from_children():
        endpoint = stack.enter_context(open_broker(config.broker))
    return SharedConnection(endpoint, Topics(config.publish.prefix, config.site, config.device))


def _check_ended(threads: ThreadWatch) -> None:
    """Raise TouchlineError where a live source did not end, but the thread that reads it."""
    if threads.problem is not None:
        raise TouchlineError(threads.problem)


@dataclass(slots=True)
class _RunRecord:
    """What a run is made of, and how it went."""

    source: SourceInfo
    registrar: SwitchingRegistrar
    tally: RunCounters
    reader: WatchedReader
    publication: Publication
    sinks: SinkThread | None
    begun_s: float
    ended_s: float | None = None
    why: str = "failure"


def _summary(config: Config, course: _RunRecord) -> Summary:
    network, tally = course.registrar.network, course.tally
    reader, sinks = course.reader, course.sinks
    ledger = tally.ledger
    dropped = {cause: n for cause, n in reader.dropped.items() if n}
    balance = Balance(reader.captured, ledger.processed, dropped)
    if balance.unaccounted:  # the frame in hand when the run broke; none ever otherwise
        cause = "failed" if course.why == "failure" else "unaccounted"
        dropped[cause] = balance.unaccounted
    failures = sinks.failures if sinks is not None else []
    return Summary(
        source=course.source.uri,
        sport=config.sport,
        field_name=network.field.name,
        bundle=network.label,
        engine=network.engine,
        precision=network.precision,
        stopped_by=course.why,
        seconds=(course.ended_s or time.monotonic()) - course.begun_s,
        captured=balance.captured,
        processed=balance.processed,
        dropped=dropped,
        states=ledger.states(),
        reasons=ledger.reasons(),
        cuts=ledger.cuts,
        dense_share=ledger.dense_share,
        latency=tally.times.percentiles(),
        publication=course.publication.counts(),
        outputs=tuple(sinks.written) if sinks is not None else (),
        output_frames_dropped=sinks.dropped if sinks is not None else 0,
        outages=reader.outages,
        failures=tuple(f"{f.path}: {f.message}" for f in failures),
        note=reader.note,
    )
