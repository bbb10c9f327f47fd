"""Between pixels and the field by a homography, with the error to expect. Pure, NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.geometry import apply_homography, depth, orient

_SAMPLES = 24
"""Points along each side of the picture over which the expected error is a mean."""


@dataclass(frozen=True, slots=True)
class FieldPoints:
    """Where points of the picture lie on the field."""

    points_m: NDArray[np.float64]
    """(n, 2) field metres; nan for a point above the horizon."""
    error_m: NDArray[np.float64]
    """(n,) expected distance from the truth, metres; nan where it is not known."""


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture's homography, with all that is needed to go from pixels to metres and back."""

    field_from_image: NDArray[np.float64]
    """(3, 3), of any scale and sign."""
    image_size: tuple[int, int]
    """Width and height, pixels."""
    field_size_m: tuple[float, float]
    """Length and width, metres."""
    expected_error_m: float | None = None
    """Expected mean error over the visible field, metres; None where it is not known."""
    error_px: float | None = None
    """Error in the picture, pixels, for use where the error in metres is not known."""

    def to_field(self, points_px: ArrayLike) -> FieldPoints:
        """Map (n, 2) pixels to the field.

        The error is an estimate. A registration is off by about the same number of pixels
        everywhere, so the error in metres grows with the size of a pixel on the field.
        """
        points = np.asarray(points_px, float).reshape(-1, 2)
        field_from_image = np.asarray(np.linalg.inv(self.image_from_field), np.float64)
        mapped = apply_homography(field_from_image, points)
        below = depth(field_from_image, points) > 0  # below the horizon
        mapped[~below] = np.nan
        error = self._error_px(field_from_image) * _metres_per_px(field_from_image, points)
        error[~below] = np.nan
        return FieldPoints(mapped, error)

    def to_image(self, points_m: ArrayLike) -> NDArray[np.float64]:
        """Map (n, 2) field metres to (n, 2) pixels; nan behind the camera.

        Pixels may lie outside the picture.
        """
        image_from_field = self.image_from_field
        points = np.asarray(points_m, float).reshape(-1, 2)
        mapped = apply_homography(image_from_field, points)
        mapped[depth(image_from_field, points) <= 0] = np.nan
        return mapped

    @property
    def image_from_field(self) -> NDArray[np.float64]:
        """Return the (3, 3) inverse, with positive weights in front of the camera.

        An upright camera sees the ground at the middle of the picture's lower edge, if anywhere.
        """
        width, height = self.image_size
        bottom = np.array([width / 2, height - 1.0])
        return orient(np.linalg.inv(self.field_from_image), bottom)

    def _error_px(self, field_from_image: NDArray[np.float64]) -> float:
        """Return the registration's error in pixels; nan where it is not known."""
        if self.expected_error_m is None:
            return np.nan if self.error_px is None else self.error_px
        width, height = self.image_size
        across = np.linspace(0, width - 1, _SAMPLES)
        down = np.linspace(0, height - 1, _SAMPLES)
        grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        mapped = apply_homography(field_from_image, grid)
        half = np.array(self.field_size_m) / 2
        on_field = (depth(field_from_image, grid) > 0) & (np.abs(mapped) <= half).all(axis=1)
        if not on_field.any():
            return np.nan
        return self.expected_error_m / float(
            _metres_per_px(field_from_image, grid[on_field]).mean()
        )


def _metres_per_px(
    field_from_image: NDArray[np.float64], points_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the longest step on the field, (n,) metres, that one pixel makes at (n, 2) pixels."""
    h = field_from_image
    weight = depth(h, points_px)[:, None, None]
    mapped = apply_homography(h, points_px)
    with np.errstate(divide="ignore", invalid="ignore"):
        jacobian = (h[None, :2, :2] - mapped[:, :, None] * h[None, 2:, :2]) / weight
    steps = np.full(len(points_px), np.nan)
    usable = np.isfinite(jacobian).all(axis=(1, 2))
    steps[usable] = np.linalg.norm(jacobian[usable], ord=2, axis=(1, 2))
    return steps
