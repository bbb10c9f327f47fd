"""One registration as a JSON object, as `touchline register` and `run --out` write them. Pure."""

from __future__ import annotations

from typing import Any

from edge.types import Frame, Registration


def record(registration: Registration, *, image: str, sport: str) -> dict[str, Any]:
    """Describe a registration; `field_from_image` is 9 numbers, row-major, or None."""
    h = registration.field_from_image
    return {
        "image": image,
        "sport": sport,
        "state": registration.state.value,
        "field_from_image": None if h is None else [float(v) for v in h.ravel()],
        "score": round(float(registration.quality.score), 4),
        "reason": registration.reason.value,
    }


def frame_record(
    frame: Frame, registration: Registration, *, source: str, sport: str
) -> dict[str, Any]:
    """Describe a frame of a video: as `record`, its image named `source/number`, and its times."""
    quality = registration.quality
    return record(registration, image=f"{source}/{frame.index}", sport=sport) | {
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
