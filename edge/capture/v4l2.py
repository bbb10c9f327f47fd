"""Cameras on the box itself (V4L2): USB cameras and capture cards.

OpenCV, not PyAV: its reader waits for a frame with a timeout, where FFmpeg's blocks for as long as
the driver does.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge.capture.source import SourceBase, SourceInfo
from edge.errors import SourceCause, SourceError
from edge.native_stderr import DECODERS, quiet_stderr
from edge.types import Frame, ImageArray

_FRESH_S = 5.0
"""Driver time stamps further than this from now are of another clock and are not used."""


class Grabber(Protocol):
    """What talks to the driver: the part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Whether the device is open."""

    def grab(self) -> bool:
        """Wait for a frame; False when none came in time or the driver has lost the device."""

    def retrieve(self) -> tuple[bool, ImageArray | None]:
        """Decode the frame that was grabbed; False where that cannot be done."""

    def get(self, key: int) -> float:
        """Read a property."""

    def set(self, key: int, value: float) -> bool:
        """Ask for a property."""

    def release(self) -> None:
        """Close the device."""


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep OpenCV's own warnings away: they would come beside our one line."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _driver(device: str, timeout_ms: int) -> Grabber:
    with _without_warnings():
        grabber: Grabber = cv2.VideoCapture(
            device, cv2.CAP_V4L2, [cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        )
    return grabber


class V4l2Device(SourceBase):
    """A camera such as `/dev/video0`, in the size and rate asked for or the nearest that it offers.

    `capture_ns` comes from the driver's time stamp of the exposure where the driver uses the
    monotonic clock. `read` raises SourceError when no frame comes within `read_timeout_s`, or when
    the camera was unplugged.
    """

    def __init__(
        self,
        device: str,
        *,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
        read_timeout_s: float = 1.5,
        driver: Callable[[str, int], Grabber] = _driver,
    ) -> None:
        _check_device(device)
        self._device = device
        self._read_timeout_s = read_timeout_s
        self._camera = driver(device, int(1000 * read_timeout_s))
        if not self._camera.isOpened():
            raise SourceError(
                f"{device}: not a camera that gives pictures, or another program uses it"
            )
        # MJPG: over USB 2 raw pictures above 640x480 come at a few frames a second only
        self._camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        wishes = (
            (cv2.CAP_PROP_FRAME_WIDTH, width),
            (cv2.CAP_PROP_FRAME_HEIGHT, height),
            (cv2.CAP_PROP_FPS, fps),
        )
        for key, wish in wishes:
            if wish is not None:
                self._camera.set(key, wish)
        self._camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        size = [
            int(self._camera.get(key))
            for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        ]
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        super().__init__(
            SourceInfo(device, "v4l2", size[0], size[1], rate or None, None, live=True)
        )
        self._index = 0
        self._start_ns = time.monotonic_ns()

    def read(self) -> Frame | None:
        """Wait for the next frame; None only after `close`."""
        if not self._camera.isOpened():
            return None
        with _without_warnings():
            grabbed = self._camera.grab()
        now_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        # many cameras send JPEGs that libjpeg complains of, frame by frame
        with quiet_stderr(DECODERS):
            ok, image = self._camera.retrieve() if grabbed else (False, None)
        if not ok or image is None:
            raise self._silence()
        exposed_ns = exposure_time(self._camera.get(cv2.CAP_PROP_POS_MSEC), now_ns)
        self._index += 1
        return Frame(
            np.ascontiguousarray(image, np.uint8),
            self._index - 1,
            (exposed_ns - self._start_ns) / 1e9,
            utc_ns - (now_ns - exposed_ns),
            now_ns,
        )

    def _silence(self) -> SourceError:
        if not Path(self._device).exists():  # the kernel removes the node with the camera
            return SourceError(f"{self._device}: the camera was unplugged", "unplugged")
        return SourceError(
            f"{self._device}: no frame for {self._read_timeout_s:g} s; is it plugged in?", "silent"
        )

    def close(self) -> None:
        """Release the camera; may be called twice."""
        self._camera.release()


def exposure_time(driver_ms: float, now_ns: int) -> int:
    """Monotonic nanoseconds of the exposure: the driver's stamp if of this clock, else now."""
    age_s = now_ns / 1e9 - driver_ms / 1e3
    return int(1e6 * driver_ms) if 0 <= age_s < _FRESH_S else now_ns


def _check_device(device: str) -> None:
    path = Path(device)
    if not path.exists():
        have = ", ".join(sorted(str(p) for p in Path("/dev").glob("video*")))
        hint = f"this box has {have}" if have else "no camera is plugged in"
        raise SourceError(f"{device}: no such camera; {hint}", "unplugged")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        why = (
            "no permission; add the user to the group 'video'"
            if isinstance(error, PermissionError)
            else error.strerror
        )
        gone = error.errno in {errno.ENODEV, errno.ENXIO}
        cause: SourceCause = "unplugged" if gone else "unreachable"
        raise SourceError(f"{device}: cannot be opened: {why}", cause) from error
