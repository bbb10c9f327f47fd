"""What can be tested without a camera: its clock, and what is said when there is none."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture import LiveReader, SourceBackoff, open_source
from edge.capture.v4l2 import V4l2Device, exposure_time
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


class Driver:
    """Stands where the ioctls are: gives pictures, then what a driver gives without its camera."""

    def __init__(self, device: str, timeout_ms: int) -> None:
        self.open, self.pictures, self.timeout_ms = True, 2, timeout_ms

    def isOpened(self) -> bool:
        return self.open

    def grab(self) -> bool:
        self.pictures -= 1
        return self.pictures >= 0

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return True, np.zeros((48, 64, 3), np.uint8)

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0}.get(key, 0.0)

    def set(self, key: int, value: float) -> bool:
        return True

    def release(self) -> None:
        self.open = False


@pytest.mark.parametrize(("unplugged", "cause"), [(True, "unplugged"), (False, "silent")])
def test_a_camera_that_gives_no_more_pictures(tmp_path: Path, unplugged: bool, cause: str) -> None:
    node = tmp_path / "video0"
    node.write_bytes(b"")
    source = V4l2Device(str(node), driver=Driver)
    assert [source.read() is not None for _ in range(2)] == [True, True]
    if unplugged:
        node.unlink()
    with pytest.raises(SourceError) as caught:
        source.read()
    assert caught.value.cause == cause
    source.close()
    assert source.read() is None


def test_a_camera_that_is_plugged_in_again_is_opened_again(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.write_bytes(b"")
    open_ = partial(V4l2Device, str(node), driver=Driver)
    with LiveReader(open_, first=open_(), backoff=SourceBackoff(0.01, 1.0, 0.01)) as reader:
        first = reader.get(30)
        node.unlink()  # whichever frame that was: a newer one may have taken the first one's place
        for _ in range(5000):
            if reader.causes.get("unplugged", 0) >= 3:
                break
            reader.get(0.01)
        assert reader.outage is not None
        assert reader.outage.cause == "unplugged"
        node.write_bytes(b"")
        again = reader.get(30)
    assert first is not None
    assert again is not None
    assert again.index > first.index


def test_a_pipe_is_no_camera(tmp_path: Path) -> None:
    plain = tmp_path / "video0"
    plain.write_bytes(b"")
    with pytest.raises(SourceError, match="not a camera that gives pictures"):
        open_source(f"v4l2:{plain}")


class ComplainingDriver(Driver):
    """Stands where libjpeg writes of each picture that a cheap camera sends."""

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        os.write(2, b"Corrupt JPEG data: 2 extraneous bytes before marker 0xd9\n")
        return super().retrieve()


def test_what_libjpeg_says_of_a_cameras_pictures_stays_off_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = tmp_path / "video0"
    node.write_bytes(b"")
    source = V4l2Device(str(node), driver=ComplainingDriver)
    assert [source.read() is not None for _ in range(2)] == [True, True]
    source.close()
    assert capfd.readouterr().err == ""
