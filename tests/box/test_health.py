"""A run that is watched: its account on MQTT, its pages, and what systemd hears of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from edge.box.box import Options, run_box
from edge.box.monitoring.reporter import HealthReporter, Watched
from edge.box.monitoring.source_watch import WatchedReader
from edge.box.pipeline import RunCounters, run_loop
from edge.box.signals import stop_on_signals
from edge.box.stages.pose import open_camera
from edge.box.stages.publish import Publication
from edge.box.stages.read import LiveFrames
from edge.capture import FrameSource, LiveReader, SourceBackoff
from edge.config import Config, with_changes
from edge.errors import SourceError, TouchlineError
from edge.health.beat import STALLED_AFTER_S
from edge.health.notify import Notifier
from edge.publish.messages.health import Health
from edge.publish.mqtt.endpoint import Endpoint
from edge.threads import watch_threads
from tests.box.conftest import Mosquitto, NetworkMaker, Subscriber, free_port, wait_for
from tests.box.parts import GOOD, LOST, ListSource, ScriptedRegistrar, write_video
from tests.manager import Manager

pytestmark = pytest.mark.process


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with closing(Manager(tmp_path / "notify")) as end:
        yield end


def config_for(broker: str, **changes: object) -> Config:
    given = {"broker": broker, "site": "hall", "device": "box1", "health.http.port": 0}
    return with_changes(Config(), given | changes)


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class Hook:
    """An observer that calls back after each frame."""

    def __init__(self, call: Callable[[int], object]) -> None:
        self._call = call

    def started(self, started: object) -> None:
        pass

    def frame(self, frame: Any, registration: object) -> None:
        self._call(frame.index)


def test_the_account_on_mqtt_adds_up_while_a_film_runs_and_at_its_end(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    film = write_video(tmp_path / "film.mp4", frames=60)
    summary = run_box(
        config_for(mosquitto.url, **{"health.interval_s": 0.2}),
        Options(source=str(film), realtime=True),
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar([GOOD, GOOD, LOST])),
    )
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
    messages = [Health.model_validate(m) for m in subscriber.of("health")]
    assert len(messages) >= 3
    assert [m.seq for m in messages] == sorted({m.seq for m in messages})
    for message in messages:
        assert message.frames.unaccounted == 0
        assert message.frames.processed == sum(message.frames.states.values())
        assert message.session == subscriber.of("state")[0]["session"]
    last = messages[-1]
    assert last.frames.captured == summary.captured == 60
    assert last.frames.processed == summary.processed
    assert last.frames.dropped == summary.dropped
    assert last.frames.reasons == summary.reasons
    assert set(last.stages) >= {"queue", "infer", "total"}
    assert last.fps_out > 0
    assert last.publication.offered == summary.processed
    assert last.process.resident_mb is not None
    assert last.clock.source
    assert last.source.kind == "file"


def test_pages_say_live_and_ready_and_not_ready_without_a_broker(
    tmp_path: Path, mosquitto: Mosquitto, manager: Manager, monkeypatch
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.address))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    film = write_video(tmp_path / "film.mp4", frames=20)
    port = free_port()
    stop = threading.Event()
    seen: dict[str, Any] = {}
    heard: list[str] = []

    def said_ready() -> bool:
        heard.extend(manager.heard())
        return any(line.startswith("STATUS=ready, ") for line in heard)

    def look(index: int) -> None:  # never waits: a box that answers no frame is not ready
        status, body = get(port, "/readyz")
        problems = json.loads(body)["problems"]
        if "metrics" not in seen:
            if status == 200 and said_ready():
                seen["healthz"] = get(port, "/healthz")
                seen["metrics"] = get(port, "/metrics")
                mosquitto.stop()
        elif len(problems) == 1 and problems[0].startswith("broker: "):
            seen["away"] = (status, problems[0])
            seen["still"] = get(port, "/healthz")[0]
            stop.set()

    source = {"type": "file", "path": film, "loop": True}
    changes = {"health.http.port": port, "health.interval_s": 0.2, "source": source}
    run_box(
        config_for(mosquitto.url, **changes),
        Options(realtime=True),
        stop=stop,
        observer=Hook(look),
        make_network=NetworkMaker(ScriptedRegistrar()),
    )
    assert seen["healthz"][0] == 200
    assert seen["metrics"][0] == 200
    expected = 'touchline_frames_captured_total{site="hall",device="box1",camera="cam1"} '
    assert expected in seen["metrics"][1]
    assert seen["away"][0] == 503
    assert seen["away"][1].startswith("broker: mqtt://127.0.0.1:")
    assert seen["still"] == 200, "a broker that is away is no reason to restart the box"
    with pytest.raises(ConnectionRefusedError):
        get(port, "/healthz")
    heard += manager.heard()
    assert heard[0] == "READY=1"
    assert "WATCHDOG=1" in heard
    assert "STOPPING=1" not in heard, "a run that ends may be followed by another"


def test_a_signal_is_passed_on_as_stopping_at_once(manager: Manager, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.address))
    with stop_on_signals() as stop:
        assert manager.heard() == []
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for(stop.is_set)
        assert manager.heard() == ["STOPPING=1"]


def test_a_port_that_is_taken_or_a_film_leaves_the_run_without_pages(
    tmp_path: Path, mosquitto: Mosquitto, caplog
):
    film = write_video(tmp_path / "film.mp4", frames=5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for realtime, warned in ((True, True), (False, False)):
            caplog.clear()
            summary = run_box(
                config_for(mosquitto.url, **{"health.http.port": port}),
                Options(source=str(film), realtime=realtime),
                stop=threading.Event(),
                make_network=NetworkMaker(ScriptedRegistrar()),
            )
            assert summary.captured == 5
            lines = [r.getMessage() for r in caplog.records if "health.http" in r.getMessage()]
            assert bool(lines) == warned, lines


class Stage:
    """A monitor over real parts, with a clock and a camera that the test holds."""

    def __init__(
        self,
        stack: ExitStack,
        broker: Mosquitto,
        manager: Manager,
        open_: Callable[[], FrameSource],
    ) -> None:
        self.now_s = 1000.0
        self.tally = RunCounters()
        source = ListSource(0, live=True)
        config = config_for(broker.url)
        network = NetworkMaker(ScriptedRegistrar())(config)
        camera = stack.enter_context(closing(open_camera(config, source.info)))
        endpoint = Endpoint("127.0.0.1", broker.port)
        self.publication = Publication(config, endpoint, network, source.info, camera)
        stack.callback(self.publication.stop)
        self.publication.start()
        reader = LiveReader(open_, backoff=SourceBackoff(0.02, 1.0, 0.02))
        frames = WatchedReader(LiveFrames(reader), self.publication.source_event, lambda: None)
        self.reader = stack.enter_context(closing(frames))
        notifier = Notifier(str(manager.address), watchdog_s=4e-9)  # every sign is sent on
        self.threads = stack.enter_context(watch_threads())
        watched = Watched(
            source.info,
            self.reader,
            self.tally,
            self.publication,
            None,
            lambda: "none",
            self.threads,
        )
        self.monitor = HealthReporter(
            config, watched, notifier=notifier, monotonic_s=lambda: self.now_s
        )
        stack.enter_context(closing(self.monitor))

    def run(self, registrar: ScriptedRegistrar, stop: threading.Event) -> threading.Thread:
        thread = threading.Thread(
            target=run_loop,
            args=(self.reader, registrar, self.tally),
            kwargs={
                "stop": stop,
                "on_frame": self.monitor.watching(lambda *_: None),
                "on_wait": self.monitor.waiting,
            },
        )
        thread.start()
        return thread

    def status_of(self, path: str) -> int:
        assert self.monitor.port is not None
        return get(self.monitor.port, path)[0]


def absent() -> FrameSource:
    raise SourceError("rtsp://camera/1: no answer")


def test_a_camera_that_is_away_keeps_the_box_alive_but_not_ready(
    mosquitto: Mosquitto, manager: Manager
):
    stop = threading.Event()
    with ExitStack() as stack:
        stage = Stage(stack, mosquitto, manager, absent)
        thread = stage.run(ScriptedRegistrar(), stop)
        stack.callback(thread.join)
        stack.callback(stop.set)
        wait_for(lambda: manager.heard().count("WATCHDOG=1") > 0)
        for _ in range(3):
            stage.now_s += STALLED_AFTER_S - 1
            wait_for(lambda: manager.heard().count("WATCHDOG=1") > 0)
            assert stage.status_of("/healthz") == 200
        assert stage.status_of("/readyz") == 503
        problems = stage.monitor._gather().problems
        assert problems == ["source: rtsp://camera/1: no answer"]
        source = stage.monitor._gather().source
        assert source.outages == {"unreachable": 1}
        assert source.failures > 3


def test_a_registrar_that_hangs_starves_the_watchdog_and_shows(
    mosquitto: Mosquitto, manager: Manager
):
    hang, stop = threading.Event(), threading.Event()
    entered = threading.Event()

    def stick(number: int) -> None:
        if number == 3:
            entered.set()
            assert hang.wait(60)

    with ExitStack() as stack:
        stage = Stage(stack, mosquitto, manager, lambda: ListSource(10**6, live=True))
        thread = stage.run(ScriptedRegistrar(hook=stick), stop)
        stack.callback(thread.join)
        stack.callback(stop.set)
        stack.callback(hang.set)
        assert entered.wait(30)
        assert manager.heard().count("WATCHDOG=1") == 3
        stage.now_s += STALLED_AFTER_S + 1
        assert stage.status_of("/healthz") == 503
        account = stage.monitor._gather()
        assert account.live is False
        assert account.frames.in_work == 1
        assert account.frames.unaccounted == 0
        assert any("stalled" in problem for problem in account.problems)
        assert manager.heard().count("WATCHDOG=1") == 0
        hang.set()
        wait_for(lambda: stage.status_of("/healthz") == 200)
        wait_for(lambda: manager.heard().count("WATCHDOG=1") > 0)


def break_down() -> None:
    raise ZeroDivisionError("a defect\nof two lines")


def test_a_thread_that_dies_makes_the_box_not_live_and_starves_the_watchdog(
    mosquitto: Mosquitto, manager: Manager, caplog
):
    stop = threading.Event()
    with ExitStack() as stack:
        stage = Stage(stack, mosquitto, manager, lambda: ListSource(10**6, live=True))
        thread = stage.run(ScriptedRegistrar(), stop)
        stack.callback(thread.join)
        stack.callback(stop.set)
        wait_for(lambda: manager.heard().count("WATCHDOG=1") > 0)
        assert stage.status_of("/healthz") == 200
        doomed = threading.Thread(target=break_down, name="some-worker")
        doomed.start()
        doomed.join()
        account = stage.monitor._gather()
        assert (account.live, account.ready) == (False, False)
        why = "thread some-worker ended by ZeroDivisionError: a defect of two lines"
        assert any(problem.startswith(why) for problem in account.problems)
        assert stage.status_of("/healthz") == stage.status_of("/readyz") == 503
        manager.heard()
        processed = stage.tally.ledger.processed
        wait_for(lambda: stage.tally.ledger.processed > processed + 2)
        assert "WATCHDOG=1" not in manager.heard(), "frames go on, and feed no longer"
    (line,) = [r for r in caplog.records if "some-worker" in r.getMessage()]
    assert line.exc_info is not None


class _Broken(ListSource):
    """A source whose decoder has a defect."""

    def read(self) -> None:  # type: ignore[override]
        raise ZeroDivisionError("a defect")


def test_a_live_source_whose_thread_dies_is_a_failed_run_not_its_end(
    mosquitto: Mosquitto, monkeypatch
):
    monkeypatch.setattr("edge.box.box.open_or_wait", lambda plan, stop: _Broken(live=True))
    with pytest.raises(TouchlineError, match="thread capture ended by ZeroDivisionError"):
        run_box(
            config_for(mosquitto.url),
            Options(source="rtsp://127.0.0.1:1/camera"),
            stop=threading.Event(),
            make_network=NetworkMaker(ScriptedRegistrar()),
        )
