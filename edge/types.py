"""The common language of the pipeline: what a frame, its keypoints and its registration are.

Conventions used everywhere: image pixels have their centres at integers (x right, y down); field
coordinates are metres with the origin at the field's centre, x along its length, y across it, z
up; a homography is named for its direction, `p_field ~ field_from_image @ p_image`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
ImageArray: TypeAlias = NDArray[np.uint8]


class RegistrationState(str, Enum):
    """How a frame's homography was found; `LOST` carries none."""

    VERIFIED = "verified"
    """The keypoints' homography passed verification as it was."""
    REFINED = "refined"
    """Verification failed, the dense features mended it, and it then passed."""
    TRACKED = "tracked"
    """Carried over from the frame before, or from the camera's telemetry, and confirmed on the
    picture."""
    HELD = "held"
    """The word of the camera's telemetry alone, for a picture that shows too little to check it.

    Given only where the configuration allows it (`camera.link.hold_s`).
    """
    LOST = "lost"
    """No homography, for the reason given."""


class RejectionReason(str, Enum):
    """Why a frame is `LOST` (or, for the other states, `NONE`)."""

    NONE = "none"
    NO_FIELD = "no_field"
    """The network sees no field: a close-up, a crowd, a studio, a black picture."""
    FEW_KEYPOINTS = "few_keypoints"
    """Too few keypoints, or all of them in a corner of the picture, to fix a homography."""
    IMPLAUSIBLE = "implausible"
    """The homography belongs to no camera that could have taken the picture."""
    DISAGREEMENT = "disagreement"
    """Subsets of the keypoints give different homographies."""
    NO_LINES = "no_lines"
    """The picture shows too few of the lines that the homography predicts."""
    AMBIGUOUS = "ambiguous"
    """Two different parts of the field explain the picture about equally well."""
    BAD_FRAME = "bad_frame"
    """The picture is empty, corrupt or too small."""
    FROZEN = "frozen"
    """The source repeats one picture: what it shows is not now."""
    NO_SOURCE = "no_source"
    """The source gives no picture any more."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture with its times."""

    image: ImageArray
    """(height, width, 3) uint8, BGR."""
    index: int
    """Number of the frame in its source, from 0, corrupt frames counted."""
    pts_s: float | None
    """Presentation time in the source, seconds; None where the source has none."""
    capture_ns: int
    """UTC nanoseconds since 1970 at which the picture was taken, as well as is known."""
    monotonic_ns: int
    """`time.monotonic_ns()` when the decoded picture was at hand: latency is counted from here."""
    clock_source: str = "host"
    """Where `capture_ns` comes from.

    `host` (arrival), `file` (start of processing + pts), `rtcp`, `ptp`.
    """
    uncertainty_ns: int | None = None
    """Half-width of the capture time's error, nanoseconds; None where unknown."""
    name: str | None = None
    """The picture's own file, where the source is a folder of pictures."""
    frozen: bool = False
    """Whether a live source has repeated this picture for so long that it is not live."""


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of the field's uniform grid that were found in a picture."""

    image_px: FloatArray
    """(n, 2) sub-pixel positions in the picture, pixels."""
    field_m: FloatArray
    """(n, 2) their positions on the field, metres."""
    score: FloatArray
    """(n,) weight of each, 0..1."""
    index: NDArray[np.intp]
    """(n,) number of each in the grid, row-major."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of how good a homography is."""

    score: float = 0.0
    """Calibrated probability, 0..1.

    That the homography is right (reprojection error under 2 % of the height).
    """
    inliers: int = 0
    """Keypoints within the inlier threshold; of a followed frame, those of the one before."""
    rms_px: float | None = None
    """RMS distance from the projected lines to those found in the picture, source pixels."""
    expected_error_m: float | None = None
    """Expected mean error on the visible field, metres; None where there is no homography."""
    line_support: float | None = None
    """Share of the predicted field lines that the picture confirms, 0..1.

    None where the check did not run.
    """


@dataclass(frozen=True, slots=True)
class CameraPrior:
    """What is known of a frame's camera before its picture is looked at, with standard errors.

    Square pixels, the principal point in the middle. Angles as `firmware_bridge.model` counts
    them: pan 0 looks along +y and grows to the right, tilt grows upwards, roll clockwise as seen
    from behind.
    """

    position_m: tuple[float, float, float]
    pan_deg: float
    tilt_deg: float
    roll_deg: float
    focal_widths: float
    """Focal length over the picture's width."""
    sigma_m: float
    """Of each coordinate of the position."""
    sigma_deg: tuple[float, float, float]
    """Of pan, tilt and roll."""
    sigma_focal: float
    """Of the focal length, relative."""
    time_s: float
    """When the picture was taken, seconds on any clock that runs steadily."""
    hold_s: float = 0.0
    """How long it may be the answer by itself after a picture last confirmed it; 0: never."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The answer for one frame: a homography that may be trusted, or a reason why there is none."""

    state: RegistrationState
    reason: RejectionReason = RejectionReason.NONE
    field_from_image: FloatArray | None = None
    """(3, 3) float64, or None if and only if `state` is LOST."""
    quality: Quality = field(default_factory=Quality)
    dense_ran: bool = False
    """Whether the dense head was asked for."""
    cut: bool = False
    """Whether the picture changed so much from the one before that the shot was cut here."""
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds spent in each stage.

    `preprocess`, `infer`, `keypoints`, `verify`, `dense`, `refine`.
    """
    guided: bool = False
    """Whether a prior (the camera's telemetry) had a part in the homography.

    It then proves nothing about the prior.
    """
    alone: FloatArray | None = None
    """(3, 3) like `field_from_image`: what a picture says by itself, without the frames before.

    Tracked frames share their errors, so statistics over frames rest on this one. Given with the
    looks of the network that are sure; None with all other frames.
    """
