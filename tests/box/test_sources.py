"""Opening a source: what the configuration asks, and a stop while nothing answers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge.box.stages.source_plan import open_or_wait, open_unless, plan_source
from edge.config import Config
from edge.errors import SourceError
from tests.box.parts import write_video
from tests.capture.hostile import hostile, silent


def config_of(**source: object) -> Config:
    return Config.model_validate({"source": source})


@pytest.mark.parametrize(
    ("lowest_fps", "silent_after_s"), [(None, 1.5), (0.1, 30.0), (1, 3.0), (25, 1.5)]
)
@pytest.mark.parametrize("source", [{"type": "rtsp", "url": "rtsp://cam/1"}, {"type": "v4l2"}])
def test_a_slow_camera_may_owe_three_frames(
    source: dict[str, str], lowest_fps: float | None, silent_after_s: float
) -> None:
    plan = plan_source(config_of(**source, lowest_fps=lowest_fps), None)
    assert plan.silent_after_s == pytest.approx(silent_after_s)


def test_a_stop_does_not_wait_for_a_camera() -> None:
    stop = threading.Event()
    with hostile(silent) as told:
        plan = plan_source(Config(), f"rtsp://127.0.0.1:{told.port}/1")
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(SourceError, match="stopped before the source was open"):
            open_unless(plan, stop)
        with pytest.raises(SourceError, match="stopped"):
            open_or_wait(plan, stop)


def test_what_comes_too_late_is_closed(tmp_path: Path) -> None:
    stop, may_open = threading.Event(), threading.Event()
    film = write_video(tmp_path / "a.mp4")
    plan = plan_source(Config(), str(film))
    closed = threading.Event()

    def open_late():
        may_open.wait(30)
        source = plan.open()
        close = source.close
        source.close = lambda: (close(), closed.set())  # type: ignore[func-returns-value, method-assign]
        return source

    stop.set()
    with pytest.raises(SourceError, match="stopped"):
        open_unless(type(plan)(open_late, live=True), stop)
    may_open.set()
    assert closed.wait(30)


def test_a_source_that_opens_is_given_and_an_error_is_raised(tmp_path: Path) -> None:
    film = write_video(tmp_path / "a.mp4")
    source = open_unless(plan_source(Config(), str(film)), threading.Event())
    assert source.read() is not None
    source.close()
    film.write_bytes(b"")
    with pytest.raises(SourceError, match="the file is empty"):
        open_unless(plan_source(Config(), str(film)), threading.Event())
