"""Finds the message for which a broker closes the connection, so that it blocks nothing behind it.

A broker of MQTT 3.1.1 can only close the connection where it does not take a message, and some of
MQTT 5 do the same. After two closings with messages on their way these are sent one at a time. The
one that was alone on its way at two more is the one. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

_CAREFUL_AFTER = 2
_STRIKES = 2
_CALM_AFTER = 20
"""Messages taken in a row that end the suspicion."""


class Suspects:
    """Counts closings, and what was on its way at each."""

    def __init__(self) -> None:
        self._closings = self._taken = 0
        self._strikes: Counter[Hashable] = Counter()

    @property
    def careful(self) -> bool:
        """Whether messages are to be sent one at a time."""
        return self._closings >= _CAREFUL_AFTER

    def closed(self, flying: Sequence[Hashable]) -> Hashable | None:
        """Take note of a closing; return the message that is to blame, once that is known."""
        if not flying:
            return None
        alone = self.careful and len(flying) == 1
        self._closings, self._taken = self._closings + 1, 0
        if not alone:
            return None
        self._strikes[flying[0]] += 1
        if self._strikes[flying[0]] < _STRIKES:
            return None
        del self._strikes[flying[0]]
        return flying[0]

    def went(self, key: Hashable) -> None:
        """Take note that the broker took a message."""
        self._strikes.pop(key, None)
        self._taken += 1
        if self._taken >= _CALM_AFTER:
            self._closings = 0

    def calm(self) -> None:
        """Take note that the broker took everything that waited."""
        self._closings = 0
        self._strikes.clear()
