"""The labels of a programme's seconds, and segments of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Label(IntEnum):
    """What a second of a programme belongs to; the values index emissions and marginals."""

    CONTENT = 0
    INTRO = 1
    """Opening titles."""
    RECAP = 2
    """Scenes of earlier episodes, told again."""

    @property
    def text(self) -> str:
        """Its name in files and messages."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a programme with one label."""

    label: Label
    start_s: float
    end_s: float
    """Seconds from the programme's first picture."""
    probability: float = 1.0
    """That it is one whole segment of this label, 0..1."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s
