"""Parts that stand in for a network and a camera, and real video files to feed them with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from edge.capture import SourceInfo
from edge.types import Frame, ImageArray, Quality, Registration, RegistrationState, RejectionReason

GOOD = Registration(
    RegistrationState.VERIFIED,
    field_from_image=np.diag([0.1, 0.1, 1.0]),
    quality=Quality(score=0.97, inliers=40, rms_px=0.8, expected_error_m=0.3),
    latency_ms={"preprocess": 0.2, "infer": 5.0, "keypoints": 0.4, "verify": 0.3},
)
MENDED = Registration(
    RegistrationState.REFINED,
    field_from_image=np.diag([0.1, 0.1, 1.0]),
    quality=Quality(score=0.9),
    dense_ran=True,
)
LOST = Registration(RegistrationState.LOST, RejectionReason.NO_FIELD)


class ScriptedRegistrar:
    """Gives the answers of a list, over and over; `hook` gets the number of each frame."""

    def __init__(
        self, answers: Sequence[Registration] = (GOOD,), hook: Callable[[int], None] | None = None
    ) -> None:
        self._answers = answers
        self._hook = hook
        self.seen = 0
        self.closed = False

    def register(
        self, image_bgr: ImageArray, *, pts_s: float | None = None, spare_ms: float | None = None
    ) -> Registration:
        assert image_bgr.ndim == 3
        if self._hook is not None:
            self._hook(self.seen)
        self.seen += 1
        return self._answers[(self.seen - 1) % len(self._answers)]

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class ListSource:
    """A source that gives pictures from memory."""

    def __init__(self, frames: int = 5, *, live: bool = False, fps: float | None = 50.0) -> None:
        self.info = SourceInfo("memory", "file", 64, 36, fps, frames, live)
        self.corrupt = 0
        self.note = None
        self.closed = False
        self._left = list(range(frames))

    def read(self) -> Frame | None:
        return make_frame(self._left.pop(0)) if self._left else None

    def close(self) -> None:
        self.closed = True


def make_frame(index: int, fps: float = 50.0) -> Frame:
    image = np.full((36, 64, 3), 90, np.uint8)
    return Frame(image, index, index / fps, 1_700_000_000_000_000_000 + index, monotonic_ns=index)


def write_video(
    path: Path, frames: int = 12, fps: int = 25, size: tuple[int, int] = (160, 96)
) -> Path:
    """Write a small H.264 film in which a bright square moves over green."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": "6"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            image = np.zeros((size[1], size[0], 3), np.uint8)
            image[..., 1] = 110
            image[20:40, 5 * i : 5 * i + 20] = 230
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
