"""Default colours of the fields, BGR by name; `texture` takes others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Bgr = tuple[int, int, int]

PALETTES: Mapping[str, Mapping[str, Bgr]] = MappingProxyType(
    {
        "soccer": {"surface": (55, 140, 70), "runoff": (50, 125, 62), "white": (240, 240, 240)},
    }
)
"""By sport. Each palette names `surface` (inside the boundary), `runoff` (outside) and the field's paints."""
