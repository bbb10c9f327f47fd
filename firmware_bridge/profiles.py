"""What each vendor's numbers mean: units, ranges, limits and quirks, from data/profiles.json."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

from edge.errors import UsageError
from firmware_bridge.codecs.freed import Checksum, FreeDPosition

Spare: TypeAlias = Literal["unused", "iris_sequence", "quality"]


@dataclass(frozen=True, slots=True)
class FreeDProfile:
    """How a device fills FreeD's free fields, and where it departs from the standard."""

    camera_id: int | None = None
    zoom_range: tuple[int, int] | None = None
    focus_range: tuple[int, int] | None = None
    focal_mm_per_unit: float | None = None
    """For devices whose zoom field is a focal length."""
    spare: Spare = "unused"
    checksum: Checksum = "strict"
    trailing: bool = False

    def focal_mm(self, position: FreeDPosition) -> float | None:
        """Focal length in millimetres, where the zoom field is one."""
        return position.zoom * self.focal_mm_per_unit if self.focal_mm_per_unit else None

    def sequence(self, position: FreeDPosition) -> int | None:
        """Return the 4-bit frame number of the spare field, where the device sends one."""
        return position.spare >> 12 if self.spare == "iris_sequence" else None


@dataclass(frozen=True, slots=True)
class ViscaProfile:
    """A camera's VISCA units and dialect."""

    pan_units_per_deg: float = 14.4
    """Negative where the count grows to the left."""
    tilt_units_per_deg: float = 14.4
    zoom_range: tuple[int, int] = (0, 0x4000)
    pan_nibbles: int = 4
    two_speeds: bool = False
    """Whether an absolute move takes two speeds (older models) or one speed and a zero."""
    lens_block: bool = True
    transport: str = "udp"


@dataclass(frozen=True, slots=True)
class AxisLimits:
    """How far a camera turns, degrees of its own counting."""

    pan: tuple[float, float] = (-175.0, 175.0)
    tilt: tuple[float, float] = (-30.0, 90.0)


@dataclass(frozen=True, slots=True)
class Profile:
    """One family of cameras."""

    name: str
    title: str
    source: str
    note: str = ""
    freed: FreeDProfile = field(default_factory=FreeDProfile)
    visca: ViscaProfile = field(default_factory=ViscaProfile)
    limits_deg: AxisLimits = field(default_factory=AxisLimits)


@cache
def profiles() -> Mapping[str, Profile]:
    """All profiles by name."""
    text = (
        resources.files("firmware_bridge")
        .joinpath("data/profiles.json")
        .read_text(encoding="utf-8")
    )
    return {name: _profile(name, raw) for name, raw in json.loads(text).items()}


def profile(name: str) -> Profile:
    """Return the profile of a name; raises UsageError that names the nearest known one."""
    known = profiles()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    raise UsageError(f"camera profile {name!r} is unknown: {hint}")


def _profile(name: str, raw: Mapping[str, Any]) -> Profile:
    return Profile(
        name=name,
        title=raw["title"],
        source=raw["source"],
        note=raw.get("note", ""),
        freed=FreeDProfile(**_tuples(raw.get("freed", {}))),
        visca=ViscaProfile(**_tuples(raw.get("visca", {}))),
        limits_deg=AxisLimits(**_tuples(raw.get("limits_deg", {}))),
    )


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
