"""The self-test of a new bundle in a process of its own, whose time and memory are bounded.

A graph is a program: it may loop without end, ask for gigabytes or crash the engine. So it is
loaded and asked for its golden frames in a child first, and the box goes on with the one it has.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.box.model_updates.download import Stopped
from edge.bundles import Bundle
from edge.config import Config
from edge.errors import BundleError

_LOOK_S = 0.05
_MOST_ANSWER = 32 * 1024
"""Bytes of the child's answer: less than a pipe holds, so that it never waits for the reader."""
_MOST_WORDS = 300
_UNTOUCHED_MB = 250.0
"""Memory that a child may have and does not use: stacks of threads, data of libraries.

`VmData` less `VmRSS` of a child with the soccer bundle, on onnxruntime and on OpenVINO.
"""
_SPARE_SHARE = 0.8
"""Share of the free memory that a child may use; the box goes on beside it."""
_LOADED_MORE = 1.2
"""What the box wants free for each byte that the child needed: its own heap is in pieces."""
_CHILD = "edge.box.model_updates.self_test_child"
_LEAN = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class NoMemoryError(BundleError):
    """The box has too little memory free at the moment; the bundle may do another time."""


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What a bundle showed in its self-test."""

    problems: tuple[str, ...] = ()
    """What is wrong with its answers, one line each."""
    engine: str | None = None
    """The engine that it runs best on; None: ask again."""
    memory_bytes: int = 0
    """What loading and answering took, at most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    seconds: float
    memory_mb: float
    file_mb: float

    @classmethod
    def of(cls, config: Config) -> Limits:
        """Return the configured limits, less where the box has less memory free."""
        settings = config.updates
        free = free_memory_mb()
        memory = settings.test_mb
        if free is not None:
            memory = min(memory, _SPARE_SHARE * free + _UNTOUCHED_MB)
        return cls(settings.test_s, memory, settings.most_mb)


def self_test_in_child(
    config: Config,
    bundle: Bundle,
    stopped: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,
) -> SelfTestResult:
    """Load a bundle and ask for its golden frames, in a child; the engine is the configuration's.

    Raises BundleError, one line, when the child fails or reaches a limit, and Stopped.
    """
    limits = limits or Limits.of(config)
    order = {
        "bundle": str(bundle.path.resolve()),
        "config": config.model_dump(
            mode="json", include={"sport", "field", "engine", "registration"}
        ),
        "seconds": limits.seconds,
        "memory_bytes": int(limits.memory_mb * 1e6),
        "file_bytes": int(limits.file_mb * 1e6),
    }
    with _started() as child:
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(order).encode())
            child.stdin.close()
        _await(child, limits.seconds, stopped)
        answer = child.stdout.read(_MOST_ANSWER)
    return _answer_of(bundle, child.returncode, answer, limits)


def check_memory(result: SelfTestResult) -> None:
    """Refuse a bundle that the memory which is free does not hold; raises NoMemoryError."""
    free = free_memory_mb()
    needed = _LOADED_MORE * result.memory_bytes / 1e6
    if free is not None and needed > free:
        raise NoMemoryError(f"the bundle needs {needed:.0f} MB, the box has {free:.0f} MB free")


def free_memory_mb() -> float | None:
    """Return what the kernel, and the control group where it is limited, have left; None: unknown.

    The group is the first with a limit from this process up (cgroup v2).
    """
    found = [_available_mb(), _group_left_mb()]
    known = [value for value in found if value is not None]
    return min(known) if known else None


def _available_mb() -> float | None:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1000
    return None


def _group_left_mb() -> float | None:
    own = next((line for line in _read("/proc/self/cgroup").splitlines() if line[:3] == "0::"), "")
    folder = Path("/sys/fs/cgroup") / own[3:].lstrip("/")
    for place in (folder, *folder.parents):
        if not place.is_relative_to("/sys/fs/cgroup"):
            break
        limit = _read(place / "memory.max").strip()
        used = _read(place / "memory.current").strip()
        if limit.isdigit() and used.isdigit():
            return max(0.0, (int(limit) - int(used)) / 1e6)
    return None


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


@contextlib.contextmanager
def _started() -> Any:
    """Start the child; whatever happens, it and all that it started are gone afterwards."""
    environment = {**os.environ, **_LEAN, "PYTHONPATH": os.pathsep.join(_search_path())}
    try:
        child = subprocess.Popen(  # noqa: S603 - this very interpreter and a module of ours
            [sys.executable, "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise BundleError(f"the self-test cannot be started: {error.strerror}") from error
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _search_path() -> list[str]:
    """Return where this process finds its modules, for a child that starts in another folder."""
    return [str(Path(place).resolve()) for place in sys.path]


def _await(child: subprocess.Popen[bytes], seconds: float, stopped: Callable[[], bool]) -> None:
    """Wait for the child's end; raises Stopped, and BundleError when its time is over."""
    until_s = time.monotonic() + seconds
    while child.poll() is None:
        if stopped():
            raise Stopped
        if time.monotonic() > until_s:
            raise BundleError(f"the self-test took more than {seconds:g} s")
        time.sleep(_LOOK_S)


def _answer_of(bundle: Bundle, code: int, answer: bytes, limits: Limits) -> SelfTestResult:
    """Read what a child said; raises BundleError when it died or says why it failed."""
    try:
        found: Mapping[str, Any] = json.loads(answer) if code == 0 else {}
        failed = found.get("failed")
        if code == 0 and failed is None:
            return SelfTestResult(
                tuple(_line(problem) for problem in found["problems"]),
                str(found["engine"]),
                int(found["memory_bytes"]),
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{bundle.label}: the self-test gave no answer") from error
    raise BundleError(f"{bundle.label}: {_line(failed) if failed else _ending(code, limits)}")


def _line(text: object) -> str:
    return " ".join(str(text).split())[:_MOST_WORDS]


def _ending(code: int, limits: Limits) -> str:
    """Say what ended a child that gave no answer."""
    if code == -signal.SIGXCPU:
        return f"the self-test took more than {limits.seconds:g} s of the processor"
    if code == -signal.SIGXFSZ:
        return f"the self-test wrote more than {limits.file_mb:g} MB"
    if code == -signal.SIGKILL:
        return "the self-test was killed; it may have used up the box's memory"
    if code < 0:
        return f"the engine died of it ({signal.Signals(-code).name})"
    return f"the self-test ended with {code}"
