"""Decoded frames made small, in the thread that asks for it."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from edge.types import Image

# from version 17 on PyAV scales with a thread for each core unless told; before, it had only one
_ALONE: dict[str, Any] = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}


class Scaler:
    """Scales frames of one stream by averaging areas."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, size: tuple[int, int], form: str) -> Image:
        """Squash a frame to (width, height) in a pixel format of 8 bits: `rgb24`, `gray`."""
        width, height = size
        small = self._reformatter.reformat(
            frame, width, height, form, interpolation=Interpolation.AREA, **_ALONE
        )
        return np.asarray(small.to_ndarray(), np.uint8)
