"""The simulated camera itself: a head that turns at a limited speed, a zoom lens, a mount. No I/O.

Every quantity is a function of time, so that a picture and a report of the same instant agree
exactly.
"""

from __future__ import annotations

import bisect
import math
import threading
from dataclasses import dataclass, field

from firmware_bridge.model import CameraPose
from firmware_bridge.mount import Lean

_KEEP = 256


@dataclass(frozen=True, slots=True)
class SimSettings:
    """What is known about the simulated camera, and what a bridge has to find out."""

    position_m: tuple[float, float, float] = (2.0, -62.0, 14.0)
    width_px: int = 1280
    height_px: int = 720
    pan_sign: int = 1
    pan_offset_deg: float = 0.0
    """Pan in the field's frame = sign * (device pan) + offset."""
    tilt_sign: int = 1
    tilt_offset_deg: float = 0.0
    roll_deg: float = 0.0
    lean_deg: tuple[float, float] = (0.0, 0.0)
    """By how much the mount is out of level, about the field's x and y axes."""
    zoom_range: tuple[int, int] = (0, 0x4000)
    focal_widths: tuple[float, float] = (0.9, 9.0)
    """Focal length over picture width at the ends of the zoom; curved in between, as lenses are."""
    lag_s: float = 0.12
    """How much later a picture comes out than the telemetry of the same instant."""
    noise_deg: float = 0.0
    loss: float = 0.0
    """Share of telemetry packets that never arrive."""
    pan_limits_deg: tuple[float, float] = (-170.0, 170.0)
    tilt_limits_deg: tuple[float, float] = (-30.0, 90.0)
    speed_deg_s: float = 60.0
    zoom_speed_s: float = 0.5
    """Whole zoom ranges a second."""
    seed: int = 0

    def focal(self, zoom: float) -> float:
        """Focal length over picture width at a zoom position."""
        low, high = self.zoom_range
        share = min(max((zoom - low) / (high - low), 0.0), 1.0)
        curved = 0.65 * share + 0.35 * share**3
        wide, tele = self.focal_widths
        return wide * math.exp(curved * math.log(tele / wide))


@dataclass(frozen=True, slots=True)
class HeadState:
    """The device's own numbers at one instant."""

    pan_deg: float
    tilt_deg: float
    zoom: float
    moving: bool


@dataclass(frozen=True, slots=True)
class _Leg:
    """From `start` at time `t_s` towards `target`, straight and at full speed."""

    t_s: float
    start: tuple[float, float, float]
    target: tuple[float, float, float]


@dataclass(slots=True)
class _Track:
    legs: list[_Leg] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


