"""How long to wait before the next attempt at a broker. Pure, but for chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """Why a connection ended or failed, as far as the next pause goes."""

    AWAY = "away"
    """Nothing listens there, or the host does not answer."""
    LOST = "lost"
    """A connection was lost, and nobody said why."""
    FAULT = "fault"
    """The broker is there and of no use: it refuses, is silent, or gives the place to another."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts, doubled from the first to the longest, in seconds.

    They are short for a broker that is away, so that graphics have their homographies back soon
    after it is. They grow long for one that is there and of no use.
    """

    first_s: float = 0.25
    most_s: float = 1.5
    fault_first_s: float = 1.0
    fault_most_s: float = 60.0
    stable_s: float = 90.0
    """A connection that lasts so long makes the pauses short again. It is longer than any pause:
    of two boxes that push each other off, neither is stable while the other waits."""


SHORT_S = 10.0
"""A connection that is lost within this did not work."""
_FEW = 6
"""Losses of short connections in a row that may be chance. A broker that restarts answers nothing
in between, and does not count."""
_SHARE = 0.25
"""A pause is spread from this share of its length to all of it."""


class Pauses:
    """Counts endings, and draws the pause after each."""

    def __init__(
        self, backoff: Backoff, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._backoff = backoff
        self._uniform = uniform
        self._away = self._faults = self._short = 0

    def connected(self) -> None:
        """Take note that the broker accepted a connection."""
        self._away = 0

    def after(self, ending: Ending, lasted_s: float | None) -> float:
        """Return the pause in seconds after a connection that lasted `lasted_s`; None: none stood.

        It is drawn between a quarter of the present length and all of it, so that a hundred boxes
        do not come back at once.
        """
        b = self._backoff
        if lasted_s is not None and lasted_s >= b.stable_s:
            self._faults = self._short = 0
        if ending is not Ending.FAULT:
            short = ending is Ending.LOST and (lasted_s or 0.0) < SHORT_S
            self._short = self._short + 1 if short else 0
        if ending is Ending.FAULT or self._short > _FEW:
            self._faults += 1
            most_s = _doubled(b.fault_first_s, b.fault_most_s, self._faults)
        else:
            self._away += 1
            most_s = _doubled(b.first_s, b.most_s, self._away)
        return self._uniform(_SHARE * most_s, most_s)


def _doubled(first_s: float, most_s: float, times: int) -> float:
    return min(most_s, first_s * 2.0 ** min(times - 1, 32))
