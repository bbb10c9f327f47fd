"""The simulated camera's live picture: rendered and encoded elsewhere, timed and served here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from firmware_bridge.model import CameraPose
from firmware_bridge.sim.ptz_camera import SimulatedCamera
from firmware_bridge.sim.rtsp import RtspServer

if TYPE_CHECKING:
    from typing_extensions import Self

PictureMaker: TypeAlias = Callable[[CameraPose, int], bytes]
"""(pose, number) -> H.264 access unit with start codes, parameter sets in its key frames."""


class LiveVideo:
    """Serves at a steady rate what the camera saw `lag_s` ago; late pictures are left out."""

    def __init__(
        self, camera: SimulatedCamera, maker: PictureMaker, server: RtspServer, *, fps: float
    ) -> None:
        self._camera, self._maker, self._server, self._fps = camera, maker, server, fps
        self._stop = threading.Event()
        self.pushed = 0
        self._thread = threading.Thread(target=self._main, name="sim-video", daemon=True)

    def __enter__(self) -> Self:
        self._server.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop rendering and serving."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._server.close()

    def _main(self) -> None:
        began, number = time.monotonic(), 0
        lag = self._camera.settings.lag_s
        while not self._stop.is_set():
            due = began + (number + 1) / self._fps
            if self._stop.wait(max(0.0, due - 1 / self._fps - time.monotonic())):
                return
            # rendered a frame ahead, so that rendering does not add to the lag
            unit = self._maker(self._camera.pose(due - lag), number)
            self._stop.wait(max(0.0, due - time.monotonic()))
            # the picture comes out at `due`: that is what a receiver can know of it
            utc_ns = time.time_ns() - round((time.monotonic() - due) * 1e9)
            self._server.push(unit, round(number * 90_000 / self._fps), utc_ns)
            self.pushed += 1
            late = int((time.monotonic() - due) * self._fps)
            number += 1 + max(0, late - 1)
