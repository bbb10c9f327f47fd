"""Telemetry against pictures: a lasting disagreement means that something was moved. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from statistics import median

_WINDOW = 50
_SHARE = 0.8
"""Share of the window's frames that must disagree: single bad frames and slow answers do not."""
_ANGLE_FLOOR_DEG = 0.4
_FOCAL_FLOOR = 0.04
_SIGMAS = 5.0


class Disagreement(str, Enum):
    """What a lasting disagreement looks like."""

    CAMERA_MOVED = "camera_moved"
    """Pan or tilt are off by a constant: the mount was turned, or the head lost its zero."""
    LENS_CHANGED = "lens_changed"
    """The focal length is off by a factor: a converter, another lens, a digital zoom."""


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One frame: vision minus prediction, and the standard error that is expected of it."""

    pan_deg: float
    tilt_deg: float
    log_focal: float | None
    angle_sigma_deg: float
    focal_sigma: float


@dataclass(frozen=True, slots=True)
class MonitorFinding:
    """A lasting disagreement and its size."""

    kind: Disagreement
    pan_deg: float
    tilt_deg: float
    focal_ratio: float


class LinkMonitor:
    """Decides over a window of frames; `reset` after each finding."""

    def __init__(self) -> None:
        self._recent: deque[FieldDifference] = deque(maxlen=_WINDOW)

    def reset(self) -> None:
        """Forget the frames seen so far."""
        self._recent.clear()

    def add(self, difference: FieldDifference) -> MonitorFinding | None:
        """Take one frame's difference; a finding when most of the window disagrees alike."""
        self._recent.append(difference)
        if len(self._recent) < _WINDOW:
            return None
        angle = sum(_angles_off(d) for d in self._recent) >= _SHARE * _WINDOW
        focal = sum(_focal_off(d) for d in self._recent) >= _SHARE * _WINDOW
        if not (angle or focal):
            return None
        kind = Disagreement.CAMERA_MOVED if angle else Disagreement.LENS_CHANGED
        logs = [d.log_focal for d in self._recent if d.log_focal is not None]
        return MonitorFinding(
            kind,
            median(d.pan_deg for d in self._recent),
            median(d.tilt_deg for d in self._recent),
            math.exp(median(logs)) if logs else 1.0,
        )


def _angles_off(d: FieldDifference) -> bool:
    limit = max(_ANGLE_FLOOR_DEG, _SIGMAS * d.angle_sigma_deg)
    return max(abs(d.pan_deg), abs(d.tilt_deg)) > limit


def _focal_off(d: FieldDifference) -> bool:
    return d.log_focal is not None and abs(d.log_focal) > max(_FOCAL_FLOOR, _SIGMAS * d.focal_sigma)
