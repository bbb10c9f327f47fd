"""Shared by all tests: nothing that a test starts may outlive it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes share the cores: torch must not spin
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import edge  # noqa: F401 - before an engine is imported: it keeps engines from reporting
from tests import once

for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:  # as under nohup: children would inherit it
        signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)


_GRACE_S = 30.0

# a busy machine is no defect: hypothesis times nothing here
settings.register_profile("touchline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("touchline")


@pytest.fixture(autouse=True, scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the processes of this run share what `tests.once` makes."""
    with once.kept_below(tmp_path_factory):
        yield


@pytest.fixture(autouse=True, scope="session")
def choices_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what `engine: auto` chooses in tests out of the developer's own state folder."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.bundles.graphs.lasting_state_folder", lambda: folder)
        yield


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread running; threads that are ending get a moment for it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _GRACE_S
    while left := [t for t in threading.enumerate() if t not in before and t.is_alive()]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {', '.join(t.name for t in left)}")
        time.sleep(0.01)


_started: list[str] = []


def _note_process(event: str, _arguments: tuple[object, ...]) -> None:
    if event in {"subprocess.Popen", "os.posix_spawn", "os.fork"}:
        _started.append(event)


sys.addaudithook(_note_process)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Forget the processes of the test before, ahead of the fixtures of modules."""
    _started.clear()
    return (yield)


@pytest.fixture(autouse=True)
def unit_tests_start_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of the unit tier that starts a process: it lacks the marker."""
    yield
    if _started and "not process" in request.config.option.markexpr:
        pytest.fail("starts a process: mark it with pytest.mark.process", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no process of pytest-xdist ends with them alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape what no worker of pytest-xdist can send: halves of characters in captured text."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(item) for item in value]
    return value
