"""How each sport looks: its floors, what stands on them, and where its cameras are."""

from __future__ import annotations

import importlib

import numpy as np

from edge.errors import UsageError
from models.registration.looks.base import Appearance

_LOOKS = {
    "soccer": "SoccerLook",
    "american_football": "AmericanFootballLook",
    "ice_hockey": "IceHockeyLook",
    "basketball": "BasketballLook",
    "tennis": "TennisLook",
}
SPORTS = tuple(_LOOKS)

__all__ = ["SPORTS", "Appearance", "look_class", "look_of"]


def look_class(sport: str) -> type[Appearance]:
    """The class that renders a sport; raises UsageError for one that is not rendered."""
    if sport not in _LOOKS:
        raise UsageError(f"no views of {sport!r} are rendered: known are {', '.join(SPORTS)}")
    module = importlib.import_module(f"models.registration.looks.{sport}")
    found: type[Appearance] = getattr(module, _LOOKS[sport])
    return found


def look_of(sport: str, rng: np.random.Generator, *, negatives: float, sizes: int) -> Appearance:
    """Make a sport's look; every texture comes from `rng`."""
    return look_class(sport)(rng, negatives=negatives, sizes=sizes)
