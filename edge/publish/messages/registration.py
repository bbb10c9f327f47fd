"""The payload of every topic, as pydantic models: JSON out, JSON in, JSON Schema for others.

A reader ignores keys that it does not know, so that a newer box may add some; a key never changes
its meaning or unit under the same schema name. Times are UTC nanoseconds since 1970.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge.config.ids import Id
from edge.publish.messages.base import Document, FreeText, Message, MessagePart, Nanoseconds
from edge.publish.messages.config import ConfigDesired, ConfigReported, ConfigSchema
from edge.publish.messages.health import Health
from edge.publish.messages.models import ModelDesired, ModelReported
from edge.publish.messages.segments import Segments
from edge.segments.document import ProgrammeFile
from edge.types import RegistrationState, RejectionReason


class FieldRef(MessagePart):
    """The field that a homography maps to."""

    name: str = Field(description="Name of the field, as in the configuration.")
    length_m: float = Field(gt=0, description="Length, along x.", json_schema_extra={"x-unit": "m"})
    width_m: float = Field(gt=0, description="Width, along y.", json_schema_extra={"x-unit": "m"})


class Capture(MessagePart):
    """When the picture was taken."""

    time_ns: Nanoseconds = Field(description="Capture time, UTC since 1970.")
    clock: str = Field(description="Where the time comes from: host, file, rtcp, ptp.")
    uncertainty_ns: Nanoseconds | None = Field(
        None, description="Half-width of the time's error; null where unknown."
    )


class HomographyQuality(MessagePart):
    """How good a homography is."""

    score: float = Field(
        ge=0,
        le=1,
        description="Probability that the homography is right, by that calibration.",
    )
    calibration: str | None = Field(
        None,
        description="What score and expected error were calibrated on; null: nothing.",
    )
    inliers: int = Field(ge=0, description="Keypoints that agree with the homography.")
    rms_px: float | None = Field(
        None, ge=0, description="Residual of the inliers.", json_schema_extra={"x-unit": "px"}
    )
    expected_error_m: float | None = Field(
        None,
        ge=0,
        description="Expected mean error on the visible field.",
        json_schema_extra={"x-unit": "m"},
    )
    line_support: float | None = Field(
        None, ge=0, le=1, description="Share of the predicted lines that the picture confirms."
    )


class Homography(Message):
    """The answer for one frame: topic `cam/<cam>/homography`, and its retained copy `…/latest`."""

    SCHEMA: ClassVar[str] = "touchline.homography/1"

    schema_: Literal["touchline.homography/1"] = Field("touchline.homography/1", alias="schema")
    camera: Id = Field(description="The camera.")
    frame_id: int = Field(ge=0, description="Number of the frame in its source, from 0.")
    pts_s: float | None = Field(
        None, description="Presentation time in the source.", json_schema_extra={"x-unit": "s"}
    )
    capture: Capture
    image_size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] = Field(
        description="Width and height of the picture.", json_schema_extra={"x-unit": "px"}
    )
    field: FieldRef
    state: RegistrationState = Field(
        description="How the homography was found; `lost` carries none."
    )
    reason: RejectionReason = Field(
        RejectionReason.NONE,
        description=(
            "Why the frame is lost; no_source comes once when the source went away, "
            "under the number of its last frame."
        ),
    )
    field_from_image: Annotated[list[float], Field(min_length=9, max_length=9)] | None = Field(
        None,
        description=(
            "3x3 homography, row-major: image pixels (pixel centres at integers, y down) to field "
            "metres (origin at the centre, x along the length). Null if and only if lost."
        ),
    )
    quality: HomographyQuality
    latency_ms: dict[str, float] = Field(
        default_factory=dict,
        description="Time spent in each stage.",
        json_schema_extra={"x-unit": "ms"},
    )
    bundle: str | None = Field(None, description="Model bundle, name and version.")
    config_revision: str | None = Field(None, description="Revision of the configuration in force.")

    @model_validator(mode="after")
    def _lost_has_none(self) -> Homography:
        if (self.state is RegistrationState.LOST) != (self.field_from_image is None):
            msg = "field_from_image is null if and only if state is lost"
            raise ValueError(msg)
        return self

    @property
    def matrix(self) -> NDArray[np.float64] | None:
        """The (3, 3) homography from image pixels to field metres; None when lost."""
        h = self.field_from_image
        return None if h is None else np.array(h, float).reshape(3, 3)


class PoseSource(str, Enum):
    """What a pose was read from."""

    VISION = "vision"
    """The picture's homography."""
    TELEMETRY = "telemetry"
    """The camera's own telemetry, aligned with earlier pictures: this one showed too little."""


