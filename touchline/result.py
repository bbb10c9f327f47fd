"""What is known of one picture: its homography, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import UsageError
from edge.fields import Field, outline
from edge.geometry import visible_polygon
from edge.projection import PictureView
from edge.publish.messages.record import RegistrationRecord, record_of
from edge.types import Frame, Registration, RegistrationState, RejectionReason

if TYPE_CHECKING:
    from touchline.pictures import PictureLike

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one picture. It is true if it has a homography.

    >>> result = touchline.register("still.jpg", sport="tennis")
    >>> result.state, result.score
    (<RegistrationState.VERIFIED: 'verified'>, 0.97)
    >>> result.to_field([640, 360])
    array([-3.21,  0.44])
    """

    registration: Registration
    """The answer as the pipeline has it, in the picture's pixels and the field's metres."""
    field: Field
    """The field that the metres belong to."""
    image_size: tuple[int, int]
    """Width and height of the picture, pixels."""
    image: str = ""
    """The picture's name, as in the record."""
    frame: Frame | None = None
    """The frame's times, where the picture is one of a video."""

    def __bool__(self) -> bool:
        """Whether there is a homography."""
        return self.registration.field_from_image is not None

    @property
    def state(self) -> RegistrationState:
        """How the homography was found: `verified`, `refined`, `tracked`, `held`, or `lost`."""
        return self.registration.state

    @property
    def reason(self) -> RejectionReason:
        """Why the picture is `lost`; `none` otherwise."""
        return self.registration.reason

    @property
    def field_from_image(self) -> Array | None:
        """The (3, 3) homography, p_field ~ field_from_image @ p_image; None if `lost`."""
        matrix = self.registration.field_from_image
        return None if matrix is None else np.asarray(matrix, np.float64)

    @property
    def score(self) -> float:
        """The probability that the homography is right, from 0 to 1."""
        return float(self.registration.quality.score)

    @property
    def expected_error_m(self) -> float | None:
        """The expected mean error over the visible field, metres; None where it is not known."""
        return self.registration.quality.expected_error_m

    def to_field(self, points_px: ArrayLike) -> Array:
        """Map pixels to metres on the field: (2,) to (2,), (n, 2) to (n, 2).

        Points above the horizon become nan. Raises UsageError if the picture is lost.
        """
        points = _points(points_px, "pixels")
        return self._view.to_field(points).points_m.reshape(points.shape)

    def to_image(self, points_m: ArrayLike) -> Array:
        """Map metres on the field to pixels: (2,) to (2,), (n, 2) to (n, 2).

        Points behind the camera become nan; others may lie outside the picture. Raises UsageError
        if the picture is lost.
        """
        points = _points(points_m, "metres")
        return self._view.to_image(points).reshape(points.shape)

    def error_m(self, points_px: ArrayLike) -> Array:
        """Return the expected error at pixels, metres: (2,) to (), (n, 2) to (n,).

        Raises UsageError if the picture is lost.
        """
        points = _points(points_px, "pixels")
        return self._view.to_field(points).error_m.reshape(points.shape[:-1])

    @property
    def visible_area(self) -> Array:
        """The (n, 2) corners, metres, of the part of the field in the picture; (0, 2) if none."""
        if not self:
            return np.empty((0, 2))
        width, height = self.image_size
        return visible_polygon(self._view.image_from_field, outline(self.field), width, height)

    def draw(self, image: PictureLike, *, text: str = "") -> NDArray[np.uint8]:
        """Return a copy of the picture with the field's lines, the state and a mini-map drawn in.

        Raises UsageError for a picture of another size than the registered one.
        """
        from edge.overlay import Overlay  # noqa: PLC0415 - drawing is loaded when it is wanted
        from touchline.pictures import to_bgr  # noqa: PLC0415 - the same

        picture = to_bgr(image)
        height, width = picture.shape[:2]
        if (width, height) != self.image_size:
            known = "x".join(map(str, self.image_size))
            raise UsageError(f"a picture of {width}x{height} px: the result is for one of {known}")
        return Overlay(self.field).draw(picture, self.registration, text=text)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, one JSON line of `touchline register` and `run --out`.

        The keys stand in configs/schema/registration.v1.schema.json.
        """
        return self.to_record().line()

    def to_record(self) -> RegistrationRecord:
        """Return the same as a pydantic model."""
        return record_of(
            self.registration,
            image=self.image,
            image_size=self.image_size,
            field=self.field,
            frame=self.frame,
        )

    @property
    def _view(self) -> PictureView:
        matrix = self.field_from_image
        if matrix is None:
            raise UsageError(
                f"{self.image or 'the picture'} is lost ({self.reason.value}): it has no "
                "homography; test the result first: `if result: …`"
            )
        quality = self.registration.quality
        return PictureView(
            matrix,
            self.image_size,
            (self.field.length_m, self.field.width_m),
            quality.expected_error_m,
            quality.rms_px,
        )


def _points(points: ArrayLike, unit: str) -> Array:
    try:
        array = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"points that are no numbers: give {unit} as (x, y) or (n, 2)") from error
    if array.ndim not in {1, 2} or array.shape[-1] != 2:
        raise UsageError(f"points of shape {array.shape}: give {unit} as (x, y) or as (n, 2)")
    return array
