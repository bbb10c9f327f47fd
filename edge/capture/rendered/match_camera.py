"""A pinhole camera at a venue: where it stands, where it looks, and what it sees of the field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RenderedCamera:
    """A camera without lens distortion; the principal point is the picture's middle."""

    position_m: tuple[float, float, float]
    """Centre of projection in field coordinates, z up."""
    pan_deg: float
    """Direction of view about the vertical, from the field's +y towards +x."""
    tilt_deg: float
    """Angle between the direction of view and straight down; 90 looks at the horizon."""
    roll_deg: float
    """Turn about the direction of view, clockwise as the camera sees it."""
    focal_px: float
    width: int
    height: int

    @property
    def projection(self) -> Matrix:
        """(3, 4), p_image ~ projection @ (x, y, z, 1); the weight is the depth in metres."""
        rotation = _rotation(self.pan_deg, self.tilt_deg, self.roll_deg)
        f, cx, cy = self.focal_px, (self.width - 1) / 2, (self.height - 1) / 2
        intrinsics = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]])
        moved = np.column_stack([rotation, -rotation @ np.array(self.position_m)])
        result: Matrix = intrinsics @ moved
        return result

    @property
    def image_from_field(self) -> Matrix:
        """(3, 3), p_image ~ image_from_field @ p_field; weights are positive in front."""
        return self.projection[:, [0, 1, 3]]

    @property
    def field_from_image(self) -> Matrix:
        """(3, 3), the inverse of `image_from_field`, scaled to a last element of 1."""
        inverse = np.linalg.inv(self.image_from_field)
        scaled: Matrix = inverse / inverse[2, 2]
        return scaled

    def project(self, points_m: ArrayLike) -> tuple[Matrix, Matrix]:
        """Project (n, 3) points -> (n, 2) pixels and (n,) depths in metres, negative if behind."""
        p = np.asarray(points_m, float).reshape(-1, 3)
        q = p @ self.projection[:, :3].T + self.projection[:, 3]
        depth = q[:, 2]
        return q[:, :2] / np.where(np.abs(depth) < 1e-6, 1e-6, depth)[:, None], depth


def _rotation(pan_deg: float, tilt_deg: float, roll_deg: float) -> Matrix:
    """Rows: the camera's right, down and forward in field coordinates."""
    pan, tilt, roll = np.radians([pan_deg, tilt_deg, roll_deg])
    forward = np.array([np.sin(tilt) * np.sin(pan), np.sin(tilt) * np.cos(pan), -np.cos(tilt)])
    level = np.array([np.cos(pan), -np.sin(pan), 0.0])
    down = np.array([-np.cos(tilt) * np.sin(pan), -np.cos(tilt) * np.cos(pan), -np.sin(tilt)])
    right = np.cos(roll) * level + np.sin(roll) * down
    return np.stack([right, np.cos(roll) * down - np.sin(roll) * level, forward])