class Angles(MessagePart):
    """Direction of view in degrees.

    Pan 0 looks along the field's y axis and grows to the right; tilt grows upwards; roll grows
    clockwise as seen from behind the camera.
    """

    pan: float = Field(json_schema_extra={"x-unit": "deg"})
    tilt: float = Field(json_schema_extra={"x-unit": "deg"})
    roll: float = Field(json_schema_extra={"x-unit": "deg"})


class Pose(Message):
    """Where the camera stands and looks, and how far it zooms: topic `cam/<cam>/pose`."""

    SCHEMA: ClassVar[str] = "touchline.pose/1"

    schema_: Literal["touchline.pose/1"] = Field("touchline.pose/1", alias="schema")
    camera: Id = Field(description="The camera.")
    time_ns: Nanoseconds = Field(description="Capture time of the picture, UTC since 1970.")
    image_size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] = Field(
        description="Width and height of the picture.", json_schema_extra={"x-unit": "px"}
    )
    source: PoseSource
    steady: bool = Field(
        description="Whether the position is the one learnt over many pictures, not this one's."
    )
    position_m: tuple[float, float, float] = Field(
        description="Centre of projection: x along the field, y across it, z up from its centre.",
        json_schema_extra={"x-unit": "m"},
    )
    angles_deg: Angles
    focal_px: float = Field(
        gt=0,
        description="Focal length in pixels of this picture; square pixels, centred.",
        json_schema_extra={"x-unit": "px"},
    )
    k1: float = Field(
        0.0, description="First radial distortion coefficient, OpenCV's direction; 0: not known."
    )
    sigma_position_m: tuple[float, float, float] | None = Field(
        None,
        description="Standard errors of the position; null: not known.",
        json_schema_extra={"x-unit": "m"},
    )
    sigma_angles_deg: Angles | None = Field(None, description="Standard errors of the angles.")
    sigma_focal_px: float | None = Field(
        None, ge=0, description="Standard error.", json_schema_extra={"x-unit": "px"}
    )
    residual_px: float = Field(
        0.0,
        ge=0,
        description="RMS distance between the picture's homography and this camera's.",
        json_schema_extra={"x-unit": "px"},
    )


class Status(str, Enum):
    """Whether a box is there."""

    ONLINE = "online"
    STOPPING = "stopping"
    OFFLINE = "offline"


class StateMessage(Message):
    """Birth, clean stop and will of a box: topic `state`, retained."""

    SCHEMA: ClassVar[str] = "touchline.state/1"

    schema_: Literal["touchline.state/1"] = Field("touchline.state/1", alias="schema")
    status: Status = Field(description="Whether the box is there.")
    time_ns: Nanoseconds = Field(
        description="When the status began; in a will, when the link it speaks of was made."
    )
    clean: bool = Field(description="False in the will that the broker sends when the link broke.")


class Hardware(MessagePart):
    """The box."""

    machine: str = Field(description="Architecture, as x86_64 or aarch64.")
    cpus: int = Field(ge=1, description="Cores that Touchline may use.")
    memory_mb: int | None = Field(
        None, ge=0, description="Installed memory.", json_schema_extra={"x-unit": "MB"}
    )
    system: str = Field(description="Operating system and its release.")


