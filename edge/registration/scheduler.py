"""Which frames the network looks at, and which are followed from the one before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.registration import settings


class NetworkTurn(Enum):
    """What the network does with a frame."""

    NOW = "now"
    """It looks, and the answer waits for it."""
    BEHIND = "behind"
    """It looks behind the answer, which the frame before tells."""
    SKIP = "skip"
    """The frame before tells the answer."""


@dataclass(frozen=True, slots=True)
class Times:
    """Presentation times that a plan rests on, seconds; None where there was none."""

    before_s: float | None = None
    """Of the frame before."""
    looked_s: float | None = None
    """Of the last frame that the network looked at."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with a frame, and the times that the next plan rests on."""

    network: NetworkTurn
    times: Times


def plan(
    time_s: float | None, times: Times, *, pressed: bool = False, overdue: bool = False
) -> Plan:
    """Plan a frame that comes at `time_s`.

    The network looks a few times a second, and at a frame that comes long after the one before or
    whose time is not known. `pressed`: it has no time to look while a frame waits, so it looks less
    often and behind the answer; `overdue`: such a look was put off and nobody began it.
    """
    before_s, looked_s = times.before_s, times.looked_s
    soon = False
    if time_s is not None and before_s is not None and looked_s is not None:
        soon = 0 < time_s - before_s <= settings.SOON_S
        late_s = settings.PRESSED_S if pressed else settings.LOOK_S
        if soon and not overdue and time_s - looked_s <= late_s:
            return Plan(NetworkTurn.SKIP, Times(time_s, looked_s))
    behind = pressed and soon and not overdue
    return Plan(NetworkTurn.BEHIND if behind else NetworkTurn.NOW, Times(time_s, time_s))
