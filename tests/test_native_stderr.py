"""What native libraries write to stderr while they load."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from edge.native_stderr import DECODERS, ENGINES, quiet_stderr

pytestmark = pytest.mark.process

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
    assert bool(ENGINES.search(line)) == dropped


def test_only_the_chatter_is_held_back(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "edge.native_stderr")
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
        "from edge.native_stderr import quiet_stderr\n"
        "with quiet_stderr(): print('done')"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"done\n"


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        (b"Corrupt JPEG data: 49 extraneous bytes before marker 0xd9\n", True),
        (b"Premature end of JPEG file\n", True),
        (b"Invalid SOS parameters for sequential JPEG\n", True),
        (b"libpng warning: iCCP: known incorrect sRGB profile\n", True),
        (b"libpng error: IDAT: CRC error\n", True),
        (b"[ERROR:0@0.825] global grfmt_tiff.cpp:117 TIFF_Error Using code not yet\n", True),
        (b"[ WARN:0@2.1] global grfmt_tiff.cpp:99 TIFF_Warning unknown tag\n", True),
        (b"\n", True),
        (b"touchline: a.png: libpng warning: quoted\n", False),
        (b"terminate called after throwing an instance of 'std::bad_alloc'\n", False),
        (b"[2026-01-01] a log of the program that uses the package\n", False),
    ],
)
def test_lines_of_decoders_are_known(line: bytes, foreign: bool) -> None:
    assert bool(DECODERS.search(line)) == foreign


def test_what_a_decoder_says_is_heard_by_the_caller(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr(DECODERS) as heard:
        os.write(2, b"libpng warning: iCCP: too short\nours\n")
    assert heard == ["libpng warning: iCCP: too short"]
    assert capfd.readouterr().err == "ours\n"


def test_a_decoder_is_heard_where_stderr_is_closed() -> None:
    program = (
        "import os; os.close(2)\n"
        "from edge.native_stderr import DECODERS, quiet_stderr\n"
        "with quiet_stderr(DECODERS) as heard: os.write(2, b'libpng error: x\\n')\n"
        "print(heard, end='')\n"
        "try: os.fstat(2)\n"
        "except OSError: print(' closed')"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"['libpng error: x'] closed\n"


def test_a_reader_that_stands_still_stops_nothing() -> None:
    program = (
        "import os, sys\n"
        "from edge.native_stderr import DECODERS, quiet_stderr\n"
        "os.set_blocking(2, False)\n"
        "try:\n"
        "    while os.write(2, bytes(4096)): pass\n"
        "except BlockingIOError: os.set_blocking(2, True)\n"
        "with quiet_stderr(DECODERS): os.write(2, b'ours' * 9000)\n"
        "print('done')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"done\n"
        finally:
            process.kill()
