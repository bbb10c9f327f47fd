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
_WINDOW = (15, 15)
_LEVELS = 3


def motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Matrix | None:
    """(3, 3) pixels of `after` from pixels of `before`, two (h, w) grey pictures of one size.

    None where no single motion explains enough corners: another shot, a blur, a wipe.
    """
    if before.shape != after.shape:
        return None
    a, b = _halved(before), _halved(after)
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
    if not _spread(corners[kept][inlier.ravel() == 1], a.shape):
        return None
    half = scaling(a.shape[1] / before.shape[1], a.shape[0] / before.shape[0])
    moved: Matrix = np.linalg.inv(half) @ h @ half
    return moved


def _halved(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = grey.shape
    size = (width // 2, height // 2)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _spread(corners: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    low, high = np.percentile(corners.reshape(-1, 2), (5, 95), axis=0)
    return float(np.prod(high - low)) >= SPREAD * shape[0] * shape[1]
