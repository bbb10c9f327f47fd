"""sd_notify against a real datagram socket, as systemd's is."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.health.notify import Notifier
from tests.manager import Manager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = request.param == "abstract"
    address = f"@touchline-{secrets.token_hex(6)}" if abstract else str(tmp_path / "notify")
    with closing(Manager(address)) as end:
        yield end


def test_what_is_said_is_what_systemd_reads(manager: Manager) -> None:
    with closing(Notifier.from_environment({"NOTIFY_SOCKET": manager.address})) as notifier:
        notifier.ready()
        notifier.status("ready,\n 25 frames/s")
        notifier.alive()  # no watchdog is asked for
        notifier.stopping()
    assert manager.heard() == ["READY=1", "STATUS=ready, 25 frames/s", "STOPPING=1"]


def test_the_watchdog_is_fed_by_signs_of_life_four_times_a_period(manager: Manager) -> None:
    now_s = 100.0
    notifier = Notifier(manager.address, watchdog_s=20.0, monotonic_s=lambda: now_s)
    with closing(notifier):
        for _ in range(1000):  # fifty seconds at twenty a second
            notifier.alive()
            now_s += 0.05
        assert manager.heard() == ["WATCHDOG=1"] * 10
        now_s += 1000.0
        assert manager.heard() == [], "time alone says nothing"
        notifier.alive()
        assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),  # meant for another
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_period_comes_from_the_environment(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier.from_environment(environment).watchdog_s == watchdog_s


def test_a_manager_that_is_gone_full_or_never_was_holds_nothing_up(tmp_path: Path) -> None:
    nobody = Notifier(str(tmp_path / "absent"), watchdog_s=1.0)
    nobody.ready()
    nobody.alive()
    nobody.close()
    manager = Manager(str(tmp_path / "notify"))
    with closing(Notifier(manager.address)) as notifier:
        for _ in range(10_000):  # far more than the socket's queue takes
            notifier.status("x" * 1000)
        manager.close()
        notifier.stopping()
        notifier.close()
        notifier.stopping()
