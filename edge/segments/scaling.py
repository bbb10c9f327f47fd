"""Decoded frames made small, in the thread that asks for it."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from edge.pyav import ONE_THREAD, true_colors
from edge.types import ImageArray


class Scaler:
    """Scales frames of one stream by averaging areas."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, size: tuple[int, int], form: str) -> ImageArray:
        """Squash a frame to (width, height) in a pixel format of 8 bits: `rgb24`, `gray`."""
        width, height = size
        how = {"interpolation": Interpolation.AREA} | ONE_THREAD | true_colors(frame)
        small = self._reformatter.reformat(frame, width, height, form, **how)
        return np.asarray(small.to_ndarray(), np.uint8)
