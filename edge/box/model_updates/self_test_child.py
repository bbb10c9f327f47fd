"""The child process of the self-test: bounds itself, then loads a bundle and tests it.

Reads its order as JSON from its standard input and writes its answer as JSON to its standard
output. Nothing is imported before the bounds are set but what they need.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_NICE = 10
"""The box's frames come first."""
_MOST_FILES = 256
_MOST_ORDER = 1_000_000
_MAPPED_BYTES = 4_000_000_000
"""Address space beside the memory: libraries, reserved and not used."""
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_GPU = ("cuda", "tensorrt", "gpu", "npu")
"""Engines whose drivers map far more address space than they use."""


def main() -> int:
    """Do what is ordered, and answer."""
    order = json.loads(sys.stdin.buffer.read(_MOST_ORDER))
    answer_to = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # engines write to their standard output
    _bound(order)
    try:
        answer = _tested(order)
    except MemoryError:
        answer = {"failed": "the bundle needs more memory than its self-test may have"}
    except Exception as error:  # noqa: BLE001 - whatever it is, the box is told
        answer = {"failed": str(error)[:2000] or type(error).__name__}
    os.write(answer_to, json.dumps(answer).encode()[:32_000])
    os._exit(0)  # an engine that crashes on closing has answered all the same


def _bound(order: dict[str, Any]) -> None:
    """Set the limits of this process, which it cannot raise again."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    engine = str(order["config"]["engine"]["name"])
    memory = int(order["memory_bytes"])
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, max(1, round(order["seconds"]))),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, int(order["file_bytes"])),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ]
    if not any(device in engine for device in _GPU):
        limits.append((resource.RLIMIT_AS, memory + _MAPPED_BYTES))
    for kind, most in limits:
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
    os.nice(_NICE)
    with contextlib.suppress(OSError):  # where memory runs out, this process goes and not the box
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    # no network where the kernel allows it; a service may not make namespaces
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _tested(order: dict[str, Any]) -> dict[str, Any]:
    from edge.box.loaded_model import network_of  # noqa: PLC0415 - the bounds first
    from edge.bundles import load_bundle  # noqa: PLC0415
    from edge.config import Config  # noqa: PLC0415
    from edge.registration.golden import self_test  # noqa: PLC0415

    config = Config.model_validate(order["config"])
    bundle = load_bundle(order["bundle"])
    before = _resident_bytes()
    network = network_of(config, bundle)
    problems = self_test(network.registrar, bundle, network.field)
    return {
        "problems": [problem[:300] for problem in problems[:20]],
        "engine": network.engine,
        "memory_bytes": max(0, _most_resident_bytes() - before),
    }


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _most_resident_bytes() -> int:
    """Peak of this program alone, bytes; getrusage adds what the parent held when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    raise SystemExit(main())
