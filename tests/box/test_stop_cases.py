"""Beside two dozen hostile peers, some at once, a box ends by itself when it is told to.

The guard that cuts a stop short is given more time than it has, so that it helps nobody here. How
long each stop takes: `python -m benchmarks.stop_times`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stop_cases import CASES, Ended, stop, together

pytestmark = [pytest.mark.process, pytest.mark.slow]

BOXES = [
    ("RTSP camera: silent", "ONVIF camera: silent", "broker: silent"),
    ("RTSP camera: reads nothing", "ONVIF camera: drips headers", "broker: drips its answer"),
    ("RTSP camera: drips a header", "VISCA camera: silent on TCP", "log: nobody reads stderr"),
    ("RTSP camera: floods headers", "ONVIF camera: floods its body", "broker: stops reading"),
    (
        "RTSP camera: never connects",
        "ONVIF camera: never connects",
        "broker: never connects",
        "service manager: hears nothing",
    ),
    (
        "RTSP camera: its name server answers nothing",
        "cameras and receivers: their name server answers nothing",
        "broker: its name server answers nothing",
    ),
    (
        "ONVIF camera: drips interim answers",
        "health pages: clients drip and read nothing",
        "embedded broker: a subscriber reads nothing",
    ),
    ("VISCA camera: drips strays",),
    ("VISCA camera: silent on UDP",),
]
BY_GUARD = {"account: nobody reads stdout"}
"""Shown by tests/cli/test_stuck_stderr.py."""


def test_every_case_has_its_box():
    assert {name for names in BOXES for name in names} | BY_GUARD == set(CASES)


def test_every_wait_ends(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("STOP_S", "25")

    def ended(number: int) -> Ended:
        case = together(BOXES[number])
        return stop(case, tmp_path / str(number), settle_s=0.7, patience_s=60)

    with ThreadPoolExecutor(len(BOXES)) as pool:
        for names, found in zip(BOXES, pool.map(ended, range(len(BOXES))), strict=True):
            assert found.code == 0, f"{names}: {found.said[-500:]}"
            assert "Traceback" not in found.said, f"{names}: {found.said}"
            assert "the stop took over" not in found.said, names