class SimulatedCamera:
    """The state of the head as a function of time; commands may come from any thread."""

    def __init__(self, settings: SimSettings, *, wander: bool = True) -> None:
        self.settings = settings
        self._wander = wander
        self._lock = threading.Lock()
        self._track = _Track()
        self._presets: dict[int, tuple[float, float, float]] = {}
        middle = sum(settings.zoom_range) / 2
        self._home = (
            -settings.pan_sign * settings.pan_offset_deg,
            self._device_tilt(-12.0),
            middle,
        )
        if not wander:
            self._push(_Leg(-math.inf, self._home, self._home))

    def state(self, t_s: float) -> HeadState:
        """Where the head stands at a time, seconds on the caller's clock."""
        with self._lock:
            index = bisect.bisect_right(self._track.times, t_s) - 1
            leg = self._track.legs[index] if index >= 0 else None
        if leg is None:
            return self._wandering(t_s)
        return self._along(leg, t_s)

    def pose(self, t_s: float) -> CameraPose:
        """Return the camera's true pose at a time."""
        s, head = self.settings, self.state(t_s)
        pan, tilt, roll = Lean(*s.lean_deg).apply(
            s.pan_sign * head.pan_deg + s.pan_offset_deg,
            s.tilt_sign * head.tilt_deg + s.tilt_offset_deg,
        )
        return CameraPose(
            *s.position_m,
            pan_deg=pan,
            tilt_deg=tilt,
            roll_deg=s.roll_deg + roll,
            focal_px=s.focal(head.zoom) * s.width_px,
            width_px=s.width_px,
            height_px=s.height_px,
        )

    def move(
        self,
        t_s: float,
        *,
        pan_deg: float | None = None,
        tilt_deg: float | None = None,
        zoom: float | None = None,
    ) -> bool:
        """Go to a position in the device's numbers; False when it is outside the limits."""
        s, now = self.settings, self.state(t_s)
        heading = self._heading(t_s, now)
        pan = heading[0] if pan_deg is None else pan_deg
        tilt = heading[1] if tilt_deg is None else tilt_deg
        to = heading[2] if zoom is None else zoom
        inside = (
            s.pan_limits_deg[0] <= pan <= s.pan_limits_deg[1]
            and s.tilt_limits_deg[0] <= tilt <= s.tilt_limits_deg[1]
            and s.zoom_range[0] <= to <= s.zoom_range[1]
        )
        if inside:
            self._push(_Leg(t_s, (now.pan_deg, now.tilt_deg, now.zoom), (pan, tilt, to)))
        return inside

    def _heading(self, t_s: float, now: HeadState) -> tuple[float, float, float]:
        """Where each axis is on its way to: a command for one must not stop the others."""
        with self._lock:
            index = bisect.bisect_right(self._track.times, t_s) - 1
            if index >= 0:
                return self._track.legs[index].target
        return now.pan_deg, now.tilt_deg, now.zoom

    def stop(self, t_s: float) -> None:
        """Stay where it is."""
        now = self.state(t_s)
        here = (now.pan_deg, now.tilt_deg, now.zoom)
        self._push(_Leg(t_s, here, here))

    def home(self, t_s: float) -> None:
        """Go to the middle of the field."""
        pan, tilt, zoom = self._home
        self.move(t_s, pan_deg=pan, tilt_deg=tilt, zoom=zoom)

    def set_preset(self, t_s: float, number: int) -> None:
        """Store the present position."""
        now = self.state(t_s)
        with self._lock:
            self._presets[number] = (now.pan_deg, now.tilt_deg, now.zoom)

    def recall_preset(self, t_s: float, number: int) -> bool:
        """Go to a stored position; False when there is none."""
        with self._lock:
            stored = self._presets.get(number)
        if stored is None:
            return False
        return self.move(t_s, pan_deg=stored[0], tilt_deg=stored[1], zoom=stored[2])

    def presets(self) -> list[int]:
        """Numbers of the stored positions."""
        with self._lock:
            return sorted(self._presets)

    def _push(self, leg: _Leg) -> None:
        with self._lock:
            self._track.legs.append(leg)
            self._track.times.append(leg.t_s)
            if len(self._track.legs) > _KEEP:
                # the first leg answers for all earlier times, so a head that wandered no longer
                # does
                del self._track.legs[0], self._track.times[0]

    def _along(self, leg: _Leg, t_s: float) -> HeadState:
        s = self.settings
        span = s.zoom_range[1] - s.zoom_range[0]
        speeds = (s.speed_deg_s, s.speed_deg_s, s.zoom_speed_s * span)
        elapsed = max(t_s - leg.t_s, 0.0)
        values, moving = [], False
        for start, target, speed in zip(leg.start, leg.target, speeds, strict=True):
            way = target - start
            done = min(abs(way), speed * elapsed)
            moving = moving or done < abs(way)
            values.append(start + math.copysign(done, way))
        return HeadState(values[0], values[1], values[2], moving)

    def _wandering(self, t_s: float) -> HeadState:
        """Follow an imagined ball: slow swings with faster ones on top, in pan, tilt and zoom."""
        s = self.settings
        phase = s.seed * 1.7
        pan = 22 * math.sin(0.45 * t_s + phase) + 6 * math.sin(1.3 * t_s + 1 + phase)
        tilt = -12 + 2.5 * math.sin(0.37 * t_s + 0.5 + phase) + 0.7 * math.sin(1.1 * t_s)
        low, high = s.zoom_range
        zoom = low + (high - low) * (0.3 + 0.25 * math.sin(0.31 * t_s + phase))
        return HeadState(
            s.pan_sign * (pan - s.pan_offset_deg), self._device_tilt(tilt), zoom, moving=True
        )

    def _device_tilt(self, tilt_deg: float) -> float:
        return self.settings.tilt_sign * (tilt_deg - self.settings.tilt_offset_deg)
