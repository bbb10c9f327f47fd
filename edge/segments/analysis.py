"""What is found in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.segments.chapters import Chapter
from edge.segments.decode import Cues
from edge.segments.types import Segment
from edge.types import FloatArray


@dataclass(frozen=True, slots=True)
class Analysis:
    """A file's segments, and what they rest on.

    Times are seconds from the file's beginning, as players show them.
    """

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
    marginals: FloatArray | None = None
    """(s, 3) probability of each label in each second; None where no model looked."""
    cues: Cues = field(default_factory=Cues)
    levels_db: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    """(n,) loudness below full scale, `edge.segments.cues.LEVELS_HZ` a second."""
    warnings: tuple[str, ...] = ()
    """One line each: what was odd about the file."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each stage.

    `read` (in a thread beside the others), `see`, `hear`, `judge`, `decode`, `near`, `total`; `cpu`
    is the processor time of the whole process meanwhile.
    """
    candidates: tuple[Segment, ...] = ()
    """What was decoded, however improbable, with ends at whole seconds."""
    chapters: tuple[Chapter, ...] = ()
    """All that the file has."""
    strip_s: FloatArray = field(default_factory=lambda: np.empty(0))
    """(n,) times of the strip's pictures, seconds."""
    strip: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 36, 64, 3), np.uint8))
    """(n, 36, 64, 3) RGB pictures along the programme, for a person to look at."""
