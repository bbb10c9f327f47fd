"""Programmes without a cue that a network may lean on too much: for the probes.

`erased`: no text at all; `garbled`: each text's letters replaced by others; `swapped`: the theme
plays wherever there is music in the content and the recap, and other music in the intro.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.segments.types import Label
from models.segments.library import Library
from models.segments.series import Series
from models.segments.timeline import Piece, ProgrammeTimeline

CHANGES = ("erased", "garbled", "swapped")


def change(how: str, timeline: ProgrammeTimeline, of: Series, library: Library) -> None:
    """Take a cue out of a timeline, in place; ValueError for an unknown one."""
    if how == "erased":
        timeline.texts = []
    elif how == "garbled":
        rng = np.random.default_rng((17, timeline.seed))
        timeline.texts = [
            replace(t, lines=tuple(_garbled(rng, line) for line in t.lines)) for t in timeline.texts
        ]
    elif how == "swapped":
        timeline.sounds = [_swapped(p, timeline, of, library) for p in timeline.sounds]
    else:
        raise ValueError(f"{how!r} is no change: {', '.join(CHANGES)}")


def _garbled(rng: np.random.Generator, words: str) -> str:
    """Letters for letters, in the same case and as many."""
    draw = (chr(97 + int(rng.integers(26))) for _ in words)
    return "".join(
        (new.upper() if old.isupper() else new) if old.isalpha() else old
        for old, new in zip(words, draw, strict=True)
    )


def _swapped(piece: Piece, timeline: ProgrammeTimeline, of: Series, library: Library) -> Piece:
    if piece.source < 0 or library.sources[piece.source].kind != "music":
        return piece
    middle = piece.start_s + piece.length_s / 2
    inside = any(s.label == Label.INTRO and s.start_s <= middle < s.end_s for s in timeline.spans)
    return replace(piece, source=of.beds[0] if inside else of.theme)
