"""A mount that is not level: the pan axis leans, and the field sees a turned head. Pure.

The head's own pan and tilt are about the mount's axes. In the field's frame its orientation is
`lean @ axes(pan, tilt, roll)`, with the lean a small rotation about the field's x and then its y
axis. A lean of one degree shows as up to a degree of tilt, and of roll, that come and go with pan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.rotation import angles_of, camera_axes, wrap_deg

_Array: TypeAlias = NDArray[np.float64]
_USUAL_DEG = 1.5
"""Standard deviation of leans before anything is seen: venues level their mounts by eye."""
_STEP_DEG = 0.01


@dataclass(frozen=True, slots=True)
class Lean:
    """Degrees by which a mount is turned about the field's x axis, then about its y axis."""

    x_deg: float = 0.0
    y_deg: float = 0.0
    sigma_deg: float = math.inf
    """Standard error of the less certain of the two."""

    def apply(self, pan_deg: float, tilt_deg: float) -> tuple[float, float, float]:
        """Pan, tilt and roll in the field's frame of angles about the mount's axes."""
        if not (self.x_deg or self.y_deg):
            return wrap_deg(pan_deg), tilt_deg, 0.0
        return angles_of(lean_matrix(self.x_deg, self.y_deg) @ camera_axes(pan_deg, tilt_deg, 0.0))


def lean_matrix(x_deg: float, y_deg: float) -> _Array:
    """Rotation (3, 3) of a lean: about y first, then about x."""
    a, b = math.radians(x_deg), math.radians(y_deg)
    about_x = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
    about_y = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    return np.asarray(np.array(about_x) @ np.array(about_y), float)


def levelled(angles_deg: _Array, x_deg: float, y_deg: float) -> _Array:
    """(n, 3) pan, tilt, roll in the field's frame -> about the axes of a mount that leans so.

    Pan stays within half a turn of what it was.
    """
    p, t, r = np.radians(angles_deg).T
    zero = np.zeros_like(p)
    right = np.stack([np.cos(p), -np.sin(p), zero], axis=1)
    forward = np.stack([np.sin(p) * np.cos(t), np.cos(p) * np.cos(t), np.sin(t)], axis=1)
    up = np.cross(right, forward)
    turned = np.cos(r)[:, None] * right - np.sin(r)[:, None] * up
    upward = np.cos(r)[:, None] * up + np.sin(r)[:, None] * right
    back = lean_matrix(x_deg, y_deg)  # rows times the matrix: the inverse turn
    turned, forward, upward = turned @ back, forward @ back, upward @ back
    pan = np.degrees(np.arctan2(forward[:, 0], forward[:, 1]))
    tilt = np.degrees(np.arcsin(np.clip(forward[:, 2], -1, 1)))
    roll = np.degrees(np.arctan2(-turned[:, 2], upward[:, 2]))
    before = np.asarray(angles_deg, float)[:, 0]
    pan = before + (pan - before + 180) % 360 - 180
    return np.stack([pan, tilt, roll], axis=1)


def fit_lean(
    angles_deg: _Array, bases: tuple[_Array, _Array, _Array], offsets: _Array, scale: _Array
) -> Lean:
    """Find the lean that makes pan, tilt and roll of pictures what the head reports.

    `angles_deg` (n, 3) from the pictures; `offsets` (n, 3), what the head's numbers alone say of
    them; `bases`, for each angle, (n, k) columns of what else the head leaves open (a constant, a
    gain); `scale` (3,) the noise of each in degrees. Robust Gauss-Newton with numeric derivatives;
    leans are taken to be small until seen.
    """
    lean = np.zeros(2)
    normal = np.eye(2)
    correlated = 1.0
    for _ in range(4):
        levels = [levelled(angles_deg, *(lean + step)) for step in _STEPS]
        normal, right, spread = np.eye(2) / _USUAL_DEG**2, -lean / _USUAL_DEG**2, []
        for axis, basis in enumerate(bases):
            free = basis @ np.linalg.pinv(basis)
            columns = np.stack([level[:, axis] - offsets[:, axis] for level in levels], axis=1)
            columns = columns - free @ columns
            residual = columns[:, 0]
            jacobian = (columns[:, 1:] - columns[:, :1]) / _STEP_DEG
            size = max(float(scale[axis]), 1.4826 * float(np.median(np.abs(residual))))
            weight = 1 / (1 + (residual / (3 * size)) ** 2) ** 2 / size**2
            normal = normal + (jacobian * weight[:, None]).T @ jacobian
            right = right - (jacobian * weight[:, None]).T @ residual
            spread.append(_repetition(residual))
        lean = lean + np.clip(np.linalg.solve(normal, right), -3, 3)
        correlated = max(spread[:2])
    worst = math.sqrt(float(np.linalg.inv(normal).diagonal().max()) * correlated)
    return Lean(float(lean[0]), float(lean[1]), worst)


_STEPS = np.array([[0.0, 0.0], [_STEP_DEG, 0.0], [0.0, _STEP_DEG]])


def _repetition(residual: _Array) -> float:
    """How many neighbouring residuals repeat each other, from their autocorrelation."""
    centred = residual - residual.mean()
    power = float(centred @ centred)
    if power <= 0:
        return 1.0
    rho = min(max(float(centred[1:] @ centred[:-1]) / power, 0.0), 0.98)
    return (1 + rho) / (1 - rho)
