"""One registration as one line of JSON: what files hold, where the messages go over MQTT.

`touchline register`, `touchline run --out` and `touchline.Result.to_dict` write this form.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, model_validator

from edge import fields
from edge.geometry import half_turn
from edge.publish.messages.base import Document, Nanoseconds
from edge.publish.messages.registration import FieldRef
from edge.types import Frame, Registration, RegistrationState, RejectionReason

SizePx = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]


class RegistrationRecord(Document):
    """The answer for one picture, or the error why it could not be read."""

    SCHEMA: ClassVar[str] = "touchline.registration/1"

    schema_: Literal["touchline.registration/1"] = Field("touchline.registration/1", alias="schema")
    image: str = Field(
        description="The picture's file; in a video the file or address, `/`, the frame's number."
    )
    image_size: SizePx | None = Field(
        None,
        description="Width and height of the picture; null for one that could not be read.",
        json_schema_extra={"x-unit": "px"},
    )
    sport: str = Field(description="The sport.")
    field: FieldRef = Field(description="The field that the metres belong to.")
    state: RegistrationState = Field(
        description="How the homography was found; `lost` carries none."
    )
    reason: RejectionReason = Field(RejectionReason.NONE, description="Why the picture is lost.")
    field_from_image: Annotated[list[float], Field(min_length=9, max_length=9)] | None = Field(
        None,
        description=(
            "3x3 homography, row-major: image pixels (pixel centres at integers, y down) to field "
            "metres (origin at the centre, x along the length). Null if and only if lost."
        ),
    )
    score: float = Field(
        0.0, ge=0, le=1, description="Probability that the homography is right, as calibrated."
    )
    expected_error_m: float | None = Field(
        None,
        ge=0,
        description="Expected mean error on the visible field.",
        json_schema_extra={"x-unit": "m"},
    )
    inliers: int = Field(0, ge=0, description="Keypoints that agree with the homography.")
    rms_px: float | None = Field(
        None,
        ge=0,
        description="RMS distance from the projected lines to those found in the picture.",
        json_schema_extra={"x-unit": "px"},
    )
    dense_ran: bool = Field(False, description="Whether the dense head was asked.")
    cut: bool = Field(False, description="Whether a new shot begins with this picture.")
    frame: int | None = Field(
        None, ge=0, description="Number of the frame in its source, from 0; null for a still."
    )
    pts_s: float | None = Field(
        None, description="Presentation time in the source.", json_schema_extra={"x-unit": "s"}
    )
    capture_ns: Nanoseconds | None = Field(
        None, description="Capture time, UTC since 1970; null for a still."
    )
    error: str | None = Field(None, description="Why the picture could not be read; null: it was.")

    _file_name: str | None = PrivateAttr(None)
    """The picture's name as Python spells a file's: a byte that is no UTF-8 is a surrogate."""

    def line(self) -> dict[str, Any]:
        """Return what a line of JSON holds.

        `os.fsencode` of its image is the file's name, whatever bytes that has.
        """
        image = self._file_name or self.image
        return self.model_dump(mode="json", by_alias=True) | {"image": image}

    @model_validator(mode="after")
    def _lost_has_none(self) -> RegistrationRecord:
        if (self.state is RegistrationState.LOST) != (self.field_from_image is None):
            msg = "field_from_image is null if and only if state is lost"
            raise ValueError(msg)
        return self


def record_of(
    registration: Registration,
    *,
    image: str,
    image_size: tuple[int, int],
    field: fields.Field,
    frame: Frame | None = None,
    far_side: bool = False,
) -> RegistrationRecord:
    """Describe the registration of a picture; a `frame` of a video adds its number and times.

    `image` is the picture's name, of a video's frame the video's name. `far_side` turns the field
    by half a turn, for a camera on its far side.
    """
    quality = registration.quality
    matrix = registration.field_from_image
    if matrix is not None and far_side:
        matrix = half_turn(matrix)
    name = image
    if frame is not None:
        name = frame.name or f"{image}/{frame.index}"
    record = RegistrationRecord(
        image=_readable(name),
        image_size=image_size,
        sport=field.sport,
        field=_field_ref(field),
        state=registration.state,
        reason=registration.reason,
        field_from_image=None if matrix is None else [float(v) for v in matrix.ravel()],
        score=round(float(quality.score), 4),
        expected_error_m=quality.expected_error_m,
        inliers=quality.inliers,
        rms_px=quality.rms_px,
        dense_ran=registration.dense_ran,
        cut=registration.cut,
        frame=None if frame is None else frame.index,
        pts_s=None if frame is None else frame.pts_s,
        capture_ns=None if frame is None else frame.capture_ns,
    )
    record._file_name = name  # noqa: SLF001 - no UTF-8 in it, which a field must be
    return record


def error_record(*, image: str, field: fields.Field, error: str) -> RegistrationRecord:
    """Describe a picture that could not be read."""
    record = RegistrationRecord(
        image=_readable(image),
        sport=field.sport,
        field=_field_ref(field),
        state=RegistrationState.LOST,
        reason=RejectionReason.BAD_FRAME,
        error=_readable(error),
    )
    record._file_name = image  # noqa: SLF001 - as above
    return record


def _field_ref(field: fields.Field) -> FieldRef:
    return FieldRef(name=field.name, length_m=field.length_m, width_m=field.width_m)


def _readable(name: str) -> str:
    """Return a text with a file's name in it as UTF-8 can carry it."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
