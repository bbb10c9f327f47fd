"""A source picture made ready.

The network's input and the grey picture of the check, with their scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Image

CHECK_WIDTH = 640
"""About the width of the picture that the line check reads."""
SMALLEST = 48
"""A picture narrower or lower than this shows no line that could be checked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Views of one source picture."""

    width: int
    height: int
    """Of the source."""
    grey: NDArray[np.uint8]
    """(h, w) reduced picture, see CHECK_WIDTH."""
    check_from_source: NDArray[np.float64]
    """(3, 3) pixel coordinates of the grey picture from the source's."""
    net_from_source: NDArray[np.float64]
    """(3, 3) pixel coordinates of the network's picture from the source's."""


def scaling(sx: float, sy: float) -> NDArray[np.float64]:
    """Pixel coordinates after resizing by (sx, sy), centres at integers."""
    return np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])


def prepare(image: Image, target: NDArray[np.uint8]) -> Picture:
    """Fill `target`, the network's (1, h, w, 3) uint8 input, from a (height, width, 3) BGR picture.

    The reduction is done in two steps, first by a whole number over areas (fast and free of
    aliasing, so that thin lines survive), then to the network's size.
    """
    height, width = image.shape[:2]
    factor = max(1, round(width / CHECK_WIDTH))
    if factor > 1:
        # a whole number of blocks, so that the scale is exact
        cropped = image[: height - height % factor, : width - width % factor]
        small = cv2.resize(
            cropped, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA
        )
    else:
        small = image
    h, w = small.shape[:2]
    net = target[0]
    shrinks = w > net.shape[1]
    cv2.resize(
        small,
        (net.shape[1], net.shape[0]),
        dst=net,
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    check = scaling(1 / factor, 1 / factor)
    return Picture(
        width,
        height,
        cv2.cvtColor(small, cv2.COLOR_BGR2GRAY),
        check,
        scaling(net.shape[1] / w, net.shape[0] / h) @ check,
    )
