"""The process and the board, as Linux shows them under /proc and /sys; None where it does not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """One moment of this process and the board."""

    resident_mb: float | None = None
    threads: int | None = None
    descriptors: int | None = None
    temperatures_c: dict[str, float] = field(default_factory=dict)


def read_process(
    proc: Path = Path("/proc/self"), thermal: Path = Path("/sys/class/thermal")
) -> ProcessFigures:
    """Look at this process; below a millisecond."""
    status = _status(proc / "status")
    try:
        descriptors = len(os.listdir(proc / "fd"))  # noqa: PTH208 - names are enough
    except OSError:
        descriptors = None
    resident_kib = _number(status.get("VmRSS"))
    threads = _number(status.get("Threads"))
    return ProcessFigures(
        resident_mb=None if resident_kib is None else round(resident_kib * 1.024e-3, 1),
        threads=None if threads is None else int(threads),
        descriptors=descriptors,
        temperatures_c=temperatures(thermal),
    )


def temperatures(thermal: Path) -> dict[str, float]:
    """Read every thermal zone, degrees Celsius by name; zones of one name are numbered.

    A zone that is switched off or gives what no board is (Jetson: -256) is left out.
    """
    found: dict[str, float] = {}
    for zone in sorted(thermal.glob("thermal_zone*"), key=_zone_number):
        try:
            name = (zone / "type").read_text().strip()
            celsius = int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):
            continue
        if -50 <= celsius <= 250:
            found[name if name not in found else f"{name}-{_zone_number(zone)}"] = celsius
    return found


def _zone_number(zone: Path) -> int:
    digits = zone.name.removeprefix("thermal_zone")
    return int(digits) if digits.isdigit() else 0


def _status(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _number(text: str | None) -> float | None:
    first = (text or "").split(" ")[0]
    return float(first) if first.isdigit() else None