class CameraInfo(MessagePart):
    """A camera of the box."""

    id: Id
    sport: str
    field: FieldRef
    source: str = Field(description="Kind of source: file, folder, rtsp, v4l2, rendered.")


class BundleInfo(MessagePart):
    """A model bundle in use."""

    name: str
    version: str
    sport: str
    engine: str | None = Field(None, description="What runs it.")
    engine_reason: str | None = Field(None, description="Why `engine: auto` chose that engine.")
    precision: str | None = Field(None, description="fp32 or int8.")
    sha256: dict[str, str] = Field(default_factory=dict, description="Digest of each file.")


class Info(Message):
    """What a box is and runs: topic `info`, retained."""

    SCHEMA: ClassVar[str] = "touchline.info/1"

    schema_: Literal["touchline.info/1"] = Field("touchline.info/1", alias="schema")
    time_ns: Nanoseconds = Field(description="When this was written.")
    version: str = Field(description="Version of Touchline.")
    schemas: list[str] = Field(description="Schemas of the messages that this box sends.")
    capabilities: list[str] = Field(default_factory=list, description="What this box can do.")
    hardware: Hardware
    cameras: list[CameraInfo]
    bundles: list[BundleInfo] = Field(default_factory=list)
    config_revision: str | None = Field(None, description="Revision of the configuration in force.")


class EventKind(str, Enum):
    """What can happen at a camera."""

    LOCKED = "locked"
    """The field is registered again."""
    LOST = "lost"
    """The field is not registered any more."""
    CUT = "cut"
    """The shot was cut."""
    CAMERA_MOVED = "camera_moved"
    """The camera does not stand where it was calibrated."""
    CALIBRATION_CHANGED = "calibration_changed"
    """Another camera position or lens is in force."""
    SOURCE_LOST = "source_lost"
    """The camera gives no live picture; `detail.cause` says why."""
    SOURCE_BACK = "source_back"
    """The camera gives a live picture again, after `detail.away_s`."""


class Event(Message):
    """What happened at a camera: topic `cam/<cam>/event`, kept on disk while the broker is away."""

    SCHEMA: ClassVar[str] = "touchline.event/1"

    schema_: Literal["touchline.event/1"] = Field("touchline.event/1", alias="schema")
    id: str = Field(
        min_length=1,
        max_length=64,
        description="Unique; a message with an id seen before is the same event sent twice.",
    )
    seq: int = Field(
        ge=1,
        description="Number of the event on this box, over restarts too; a gap is a drop.",
    )
    kind: EventKind
    camera: Id
    time_ns: Nanoseconds = Field(
        description="Capture time of the frame at which it began; of the last one for source_lost."
    )
    frame_id: int = Field(ge=0, description="That frame's number in its source.")
    pts_s: float | None = Field(
        None, description="That frame's time in the source.", json_schema_extra={"x-unit": "s"}
    )
    reason: RejectionReason = Field(
        RejectionReason.NONE, description="Why the field or the source was lost."
    )
    detail: dict[str, FreeText] = Field(
        default_factory=dict,
        description="More, for people. `suppressed`: so many events like it came before it in a "
        "storm and were not sent.",
    )


MESSAGES: tuple[type[Document], ...] = (
    Homography,
    Pose,
    StateMessage,
    Info,
    Health,
    Event,
    ConfigDesired,
    ConfigReported,
    ConfigSchema,
    ModelDesired,
    ModelReported,
    Segments,
)
"""Every message, for schemas and documents."""


def finite(value: float | None) -> float | None:
    """Return a number that JSON can carry: None for infinity and not-a-number."""
    return None if value is None or not math.isfinite(value) else value


def schema_of(message: type[Document | ProgrammeFile]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a message as it stands on the wire."""
    schema = message.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{message.SCHEMA.replace('/', ':').replace('.', ':')}",
    } | schema
