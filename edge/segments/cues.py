"""Where shots are cut, where the picture is black, where nothing is heard: pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.segments.sound import RATE_HZ
from edge.types import FloatArray

GREY = (64, 36)
"""(width, height) of the grey pictures that are compared."""
LEVELS_HZ = 100
"""Loudness values a second."""
_CUT = 0.05
"""Least mean difference of two pictures across a cut, of the range of grey."""
_STANDS_OUT = 2.0
"""How many times the second largest change around it a cut's change is.

Not the usual one: drawn films change every second or third picture only.
"""
AROUND = 6
"""Pictures before and after a cut that it is compared with."""
_BLACK_MEAN, _BLACK_MOST = 10.0, 40.0
"""Of 0..255, full range: a picture that is darker everywhere is black."""
_SILENT_DB = -50
"""Of full scale; what media servers' plugins take for silence as well."""
_SHORTEST_SILENCE_S = 0.2


def cuts(times_s: FloatArray, greys: NDArray[np.uint8]) -> FloatArray:
    """(n,) times and (n, 36, 64) grey pictures in a row -> (c,) first instants of new shots.

    A cut changes the picture much more than its neighbours change; a fade or a fast pan does not.
    """
    if len(greys) < 2:
        return np.empty(0)
    change = np.abs(np.diff(greys.astype(np.int16), axis=0)).mean(axis=(1, 2)) / 255
    padded = np.pad(change, AROUND, mode="reflect" if len(change) > AROUND else "constant")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1)
    others = np.sort(np.delete(around, AROUND, axis=1), axis=1)
    found = (change > _CUT) & (change > _STANDS_OUT * others[:, -2]) & (change >= others[:, -1])
    return np.asarray(times_s[1:][found], np.float64)


def blacks(times_s: FloatArray, greys: NDArray[np.uint8], frame_s: float) -> FloatArray:
    """(n,) times and (n, 36, 64) grey pictures in a row -> (b, 2) begin and end of black."""
    black = (greys.mean(axis=(1, 2)) < _BLACK_MEAN) & (greys.max(axis=(1, 2)) < _BLACK_MOST)
    ends = np.append(times_s[1:], times_s[-1:] + frame_s)
    return _spans(black, np.asarray(times_s, np.float64), ends)


def levels_db(samples: NDArray[np.float32], seconds: int) -> NDArray[np.int8]:
    """(n,) samples at 16 kHz -> (100 * seconds,) loudness, dB of full scale, -128 for nothing."""
    step = RATE_HZ // LEVELS_HZ
    whole = np.zeros(seconds * RATE_HZ, np.float32)
    whole[: len(samples)] = samples[: len(whole)]
    power = np.square(whole).reshape(-1, step).mean(axis=1)
    levels: NDArray[np.int8] = np.maximum(-128.0, 10 * np.log10(power + 1e-13)).astype(np.int8)
    return levels


def silences(levels: NDArray[np.int8]) -> FloatArray:
    """(100 * s,) loudness -> (q, 2) begin and end of silence, seconds."""
    at = np.arange(len(levels) + 1) / LEVELS_HZ
    found = _spans(levels < _SILENT_DB, at[:-1], at[1:])
    return found[found[:, 1] - found[:, 0] >= _SHORTEST_SILENCE_S]


def _spans(flags: NDArray[np.bool_], begins_s: FloatArray, ends_s: FloatArray) -> FloatArray:
    """(n,) flags -> (m, 2) begin of the first and end of the last of each stretch."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return np.stack([begins_s[first], ends_s[last]], axis=1).reshape(-1, 2)
