"""How the picture moved from one frame to the next.

A PTZ camera turns and zooms about a centre that stands still, so everything in the scene, field,
boards and stands, moves by one homography; people are outliers. Corners are followed by pyramidal
Lucas-Kanade there and back again (Bouguet 2000; forward-backward error: Kalal et al. 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
ROUNDS, SMALL, LARGE = 3, 0.01, 0.5
"""Steps of a camera's motion, at most, radians after which it is known to a hair, and radians that
no camera turns by from one frame to the next.
"""
WORSE, WORSE_PX = 1.1, 0.02
"""By what share, and how many pixels, a camera's motion may leave more of the corners' distances
than the free one."""
_WINDOW = (15, 15)
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Motion:
    """How a grey picture moved since another one of its size."""

    after_from_before: Matrix
    """(3, 3) the homography of the corners, with its eight free elements."""
    before_px: NDArray[np.float64]
    """(n, 2) corners that moved together, where they were."""
    after_px: NDArray[np.float64]
    """(n, 2) where they are."""

    def of_a_camera(self, focal_px: float, size: tuple[int, int]) -> Matrix:
        """(3, 3) the same as a camera of that focal length has it, which turned and zoomed.

        Four numbers in place of eight: what corners leave open at the rim is closed. The corners'
        own homography where they bear the camera out less: a lens bends lines, pixels may not be
        square, a camera may travel. `size` is (width, height).
        """
        centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
        x, y = ((self.before_px - centre) / focal_px).T
        target = ((self.after_px - centre) / focal_px).T
        rotation, zoom = np.eye(3), 1.0
        for _ in range(ROUNDS):
            u, v, w = rotation @ (x, y, np.ones_like(x))
            u, v = u / w, v / w
            # derivatives by a small rotation and the zoom's logarithm
            system = np.empty((4, 2, len(x)))
            (ux, uy, uz, us), (vx, vy, vz, vs) = system[:, 0], system[:, 1]
            np.multiply(u, v, out=vy)
            np.negative(vy, out=ux)
            uy[:], vx[:] = 1 + u * u, -1 - v * v
            uz[:], vz[:], us[:], vs[:] = -v, u, u, v
            flat, left = system.reshape(4, -1), (target / zoom - (u, v)).ravel()
            step = np.linalg.solve(flat @ flat.T, flat @ left)
            if not np.abs(step).max() < LARGE:  # nor where it is no number
                return self.after_from_before
            rotation = cv2.Rodrigues(step[:3])[0] @ rotation
            zoom *= math.exp(step[3])
            if np.abs(step).max() < SMALL:
                break
        inside = np.diag([1 / focal_px, 1 / focal_px, 1.0])
        inside[:2, 2] = -centre / focal_px
        outside = np.diag([zoom * focal_px, zoom * focal_px, 1.0])
        outside[:2, 2] = centre
        turned: Matrix = outside @ rotation @ inside
        ours, free = (self._rms_px(h) for h in (turned, self.after_from_before))
        return turned if ours <= WORSE * free + WORSE_PX else self.after_from_before

    def _rms_px(self, h: Matrix) -> float:
        q = h[:, :2] @ self.before_px.T + h[:, 2:]
        return math.sqrt(float(np.mean((q[:2] / q[2] - self.after_px.T) ** 2)))


def motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion | None:
    """How `after` moved since `before`, two (h, w) grey pictures of one size.

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
    back = np.linalg.inv(scale)
    whole = (px @ back[:2, :2].T + back[:2, 2] for px in (half.before_px, half.after_px))
    return Motion(back @ half.after_from_before @ scale, *whole)


def _motion(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Motion | None:
    """How `b` moved since `a`, see `motion`."""
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
    on = inlier.ravel() == 1
    before_px, after_px = corners[kept][on][:, 0], there[kept][on][:, 0]
    if not _spread(before_px, a.shape):
        return None
    return Motion(np.asarray(h), before_px.astype(np.float64), after_px.astype(np.float64))


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
