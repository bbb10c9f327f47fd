"""One registration as a JSON object, as `touchline register` and `run --out` write them. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.types import Frame, Registration

_HALF_TURN = np.diag([-1.0, -1.0, 1.0])
"""Field metres seen from the other side: (x, y) -> (-x, -y)."""


def record(
    registration: Registration, *, image: str, sport: str, half_turn: bool = False
) -> dict[str, Any]:
    """Describe a registration; `field_from_image` is 9 numbers, row-major, or None.

    `half_turn` turns the field by half a turn: the camera stands on its far side.
    """
    h = registration.field_from_image
    if h is not None and half_turn:
        h = _HALF_TURN @ h
    return {
        "image": image,
        "sport": sport,
        "state": registration.state.value,
        "field_from_image": None if h is None else [float(v) for v in h.ravel()],
        "score": round(float(registration.quality.score), 4),
        "reason": registration.reason.value,
    }


def frame_record(
    frame: Frame, registration: Registration, *, source: str, sport: str, half_turn: bool = False
) -> dict[str, Any]:
    """Describe a frame: as `record`, and its times.

    Its image is the picture's own file, in a video `source/number`.
    """
    quality = registration.quality
    name = frame.name or f"{source}/{frame.index}"
    return record(registration, image=name, sport=sport, half_turn=half_turn) | {
        "frame": frame.index,
        "pts_s": frame.pts_s,
        "capture_ns": frame.capture_ns,
        "inliers": quality.inliers,
        "rms_px": quality.rms_px,
        "expected_error_m": quality.expected_error_m,
        "dense_ran": registration.dense_ran,
        "cut": registration.cut,
    }


def error_record(*, image: str, sport: str, error: str) -> dict[str, Any]:
    """Describe a picture that could not be read."""
    return {
        "image": image,
        "sport": sport,
        "state": "lost",
        "field_from_image": None,
        "score": 0.0,
        "reason": "bad_frame",
        "error": error,
    }
