"""What an OpenTrackIO sample says of a camera: strict when built, lenient when read.

Source: OpenTrackIO 1.0.1 schema. Reading takes only the fields that the bridge uses; whatever else
is in the sample, and whatever of it breaks the schema, does no harm: it is named in `violations`
and counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.rotation import angles_of, camera_axes

VERSION = (1, 0, 1)
UNDISTORTED_TO_DISTORTED = "Brown-Conrady U-D"
"""OpenCV's direction; a distortion without a model name means the other one."""


@dataclass(frozen=True, slots=True)
class TrackSample:
    """The part of a sample that the bridge reads and writes; None where the sample says nothing."""

    position_m: tuple[float, float, float] | None = None
    pan_deg: float | None = None
    tilt_deg: float | None = None
    roll_deg: float | None = None
    focal_mm: float | None = None
    focus_m: float | None = None
    zoom: float | None = None
    """Normalized zoom encoder, 0 wide to 1 telephoto."""
    focus: float | None = None
    raw_zoom: int | None = None
    raw_focus: int | None = None
    radial: tuple[float, ...] = ()
    """Radial coefficients of the first distortion."""
    distortion_model: str = ""
    sample_s: int | None = None
    """PTP seconds and nanoseconds of the sample."""
    sample_ns: int | None = None
    rate: tuple[int, int] | None = None
    sequence: int | None = None
    locked: bool | None = None
    sync_source: str = ""
    status: str = ""
    sample_id: str = ""
    source_id: str = ""
    source_number: int | None = None
    sensor_mm: tuple[float, float] | None = None
    """Width and height of the active sensor, from the static block that comes now and then."""
    resolution_px: tuple[int, int] | None = None
    label: str = ""
    violations: tuple[str, ...] = ()
    """Paths of fields whose values are not what the schema wants; they are read as absent."""


