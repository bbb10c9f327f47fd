"""Between pixels and the field by a published homography, with the error to expect. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import UsageError
from edge.geometry import apply_homography, depth, orient
from edge.publish.messages import Homography

_SAMPLES = 24  # points along each side of the picture over which the expected error is a mean


@dataclass(frozen=True, slots=True)
class FieldPoints:
    """Where points of the picture lie on the field."""

    points_m: NDArray[np.float64]
    """(n, 2) field metres; nan for a point above the horizon."""
    error_m: NDArray[np.float64]
    """(n,) expected distance from the truth, metres; nan where it is not known."""


def field_from_pixels(message: Homography, points_px: ArrayLike) -> FieldPoints:
    """Map (n, 2) pixels to the field; raises UsageError for a message without a homography.

    The error is an estimate: a registration is off by about as many pixels everywhere, so that in
    metres it grows with the size of a pixel on the field; the message's expected error is its mean.
    """
    image_from_field = _oriented(message)
    points = np.asarray(points_px, float).reshape(-1, 2)
    field_from_image = np.asarray(np.linalg.inv(image_from_field), np.float64)
    mapped = apply_homography(field_from_image, points)
    below = depth(field_from_image, points) > 0  # inverse of an oriented one: positive in front
    mapped[~below] = np.nan
    error = _error_px(message, field_from_image) * _metres_per_px(field_from_image, points)
    error[~below] = np.nan
    return FieldPoints(mapped, error)


def pixels_from_field(message: Homography, points_m: ArrayLike) -> NDArray[np.float64]:
    """Map (n, 2) field metres to (n, 2) pixels, nan behind the camera; may lie outside the picture.

    Raises UsageError for a message without a homography.
    """
    image_from_field = _oriented(message)
    points = np.asarray(points_m, float).reshape(-1, 2)
    mapped = apply_homography(image_from_field, points)
    mapped[depth(image_from_field, points) <= 0] = np.nan
    return mapped


def _oriented(message: Homography) -> NDArray[np.float64]:
    """Return image_from_field with positive weights in front of the camera.

    An upright camera sees the ground at the middle of the picture's lower edge, if anywhere.
    """
    matrix = message.matrix
    if matrix is None:
        raise UsageError(
            f"frame {message.frame_id} is lost ({message.reason.value}): it has no homography; "
            "look at `state` first"
        )
    width, height = message.image_size
    return orient(np.linalg.inv(matrix), np.array([width / 2, height - 1.0]))


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


def _error_px(message: Homography, field_from_image: NDArray[np.float64]) -> float:
    """Return the registration's error in pixels; nan where the message says nothing of it."""
    expected_m = message.quality.expected_error_m
    if expected_m is None:
        return np.nan if message.quality.rms_px is None else message.quality.rms_px
    width, height = message.image_size
    across = np.linspace(0, width - 1, _SAMPLES)
    down = np.linspace(0, height - 1, _SAMPLES)
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    mapped = apply_homography(field_from_image, grid)
    half = np.array([message.field.length_m, message.field.width_m]) / 2
    on_field = (depth(field_from_image, grid) > 0) & (np.abs(mapped) <= half).all(axis=1)
    if not on_field.any():
        return np.nan
    return expected_m / float(_metres_per_px(field_from_image, grid[on_field]).mean())
