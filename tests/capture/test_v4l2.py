"""What can be tested without a camera: its clock, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.capture import open_source
from edge.capture.v4l2 import exposure_time
from edge.errors import SourceError

_NOW = 5_000_000_000_000


@pytest.mark.parametrize(
    ("driver_ms", "expected_ns"),
    [
        (4_999_980.0, _NOW - 20_000_000),
        (5_000_000.0, _NOW),
        (5_000_001.0, _NOW),  # ahead of now: another clock
        (4_000_000.0, _NOW),  # a quarter of an hour ago: another clock
        (0.0, _NOW),
        (-1.0, _NOW),
    ],
)
def test_the_drivers_time_is_used_if_it_is_of_this_clock(
    driver_ms: float, expected_ns: int
) -> None:
    assert exposure_time(driver_ms, _NOW) == pytest.approx(expected_ns, abs=1000)


def test_a_device_that_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="/dev/zero: not a camera that gives pictures"):
        open_source("/dev/zero")


def test_a_pipe_is_no_camera(tmp_path: Path) -> None:
    plain = tmp_path / "video0"
    plain.write_bytes(b"")
    with pytest.raises(SourceError, match="not a camera that gives pictures"):
        open_source(f"v4l2:{plain}")
