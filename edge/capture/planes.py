"""A decoded picture left as the decoder has it: brightness, and colour at half its size.

The registrar looks at a reduced picture. Reducing the planes and making that BGR takes a third of
the time that making the whole picture BGR and reducing it does; the whole is made where it is asked
for (overlays, pictures written to files).
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from edge.types import Image

_FORMATS = {"yuv420p": False, "yuvj420p": True}
"""Pixel formats with 8 bits and halved colour; whether levels take the full range whatever the
stream says."""
_FULL_RANGE = 2
_RED_BLUE = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)} | dict.fromkeys((2, 5, 6), (0.299, 0.114))
"""Colour space (ITU-T H.273, table 4) -> share of red and of blue in the brightness.

BT.709, BT.2020, BT.601; what FFmpeg takes for a stream that says nothing is the last.
"""


class Planes:
    """One (height, width) picture, converted to BGR at the size that is asked for."""

    def __init__(self, frame: VideoFrame, bgr_from_yuv: NDArray[np.float64]) -> None:
        self._frame, self._bgr_from_yuv = frame, bgr_from_yuv
        self._whole: Image | None = None
        self.shape = (frame.height, frame.width, 3)

    def bgr(self) -> Image:
        """The whole picture, (height, width, 3) uint8 BGR; the same array each time."""
        if self._whole is None:
            self._whole = converted(self._frame)
        return self._whole

    def reduced(self, factor: int) -> Image | None:
        """The means of `factor` x `factor` pixels, (height / factor, width / factor, 3) uint8 BGR.

        None where these do not come out even, in brightness or in colour.
        """
        height, width = self.shape[:2]
        if factor < 2 or height % factor or width % factor or height % 2 or width % 2:
            return None
        size = (width // factor, height // factor)
        return self._merged(
            cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in _planes(self._frame)
        )

    def sampled(self, step: int) -> Image:
        """Every `step`-th pixel of every `step`-th row, BGR; `step` is even."""
        y, u, v = _planes(self._frame)
        half = step // 2
        return self._merged((y[::step, ::step], u[::half, ::half], v[::half, ::half]))

    def _merged(self, planes_of_one_size: Iterable[Image]) -> Image:
        """(h, w, 3) BGR of Y, U and V, each (h, w)."""
        yuv = cv2.merge([np.ascontiguousarray(plane) for plane in planes_of_one_size])
        return np.asarray(cv2.transform(yuv, self._bgr_from_yuv), np.uint8)


def planes(frame: VideoFrame) -> Planes | None:
    """The picture of a decoded frame, unconverted; None for a format that is not known here."""
    full = _FORMATS.get(frame.format.name)
    shares = _RED_BLUE.get(int(frame.colorspace))
    if full is None or shares is None:
        return None
    full = full or int(frame.color_range) == _FULL_RANGE
    return Planes(frame, bgr_from_yuv(*shares, full=full))


def converted(frame: VideoFrame) -> Image:
    """A decoded frame as (height, width, 3) uint8 BGR."""
    return frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def bgr_from_yuv(red: float, blue: float, *, full: bool) -> NDArray[np.float64]:
    """(3, 4) B, G, R of 0..255 from Y, U, V of 8 bits (ITU-T H.273, 8.3).

    `red` and `blue` are their shares in the brightness; `full`: levels are 0..255, else 16..235 and
    16..240.
    """
    black, luma, chroma = (0.0, 1.0, 1.0) if full else (16.0, 255 / 219, 255 / 224)
    green = 1 - red - blue
    u, v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    matrix = np.array([[luma, u, 0.0], [luma, -u * blue / green, -v * red / green], [luma, 0.0, v]])
    return np.column_stack([matrix, -matrix @ (black, 128.0, 128.0)])


def _planes(frame: VideoFrame) -> list[Image]:
    """Y, (height, width), U and V, (height / 2, width / 2), of a frame; views of its memory."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    ]
