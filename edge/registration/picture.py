"""A source picture made ready.

The network's input and the grey picture of the check, with their scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Paint
from edge.registration.homography import inverse
from edge.types import ImageArray

if TYPE_CHECKING:
    from edge.registration.motion import Motion

CHECK_WIDTH = 640
"""About the width of the picture that the line check reads."""
SMALLEST = 48
"""A picture narrower or lower than this shows no line that could be checked."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How a picture moved since another one."""

    before: NDArray[np.uint8]
    """(h, w) the other one, grey."""
    motion: Motion | None
    """None where no single motion explains them."""


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
    check_from_net: NDArray[np.float64]
    """(3, 3) pixel coordinates of the grey picture from the network's."""
    net_from_check: NDArray[np.float64]
    """(3, 3) its inverse."""
    moved: Moved | None = None
    """Since the one before; None where nobody asked yet."""


def scaling(sx: float, sy: float) -> NDArray[np.float64]:
    """Pixel coordinates after resizing by (sx, sy), centres at integers."""
    return np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])


def reduced(image: ImageArray) -> tuple[ImageArray, NDArray[np.float64]]:
    """Reduce a (height, width, 3) picture to the size of the line check, by a whole number.

    Returns the smaller picture and the (3, 3) map to its pixels from the source's. One that is
    small enough is returned itself.
    """
    height, width = image.shape[:2]
    factor = max(1, round(width / CHECK_WIDTH))
    if factor == 1:
        return image, scaling(1.0, 1.0)
    cropped = image[: height - height % factor, : width - width % factor]
    small = cv2.resize(cropped, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), scaling(1 / factor, 1 / factor)


def prepare(image: ImageArray, target: NDArray[np.uint8], paint: Paint = "bright") -> Picture:
    """Fill `target`, the network's (1, h, w, 3) uint8 input, from a (height, width, 3) BGR picture.

    The reduction is done in two steps, first by a whole number over areas (fast and free of
    aliasing, so that thin lines survive), then to the network's size.
    """
    small, check = reduced(image)
    height, width = image.shape[:2]
    h, w = small.shape[:2]
    _resize(small, target[0])
    net_from_check = scaling(target.shape[2] / w, target.shape[1] / h)
    return Picture(
        width,
        height,
        _grey(small, paint),
        check,
        net_from_check @ check,
        inverse(net_from_check),
        net_from_check,
    )


def _grey(image: ImageArray, paint: Paint) -> NDArray[np.uint8]:
    """The picture in which lines are looked for, (h, w).

    Dark paint is coloured paint on ice, red or blue, faint in grey: its weakest channel is taken.
    """
    if paint == "dark":
        blue, green, red = cv2.split(image)
        return np.asarray(cv2.min(cv2.min(blue, green), red), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _resize(image: ImageArray, target: ImageArray) -> None:
    """Resize (h, w, 3) into `target`, every pixel counted where it becomes smaller.

    Means over areas that are no whole number of pixels take three times as long as linear
    interpolation to twice the size followed by means of two by two.
    """
    height, width = target.shape[:2]
    if width < image.shape[1] <= 2 * width:
        image = np.asarray(cv2.resize(image, (2 * width, 2 * height)), np.uint8)
    shrinks = image.shape[1] > width
    cv2.resize(
        image,
        (width, height),
        dst=target,
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
