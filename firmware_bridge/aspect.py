"""The pixels' aspect from a sequence: was the picture squeezed or stretched on its way? Pure.

One picture of a level camera says nothing of it: for every aspect there is a camera, at another
place, that takes the same picture. A camera that pans, tilts or zooms from one place does say it:
only with the right aspect do all its pictures come from one place. So place and aspect are solved
for together over some pictures, with rotation and focal length free in each (bundle adjustment,
the pictures' own parameters eliminated by a Schur complement).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.gil_yield import Rest, go_on
from firmware_bridge.pose import closed_form, linearize, picture_grid, small_rotation

_Matrix: TypeAlias = NDArray[np.float64]

_STARTS = (-0.5, -0.25, 0.0, 0.25, 0.5)
_STEPS = 8
_FEWEST = 16
_EVERY, _KEPT = 4, 24
"""One look in so many is kept, and so many of them."""
_KNOWN = 0.02
"""Standard error of the aspect's logarithm up to which anything is concluded from it."""
_SQUARE = 0.06
"""What a picture that nobody squeezed may show: lenses distort, fields are not quite to measure."""
_SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Aspect:
    """Height over width of what should be square, as a sequence shows it."""

    log_aspect: float
    """0 for square pixels, negative for a picture that was squashed from above."""
    sigma: float
    """Standard error of it; large for a camera that did not move."""
    rms_px: float
    """What one place and one aspect leave of the homographies' own points."""

    @property
    def squeezed(self) -> bool:
        """Whether the pixels are clearly not square."""
        clear = max(_SQUARE, _SIGMAS * self.sigma)
        return self.sigma <= _KNOWN and abs(self.log_aspect) > clear


class AspectWatch:
    """Collects pictures of one camera; `estimate` when there is time."""

    def __init__(self) -> None:
        self._kept: deque[tuple[_Matrix, tuple[int, int]]] = deque(maxlen=_KEPT)
        self._seen = self._new = 0

    @property
    def ready(self) -> bool:
        """Whether a full set of new pictures has come since the last estimate."""
        return self._new >= _KEPT

    def add(self, field_from_image: _Matrix, size: tuple[int, int]) -> None:
        """Take a trusted homography (3, 3) of a picture of `size` (width, height)."""
        if self._seen % _EVERY == 0:
            self._kept.append((field_from_image, size))
            self._new += 1
        self._seen += 1

    def estimate(self, rest: Rest = go_on) -> Aspect | None:
        """Solve for the aspect; a tenth of a second or two. None with too few pictures.

        `rest` is called between its parts (see `estimate_aspect`).
        """
        self._new = 0
        kept = list(self._kept)
        if len(kept) < _FEWEST or len({size for _, size in kept}) > 1:
            return None
        return estimate_aspect([h for h, _ in kept], kept[0][1], rest)


@dataclass(slots=True)
class _View:
    """One picture: its points and the camera's own part of it."""

    image: _Matrix
    field: _Matrix
    rotation: _Matrix
    focal: float


def estimate_aspect(
    homographies: Sequence[_Matrix],
    size: tuple[int, int],
    rest: Rest = go_on,
) -> Aspect | None:
    """Place and aspect that explain `field_from_image` (3, 3) of several pictures of `size`.

    None where the homographies belong to no camera at all. `rest` is called after each third of a
    millisecond or so: another thread, which needs Python's lock too, may have something urgent.
    """
    with np.errstate(all="ignore"):
        try:
            start = min(
                (
                    found
                    for a in _STARTS
                    if (found := _started(homographies, size, a, rest)) is not None
                ),
                key=lambda found: found[0],
                default=None,
            )
            return None if start is None else _adjusted(start[1], start[2], start[3], rest)
        except np.linalg.LinAlgError:
            return None


