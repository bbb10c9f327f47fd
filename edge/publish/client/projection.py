"""Between pixels and the field by a published homography, with the error to expect. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import UsageError
from edge.projection import FieldPoints, PictureView
from edge.publish.messages.registration import Homography

__all__ = ["FieldPoints", "field_from_pixels", "pixels_from_field"]


def field_from_pixels(message: Homography, points_px: ArrayLike) -> FieldPoints:
    """Map (n, 2) pixels to the field; raises UsageError for a message without a homography."""
    return _view(message).to_field(points_px)


def pixels_from_field(message: Homography, points_m: ArrayLike) -> NDArray[np.float64]:
    """Map (n, 2) field metres to (n, 2) pixels, nan behind the camera; may lie outside the picture.

    Raises UsageError for a message without a homography.
    """
    return _view(message).to_image(points_m)


def _view(message: Homography) -> PictureView:
    matrix = message.matrix
    if matrix is None:
        raise UsageError(
            f"frame {message.frame_id} is lost ({message.reason.value}): it has no homography; "
            "look at `state` first"
        )
    return PictureView(
        matrix,
        message.image_size,
        (message.field.length_m, message.field.width_m),
        message.quality.expected_error_m,
        message.quality.rms_px,
    )
