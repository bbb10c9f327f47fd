"""Whether a new configuration does what the one before did. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass

_FRESH_S = 5.0
"""A frame this recent counts as processed now."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What can be seen of a running box at a moment."""

    frames: int
    """Processed since the trial began."""
    frame_age_s: float | None
    """Since the last processed frame; None if there was none."""
    connected: bool
    """Whether the publisher has its broker."""
    ended: bool = False
    """Whether the source came to its end."""


@dataclass(frozen=True, slots=True)
class Probation:
    """What is asked of a configuration on trial."""

    lasts_s: float
    needs_frames: bool
    """Whether frames were processed before: a camera that was silent may stay so."""
    needs_broker: bool
    """Whether the new configuration says where the broker is, or how to enter."""
    patience_s: float = 10.0
    """How much longer a trial may take where frames are still to come: a camera starts slowly."""

    def passed(self, vitals: Vitals, elapsed_s: float) -> bool:
        """Whether it lasted long enough and the requested network is there; then it is over.

        `elapsed_s` counts from the moment at which the stages stood.
        """
        return (vitals.ended or elapsed_s >= self.lasts_s) and self._lack(vitals) is None

    def failure(self, vitals: Vitals, elapsed_s: float) -> str | None:
        """Say why it is failed, one line; None as long as it is not."""
        if vitals.ended or elapsed_s >= self.lasts_s + self.patience_s:
            return self._lack(vitals)
        return None

    def _lack(self, vitals: Vitals) -> str | None:
        """Say what is missing at this moment."""
        if self.needs_frames and vitals.frames == 0:
            return "no frame was processed"
        stale = vitals.frame_age_s is None or vitals.frame_age_s > max(_FRESH_S, self.lasts_s / 2)
        if self.needs_frames and stale and not vitals.ended:
            return f"no frame was processed any more after {vitals.frames}"
        if self.needs_broker and not vitals.connected:
            return "the broker was not reached"
        return None
