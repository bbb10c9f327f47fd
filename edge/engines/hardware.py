"""What processor this is, and what it can do for a network.

Linux; other systems give what they can.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_FLAGS = {
    "avx2": "AVX2",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX512-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "amx_int8": "AMX-INT8",
    "amx_bf16": "AMX-BF16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "BF16",
    "sve": "SVE",
}
"""Flag in /proc/cpuinfo -> the name people know it by."""

_INT8 = ("AVX-VNNI", "AVX512-VNNI", "AMX-INT8", "dotprod", "i8mm")


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor of this box."""

    name: str
    machine: str
    """Architecture as `uname -m` says it: `x86_64`, `aarch64`."""
    cores: float
    """Cores this process may use: its affinity, cut by the container's quota."""
    features: tuple[str, ...]
    """What matters to a network, e.g. `AVX512-VNNI`."""

    @property
    def int8_fast(self) -> bool:
        """Whether the processor has dot-product instructions for INT8."""
        return any(f in _INT8 for f in self.features)


def usable_cores() -> int:
    """Return how many cores this process may run on, whole ones, at least 1."""
    return max(1, int(_cores()))


def read_cpu(
    cpuinfo: Path = Path("/proc/cpuinfo"), model: Path = Path("/proc/device-tree/model")
) -> Cpu:
    """Describe the processor from the kernel's files.

    Unreadable ones leave name and features empty.
    """
    text = _read(cpuinfo)
    name = (
        _field(text, "model name")
        or _read(model).strip("\0\n ")
        or platform.processor()
        or "unknown"
    )
    flags = set((_field(text, "flags") or _field(text, "Features")).split())
    features = tuple(label for flag, label in _FLAGS.items() if flag in flags)
    return Cpu(name=name, machine=platform.machine(), cores=_cores(), features=features)


def _cores() -> float:
    try:
        affinity = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        affinity = os.cpu_count() or 1
    return min(affinity, _quota(_read(Path("/sys/fs/cgroup/cpu.max"))))


def _quota(cpu_max: str) -> float:
    """Read cgroup v2's `cpu.max` ("max 100000", "150000 100000") -> cores, inf for no limit."""
    parts = cpu_max.split()
    if len(parts) != 2 or parts[0] == "max":
        return float("inf")
    return int(parts[0]) / int(parts[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _field(text: str, key: str) -> str:
    """Return the first `key : value` line's value, or ''."""
    for line in text.splitlines():
        head, _, value = line.partition(":")
        if head.strip() == key:
            return value.strip()
    return ""