class _SampleReader:
    """Reads typed fields out of nested dicts and notes what is not as it should be."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self.violations: list[str] = []

    def get(self, path: str) -> Any:
        node: Any = self._root
        for key in path.split("."):
            if node is None:
                return None
            if not isinstance(node, Mapping):
                self._bad(path)
                return None
            node = node.get(key)
        return node

    def number(self, path: str, *, low: float = -math.inf, high: float = math.inf) -> float | None:
        return self.as_number(self.get(path), path, low, high)

    def as_number(
        self, value: Any, path: str, low: float = -math.inf, high: float = math.inf
    ) -> float | None:
        if value is None:
            return None
        number = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                number = float(value)
        if math.isfinite(number) and low <= number <= high:
            return number
        self._bad(path)
        return None

    def integer(self, path: str, high: int, low: int = 0) -> int | None:
        value = self.get(path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._bad(path)
            return None
        return value

    def text(self, path: str) -> str:
        value = self.get(path)
        if value is None:
            return ""
        if not isinstance(value, str) or not 1 <= len(value) <= 1023:
            self._bad(path)
            return ""
        return value

    def flag(self, path: str) -> bool | None:
        value = self.get(path)
        if value is None or isinstance(value, bool):
            return value
        self._bad(path)
        return None

    def pair(self, path: str, first: str, second: str) -> tuple[float, float] | None:
        a, b = self.number(f"{path}.{first}", low=0), self.number(f"{path}.{second}", low=0)
        return None if a is None or b is None else (a, b)

    def items(self, path: str) -> list[Any]:
        value = self.get(path)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > 64:
            self._bad(path)
            return []
        return value

    def _bad(self, path: str) -> None:
        self.violations.append(path)


_U32 = 0xFFFFFFFF


def read_sample(sample: Mapping[str, Any]) -> TrackSample:
    """Read a sample; never raises: what cannot be read is absent and named in `violations`."""
    r = _SampleReader(sample)
    position, angles = _transforms(r)
    sensor = r.pair("static.camera.activeSensorPhysicalDimensions", "width", "height")
    pixels = r.pair("static.camera.activeSensorResolution", "width", "height")
    rate_num = r.integer("timing.sampleRate.num", 0x7FFFFFFF, 1)
    rate_den = r.integer("timing.sampleRate.denom", _U32, 1)
    model, radial = _distortion(r)
    result = TrackSample(
        position_m=position,
        pan_deg=angles[0],
        tilt_deg=angles[1],
        roll_deg=angles[2],
        focal_mm=r.number("lens.pinholeFocalLength", low=1e-9),
        focus_m=r.number("lens.focusDistance", low=1e-9),
        zoom=r.number("lens.encoders.zoom", low=0, high=1),
        focus=r.number("lens.encoders.focus", low=0, high=1),
        raw_zoom=r.integer("lens.rawEncoders.zoom", _U32),
        raw_focus=r.integer("lens.rawEncoders.focus", _U32),
        radial=radial,
        distortion_model=model,
        sample_s=r.integer("timing.sampleTimestamp.seconds", (1 << 48) - 1),
        sample_ns=r.integer("timing.sampleTimestamp.nanoseconds", _U32),
        rate=(rate_num, rate_den) if rate_num and rate_den else None,
        sequence=r.integer("timing.sequenceNumber", _U32),
        locked=r.flag("timing.synchronization.locked"),
        sync_source=r.text("timing.synchronization.source"),
        status=r.text("tracker.status"),
        sample_id=r.text("sampleId"),
        source_id=r.text("sourceId"),
        source_number=r.integer("sourceNumber", _U32),
        sensor_mm=sensor,
        resolution_px=(int(pixels[0]), int(pixels[1])) if pixels else None,
        label=r.text("static.camera.label"),
    )
    found = tuple(dict.fromkeys(r.violations))
    return replace(result, violations=found) if found else result


_Angles: TypeAlias = "tuple[float | None, float | None, float | None]"


def _transforms(r: _SampleReader) -> tuple[tuple[float, float, float] | None, _Angles]:
    """Position and angles of the composed transforms.

    A single one keeps its angles as they came.
    """
    items = r.items("transforms")
    none: _Angles = (None, None, None)
    position: NDArray[np.float64] = np.zeros(3)
    axes: NDArray[np.float64] = np.eye(3)
    last: _Angles = none
    for index, item in enumerate(items):
        path = f"transforms.{index}"
        one = _transform(r, item, path)
        if one is None:
            return None, none
        translation, last, scale = one
        position = position + axes @ translation
        axes = axes @ camera_axes(*(a or 0.0 for a in last)) * scale
    if not items or not np.isfinite(position).all():
        return None, none
    x, y, z = (float(v) for v in position)
    if len(items) == 1:
        return (x, y, z), last
    unit = axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    return (x, y, z), (angles_of(unit) if np.isfinite(unit).all() else none)


def _transform(
    r: _SampleReader, item: Any, path: str
) -> tuple[NDArray[np.float64], _Angles, NDArray[np.float64]] | None:
    if not isinstance(item, Mapping):
        r.violations.append(path)
        return None
    groups: list[list[float | None]] = []
    for name, keys in (
        ("translation", "xyz"),
        ("rotation", ("pan", "tilt", "roll")),
        ("scale", "xyz"),
    ):
        group = item.get(name)
        if group is None:
            group = {}
        if not isinstance(group, Mapping):
            r.violations.append(f"{path}.{name}")
            return None
        groups.append(
            [r.as_number(group.get(key), f"{path}.{name}.{key}", -1e9, 1e9) for key in keys]
        )
    translation, angles, scale = groups
    pan, tilt, roll = angles
    ones = np.array([1.0 if s is None else s for s in scale])
    return np.array([v or 0.0 for v in translation]), (pan, tilt, roll), ones


def _distortion(r: _SampleReader) -> tuple[str, tuple[float, ...]]:
    items = r.items("lens.distortion")
    if not items or not isinstance(items[0], Mapping):
        return "", ()
    coefficients = items[0].get("radial")
    if not isinstance(coefficients, list) or len(coefficients) > 16:
        r.violations.append("lens.distortion.0.radial")
        return "", ()
    radial = [r.as_number(value, "lens.distortion.0.radial") for value in coefficients]
    model = items[0].get("model")
    name = model if isinstance(model, str) and 1 <= len(model) <= 1023 else "Brown-Conrady D-U"
    return name, tuple(value for value in radial if value is not None)


def build_sample(s: TrackSample) -> dict[str, Any]:
    """Build a dict that fits the 1.0.1 schema; fields that are None or empty are left out."""
    sample: dict[str, Any] = _prune(
        {
            "static": _static(s),
            "tracker": {"status": s.status},
            "timing": _timing(s),
            "lens": _lens(s),
            "protocol": {"name": "OpenTrackIO", "version": list(VERSION)},
            "sampleId": s.sample_id,
            "sourceId": s.source_id,
            "sourceNumber": s.source_number,
            "transforms": _transform_list(s),
        }
    )
    return sample


def _static(s: TrackSample) -> dict[str, Any]:
    camera: dict[str, Any] = {"label": s.label}
    if s.sensor_mm:
        camera["activeSensorPhysicalDimensions"] = {
            "height": s.sensor_mm[1],
            "width": s.sensor_mm[0],
        }
    if s.resolution_px:
        camera["activeSensorResolution"] = {
            "height": s.resolution_px[1],
            "width": s.resolution_px[0],
        }
    return {"camera": camera}


def _timing(s: TrackSample) -> dict[str, Any]:
    stamped = s.sample_s is not None and s.sample_ns is not None
    timing: dict[str, Any] = {"sequenceNumber": s.sequence}
    if stamped:
        timing["mode"] = "internal"
        timing["sampleTimestamp"] = {"seconds": s.sample_s, "nanoseconds": s.sample_ns}
    if s.rate:
        timing["sampleRate"] = {"num": s.rate[0], "denom": s.rate[1]}
    if s.locked is not None and s.sync_source:
        timing["synchronization"] = {"locked": s.locked, "source": s.sync_source}
    return timing


def _lens(s: TrackSample) -> dict[str, Any]:
    lens: dict[str, Any] = {
        "pinholeFocalLength": s.focal_mm,
        "focusDistance": s.focus_m,
        "encoders": {"zoom": s.zoom, "focus": s.focus},
        "rawEncoders": {"zoom": s.raw_zoom, "focus": s.raw_focus},
    }
    if s.radial:
        lens["distortion"] = [{"model": s.distortion_model, "radial": list(s.radial)}]
    return lens


def _transform_list(s: TrackSample) -> list[dict[str, Any]]:
    if s.position_m is None:
        return []
    x, y, z = s.position_m
    rotation = {"pan": s.pan_deg or 0.0, "tilt": s.tilt_deg or 0.0, "roll": s.roll_deg or 0.0}
    return [{"translation": {"x": x, "y": y, "z": z}, "rotation": rotation, "id": "Camera"}]


def _prune(value: Any) -> Any:
    """Drop None, empty strings, lists and dicts, from the inside out."""
    if isinstance(value, dict):
        pruned = {key: _prune(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [_prune(item) for item in value]
    return value
