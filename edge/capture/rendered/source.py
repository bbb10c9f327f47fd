"""A rendered match as a video source that knows the truth about its own camera."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.capture.rendered.cutaways import CloseUp, CrowdShot
from edge.capture.rendered.director import WIPE_S, RenderedShot, shots
from edge.capture.rendered.graphics import Graphics, Lens
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.scene import Scene
from edge.capture.source import SourceBase, SourceInfo
from edge.errors import SourceError
from edge.fields import load_field
from edge.types import Frame, ImageArray

_SHUTTER = 0.5
"""Share of a frame's time for which the shutter is open."""

Shown = Literal["main", "close_up", "crowd", "wipe"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What one rendered frame shows."""

    index: int
    pts_s: float
    shot: Shown
    camera: RenderedCamera | None
    """The main camera; None where the frame shows something else, or a wipe lies over it."""

    @property
    def field_from_image(self) -> NDArray[np.float64] | None:
        """(3, 3) homography, pixels to metres; None where there is no field to register."""
        return None if self.camera is None else self.camera.field_from_image


class RenderedMatch(SourceBase):
    """A soccer match as a main-stand camera shows it, with cuts to close-ups and supporters.

    The same arguments give the same frames. With `live` frames come at their own pace, as a
    camera's do. `truth` tells of the frame read last. Raises SourceError for a size, rate or length
    that makes no video.
    """

    def __init__(
        self,
        sport: str = "soccer",
        *,
        seconds: float = 20.0,
        fps: float = 30.0,
        width: int = 1280,
        height: int = 720,
        seed: int = 1,
        cutaways: bool = True,
        live: bool = False,
    ) -> None:
        _check(sport, seconds, fps, width, height, seed)
        frames = max(1, round(seconds * fps))
        size = f"width={width}&height={height}"
        uri = f"rendered:{sport}?seconds={seconds:g}&fps={fps:g}&{size}&seed={seed}"
        super().__init__(SourceInfo(uri, "rendered", width, height, fps, frames, live=live))
        streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
        self._size = (width, height)
        self._scene = Scene(load_field(sport), self._size, streams[0])
        self._graphics = Graphics(self._size, self._scene.teams, streams[1])
        self._lens = Lens(self._size, streams[2])
        self._rng = streams[3]
        self._shots = shots(self._rng, cutaways=cutaways)
        self._shot, self._next_shot = next(self._shots), next(self._shots)
        self._cutaway: CloseUp | CrowdShot | None = None
        self._camera: RenderedCamera | None = None
        self._truth: Truth | None = None
        self._index = 0
        self._opened_ns = time.time_ns()
        self._started_s = time.monotonic()

    @property
    def truth(self) -> Truth | None:
        """What the frame read last shows; None before the first."""
        return self._truth

    def read(self) -> Frame | None:
        """Render the next frame; None at the end. A live one comes no sooner than its time."""
        assert self._info.fps is not None
        assert self._info.frames is not None
        if self._index >= self._info.frames:
            return None
        pts_s = self._index / self._info.fps
        image = self._render(pts_s, 1 / self._info.fps)
        capture_ns = self._opened_ns + int(1e9 * pts_s)
        if self._info.live:
            time.sleep(max(0.0, self._started_s + pts_s - time.monotonic()))
            capture_ns = time.time_ns()
        clock = "host" if self._info.live else "file"
        self._index += 1
        return Frame(
            image, self._index - 1, pts_s, capture_ns, time.monotonic_ns(), clock_source=clock
        )

    def close(self) -> None:
        """End the match; may be called twice."""
        self._index = self._info.frames or 0

    def _render(self, pts_s: float, dt_s: float) -> ImageArray:
        while pts_s >= self._shot.end_s:
            self._cut()
        image: ImageArray = np.empty((self._size[1], self._size[0], 3), np.uint8)
        before, self._camera = self._camera, self._scene.step(dt_s)
        if self._cutaway is not None:
            self._cutaway.draw(image, pts_s - self._shot.start_s)
            self._lens.expose(image, 0.0)
        else:
            self._scene.draw(image, self._camera)
            turned = 0.0 if before is None else abs(self._camera.pan_deg - before.pan_deg)
            self._lens.expose(image, np.radians(turned) * self._camera.focal_px * _SHUTTER)
            self._graphics.draw_score(image, pts_s)
        progress = self._wipe(pts_s)
        if progress is not None:
            self._graphics.draw_wipe(image, progress)
        self._truth = self._describe(pts_s, wiped=progress is not None)
        return image

    def _describe(self, pts_s: float, *, wiped: bool) -> Truth:
        kind: Shown = "wipe" if wiped else self._shot.kind
        return Truth(self._index, pts_s, kind, self._camera if kind == "main" else None)

    def _cut(self) -> None:
        self._shot, self._next_shot = self._next_shot, next(self._shots)
        scene, size = self._scene, self._size
        if self._shot.kind == "close_up":
            kit = scene.kits[int(self._rng.integers(3))]
            self._cutaway = CloseUp(size, kit, scene.teams, self._rng)
        elif self._shot.kind == "crowd":
            self._cutaway = CrowdShot(size, scene.teams, self._rng)
        else:
            self._cutaway = None

    def _wipe(self, pts_s: float) -> float | None:
        """How far a wipe has come, 0..1; None when there is none."""
        for shot in (self._shot, self._next_shot):
            progress = (pts_s - shot.start_s) / WIPE_S + 0.5
            if shot.wipe and 0 <= progress < 1:
                return progress
        return None


def _check(sport: str, seconds: float, fps: float, width: int, height: int, seed: int) -> None:
    if sport != "soccer":
        raise SourceError(f"rendered:{sport}: only soccer is rendered; write rendered:soccer")
    limits = {
        "seconds": (seconds, 0.01, 1e6), "fps": (fps, 1, 240),
        "width": (width, 64, 3840), "height": (height, 48, 2160), "seed": (seed, 0, 2**63),
    }  # fmt: skip
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise SourceError(
                f"rendered:{sport}: {name}={value:g}: must lie between {low:g} and {high:g}"
            )


__all__ = ["RenderedMatch", "RenderedShot", "Truth"]
