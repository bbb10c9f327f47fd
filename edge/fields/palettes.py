"""Default colours of the fields, BGR by name; `texture` takes others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Bgr = tuple[int, int, int]

PALETTES: Mapping[str, Mapping[str, Bgr]] = MappingProxyType(
    {
        "soccer": {"surface": (55, 140, 70), "runoff": (50, 125, 62), "white": (240, 240, 240)},
        "american_football": {
            "surface": (60, 130, 70),
            "runoff": (55, 115, 62),
            "white": (240, 240, 240),
            "border": (240, 240, 240),
            "endzone": (110, 60, 40),
        },
        "ice_hockey": {
            "surface": (245, 240, 235),
            "runoff": (70, 65, 60),
            "red": (50, 40, 190),
            "blue": (160, 80, 30),
            "crease": (235, 200, 140),
            "boards": (60, 200, 230),
        },
        "basketball": {
            "surface": (120, 175, 215),
            "runoff": (80, 60, 45),
            "white": (240, 240, 240),
            "key": (70, 60, 150),
        },
        "tennis": {"surface": (150, 95, 50), "runoff": (90, 120, 70), "white": (240, 240, 240)},
    }
)
"""By sport: `surface` (inside the boundary), `runoff` (outside), and the paints of the field."""