def _started(
    homographies: Sequence[_Matrix],
    size: tuple[int, int],
    log_aspect: float,
    rest: Rest,
) -> tuple[float, list[_View], _Matrix, float] | None:
    """Scatter of the places at one aspect, the views, their middle place, and the aspect."""
    middle = (size[1] - 1) / 2
    stretch = math.exp(log_aspect)
    squeeze = np.array([[1, 0, 0], [0, stretch, middle * (1 - stretch)], [0, 0, 1.0]])
    views, places = [], []
    for h in homographies:
        rest()
        solved = closed_form(h @ squeeze, *size)
        image, field = picture_grid(h, size)
        if solved is not None and len(image) >= 6:
            views.append(_View(image, field, solved[0], solved[1]))
            places.append(solved[2])
    if len(views) < max(0.7 * len(homographies), _FEWEST):
        return None
    place = np.median(places, axis=0)
    away = np.linalg.norm(np.array(places) - place, axis=1)
    return float(np.median(away) / np.linalg.norm(place)), views, place, log_aspect


def _adjusted(views: list[_View], place: _Matrix, log_aspect: float, rest: Rest) -> Aspect | None:
    """Gauss-Newton on (place, log aspect) and each view's (rotation, log focal length)."""
    shared = np.append(place, log_aspect)
    damping, before = 1e-3, math.inf
    normal, rms = np.eye(4), math.inf
    for _ in range(_STEPS):
        normal, right, solved, each = np.zeros((4, 4)), np.zeros(4), [], []
        for view in views:
            rest()
            own, common, residual = _equations(view, shared)
            inner = own.T @ own + np.diag(np.full(4, 1e-9))
            gain = np.linalg.solve(inner, own.T @ np.column_stack([common, residual]))
            left = residual - own @ gain[:, 4]
            reduced = common - own @ gain[:, :4]
            each.append(float(np.mean(residual**2)) * 2)
            solved.append((view, gain, reduced, left))
        typical = float(np.median(each)) + 1e-12
        for (_, _, reduced, left), square in zip(solved, each, strict=True):
            weight = 1 / (1 + square / (9 * typical)) ** 2
            normal += weight * reduced.T @ reduced
            right += weight * reduced.T @ left
        rms = math.sqrt(typical)
        damped = normal + damping * np.diag(np.diag(normal))
        step = np.linalg.solve(damped, right)
        step[:3], step[3] = np.clip(step[:3], -20, 20), np.clip(step[3], -0.2, 0.2)
        for view, gain, _, _ in solved:
            update = np.clip(gain[:, 4] - gain[:, :4] @ step, -0.3, 0.3)
            view.rotation = small_rotation(update[:3]) @ view.rotation
            view.focal *= math.exp(update[3])
        shared = shared + step
        damping = damping / 3 if rms <= before else damping * 10
        if abs(before - rms) < 1e-5 * rms:
            break
        before = rms
    if not (np.isfinite(shared).all() and math.isfinite(rms)):
        return None
    # the points of one picture come from one homography: eight numbers, not two a point
    points = float(np.mean([len(view.image) for view in views]))
    covariance = np.linalg.inv(normal * (8 / (2 * points)) / max(rms**2 / 2, 1e-12))
    return Aspect(float(shared[3]), math.sqrt(max(float(covariance[3, 3]), 0.0)), rms)


def _equations(view: _View, shared: _Matrix) -> tuple[_Matrix, _Matrix, _Matrix]:
    """(2n, 4) derivatives by the view's own and by the shared parameters, (2n,) residuals."""
    stretch = math.exp(shared[3])
    square = view.image / np.array([1.0, stretch])
    residual, jacobian = linearize(view.rotation, view.focal, shared[:3], square, view.field)
    n = len(square)
    scale = np.concatenate([np.ones(n), np.full(n, stretch)])  # back in the picture's own pixels
    by_aspect = np.concatenate([np.zeros(n), square[:, 1]])
    common = np.column_stack([jacobian[:, 4:], by_aspect])
    return jacobian[:, :4] * scale[:, None], common * scale[:, None], residual * scale
