"""A source that cuts or flaps at every frame floods nobody."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest

from edge.box.box import Options, run_box
from edge.config import Config, with_changes
from edge.publish.queue.event_limiter import BURST
from tests.box.conftest import Mosquitto, NetworkMaker, Subscriber, wait_for
from tests.box.parts import GOOD, LOST, ScriptedRegistrar, write_video

pytestmark = [pytest.mark.process, pytest.mark.slow]

CUT = dataclasses.replace(GOOD, cut=True)


def test_cuts_at_every_frame_and_flapping_are_limited_counted_and_said(
    tmp_path: Path, mosquitto: Mosquitto, subscriber: Subscriber
):
    film = write_video(tmp_path / "film.mp4", frames=90)
    changes = {
        "broker": mosquitto.url,
        "site": "hall",
        "device": "box1",
        "publish.events.locked_after_frames": 1,
        "publish.events.lost_after_frames": 1,
    }
    for realtime in (True, False):
        summary = run_box(
            with_changes(Config(), changes),
            Options(source=str(film), realtime=realtime),
            stop=threading.Event(),
            make_network=NetworkMaker(ScriptedRegistrar([CUT, LOST])),
        )
        wait_for(lambda: [m["status"] for m in subscriber.of("state")][-1:] == ["offline"])
        events = subscriber.of("event")
        if realtime:
            assert summary.publication["events_dropped_suppressed"] > 0
            count = summary.publication["events"]
            assert 2 * BURST <= count < 40
            wait_for(lambda count=count: len(subscriber.of("event")) >= count)
            events = subscriber.of("event")
            told = sum(int(e["detail"].get("suppressed", 0)) for e in events)
            assert told == summary.publication["events_dropped_suppressed"]
            states = [e for e in events if e["kind"] in {"locked", "lost"}]
            assert states[-1]["kind"] == ("lost" if summary.processed % 2 == 0 else "locked")
        else:
            assert "events_dropped_suppressed" not in summary.publication
            assert summary.publication["events"] == 45 + 90
