"""What systemd hears of a managed box while no run of it stands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.box.loaded_model import Network
from edge.config import Config
from edge.config.store import AttemptOutcome, AttemptRecord
from edge.config.write import to_yaml
from tests.box.remote_parts import ManagedBox, Networks, Probe, settings, write_config
from tests.manager import Manager
from tests.publish.conftest import mosquitto
from tests.publish.parts import Mosquitto

pytestmark = [pytest.mark.process, pytest.mark.slow]

__all__ = ["mosquitto"]


class Unmade(Networks):
    """Makes no network the first times; keeps what the service manager had heard at each."""

    def __init__(self, times: int, heard: Callable[[], list[str]]) -> None:
        super().__init__()
        self.heard: list[list[str]] = []
        self._times = times
        self._hear = heard

    def __call__(self, config: Config) -> Network:
        self.heard.append(self._hear())
        if len(self.heard) <= self._times:
            raise RuntimeError("no engine yet")
        return super().__call__(config)


def test_starts_that_fail_feed_the_watchdog_and_count_as_ready(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mosquitto.endpoint.url
    file = write_config(tmp_path, settings(url))
    with closing(Manager(tmp_path / "notify")) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "1")  # every sign of life is sent on
        box = ManagedBox(file, networks := Unmade(3, manager.heard))
        # a configuration that waited for this start: when it fails, the one before is tried again
        box.store.pending.write_text(to_yaml(settings(url, revision=1, engine={"threads": 2})))
        box.store.remember(
            AttemptRecord(1, "x", "d", AttemptOutcome.PENDING_RESTART, (), ("engine.threads",))
        )
        with Probe(mosquitto.port) as probe, box:
            probe.wait("config/reported", lambda m: m["status"] == "rolled_back")
            probe.wait("cam/cam1/homography", lambda m: True)
    first, *again = networks.heard
    assert first == ["WATCHDOG=1"]
    assert len(again) == 3
    for heard in again:  # at its end, and at the beginning of the next
        assert heard == ["WATCHDOG=1", "READY=1", "WATCHDOG=1"]
    assert box.error is None
