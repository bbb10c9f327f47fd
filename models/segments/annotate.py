"""What a programme's pictures show and what its seconds sound of: known, for it was laid so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.segments.library import Library
from models.segments.timeline import TEXTS, ProgrammeTimeline, Text

SOUNDS = ("speech", "voice", "music", "loud music", "noise")
"""Dialogue; an announcer's or narrator's voice; music; music at the level of a theme; a room."""
LOUD_DB, FAINT_DB = -5.0, -14.0
"""Music from here on is loud; below that it is not counted."""
_SEEN = 0.35
"""A text counts as shown from this share of its full strength."""
_KINDS = {"speech": 0, "voice": 1, "narration": 1, "music": 2, "ambience": 4}


def shown(
    timeline: ProgrammeTimeline, times_s: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(n, 8): which of `TEXTS` stand on the screen at these times of the file."""
    out = np.zeros((len(times_s), len(TEXTS)), np.bool_)
    for row, at_s in zip(out, times_s, strict=True):
        now = float(at_s) + timeline.begin_s
        if timeline.level(now) < _SEEN:
            continue
        for text in timeline.texts:
            if text.kind in TEXTS and _strength(text, now) >= _SEEN:
                row[TEXTS.index(text.kind)] = True
    return out


def heard(library: Library, timeline: ProgrammeTimeline, seconds: int) -> NDArray[np.float32]:
    """(s, 5): the share of each second of the file in which each of `SOUNDS` is heard."""
    out = np.zeros((seconds, len(SOUNDS)), np.float32)
    edges = np.arange(seconds, dtype=np.float64)
    for piece in timeline.sounds:
        kind = 4 if piece.source < 0 else _KINDS[library.sources[piece.source].kind]
        if kind == 2 and piece.gain_db < FAINT_DB:
            continue
        start = piece.start_s - timeline.begin_s
        share = np.minimum(edges + 1, start + piece.length_s) - np.maximum(edges, start)
        out[:, kind] += share.clip(0, 1)
        if kind == 2 and piece.gain_db >= LOUD_DB:
            out[:, 3] += share.clip(0, 1)
    return out.clip(0, 1)


def _strength(text: Text, now: float) -> float:
    """0..1: how much of it is to be seen."""
    if not text.start_s <= now < text.end_s:
        return 0.0
    if text.rise and not 0.03 < text.at[1] - text.rise * (now - text.start_s) < 0.97:
        return 0.0
    if not text.fade_s:
        return 1.0
    return min(1.0, (now - text.start_s) / text.fade_s, (text.end_s - now) / text.fade_s)
