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

_ARM_CORES = {
    "0x41": {  # Arm
        "0xd03": "Cortex-A53",
        "0xd04": "Cortex-A35",
        "0xd05": "Cortex-A55",
        "0xd07": "Cortex-A57",
        "0xd08": "Cortex-A72",
        "0xd09": "Cortex-A73",
        "0xd0a": "Cortex-A75",
        "0xd0b": "Cortex-A76",
        "0xd0c": "Neoverse N1",
        "0xd0d": "Cortex-A77",
        "0xd0e": "Cortex-A76AE",
        "0xd40": "Neoverse V1",
        "0xd41": "Cortex-A78",
        "0xd42": "Cortex-A78AE",
        "0xd44": "Cortex-X1",
        "0xd46": "Cortex-A510",
        "0xd47": "Cortex-A710",
        "0xd48": "Cortex-X2",
        "0xd49": "Neoverse N2",
        "0xd4b": "Cortex-A78C",
        "0xd4d": "Cortex-A715",
        "0xd4e": "Cortex-X3",
        "0xd4f": "Neoverse V2",
        "0xd80": "Cortex-A520",
        "0xd81": "Cortex-A720",
        "0xd82": "Cortex-X4",
        "0xd84": "Neoverse V3",
        "0xd8e": "Neoverse N3",
    },
    "0x4e": {"0x003": "NVIDIA Denver 2", "0x004": "NVIDIA Carmel"},
    "0xc0": {"0xac3": "AmpereOne"},
}
"""`CPU implementer` and `CPU part` of /proc/cpuinfo -> the core's name, from Arm's and the makers'
manuals of their main ID register."""

_ARM_MACHINES = ("aarch64", "arm64", "arm")
"""How `uname -m` begins on a processor of Arm's architectures."""

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
    cpuinfo: Path = Path("/proc/cpuinfo"),
    model: Path = Path("/proc/device-tree/model"),
    machine: str | None = None,
) -> Cpu:
    """Describe the processor from the kernel's files.

    Unreadable ones leave name and features empty. `machine` is what `uname -m` prints. On an Arm
    processor the lines of another architecture count for nothing: QEMU's user mode shows the host's
    /proc/cpuinfo.
    """
    text = _read(cpuinfo)
    board = _read(model).strip("\0\n ")
    architecture = machine or platform.machine()
    if architecture.startswith(_ARM_MACHINES):
        name = _arm_name(text, board) or f"{architecture} processor"
        flags = _field(text, "Features")
    else:
        name = _field(text, "model name") or board or platform.processor() or "unknown"
        flags = _field(text, "flags") or _field(text, "Features")
    present = set(flags.split())
    features = tuple(label for flag, label in _FLAGS.items() if flag in present)
    return Cpu(name=name, machine=architecture, cores=_cores(), features=features)


def _arm_name(text: str, board: str) -> str:
    """Return board and cores, as far as they are known: `Raspberry Pi 5 (Cortex-A76)`; or ''."""
    makers, parts = _fields(text, "CPU implementer"), _fields(text, "CPU part")
    # a processor may have cores of several kinds
    cores = " + ".join(dict.fromkeys(map(_arm_core, makers, parts)))
    if not board:
        return cores
    return f"{board} ({cores})" if cores else board


def _arm_core(maker: str, part: str) -> str:
    """Return a core's name, or its numbers where it is none that we know."""
    known = _ARM_CORES.get(maker.lower(), {}).get(part.lower())
    return known or f"Arm core {part} of implementer {maker}"


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
    return next(iter(_fields(text, key)), "")


def _fields(text: str, key: str) -> list[str]:
    """Return the values of all `key : value` lines."""
    lines = (line.partition(":") for line in text.splitlines())
    return [value.strip() for head, _, value in lines if head.strip() == key]
