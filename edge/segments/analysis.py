"""What is found in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge.segments.decode import Cues
from edge.segments.types import Segment
from edge.types import Float


@dataclass(frozen=True, slots=True)
class Analysis:
    """A file's segments, and what they rest on."""

    path: str
    duration_s: float
    segments: tuple[Segment, ...]
    """In order; what is not listed is content."""
    source: Literal["model", "chapters"] = "model"
    mode: Literal["keyframes", "exact"] = "keyframes"
    window_s: float | None = None
    """How much of the beginning was looked at; None: all of it."""
    bundle: str = ""
    """Name and version of the bundle."""
    marginals: Float | None = None
    """(s, 3) probability of each label in each second; None where no model looked."""
    cues: Cues = field(default_factory=Cues)
    warnings: tuple[str, ...] = ()
    """One line each: what was odd about the file."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each stage."""
