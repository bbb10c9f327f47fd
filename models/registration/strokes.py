"""Strokes with sub-pixel ends and widths, of which people, goals and graphics are drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray
from models.registration.cameras import Array

Colour = tuple[int, int, int]
"""Blue, green, red, 0..255."""
SHIFT = 4
"""Sub-pixel bits of OpenCV's drawing coordinates."""
THINNEST = 0.85
"""Thickness in pixels below which a line is blended by its coverage."""
_FARTHEST = 1 << 20


def fixed(points: Array) -> NDArray[np.int32]:
    """Pixels, of any shape, to OpenCV's fixed-point coordinates."""
    return np.clip(np.round(points * (1 << SHIFT)), -(2**24), 2**24).astype(np.int32)


def offset(point: Array, dx: float, dy: float) -> Array:
    """A (2,) point moved by (dx, dy)."""
    return np.array([point[0] + dx, point[1] + dy])


def line(image: ImageArray, a: Array, b: Array, colour: Colour, thickness: float) -> None:
    """Draw a segment between (2,) points; thinner than a pixel, it is blended by its coverage."""
    x0, y0, x1, y1 = (float(a[0]), float(a[1]), float(b[0]), float(b[1]))
    if thickness >= THINNEST:
        wide = max(1, round(thickness))
        cv2.line(image, _end(x0, y0), _end(x1, y1), colour, wide, cv2.LINE_AA, SHIFT)
        return
    h, w = image.shape[:2]
    left, right = max(int(min(x0, x1)) - 1, 0), min(int(max(x0, x1)) + 3, w)
    top, bottom = max(int(min(y0, y1)) - 1, 0), min(int(max(y0, y1)) + 3, h)
    if left >= right or top >= bottom:
        return
    part = image[top:bottom, left:right]
    layer = part.copy()
    ends = _end(x0 - left, y0 - top), _end(x1 - left, y1 - top)
    cv2.line(layer, *ends, colour, 1, cv2.LINE_AA, SHIFT)
    part[:] = cv2.addWeighted(layer, thickness, part, 1 - thickness, 0)


def _end(x: float, y: float) -> tuple[int, int]:
    return (
        int(max(-_FARTHEST, min(_FARTHEST, x * 16))),
        int(max(-_FARTHEST, min(_FARTHEST, y * 16))),
    )


def disc(image: ImageArray, centre: Array, radius: int, colour: Colour) -> None:
    """Fill a disc at a (2,) point; `radius` in fixed-point units."""
    x, y = (int(v) for v in fixed(centre))
    cv2.circle(image, (x, y), radius, colour, -1, cv2.LINE_AA, SHIFT)


def polygon(image: ImageArray, corners: Array, colour: Colour) -> None:
    """Fill a convex (n, 2) polygon."""
    cv2.fillConvexPoly(image, fixed(corners), colour, cv2.LINE_AA, SHIFT)


def random_colour(rng: np.random.Generator) -> Colour:
    """Any colour, saturated ones and black and white more often than not."""
    if rng.random() < 0.3:
        v = int(rng.choice([15, 30, 235, 250]))
        return (v, v, v)
    c = rng.integers(0, 256, 3)
    if rng.random() < 0.5:
        c[rng.integers(3)] //= 4
    return (int(c[0]), int(c[1]), int(c[2]))
