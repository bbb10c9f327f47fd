"""Where one shot ends and another begins, told from thumbnails of consecutive frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.8
"""Correlation of thumbnails above which two frames are of one shot, however bright each is.

A photographer's flash lights a whole hall for a frame or two: real ones correlate by 0.93 to 0.95
with the frame before. Pictures of different shots and places, one sport's among them, stay below
0.65.
"""


def change(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Mean absolute difference of two (h, w, 3) thumbnails, of the range 0..255."""
    return float(np.abs(after - before).mean()) / 255


def alike(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Correlation of two (h, w, 3) thumbnails about the mean of each channel, -1..1.

    Neither exposure nor white balance moves it much. 0 where one of them shows nothing.
    """
    a, b = before - before.mean((0, 1)), after - after.mean((0, 1))
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
