"""A small synthesizer: chords, bass, melody and drums, with other timbres for each split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.segments.sound import RATE_HZ

BANDS = {
    "train": ("organ", "strings", "pluck", "brass", "pad"),
    "validation": ("bell",),
    "test": ("reed", "glass"),
}
"""Timbres by split."""
_PARTIALS = {
    "organ": (1, 0.7, 0.4, 0.5, 0, 0.3),
    "strings": (1, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2),
    "pluck": (1, 0.5, 0.25, 0.12),
    "brass": (0.7, 1, 0.8, 0.6, 0.4, 0.3),
    "pad": (1, 0.3, 0.1),
    "bell": (1, 0, 0.6, 0, 0, 0.4, 0, 0.3),
    "reed": (1, 0.05, 0.6, 0.05, 0.35, 0.05, 0.2),
    "glass": (1, 0, 0, 0.5, 0, 0, 0, 0.3),
}
_STRUCK = {"pluck", "bell", "glass"}
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))

Sound = NDArray[np.float32]


def track(rng: np.random.Generator, timbre: str, length_s: float = 75.0) -> Sound:
    """(n,) float32 at 16 kHz: a piece of its own key, tempo, progression and density."""
    beat = 60 / rng.uniform(62, 150)
    scale = _SCALES[rng.integers(len(_SCALES))]
    root = 36 + int(rng.integers(12))
    bars = [int(d) for d in rng.choice(7, 4)]
    motif = rng.choice(7, 8)
    drums, bass, melody, chords = (bool(rng.random() < p) for p in (0.6, 0.75, 0.75, 0.85))
    out = np.zeros(int(length_s * RATE_HZ) + 4 * RATE_HZ, np.float32)
    for bar in range(int(length_s / (4 * beat))):
        at, degree = bar * 4 * beat, bars[bar % 4]
        full = bar >= 2
        if chords or not melody:
            for step in (0, 2, 4):
                _add(out, at, _note(root + 12, scale, degree + step, 4 * beat, timbre), 0.22)
        if bass:
            for k in range(4):
                _add(out, at + k * beat, _note(root, scale, degree, beat * 0.9, "pad"), 0.35)
        if melody and full:
            for k in range(8):
                if rng.random() < 0.7:
                    note = _note(root + 24, scale, int(motif[k]) + degree, beat * 0.5, timbre)
                    _add(out, at + k * beat / 2, note, 0.3)
        if drums and full:
            _drums(rng, out, at, beat)
    out = out[: int(length_s * RATE_HZ)]
    return np.asarray(out / max(1e-3, float(np.abs(out).max())) * 0.8, np.float32)


def _note(root: int, scale: tuple[int, ...], degree: int, length_s: float, timbre: str) -> Sound:
    pitch = root + 12 * (degree // 7) + scale[degree % 7]
    hz = 440 * 2 ** ((pitch - 69) / 12)
    struck = timbre in _STRUCK
    n = int((length_s + (0.6 if struck else 0.1)) * RATE_HZ)
    t = np.arange(n, dtype=np.float32) / np.float32(RATE_HZ)
    made = np.zeros(n, np.float32)
    for k, level in enumerate(_PARTIALS[timbre], 1):
        if level and hz * k < 7500:
            made += np.float32(level) * np.sin(np.float32(2 * np.pi * hz * k) * t)
    shape = np.exp(-t * 5) if struck else np.minimum(1, t / 0.04)
    shape = shape * np.clip((n / RATE_HZ - t) / 0.1, 0, 1)
    return np.asarray(made * shape, np.float32)


def _drums(rng: np.random.Generator, out: Sound, at: float, beat: float) -> None:
    t = np.arange(int(0.25 * RATE_HZ), dtype=np.float32) / np.float32(RATE_HZ)
    kick = np.sin(2 * np.pi * (50 * t + 8 * (1 - np.exp(-t * 30)))) * np.exp(-t * 14)
    noise = rng.standard_normal(len(t)).astype(np.float32)
    for k in range(4):
        _add(out, at + k * beat, kick if k % 2 == 0 else noise * np.exp(-t * 22) * 0.6, 0.9)
        _add(out, at + (k + 0.5) * beat, noise * np.exp(-t * 70), 0.25)


def _add(out: Sound, at_s: float, part: NDArray[np.floating], gain: float) -> None:
    i = int(at_s * RATE_HZ)
    part = part[: max(0, len(out) - i)]
    out[i : i + len(part)] += np.asarray(part * gain, np.float32)
