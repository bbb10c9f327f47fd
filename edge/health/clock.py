"""What the kernel knows of its clock, and jumps of it.

Source: adjtimex(2); struct timex of <sys/timex.h> on 64-bit Linux.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from dataclasses import dataclass
from pathlib import Path

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5

_DAEMONS = {
    "phc2sys": "ptp",
    "chronyd": "chrony",
    "ntpd": "ntp",
    "systemd-timesyn": "timesyncd",  # the kernel keeps 15 characters of a name
}
"""Program that disciplines a clock -> source; the first that runs is named."""


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_fraction", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("unused", ctypes.c_int * 11),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The kernel's word on its clock; offset and error only where it is synchronized."""

    synchronized: bool
    offset_ns: int | None = None
    """What is still being corrected."""
    error_ns: int | None = None
    """The most that the clock may be off."""
    told: bool = True
    """Whether the kernel said anything; in some containers it may not."""


def kernel_clock() -> KernelClock:
    """Ask the kernel; changes nothing."""
    timex = _Timex()  # modes 0: only asks
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):  # not Linux
        return KernelClock(synchronized=False, told=False)
    return interpret(state, timex.status, timex.offset, timex.maxerror)


def interpret(state: int, status: int, offset: int, maxerror_us: int) -> KernelClock:
    """Make sense of what adjtimex returned; `offset` is in ns or us as `status` says. Pure."""
    if state < 0:
        return KernelClock(synchronized=False, told=False)
    if state == _TIME_ERROR or status & _STA_UNSYNC:
        return KernelClock(synchronized=False)
    offset_ns = offset if status & _STA_NANO else offset * 1000
    return KernelClock(True, offset_ns, max(0, maxerror_us) * 1000)


def clock_source(clock: KernelClock, proc: Path = Path("/proc")) -> str:
    """Name what disciplines the clock, from the programs that run on this box.

    `other`: the kernel is synchronized, but by none that is known or seen (in a container).
    """
    if not clock.synchronized:
        return "unsynchronized" if clock.told else "unknown"
    running = _programs(proc)
    return next((source for name, source in _DAEMONS.items() if name in running), "other")


def _programs(proc: Path) -> set[str]:
    names: set[str] = set()
    for entry in os.listdir(proc):  # noqa: PTH208 - names are enough
        if entry.isdigit():
            try:
                names.add((proc / entry / "comm").read_text().strip())
            except OSError:  # it ended meanwhile
                continue
    return names


class JumpDetector:
    """Notices that the clock was set, against one that only runs. Pure.

    `slack_ns` is left for slewing (at most 500 ppm) and for what comes between two readings.
    """

    def __init__(self, slack_ns: int = 250_000_000) -> None:
        self._slack_ns = slack_ns
        self._difference_ns: int | None = None
        self.jumps = 0
        self.last_jump_ns: int | None = None

    def feed(self, realtime_ns: int, monotonic_ns: int) -> int | None:
        """Take both clocks at one moment; nanoseconds of a jump since the last time, or None."""
        difference_ns = realtime_ns - monotonic_ns
        before_ns, self._difference_ns = self._difference_ns, difference_ns
        if before_ns is None or abs(difference_ns - before_ns) <= self._slack_ns:
            return None
        self.jumps += 1
        self.last_jump_ns = difference_ns - before_ns
        return self.last_jump_ns
