"""How the picture moved from one frame to the next.

A PTZ camera turns and zooms about a centre that stands still, so everything in the scene, field,
boards and stands, moves by one homography; people are outliers. Corners are followed by pyramidal
Lucas-Kanade there and back again (Bouguet 2000; forward-backward error: Kalal et al. 2010).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.registration.homography import Matrix
from edge.registration.picture import scaling

CORNERS, APART_PX = 80, 12
"""At most, and how far apart: as exact as twice as many that lie half as far apart, in half the
time."""
LEAST = 24
"""Corners that must move together."""
SHARE = 0.5
"""Share of the followed corners that must move together."""
SPREAD = 0.2
"""Area of the box around them over the picture's: a scoreboard alone is no scene."""
RETURN_PX = 0.5
"""Farthest that a corner may come back from where it set out, pixels of the halved picture."""
LIT = 4.0
"""Change of the mean grey level that may keep corners from being followed."""
AROUND_PX = 31
"""Side of the square about a pixel that its grey level is told from, where the light changed."""
_WINDOW = (15, 15)
_LEVELS = 3


def motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Matrix | None:
    """(3, 3) pixels of `after` from pixels of `before`, two (h, w) grey pictures of one size.

    None where no single motion explains enough corners: another shot, a blur, a wipe. Where that
    may be for the light alone (a photographer's flash, an iris that opens), both pictures are tried
    once more evened out: corners are followed by their grey levels.
    """
    if before.shape != after.shape:
        return None
    a, b = _halved(before), _halved(after)
    half = _motion(a, b)
    if half is None and abs(float(a.mean()) - float(b.mean())) > LIT:
        half = _motion(_evened(a), _evened(b))
    if half is None:
        return None
    scale = scaling(a.shape[1] / before.shape[1], a.shape[0] / before.shape[0])
    moved: Matrix = np.linalg.inv(scale) @ half @ scale
    return moved


def _motion(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Matrix | None:
    """(3, 3) pixels of `b` from pixels of `a`, see `motion`."""
    corners = cv2.goodFeaturesToTrack(a, CORNERS, 0.01, APART_PX)
    if corners is None or len(corners) < LEAST:
        return None
    options = {"winSize": _WINDOW, "maxLevel": _LEVELS}
    there, found, _ = cv2.calcOpticalFlowPyrLK(a, b, corners, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(b, a, there, None, **options)  # type: ignore[call-overload]
    astray = np.abs(back - corners).max(axis=2).ravel()
    kept = (found.ravel() == 1) & (returned.ravel() == 1) & (astray < RETURN_PX)
    if kept.sum() < LEAST:
        return None
    h, inlier = cv2.findHomography(corners[kept], there[kept], cv2.RANSAC, 1.0)
    if h is None or inlier.sum() < max(LEAST, SHARE * kept.sum()):
        return None
    return np.asarray(h) if _spread(corners[kept][inlier.ravel() == 1], a.shape) else None


def _halved(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = grey.shape
    size = (width // 2, height // 2)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _evened(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey levels in deviations from what lies around: the same in any light."""
    level, side = grey.astype(np.float32), (AROUND_PX, AROUND_PX)
    mean = cv2.blur(level, side)
    deviation = np.sqrt(np.maximum(cv2.blur(level * level, side) - mean * mean, 0))
    even = (level - mean) / (deviation + 12)
    return np.asarray(np.clip(even * 45 + 128, 0, 255).astype(np.uint8))


def _spread(corners: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    """Whether the box around nine tenths of the corners is large enough."""
    ordered = np.sort(corners.reshape(-1, 2), axis=0)
    margin = round(0.05 * (len(ordered) - 1))
    across, down = (ordered[len(ordered) - 1 - margin] - ordered[margin]).tolist()
    return bool(across * down >= SPREAD * shape[0] * shape[1])
