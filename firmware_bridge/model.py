"""The bridge's common language: where a camera stands and looks, and what its firmware says.

Angles follow FreeD (Vinten free-d manual V1.4.4, appendix B) in the field's frame: z up, pan 0
looks along +y (across the field), pan grows to the right (clockwise from above), tilt grows
upwards, roll grows clockwise as seen from behind the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CameraPose:
    """Where a pinhole camera with square pixels stands, where it looks, and how far it zooms."""

    x_m: float
    y_m: float
    z_m: float
    pan_deg: float
    tilt_deg: float
    roll_deg: float
    focal_px: float
    """Focal length in pixels of a picture of `width_px` x `height_px`."""
    width_px: int
    height_px: int
    k1: float = 0.0
    """First radial coefficient as OpenCV counts it: undistorted to distorted, unit focal length."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One report of a camera's firmware.

    Angles as the firmware counts them, None where it says nothing.
    """

    received_ns: int
    """UTC nanoseconds at which the report arrived: most protocols carry no time of their own."""
    monotonic_ns: int
    """`time.monotonic_ns()` at the same instant."""
    source: str
    """`freed`, `opentrackio`, `visca` or `onvif`."""
    pan_deg: float | None = None
    tilt_deg: float | None = None
    roll_deg: float | None = None
    zoom: float | None = None
    """Zoom in the device's own units; an alignment turns it into a focal length."""
    focus: float | None = None
    focal_mm: float | None = None
    """Focal length where the device itself gives it in millimetres."""
    position_m: tuple[float, float, float] | None = None
    sample_ns: int | None = None
    """The device's own time of the sample, where the protocol has one."""
    sequence: int | None = None
    moving: bool | None = None
    camera_id: int | None = None


@dataclass(frozen=True, slots=True)
class CameraLinkState:
    """How a link does, as of one instant."""

    kind: str
    peer: str
    connected: bool
    """Whether valid telemetry arrived within the staleness limit."""
    received: int = 0
    """Valid reports since the start."""
    rate_hz: float | None = None
    jitter_ms: float | None = None
    """RMS deviation of the spacing of reports from its mean over the last second or two."""
    lost: int = 0
    """Reports that a sequence number shows to be missing, or polls that were never answered."""
    age_s: float | None = None
    """Seconds since the last valid report; None before the first."""
    foreign: int = 0
    """Packets from addresses that are not configured: ignored."""
    reconnects: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    """Count of each kind of protocol error, by a short name."""
    last_error: str = ""
    latest: Telemetry | None = None
