"""What native libraries write to stderr while they load."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from edge.engines.native_stderr import CHATTER, quiet_stderr

VENDOR = (
    b"\x1b[0;93m2026-01-01 00:00:00.0 [W:onnxruntime:Default, device_discovery.cc:164 "
    b"DiscoverDevicesForPlatform] GPU device discovery failed\x1b[m\n"
)


@pytest.mark.parametrize(
    ("line", "dropped"),
    [
        (VENDOR, True),
        (b"onnxruntime cpuid_info warning: Unknown CPU vendor. cpuinfo_vendor value: 0\n", True),
        (b"Error in cpuinfo: prctl(PR_SVE_GET_VL) failed\n", True),
        (b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", True),
        (b"touchline: box.yaml: the camera is away\n", False),
        (b"terminate called after throwing an instance of 'std::bad_alloc'\n", False),
    ],
)
def test_chatter_is_known_by_its_line(line: bytes, dropped: bool) -> None:
    assert bool(CHATTER.search(line)) == dropped


def test_only_the_chatter_is_held_back(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "edge.engines.native_stderr")
    with quiet_stderr():
        os.write(2, VENDOR + b"touchline: a line of ours\n")
        with quiet_stderr():
            os.write(2, b"no end of line")
    os.write(2, b"\nafter\n")
    assert capfd.readouterr().err == "touchline: a line of ours\nno end of line\nafter\n"
    assert "GPU device discovery failed" in caplog.text


def test_a_failure_inside_is_told_and_stderr_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        _ = os.write(2, b"why it failed\n") // 0
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "why it failed\nafter\n"


def test_a_closed_stderr_stops_nothing() -> None:
    program = (
        "import os; os.close(2)\n"
        "from edge.engines.native_stderr import quiet_stderr\n"
        "with quiet_stderr(): print('done')"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"done\n"
