"""A programme's sound as the network takes it: one log-mel patch a second, in NumPy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
MELS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_600.0
WINDOW, HOP, FFT = 400, 160, 512
"""Samples: 25 ms windows each 10 ms."""
COLUMNS = 100
"""Windows a second."""
FLOOR = 1e-6
"""Power added before the logarithm."""
SILENCE = float(np.log(FLOOR))
_AT_ONCE_S = 20
"""Seconds transformed at a time: bounds the memory."""
_ROWS = 10
"""Windows multiplied at a time: OpenBLAS wakes no thread for a product of 2^18 multiplications or
fewer, and one that it wakes goes on waiting in a loop for longer than the product takes.
"""


def log_mel(samples: NDArray[np.float32], seconds: int | None = None) -> NDArray[np.float32]:
    """(n,) mono samples in -1..1 at 16 kHz -> (s, 64, 100) natural logarithms of mel power.

    The last second is filled up with silence; no samples give no seconds. `seconds` makes as many,
    so that samples beyond them only complete the last windows.
    """
    seconds = -(-len(samples) // RATE_HZ) if seconds is None else seconds
    made = np.empty((seconds, MELS, COLUMNS), np.float32)
    for first in range(0, seconds, _AT_ONCE_S):
        last = min(first + _AT_ONCE_S, seconds)
        need = (last - first) * RATE_HZ + WINDOW - HOP
        part = np.asarray(samples[first * RATE_HZ : first * RATE_HZ + need], np.float32)
        part = np.pad(part, (0, need - len(part)))
        frames = np.lib.stride_tricks.sliding_window_view(part, WINDOW)[::HOP]
        power = np.abs(np.fft.rfft(frames * _window(), FFT)).astype(np.float32) ** 2
        mel = power.reshape(-1, _ROWS, FFT // 2 + 1) @ filters().T
        mel = np.log(mel + np.float32(FLOOR)).reshape(last - first, COLUMNS, MELS)
        made[first:last] = mel.transpose(0, 2, 1)
    return made


def as_picture(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """(s, 64, 100) log-mel -> (s, 3, 64, 100) for the network, about -1..1.

    Three planes: the level, how it changes in time, how it changes along the bands. A silent patch
    is a level of -1.
    """
    level = (patches - np.float32(SILENCE)) / np.float32(8.0) - 1
    made = np.empty((len(patches), 3, *patches.shape[1:]), np.float32)
    made[:, 0] = level
    made[:, 1] = np.gradient(level, axis=2) * 2
    made[:, 2] = np.gradient(level, axis=1) * 2
    np.clip(made, -1.5, 1.5, out=made)
    return made


@cache
def filters() -> NDArray[np.float32]:
    """(64, 257) triangles on the mel scale (O'Shaughnessy 1987), each of area 1."""

    def mel(hz: float) -> float:
        return 2595 * float(np.log10(1 + hz / 700))

    at = 700 * (10 ** (np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), MELS + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    rise = (bins - at[:-2, None]) / (at[1:-1] - at[:-2])[:, None]
    fall = (at[2:, None] - bins) / (at[2:] - at[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rise, fall))
    # the lowest bands are narrower than a bin: each takes at least its nearest
    empty = triangles.sum(1) == 0
    triangles[empty, np.round(at[1:-1][empty] * FFT / RATE_HZ).astype(int)] = 1
    return np.asarray(triangles / triangles.sum(1, keepdims=True), np.float32)


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)
