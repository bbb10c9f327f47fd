"""The camera beside the box: `firmware_bridge` as the box uses it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from edge.capture import SourceInfo
from edge.config import Config, credentials
from edge.config.links import LinkConfig
from edge.errors import TouchlineError, UsageError
from edge.publish import EventDraft, EventKind
from edge.publish.messages.compose import Stamp
from edge.types import CameraPrior, Frame, Registration
from firmware_bridge import Bridge, BridgeConfig, BridgeEvent, PoseEstimate

log = logging.getLogger(__name__)

_KINDS = {
    "camera_moved": EventKind.CAMERA_MOVED,
    "lens_changed": EventKind.CALIBRATION_CHANGED,
    "aligned": EventKind.CALIBRATION_CHANGED,
    "alignment_lost": EventKind.CALIBRATION_CHANGED,
    "squeezed": EventKind.CALIBRATION_CHANGED,
}
_HALF_TURN = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a frame says of its camera."""

    pose: PoseEstimate | None
    """In the coordinates that are published; None where neither picture nor telemetry tell."""
    events: Sequence[EventDraft] = ()


class CameraStage:
    """Turns each answer into a pose, sends it as tracking data, and says what happened."""

    def __init__(self, bridge: Bridge, *, half_turn: bool = False, hold_s: float = 0.0) -> None:
        self._bridge = bridge
        self._half_turn = half_turn
        self._hold_s = hold_s

    def prior(self, frame: Frame) -> CameraPrior | None:
        """Return what aligned telemetry says of a frame, in the coordinates of the registrar.

        None without a link, before the alignment is known, and where its telemetry is missing.
        """
        height, width = frame.image.shape[:2]
        if frame.pts_s is not None:
            self._bridge.film_began(frame.capture_ns - round(frame.pts_s * 1e9))
        estimate = self._bridge.prior(frame.capture_ns, width, height)
        if estimate is None or estimate.pose is None or estimate.sigma is None:
            return None
        pose, sigma = estimate.pose, estimate.sigma
        turn = -1 if self._half_turn else 1
        return CameraPrior(
            position_m=(turn * pose.x_m, turn * pose.y_m, pose.z_m),
            pan_deg=pose.pan_deg + (180.0 if self._half_turn else 0.0),
            tilt_deg=pose.tilt_deg,
            roll_deg=pose.roll_deg,
            focal_widths=pose.focal_px / width,
            sigma_m=max(sigma.x_m, sigma.y_m, sigma.z_m),
            sigma_deg=(sigma.pan_deg, sigma.tilt_deg, sigma.roll_deg),
            sigma_focal=sigma.focal_px / pose.focal_px,
            time_s=frame.capture_ns / 1e9,
            hold_s=self._hold_s,
        )

    def observe(self, frame: Frame, registration: Registration) -> Seen:
        """Take one frame's answer; about a millisecond, and never waits."""
        stamp = Stamp.of(frame)
        pose = self._bridge.on_registration(
            self._turned(registration), stamp.width_px, stamp.height_px, frame.capture_ns
        )
        return Seen(pose, [_draft(event, stamp) for event in self._bridge.take_events()])

    def stop(self) -> None:
        """Tell the threads to end, and wake them; returns at once. `close` waits for them."""
        self._bridge.stop()

    def close(self) -> None:
        """Stop threads and free sockets."""
        self._bridge.close()

    def _turned(self, registration: Registration) -> Registration:
        """Turn the field for a camera on its far side, before poses are sent to anybody."""
        matrix = registration.field_from_image
        if matrix is None or not self._half_turn:
            return registration
        alone = None if registration.alone is None else _HALF_TURN @ registration.alone
        return replace(registration, field_from_image=_HALF_TURN @ matrix, alone=alone)


def open_camera(config: Config, source: SourceInfo) -> CameraStage:
    """Start the configured link; one that cannot start is one warning, and poses go to MQTT alone.

    What keeps a link from starting (a name that the network does not know, a missing extra) is no
    reason to register nothing.
    """
    half_turn = config.field.camera_side == "far"
    link = config.camera.link
    if link is not None:
        try:
            bridge = _started(_settings(link, source))
            return CameraStage(bridge, half_turn=half_turn, hold_s=link.hold_s)
        except (TouchlineError, OSError) as error:
            log.warning("camera.link is not used in this run: %s", error)
    return CameraStage(_started(BridgeConfig()), half_turn=half_turn)


def check_camera(config: Config) -> None:
    """Say what would keep the configured link from starting, as far as that shows without it.

    Raises TouchlineError.
    """
    if config.camera.link is not None:
        _settings(config.camera.link, None)


def _started(settings: BridgeConfig) -> Bridge:
    bridge = Bridge(settings)
    try:
        return bridge.start()
    except BaseException:
        bridge.close()
        raise


def _settings(link: LinkConfig, source: SourceInfo | None) -> BridgeConfig:
    keys = link.bridge_keys()
    password = credentials(link)[1]
    if password is not None:
        keys["password"] = password
    if link.tracking.rate is None and source is not None and source.fps:
        rate = Fraction(source.fps).limit_denominator(1001)  # 29.97 is 30000/1001
        keys["tracking"]["rate"] = [rate.numerator, rate.denominator]
    settings = BridgeConfig.from_mapping(keys)
    _check_extra(settings)
    return settings


def _check_extra(settings: BridgeConfig) -> None:
    """Name a missing extra at the start, not at the first packet; raises UsageError."""
    cbor = settings.tracking.opentrackio and settings.tracking.encoding == "cbor"
    needed = {"defusedxml": settings.type == "onvif", "cbor2": cbor}
    if any(use and importlib.util.find_spec(module) is None for module, use in needed.items()):
        what = "ONVIF" if settings.type == "onvif" else "OpenTrackIO in CBOR"
        raise UsageError(f"{what} needs the camera extra: pip install 'touchline[camera]'")


def _draft(event: BridgeEvent, stamp: Stamp) -> EventDraft:
    detail = {"what": event.kind, "message": event.message}
    detail |= {key: f"{value:.6g}" for key, value in event.values.items()}
    return EventDraft(_KINDS[event.kind], stamp, detail=detail)
