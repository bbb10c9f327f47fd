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

from edge.registration.camera import lens
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
    rms_px: float
    """What it leaves of the corners' distances."""
    corners: int


@dataclass(frozen=True, slots=True)
class Motion:
    """How a grey picture moved since another one of its size."""

    after_from_before: Matrix
    """(3, 3) the homography of the corners, with its eight free elements."""
    before_px: NDArray[np.float64]
    """(n, 2) corners that were followed, where they were."""
    after_px: NDArray[np.float64]
    """(n, 2) where they are."""

    def turn(self, size: tuple[int, int], theta: FloatArray) -> Turn | None:
        """How a camera (9,) turned and zoomed since the picture before; None where none did.

        Pairs of corners propose a turn and a zoom (four numbers); the proposal that most corners
        confirm is fitted to these. People who run are the others, which a free homography would
        bend to. `size` is (width, height).
        """
        focal_px = math.exp(theta[0]) * size[0]
        scale = focal_px * np.array([[1.0], [math.exp(theta[1])]])
        centre, bends = np.array([[(size[0] - 1) / 2], [(size[1] - 1) / 2]]), lens(theta, size)
        before, after = (
            (px.T if bends is None else bends.straight(px.T)) - centre
            for px in (self.before_px, self.after_px)
        )
        rays, target, near = before / scale, after / scale, TURN_PX / focal_px
        step = _proposed(rays, target, near)
        fitted = None if step is None else _fitted(step, rays, target, near)
        if fitted is None:
            return None
        rotation, zoom, apart = fitted
        on = apart < near
        corners = int(on.sum())
        if corners < max(LEAST_TURN, SHARE_TURN * len(on)):
            return None
        return Turn(rotation, zoom, float(np.sqrt(np.mean(apart[on] ** 2))) * focal_px, corners)


def _proposed(rays: FloatArray, target: FloatArray, near: float) -> FloatArray | None:
    """The turn and zoom (4,) of a pair that brings most rays (2, n) near their targets (2, n)."""
    pairs = _pairs(rays.shape[1])
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
    best: FloatArray = step[int(np.where(wild, 0, (off < near).sum(1)).argmax())]
    return best


def _fitted(
    step: FloatArray, rays: FloatArray, target: FloatArray, near: float
) -> tuple[Matrix, float, FloatArray] | None:
    """A turn (3, 3) and a zoom fitted to what is `near`, and each ray's distance (n,) then."""
    rotation, zoom = cv2.Rodrigues(step[:3])[0], math.exp(step[3])
    here, homogeneous = np.zeros((1, 4)), np.concatenate([rays, np.ones((1, rays.shape[1]))])
    for last in (*[False] * ROUNDS, True):
        q = rotation @ homogeneous
        moved = q[:2] / q[2]
        apart: FloatArray = np.hypot(*(target - zoom * moved))
        if last:
            break
        weight = 1 / (1 + (apart / near) ** 2) ** 2  # Geman-McClure
        j, left = _linearized(here, moved[:, None], (target / zoom)[:, None])
        jw = j[0] * np.tile(weight, 2)[:, None]
        change = np.linalg.solve(jw.T @ j[0], jw.T @ left[0])
        if not np.abs(change).max() < LARGE:  # nor where it is no number
            return None
        rotation = cv2.Rodrigues(change[:3])[0] @ rotation
        zoom *= math.exp(change[3])
    return np.asarray(rotation, np.float64), zoom, apart


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
    j = zoom[:, :, None, None] * columns
    left = np.stack([target[0] - zoom * u, target[1] - zoom * v], 1)
    return j.reshape(k, 2 * m, 4), left.reshape(k, 2 * m)


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
    if not _spread(corners[kept][inlier.ravel() == 1][:, 0], a.shape):
        return None
    followed = (px[kept][:, 0].astype(np.float64) for px in (corners, there))
    return Motion(np.asarray(h), *followed)


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
