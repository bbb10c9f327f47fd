"""From the pipeline's types to messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.publish.messages.registration import (
    Angles,
    Capture,
    FieldRef,
    Homography,
    HomographyQuality,
    Pose,
    PoseSource,
    finite,
)
from edge.types import Frame, Quality, Registration, RegistrationState, RejectionReason

if TYPE_CHECKING:
    from firmware_bridge.pose import PoseEstimate

_HALF_TURN = np.diag([-1.0, -1.0, 1.0])
"""Field metres seen from the other side: (x, y) -> (-x, -y)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a message says of its frame, without the picture."""

    frame_id: int
    pts_s: float | None
    capture_ns: int
    clock: str
    uncertainty_ns: int | None
    width_px: int
    height_px: int

    @staticmethod
    def of(frame: Frame) -> Stamp:
        """Take the stamp of a frame."""
        height, width = frame.image.shape[:2]
        return Stamp(
            frame.index,
            finite(frame.pts_s),
            frame.capture_ns,
            frame.clock_source,
            frame.uncertainty_ns,
            width,
            height,
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What all homographies of a camera's run share."""

    session: str
    camera: str
    field: FieldRef
    half_turn: bool = False
    """Whether the camera stands on the far side, and the field is to be turned by half a turn."""
    bundle: str | None = None
    calibration: str | None = None
    """What the score was calibrated on."""
    config_revision: str | None = None


def homography_message(
    context: Context, seq: int, stamp: Stamp, registration: Registration
) -> Homography:
    """Make the message of one frame; a homography that is not finite counts as lost."""
    matrix = _published(registration.field_from_image, half_turn=context.half_turn)
    state, reason = registration.state, registration.reason
    if matrix is None and state is not RegistrationState.LOST:
        state, reason = RegistrationState.LOST, RejectionReason.IMPLAUSIBLE
    return Homography(
        session=context.session,
        seq=seq,
        camera=context.camera,
        frame_id=stamp.frame_id,
        pts_s=stamp.pts_s,
        capture=Capture(
            time_ns=stamp.capture_ns, clock=stamp.clock, uncertainty_ns=stamp.uncertainty_ns
        ),
        image_size=(stamp.width_px, stamp.height_px),
        field=context.field,
        state=state,
        reason=reason,
        field_from_image=None if matrix is None else [float(v) for v in matrix.ravel()],
        quality=_quality(registration.quality, context.calibration),
        latency_ms={k: round(float(v), 3) for k, v in registration.latency_ms.items()},
        bundle=context.bundle,
        config_revision=context.config_revision,
    )


def pose_message(context: Context, seq: int, estimate: PoseEstimate) -> Pose | None:
    """Make the message of one frame's pose; None where there is no pose or it is not finite."""
    pose, sigma = estimate.pose, estimate.sigma
    if pose is None:
        return None
    turn = -1.0 if context.half_turn else 1.0
    pan = (pose.pan_deg + 360.0) % 360.0 - 180.0 if context.half_turn else pose.pan_deg
    values = (pose.x_m, pose.y_m, pose.z_m, pan, pose.tilt_deg, pose.roll_deg, pose.focal_px)
    if not np.all(np.isfinite((*values, pose.k1, estimate.residual_px))):
        return None
    position = None if sigma is None else _known((sigma.x_m, sigma.y_m, sigma.z_m))
    angles = None if sigma is None else _known((sigma.pan_deg, sigma.tilt_deg, sigma.roll_deg))
    return Pose(
        session=context.session,
        seq=seq,
        camera=context.camera,
        time_ns=estimate.capture_ns,
        image_size=(pose.width_px, pose.height_px),
        source=PoseSource(estimate.source),
        steady=estimate.steady,
        position_m=(turn * pose.x_m, turn * pose.y_m, pose.z_m),
        angles_deg=Angles(pan=pan, tilt=pose.tilt_deg, roll=pose.roll_deg),
        focal_px=pose.focal_px,
        k1=pose.k1,
        sigma_position_m=position,
        sigma_angles_deg=None
        if angles is None
        else Angles(pan=angles[0], tilt=angles[1], roll=angles[2]),
        sigma_focal_px=None if sigma is None else finite(sigma.focal_px),
        residual_px=estimate.residual_px,
    )


def _known(values: tuple[float, float, float]) -> tuple[float, float, float] | None:
    """Deviations, or None where the picture leaves one of them open: it is infinite then."""
    return values if np.all(np.isfinite(values)) else None


def _published(
    field_from_image: NDArray[np.floating] | None, *, half_turn: bool
) -> NDArray[np.float64] | None:
    if field_from_image is None or not np.all(np.isfinite(field_from_image)):
        return None
    h = np.asarray(field_from_image, float)
    return _HALF_TURN @ h if half_turn else h


def _quality(quality: Quality, calibration: str | None) -> HomographyQuality:
    return HomographyQuality(
        score=min(max(finite(float(quality.score)) or 0.0, 0.0), 1.0),
        calibration=calibration,
        inliers=int(quality.inliers),
        rms_px=finite(quality.rms_px),
        expected_error_m=finite(quality.expected_error_m),
        line_support=finite(quality.line_support),
    )
