"""The labels of a programme's seconds, and segments of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from edge.segments.crf import Crf
from edge.types import FloatArray


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
    """That it is a segment of this label, 0..1."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Emissions:
    """What the head makes of s seconds."""

    emissions: FloatArray
    """(s, 3), calibrated for the manifest's CRF."""
    evidence: FloatArray
    """(s, k): what a verifier pools over a segment; k = 0 for a bundle without verifiers."""
    moves: FloatArray | None = None
    """(s, 3, 3): what the transitions from the second before to each one gain (the first row is
    not used); None for a head that tells nothing of them."""

    def __len__(self) -> int:
        """Seconds."""
        return len(self.emissions)

    def __getitem__(self, seconds: slice) -> Emissions:
        """Some of them."""
        moves = None if self.moves is None else self.moves[seconds]
        return Emissions(self.emissions[seconds], self.evidence[seconds], moves)

    def scaled(self, temperature: float) -> Emissions:
        """With scores over a temperature."""
        moves = None if self.moves is None else self.moves / temperature
        return Emissions(self.emissions / temperature, self.evidence, moves)

    def chain(self, crf: Crf) -> Crf:
        """The chain with the transitions of these seconds."""
        return crf if self.moves is None else crf.moved(self.moves[1:])

    @classmethod
    def joined(cls, parts: Sequence[Emissions]) -> Emissions:
        """One after the other, all of one head."""
        moves = [p.moves for p in parts if p.moves is not None]
        return cls(
            np.concatenate([p.emissions for p in parts]),
            np.concatenate([p.evidence for p in parts]),
            np.concatenate(moves) if moves else None,
        )
