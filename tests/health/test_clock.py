"""The kernel's clock, what disciplines it, and jumps."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from edge.health.clock import (
    JumpDetector,
    KernelClock,
    _Timex,
    clock_source,
    interpret,
    kernel_clock,
)

DAY_NS = 86_400_000_000_000


def test_the_structure_is_the_kernels() -> None:
    assert ctypes.sizeof(_Timex) == 208  # <sys/timex.h> on 64-bit Linux
    assert _Timex.status.offset == 40
    assert _Timex.tai.offset == 160


def test_this_kernel_answers_like_its_own_file_says() -> None:
    clock = kernel_clock()
    assert (clock.error_ns is None) == (not clock.synchronized)
    if clock.synchronized:
        assert clock.error_ns is not None
        assert clock.error_ns < 60 * 1_000_000_000


@pytest.mark.parametrize(
    ("state", "status", "offset", "maxerror_us", "expected"),
    [
        (0, 0x2001, -4_200, 3_000, KernelClock(True, -4_200, 3_000_000)),  # ns, PLL
        (0, 0x0001, -4, 3_000, KernelClock(True, -4_000, 3_000_000)),  # us
        (0, 0x2000, 0, 16_000_000, KernelClock(True, 0, 16_000_000_000)),  # chrony: no PLL
        (1, 0x2011, 7, 9, KernelClock(True, 7, 9_000)),  # a leap second is announced
        (5, 0x0040, 0, 16_000_000, KernelClock(False)),
        (5, 0x2000, 0, 16_000_000, KernelClock(False)),
        (0, 0x2040, 12, 5, KernelClock(False)),  # STA_UNSYNC alone is enough
        (-1, 0, 0, 0, KernelClock(False, told=False)),  # refused
    ],
)
def test_what_adjtimex_says(
    state: int, status: int, offset: int, maxerror_us: int, expected: KernelClock
) -> None:
    assert interpret(state, status, offset, maxerror_us) == expected


def proc_with(folder: Path, *names: str) -> Path:
    for pid, name in enumerate(names, 100):
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "comm").write_text(f"{name}\n")
    (folder / "999").mkdir()  # it ended between the listing and the look
    (folder / "meminfo").write_text("")
    return folder


@pytest.mark.parametrize(
    ("running", "source"),
    [
        (("init", "chronyd"), "chrony"),
        (("chronyd", "phc2sys", "ptp4l"), "ptp"),
        (("ntpd",), "ntp"),
        (("systemd-timesyn",), "timesyncd"),
        (("init",), "other"),
    ],
)
def test_the_source_is_the_program_that_runs(
    tmp_path: Path, running: tuple[str, ...], source: str
) -> None:
    proc = proc_with(tmp_path, *running)
    assert clock_source(KernelClock(True, 0, 1), proc) == source
    assert clock_source(KernelClock(False), proc) == "unsynchronized"
    assert clock_source(KernelClock(False, told=False), proc) == "unknown"


def test_a_day_forwards_and_back_are_two_jumps_and_slewing_is_none() -> None:
    jumps = JumpDetector()
    real, mono = 1_700_000_000_000_000_000, 5_000_000_000
    assert jumps.feed(real, mono) is None
    for _ in range(100):  # five seconds a reading, slewed at the kernel's most
        real += 5_002_500_000
        mono += 5_000_000_000
        assert jumps.feed(real, mono) is None
    assert jumps.feed(real + DAY_NS, mono) == DAY_NS
    assert jumps.feed(real + DAY_NS, mono) is None
    assert jumps.feed(real, mono) == -DAY_NS
    assert (jumps.jumps, jumps.last_jump_ns) == (2, -DAY_NS)
