from __future__ import annotations

import json
import threading
from pathlib import Path

import av
import pytest

from edge.box.box import Options, run_box
from edge.box.outputs.opening import OutputPaths
from edge.config import Config, with_changes
from edge.errors import BrokerError, SourceError, UsageError
from edge.types import Frame, Registration
from tests.box.conftest import Mosquitto, NetworkMaker, Subscriber, free_port, wait_for
from tests.box.parts import GOOD, LOST, MENDED, ScriptedRegistrar, write_video

pytestmark = pytest.mark.process


def config_for(broker: str, **changes: object) -> Config:
    return with_changes(Config(), {"broker": broker, "site": "hall", "device": "box1"} | changes)


class Hook:
    """An observer that calls back after each frame."""

    def __init__(self, call) -> None:
        self._call = call

    def started(self, started) -> None:
        self.what = started

    def frame(self, frame: Frame, registration: Registration) -> None:
        self._call(frame.index)


def test_a_file_goes_through_the_whole_box_to_an_independent_subscriber(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    film = write_video(tmp_path / "film.mp4", frames=30)
    registrar = ScriptedRegistrar([GOOD] * 9 + [MENDED])
    outputs = OutputPaths(tmp_path / "h.jsonl", tmp_path / "o.mp4", tmp_path / "pictures")
    summary = run_box(
        config_for(mosquitto.url),
        Options(source=str(film), outputs=outputs),
        stop=threading.Event(),
        make_network=NetworkMaker(registrar),
    )
    assert summary.stopped_by == "end"
    assert (summary.captured, summary.processed, dict(summary.dropped)) == (30, 30, {})
    assert (summary.states["verified"], summary.states["refined"]) == (27, 3)
    assert summary.dense_share == pytest.approx(0.1)
    assert registrar.closed

    published = summary.publication["published"]
    dropped = sum(n for key, n in summary.publication.items() if key.startswith("dropped_"))
    assert summary.publication["offered"] == 30 == published + dropped
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
    heard = subscriber.of("homography")
    assert len(heard) == published
    assert [m["seq"] for m in heard] == sorted({m["seq"] for m in heard})
    assert heard[-1]["field_from_image"] == [0.1, 0, 0, 0, 0.1, 0, 0, 0, 1]
    assert {"queue", "infer", "total"} <= set(heard[0]["latency_ms"])
    assert [m["kind"] for m in subscriber.of("event")] == ["locked"]

    lines = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == [f"{film}/{i}" for i in range(30)]
    with av.open(str(tmp_path / "o.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 30
    assert (tmp_path / "pictures" / "contact_sheet.jpg").exists()
    assert set(summary.outputs) == {str(outputs.out), str(outputs.overlay), str(outputs.pictures)}
    assert not list(tmp_path.glob(".*.part"))
    assert json.dumps(summary.as_json())


@pytest.mark.slow
def test_the_embedded_broker_serves_and_is_gone_afterwards(tmp_path: Path):
    film = write_video(tmp_path / "film.mp4", frames=8)
    port = free_port()
    heard: list[Subscriber] = []

    def listen(index: int) -> None:
        if index == 0:
            heard.append(Subscriber(port))
        elif index == 6:
            wait_for(lambda: heard[0].of("homography"))

    summary = run_box(
        config_for(f"embedded:{port}"),
        Options(source=str(film)),
        stop=threading.Event(),
        observer=Hook(listen),
        make_network=NetworkMaker(ScriptedRegistrar()),
    )
    heard[0].close()
    assert len(heard[0].of("homography")) <= summary.publication["published"]
    run_box(  # the port is free again
        config_for(f"embedded:{port}"),
        Options(source=str(film), max_frames=1),
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar()),
    )


def test_a_broker_that_goes_away_does_not_stop_the_run(tmp_path: Path, mosquitto: Mosquitto):
    film = write_video(tmp_path / "film.mp4", frames=20)
    summary = run_box(
        config_for(mosquitto.url),
        Options(source=str(film)),
        stop=threading.Event(),
        observer=Hook(lambda index: mosquitto.stop() if index == 5 else None),
        make_network=NetworkMaker(ScriptedRegistrar()),
    )
    assert (summary.stopped_by, summary.processed) == ("end", 20)
    account = summary.publication
    dropped = sum(n for key, n in account.items() if key.startswith("dropped_"))
    assert account["offered"] == 20 == account["published"] + dropped
    assert dropped > 0


def test_a_live_source_starts_with_its_broker_away(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    film = write_video(tmp_path / "film.mp4", frames=10)
    summary = run_box(
        config_for(f"mqtt://127.0.0.1:{free_port()}"),
        Options(source=str(film), realtime=True),
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar([GOOD])),
    )
    assert summary.stopped_by == "end"
    assert summary.captured == summary.processed + sum(summary.dropped.values()) == 10
    assert summary.publication["published"] == 0


def test_a_stop_ends_the_run_with_whole_outputs(tmp_path: Path, mosquitto: Mosquitto):
    film = write_video(tmp_path / "film.mp4", frames=40)
    stop = threading.Event()
    summary = run_box(
        config_for(mosquitto.url),
        Options(source=str(film), outputs=OutputPaths(out=tmp_path / "h.jsonl")),
        stop=stop,
        observer=Hook(lambda index: stop.set() if index == 11 else None),
        make_network=NetworkMaker(ScriptedRegistrar([GOOD, LOST])),
    )
    assert (summary.stopped_by, summary.processed) == ("signal", 12)
    assert summary.captured == 12 + sum(summary.dropped.values())
    assert len((tmp_path / "h.jsonl").read_text().splitlines()) == 12


def test_what_cannot_be_opened_leaves_nothing(tmp_path: Path, mosquitto: Mosquitto):
    film = write_video(tmp_path / "film.mp4", frames=3)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    out = tmp_path / "out"
    nobody = f"mqtt://127.0.0.1:{free_port()}"
    outputs = OutputPaths(out / "h.jsonl", out / "o.mp4", None)
    for source, broker, expected in [
        (str(tmp_path / "absent.mp4"), mosquitto.url, SourceError),
        (str(text), mosquitto.url, SourceError),
        ("rtps://camera/stream", mosquitto.url, SourceError),
        (None, mosquitto.url, UsageError),
        (str(film), nobody, BrokerError),
    ]:
        with pytest.raises(expected) as error:
            run_box(
                config_for(broker),
                Options(source=source, outputs=outputs),
                stop=threading.Event(),
                make_network=NetworkMaker(ScriptedRegistrar()),
            )
        assert "\n" not in str(error.value)
        assert not out.exists() or list(out.iterdir()) == []


def test_a_network_that_fails_in_the_middle_leaves_no_half_output(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    def fail(number: int) -> None:
        if number == 4:
            raise MemoryError

    film = write_video(tmp_path / "film.mp4", frames=10)
    out = tmp_path / "out"
    with pytest.raises(MemoryError):
        run_box(
            config_for(mosquitto.url),
            Options(
                source=str(film),
                outputs=OutputPaths(out / "h.jsonl", out / "o.mp4", out / "pictures"),
            ),
            stop=threading.Event(),
            make_network=NetworkMaker(ScriptedRegistrar(hook=fail)),
        )
    assert [p for p in out.rglob("*") if p.is_file()] == []
    wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])


def test_outputs_of_the_configuration_are_written_too(tmp_path: Path, mosquitto: Mosquitto):
    film = write_video(tmp_path / "film.mp4", frames=3)
    config = config_for(
        mosquitto.url,
        **{
            "output.jsonl": tmp_path / "h.jsonl",
            "output.overlay": tmp_path / "drawn",
            "source": str(film),
        },
    )
    run_box(
        config, Options(), stop=threading.Event(), make_network=NetworkMaker(ScriptedRegistrar())
    )
    assert len((tmp_path / "h.jsonl").read_text().splitlines()) == 3
    assert (tmp_path / "drawn" / "000000.jpg").exists()
