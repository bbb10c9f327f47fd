"""Pan, tilt and roll as rotation matrices and back (conventions: see `firmware_bridge.model`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def camera_axes(pan_deg: float, tilt_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """(3, 3) matrix whose columns are the camera's right, forward and up axes in the world."""
    p, t, r = (math.radians(a) for a in (pan_deg, tilt_deg, roll_deg))
    sp, cp, st, ct, sr, cr = (
        math.sin(p),
        math.cos(p),
        math.sin(t),
        math.cos(t),
        math.sin(r),
        math.cos(r),
    )
    right = np.array([cp, -sp, 0.0])
    forward = np.array([sp * ct, cp * ct, st])
    up = np.array([-sp * st, -cp * st, ct])
    # roll clockwise from behind: the right-hand side goes down
    return np.column_stack([cr * right - sr * up, forward, cr * up + sr * right])


def angles_of(axes: NDArray[np.float64]) -> tuple[float, float, float]:
    """Pan, tilt and roll in degrees of the (3, 3) matrix of `camera_axes`; pan in (-180, 180]."""
    right, forward, up = axes.T
    tilt = math.asin(max(-1.0, min(1.0, forward[2])))
    pan = math.atan2(forward[0], forward[1])
    roll = math.atan2(-right[2], up[2])
    return math.degrees(pan), math.degrees(tilt), math.degrees(roll)


def wrap_deg(angle: float) -> float:
    """Return the same angle in (-180, 180]."""
    wrapped = math.fmod(angle, 360.0)
    if wrapped > 180.0:
        return wrapped - 360.0
    return wrapped + 360.0 if wrapped <= -180.0 else wrapped
