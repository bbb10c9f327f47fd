"""Which shot is on the air: the main camera most of the time, cut away now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["main", "close_up", "crowd"]

WIPE_S = 0.7
"""How long a wipe takes; half of it lies in the shot before."""


@dataclass(frozen=True, slots=True)
class RenderedShot:
    """One shot of the programme."""

    kind: Kind
    start_s: float
    end_s: float
    wipe: bool
    """Whether a wipe leads into it; else it is a hard cut."""


def shots(rng: np.random.Generator, *, cutaways: bool) -> Iterator[RenderedShot]:
    """Plan a programme without end, beginning with the main camera."""
    at = 0.0
    away: list[Kind] = ["close_up", "crowd"] if rng.random() < 0.5 else ["crowd", "close_up"]
    number = 0
    while True:
        long = float(rng.uniform(5.0, 8.0))
        if not cutaways:
            long = float("inf")
        yield RenderedShot("main", at, at + long, wipe=number > 0 and bool(rng.random() < 0.3))
        at += long
        long = float(rng.uniform(1.8, 3.0))
        yield RenderedShot(away[number % 2], at, at + long, wipe=bool(rng.random() < 0.3))
        at += long
        number += 1
