"""How the picture moved from one frame to the next.

A PTZ camera turns and zooms about a centre that stands still, so everything in the scene, field,
boards and stands, moves by one homography; people are outliers. Corners are followed by pyramidal
Lucas-Kanade there and back again (Bouguet 2000; forward-backward error: Kalal et al. 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.registration.camera import undistorted
from edge.registration.homography import Matrix
from edge.registration.picture import scaling
from edge.types import FloatArray

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
ROUNDS, LARGE = 3, 0.5
"""Steps of a camera's motion, and radians that no camera turns by from one frame to the next."""
LEAST_TURN, SHARE_TURN = 14, 0.3
"""Corners, and their share, that must turn together: four numbers are known from fewer of them."""
PROPOSALS, TURN_PX = 48, 1.0
"""Pairs of corners that propose a turn, and how near a corner must come, checked picture's px."""
_WINDOW = (15, 15)
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """A camera's motion from one frame to the next."""

    rotation: Matrix
    """(3, 3) camera coordinates (right, down, forward) after from before."""
    zoom: float
    """Focal length after over before."""
    after_from_before: Matrix
    """(3, 3) what it does to the picture."""
    rms_px: float
    """What it leaves of the corners' distances."""
    corners: int


@dataclass(frozen=True, slots=True)
class Motion:
    """How a grey picture moved since another one of its size."""

    after_from_before: Matrix
    """(3, 3) the homography of the corners, with its eight free elements."""
    before_px: NDArray[np.float64]
    """(n, 2) corners that moved together, where they were."""
    after_px: NDArray[np.float64]
    """(n, 2) where they are."""
    all_before_px: NDArray[np.float64]
    """(m, 2) all corners that were followed, where they were."""
    all_after_px: NDArray[np.float64]
    """(m, 2) where they are."""

    def turn(self, size: tuple[int, int], theta: FloatArray) -> Turn | None:
        """How a camera (9,) turned and zoomed since the picture before; None where none did.

        Of all corners that were followed: pairs of them propose a turn and a zoom (four numbers),
        the proposal that most corners bear out is fitted to these. People who run are the others,
        which a free homography would bend to. `size` is (width, height).
        """
        scale = math.exp(theta[0]) * size[0] * np.array([1.0, math.exp(theta[1])])
        centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
        before, after = (
            undistorted(px, theta, size) for px in (self.all_before_px, self.all_after_px)
        )
        rays, target = ((before - centre) / scale).T, ((after - centre) / scale).T
        n, near = len(self.all_before_px), TURN_PX / scale[0]
        pairs = _pairs(n)
        step = np.zeros((len(pairs), 4))
        for _ in range(2):
            j, left = _linearized(step, rays[:, pairs], target[:, pairs])
            try:
                step = step + np.linalg.solve(j + 1e-12 * np.eye(4), left[..., None])[..., 0]
            except np.linalg.LinAlgError:
                return None
        wild = ~(np.abs(step) < LARGE).all(1)
        step[wild] = 0.0
        off = np.hypot(*(target[:, None] - _project(step, rays)))
        votes = np.where(wild, 0, (off < near).sum(1))
        best = int(votes.argmax())
        rotation, zoom = cv2.Rodrigues(step[best, :3])[0], math.exp(step[best, 3])
        apart = off[best]
        for _ in range(ROUNDS):
            weight = 1 / (1 + (apart / near) ** 2) ** 2  # Geman-McClure
            u, v, w = rotation @ (*rays, np.ones(n))
            u, v = u / w, v / w
            one = np.zeros((1, 4))
            j, left = _linearized(one, np.stack([u, v])[:, None], (target / zoom)[:, None])
            jw = j[0] * np.tile(weight, 2)[:, None]
            change = np.linalg.solve(jw.T @ j[0], jw.T @ left[0])
            if not np.abs(change).max() < LARGE:  # nor where it is no number
                return None
            rotation = cv2.Rodrigues(change[:3])[0] @ rotation
            zoom *= math.exp(change[3])
            u, v, w = rotation @ (*rays, np.ones(n))
            apart = np.hypot(target[0] - zoom * u / w, target[1] - zoom * v / w)
        on = apart < near
        count = int(on.sum())
        if count < max(LEAST_TURN, SHARE_TURN * n):
            return None
        rms_px = float(np.sqrt(np.mean(apart[on] ** 2)) * scale[0])
        inside = np.diag([1 / scale[0], 1 / scale[1], 1.0])
        inside[:2, 2] = -centre / scale
        outside = np.diag([zoom * scale[0], zoom * scale[1], 1.0])
        outside[:2, 2] = centre
        turned: Matrix = outside @ rotation @ inside
        return Turn(rotation, zoom, turned, rms_px, count)


@cache
def _pairs(n: int) -> NDArray[np.intp]:
    """(k, 2) numbers of corners that propose a turn together."""
    rng = np.random.default_rng(n)
    first = rng.integers(n, size=PROPOSALS)
    return np.stack([first, (first + rng.integers(1, n, size=PROPOSALS)) % n], 1)


def _project(step: FloatArray, rays: FloatArray) -> FloatArray:
    """Rays (2, n) after k turns and zooms (k, 4) -> (2, k, n)."""
    rotations = np.stack([cv2.Rodrigues(one[:3])[0] for one in step])
    zoom = np.exp(step[:, 3])[:, None]
    q = rotations[:, :, :2] @ rays + rotations[:, :, 2:]
    return np.stack([zoom * q[:, 0] / q[:, 2], zoom * q[:, 1] / q[:, 2]])


def _linearized(
    step: FloatArray, rays: FloatArray, target: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives (k, 2m, 4) of m rays, (2, k, m), by k turns and zooms (k, 4), and what is left.

    By the rotation vector and the zoom's logarithm, the former small.
    """
    zoom = np.exp(step[:, 3])[:, None]
    x, y, z = (step[:, i, None] for i in range(3))
    u0, v0 = rays
    w = 1 - y * u0 + x * v0
    u, v = (u0 - z * v0 + y) / w, (v0 + z * u0 - x) / w
    columns = np.stack(
        [np.stack([-u * v, 1 + u * u, -v, u], -1), np.stack([-1 - v * v, u * v, u, v], -1)], 1
    )
    k, m = u.shape
    j = (zoom[:, :, None, None] * columns.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    left = np.stack([target[0] - zoom * u, target[1] - zoom * v], 1)
    return j.reshape(k, 2 * m, 4), left.reshape(k, 2 * m)


def _rms_px(h: Matrix, before_px: FloatArray, after_px: FloatArray) -> float:
    q = h[:, :2] @ before_px.T + h[:, 2:]
    return math.sqrt(float(np.mean((q[:2] / q[2] - after_px.T) ** 2)))


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
    whole = (
        px @ back[:2, :2].T + back[:2, 2]
        for px in (half.before_px, half.after_px, half.all_before_px, half.all_after_px)
    )
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
    every = (px[kept][:, 0] for px in (corners, there))
    told = (px.astype(np.float64) for px in (before_px, after_px, *every))
    return Motion(np.asarray(h), *told)


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
